// `vxswitch top`: what keys do to its state, what is drawn at several widths, and its lines where there is no terminal.
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { keysIn } from "../../src/control/top/keys.ts";
import { layOut, render } from "../../src/control/top/render.ts";
import { paint } from "../../src/control/top/screen.ts";
import { chart, sparkline } from "../../src/control/top/sparkline.ts";
import { FIRST_STATE, reduce, sortedRows, type TopState } from "../../src/control/top/state.ts";
import { bitsText, sizeText, uptimeText } from "../../src/control/top/units.ts";
import { Harness } from "./harness.ts";
import { LOOK, RATES } from "./top-fixture.ts";

const SEEN = reduce(FIRST_STATE, { type: "look", look: LOOK });

function press(state: TopState, ...keys: string[]): TopState {
  return keys.reduce((before, key) => reduce(before, { type: "key", key }), state);
}

function screen(state: TopState, columns: number, rows: number, isUnicode = true): string[] {
  return render(state, { columns, rows }, isUnicode).map(({ text }) => text);
}

describe("the screen", () => {
  test("of a wide terminal has every column, and the last minute in what is left", () => {
    expect(screen(SEEN, 132, 16)).toEqual([
      "vxswitch 0.1.0  up 1d 02:03:04  workers 2/2 alive",
      "in 123459 pck/s 1.00 Gb/s, out 123456 pck/s 98.76 Mb/s, dropped 3 pck/s, UDP queue 2.0 KiB",
      "bridge br0: FDB 12, learnt 1/s, moved 0/s, flooded 2/s",
      "",
      `PORT           rxpck/s    txpck/s     rxkB/s     txkB/s  rxerr/s    drop/s rxfifo/s    held %ifutil${" ".repeat(22)}last minute`,
      "underlay     123456.00          -          -          -     1.00      1.00     0.50       -       -",
      `br0/client1  123456.00       3.00  121093.75       1.00     0.00      0.00        -       0   98.77${" ".repeat(29)}▁▂▅█`,
      `br0/client2       3.00  123453.00       1.00   12055.66     0.00      2.00        -       0    9.88${" ".repeat(29)}▁▁▁▁`,
      `br0/tap              -       0.00       0.00       0.00     0.00      0.00        -       7       -${" ".repeat(29)}▂▃▅█`,
      "mirror br0/m0: 10 pck/s 8.00 kb/s, lost 0/s, waiting 4.0 KiB",
      "MAC PAIR                                VLAN       pck/s      Mb/s  BRIDGE",
      "02:00:00:00:00:01 > 02:00:00:00:00:02     10        1235     10.00  br0",
      ...["", "", ""],
      "q quit  enter look closely  < > sort  i invert  p pause  m MAC pairs  h help",
    ]);
  });
  test("of 80 columns keeps the rates and drops, and a short minute", () => {
    expect(screen(press(SEEN, "m"), 80, 12, false).slice(4)).toEqual([
      "PORT           rxpck/s    txpck/s     rxkB/s     txkB/s    drop/s    last minute".slice(0, 80),
      "underlay     123456.00          -          -          -      1.00",
      "br0/client1  123456.00       3.00  121093.75       1.00      0.00           _.=#",
      "br0/client2       3.00  123453.00       1.00   12055.66      2.00           ____",
      "br0/tap              -       0.00       0.00       0.00      0.00           .:=#",
      "mirror br0/m0: 10 pck/s 8.00 kb/s, lost 0/s, waiting 4.0 KiB",
      "",
      "q quit  enter look closely  < > sort  i invert  p pause  m MAC pairs  h help",
    ]);
  });
  test("of 40 columns keeps names and packets", () => {
    expect(screen(press(SEEN, "m"), 40, 10).slice(4, 7)).toEqual([
      "PORT           rxpck/s    txpck/s",
      "underlay     123456.00          -",
      "br0/client1  123456.00       3.00",
    ]);
  });
  test("never grows beyond its size, whatever that is, nor does it fail", () => {
    for (const view of [
      SEEN,
      press(SEEN, "enter"),
      press(SEEN, "down", "down", "enter"),
      press(SEEN, "h"),
      FIRST_STATE,
    ]) {
      for (const [columns, rows] of [
        [1, 1],
        [3, 2],
        [20, 5],
        [60, 9],
        [300, 80],
      ] as const) {
        const lines = screen(view, columns, rows);
        expect(lines).toHaveLength(rows);
        expect(Math.max(...lines.map((text) => text.length))).toBeLessThanOrEqual(columns);
      }
    }
  });
  test("leaves out columns by rank, the least needed first", () => {
    const letters = (width: number) =>
      layOut(width)
        .columns.map(({ letter }) => letter)
        .join("");
    expect([119, 70, 60, 40, 22, 11, 5].map(letters)).toEqual([
      "rtRTedflu",
      "rtRTd",
      "rtRTd",
      "rtd",
      "rt",
      "r",
      "",
    ]);
  });
  test("shows the row that is pointed at where there are more than fit", () => {
    const ports = Array.from({ length: 500 }, (_, i) => ({ ...RATES.ports[0], port: `p${i}` }));
    const many = reduce(FIRST_STATE, { type: "look", look: { ...LOOK, rates: { ...RATES, ports } } });
    const text = screen(press(many, "end"), 80, 20);
    expect(text.filter((line) => line.startsWith("br0/p")).at(-1)).toContain("br0/p499");
    expect(text.at(-1)).toContain("q quit");
  });
  test("of a port tells what it is, its minute, and why it drops", () => {
    const port = press(SEEN, "down", "down", "down", "enter");
    expect(port).toMatchObject({ view: "port", selected: "br0/client2" });
    const lines = screen(port, 70, 24);
    expect(lines[4]).toBe("br0/client2, by eth0 at 1.00 Gb/s is down: no route");
    expect(lines).toContain("received 3.00 pck/s, 8.19 kb/s");
    expect(lines).toContain("too_big                       2.00");
    expect(lines.indexOf("policed                       0.00")).toBe(
      lines.indexOf("too_big                       2.00") + 1,
    );
  });
  test("says that a daemon is gone and shows what was last known; that it waits before the first figures", () => {
    const gone = reduce(SEEN, { type: "problem", text: "waiting: no daemon answers" });
    expect(screen(gone, 80, 24).slice(0, 2)).toEqual([
      "waiting: no daemon answers",
      "vxswitch 0.1.0  up 1d 02:03:04  workers 2/2 alive",
    ]);
    expect(screen(reduce(gone, { type: "look", look: LOOK }), 80, 24)).toEqual(screen(SEEN, 80, 24));
    expect(screen(FIRST_STATE, 80, 24)[0]).toBe("waiting for the first figures");
  });
  test("has an alarm for a port that is down, without colours as bold", () => {
    const lines = render(SEEN, { columns: 80, rows: 24 }, true);
    const look = (key: string) => lines.find(({ text }) => text.startsWith(key))?.look;
    expect([look("br0/client1"), look("br0/client2"), look("underlay")]).toEqual([
      "plain",
      "alarm",
      "warning",
    ]);
    expect(paint(lines, true)).toContain("\x1b[31mbr0/client2");
    expect(paint(lines, false)).toContain("\x1b[1mbr0/client2");
    expect(paint(lines, false)).not.toContain("\x1b[3");
  });
});

describe("keys", () => {
  const order = (state: TopState) => sortedRows(state).map(({ key }) => key.replace("br0/", ""));

  test("sort by a column, the largest first, invert it, and go to the columns beside", () => {
    expect(order(SEEN)).toEqual(["underlay", "client1", "client2", "tap"]);
    expect(order(press(SEEN, "t"))).toEqual(["client2", "client1", "tap", "underlay"]);
    expect(order(press(SEEN, "t", "i"))).toEqual(["underlay", "tap", "client1", "client2"]);
    expect(press(SEEN, "t", ">").sortedBy).toBe("R");
    expect(press(SEEN, "t", "<", "<").sortedBy).toBeNull();
    expect(press(SEEN, "u", ">").sortedBy).toBe("u");
    expect(press(SEEN, "t", "i", "n")).toEqual(SEEN);
  });
  test("point at a row, which stays pointed at when the order changes", () => {
    expect(press(SEEN, "down").selected).toBe("underlay");
    const second = press(SEEN, "down", "down");
    expect(second.selected).toBe("br0/client1");
    expect(press(second, "t").selected).toBe("br0/client1");
    expect(press(second, "up", "up", "up").selected).toBe("underlay");
    expect(press(second, "pagedown").selected).toBe("br0/tap");
  });
  test("open a port, the help, and lead back; only from the list does q end it", () => {
    expect(press(SEEN, "enter")).toMatchObject({ view: "port", selected: "underlay" });
    expect(press(SEEN, "enter", "q")).toMatchObject({ view: "list", isOver: false });
    expect(press(SEEN, "h", "escape")).toMatchObject({ view: "list", isOver: false });
    expect(press(SEEN, "q").isOver).toBe(true);
    expect(press(SEEN, "enter", "ctrl-c").isOver).toBe(true);
    expect(press(SEEN, "x", "F5")).toEqual(SEEN);
  });
  test("pause: what comes meanwhile is not shown", () => {
    const paused = press(SEEN, "p");
    const other = { ...LOOK, rates: { ...RATES, version: "9" } };
    expect(reduce(paused, { type: "look", look: other }).look).toBe(LOOK);
    expect(screen(paused, 80, 24)[0]).toContain("PAUSED");
    expect(reduce(press(paused, "space"), { type: "look", look: other }).look).toBe(other);
  });
  test("are read from what a terminal sends; a sequence that is no key of ours is nothing", () => {
    expect(keysIn("\x1b[Ajq")).toEqual(["up", "j", "q"]);
    expect(keysIn("\x1b[1;5D\x1b[200~\x1bOB\r \x03")).toEqual(["down", "enter", "space", "ctrl-c"]);
    expect(keysIn("\x1b")).toEqual(["escape"]);
    expect(keysIn("ü\x00")).toEqual([]);
  });
});

test("charts scale to the largest value, and tell nothing from little and from unknown", () => {
  expect(sparkline([null, 0, 0.001, 50, 100], 6, true)).toBe("  ▁▂▅█");
  expect(sparkline([null, 0, 0.001, 50, 100], 5, false)).toBe(" _.=#");
  expect(sparkline([1, 2, 3], 2, true)).toBe("▆█");
  expect(sparkline([0, 0], 2, true)).toBe("▁▁");
  expect(chart([0, 25, 50, 100], 4, 2, true)).toEqual(["   █", " ▄██"]);
  expect(chart([0, 0], 2, 2, false)).toEqual(["  ", "  "]);
});

test("figures have the unit that suits them", () => {
  expect([0, 125, 125e3, 2.5e9].map(bitsText)).toEqual(["0.00 kb/s", "1.00 kb/s", "1.00 Mb/s", "20.00 Gb/s"]);
  expect([0, 1024, 4 << 20].map(sizeText)).toEqual(["0 B", "1.0 KiB", "4.0 MiB"]);
  expect([59, 3661, 86_400].map(uptimeText)).toEqual(["00:00:59", "01:01:01", "1d 00:00:00"]);
});

describe("without a terminal", () => {
  let harness: Harness;
  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    harness = new Harness();
    await harness.start();
  });
  afterEach(async () => {
    await harness[Symbol.asyncDispose]();
    vi.useRealTimers();
  });

  let rxPackets = 10;
  /** Runs it, with as many samples as it takes and five frames in each. */
  async function run(...args: string[]) {
    let isDone = false;
    const result = harness.run("top", ...args).finally(() => {
      isDone = true;
    });
    while (!isDone) {
      rxPackets += 5;
      harness.dataplane.counts.set("br0/client1", { rxPackets });
      vi.advanceTimersByTime(1000);
      await setImmediate();
    }
    return result;
  }

  test("a block of lines is printed each time", async () => {
    const { code, out, err } = await run("1", "2");
    expect([code, err]).toEqual([0, ""]);
    const blocks = out.trimEnd().split("\n\n");
    expect(blocks.map((block) => block.split("\n").length)).toEqual([5, 5]);
    const [heading, underlay, client1] = blocks[1].split("\n").map((line) => line.split(/ +/));
    expect(heading.slice(1, 4)).toEqual(["PORT", "rxpck/s", "txpck/s"]);
    expect(underlay[1]).toBe("underlay");
    expect(client1.slice(0, 2)).toEqual([expect.stringMatching(/^\d\d:\d\d:\d\d$/), "br0/client1"]);
    expect(Number(client1[2])).toBeGreaterThan(0);
  });
  test("JSON is a line each time, in which no frame is missed and none counted twice", async () => {
    const { code, out } = await run("--json", "1", "40");
    expect(code).toBe(0);
    const answers = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as typeof RATES);
    expect(answers).toHaveLength(40);
    let before = answers[0].sample;
    for (const { sample, interval_seconds: seconds, ports } of answers.slice(1)) {
      const frames = ports[0].rates.rx_packets! * seconds;
      expect(Math.abs(frames - 5 * (sample - before))).toBeLessThan(0.01);
      before = sample;
    }
  });
  test("an interval or a count that is none is wrong usage, and no daemon a sentence", async () => {
    expect((await run("0")).code).toBe(2);
    expect((await run("1", "x")).err).toContain(
      'expected a whole number from 1 to 9007199254740991, got "x"',
    );
    const gone = await run("--socket", "/nowhere/s");
    expect([gone.code, gone.out]).toEqual([1, ""]);
    expect(gone.err).toContain("no daemon answers at /nowhere/s");
  });
});
