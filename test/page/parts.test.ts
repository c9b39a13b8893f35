// The parts of the page that only reckon: numbers as text, geometry, rates, what a plot gets, the stream.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { eventReader } from "../../src/page/event-stream.ts";
import { bitRate, duration, grouped, packetRate, scaled } from "../../src/page/format.ts";
import { type KeptHistory, keptPath, plottedOf } from "../../src/page/kept-history.ts";
import { type Box, place, shortened } from "../../src/page/layout.ts";
import { MoveLog } from "../../src/page/moves.ts";
import { type PortRates, ratesBetween } from "../../src/page/rates.ts";
import { joined, RECENT_MAX, Recent } from "../../src/page/recent.ts";
import { speedOf, thicknessOf, weightOf } from "../../src/page/weight.ts";

const NARROW = "\u202f";

describe("numbers", () => {
  test.each([
    [0, "0"],
    [0.04, "0.0"],
    [1.25, "1.3"],
    [9.96, "10"],
    [999.4, "999"],
    [999.5, `1.00${NARROW}k`],
    [1500, `1.50${NARROW}k`],
    [99_960, `100${NARROW}k`],
    [999_499, `999${NARROW}k`],
    [999_500, `1.00${NARROW}M`],
    [7.6e9, `7.60${NARROW}G`],
    [Number.NaN, "–"],
  ])("%d is scaled to %s", (value, text) => {
    expect(scaled(value)).toBe(text);
  });
  test("a counter has all its digits, in threes", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (count) => {
        const text = grouped(count);
        expect(Number(text.replaceAll(NARROW, ""))).toBe(count);
        expect(
          text
            .split(NARROW)
            .slice(1)
            .every((group) => group.length === 3),
        ).toBe(true);
      }),
    );
  });
  test("units follow their prefix", () => {
    expect(packetRate(12)).toBe(`12${NARROW}pps`);
    expect(packetRate(640_000)).toBe(`640${NARROW}kpps`);
    expect(bitRate(125_000)).toBe(`1.00${NARROW}Mbit/s`);
  });
  test.each([
    [0, "0 s"],
    [59.9, "59 s"],
    [60, "1 min"],
    [187, "3 min 7 s"],
    [7500, "2 h 5 min"],
    [90_000, "1 d 1 h"],
  ])("%d seconds are %s", (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });
});

test("weight grows with the rate, from nothing to a bound, and so do thickness and speed", () => {
  expect([weightOf(0), speedOf(0)]).toEqual([0, 0]);
  expect(weightOf(1e12)).toBe(1);
  const rates = [0, 0.5, 2, 50, 3000, 1e5, 1e6, 1e7];
  for (const of of [
    weightOf,
    (rate: number) => thicknessOf(weightOf(rate)),
    (rate: number) => speedOf(weightOf(rate)),
  ]) {
    const values = rates.map(of);
    expect(values).toEqual(values.toSorted((left, right) => left - right));
  }
});

describe("the drawing", () => {
  const overlap = (left: Box, right: Box) =>
    left.x < right.x + right.width &&
    right.x < left.x + left.width &&
    left.y < right.y + right.height &&
    right.y < left.y + left.height;

  test("nothing of it lies on another or sticks out, at any width and number", () => {
    const counts = { ports: fc.integer({ min: 0, max: 32 }), mirrors: fc.integer({ min: 0, max: 6 }) };
    fc.assert(
      fc.property(
        fc.integer({ min: 300, max: 1200 }),
        counts.ports,
        counts.mirrors,
        (width, ports, mirrors) => {
          const drawing = place(width, Array.from({ length: ports }), Array.from({ length: mirrors }));
          const boxes = [drawing.bridge, ...[...drawing.ports, ...drawing.mirrors].map(({ box }) => box)];
          for (const [index, box] of boxes.entries()) {
            expect(box.x).toBeGreaterThanOrEqual(0);
            expect(box.x + box.width).toBeLessThanOrEqual(width);
            expect(box.y + box.height).toBeLessThanOrEqual(drawing.height);
            for (const other of boxes.slice(index + 1)) expect(overlap(box, other)).toBe(false);
          }
        },
      ),
    );
  });
  test("a long name keeps its beginning and its end", () => {
    expect(shortened("client1", 10)).toBe("client1");
    expect(shortened("hub-10.122.0.22", 11)).toBe("hub-1….0.22");
    expect(shortened("hub-10.122.0.22", 11)).toHaveLength(11);
  });
});

describe("rates", () => {
  const port = {
    bridge: "br0",
    port: "a",
    rx_packets: 100,
    rx_bytes: 1000,
    tx_packets: 5,
    tx_bytes: 50,
    drops: {},
  };
  type View = Parameters<typeof ratesBetween>[0];
  const view = (time_ms: number, change: Partial<typeof port> & { drops?: Record<string, number> } = {}) =>
    ({ time_ms, ports: [{ ...port, ...change }] }) as unknown as View;

  test("are differences by the time between them", () => {
    const later = view(3000, { rx_packets: 300, drops: { too_big: 4 } });
    expect(ratesBetween(view(1000), later).get("br0/a")).toEqual({
      rxPackets: 100,
      rxBytes: 0,
      txPackets: 0,
      txBytes: 0,
      drops: { too_big: 2 },
    });
  });
  test("there are none of a port that is new or began anew, nor of a clock that went back", () => {
    expect(ratesBetween(view(0), view(1000, { port: "b" })).size).toBe(0);
    expect(ratesBetween(view(0), view(1000, { rx_packets: 7 })).size).toBe(0);
    expect(ratesBetween(view(1000), view(0)).size).toBe(0);
  });
});

describe("what a plot gets", () => {
  const rates = (rxPackets: number, drops = {}): PortRates => ({
    rxPackets,
    rxBytes: 0,
    txPackets: 0,
    txBytes: 0,
    drops,
  });

  test("is bounded: so many seconds, and the ports that there are", () => {
    const recent = new Recent();
    for (let time = 0; time < RECENT_MAX + 50; time++) recent.add(time, new Map([["br0/a", rates(time)]]));
    expect(recent.of("br0/a")).toHaveLength(RECENT_MAX);
    expect(recent.of("br0/a")[0]!.time).toBe(50);
    recent.add(9999, new Map());
    expect(recent.of("br0/a")).toEqual([]);
  });
  test("is the switch's history, then what the page has seen since, no second twice", () => {
    const kept: KeptHistory = {
      time: new Date(100_000).toISOString(),
      age_seconds: [3, 2, 1],
      rates: { rx_packets: [null, 1, 2], rx_bytes: [0, 0, 0], tx_packets: [0, 0, 0], tx_bytes: [0, 0, 0] },
      drops: { too_big: [0, 1, 0] },
    };
    const seen = [98.1, 99.1, 100.1].map((time) => ({ time, rates: rates(time, { policed: 3 }) }));
    const plotted = joined(plottedOf(kept), seen, 97.5);
    expect(plotted.times).toEqual([98, 99, 100.1]);
    expect(plotted.rxPackets).toEqual([1, 2, 100.1]);
    expect(plotted.drops).toEqual({ too_big: [1, 0, 0], policed: [0, 0, 3] });
    expect(joined(plottedOf(kept), [], 0).rxPackets[0]).toBeNaN();
  });
  test("is asked for by the port's name", () => {
    expect(keptPath({ bridge: "br0", port: "a" }, 60)).toBe("history?port=br0%2Fa&span=60");
  });
});

test("events are whole however the stream is cut", () => {
  const text = 'retry: 2000\r\ndata: {"a":1}\r\n\r\n: nothing new\n\ndata: x\ndata: y\n\n';
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: text.length })), (cuts) => {
      const got: string[] = [];
      const feed = eventReader((data) => got.push(data));
      const edges = [0, ...cuts.toSorted((left, right) => left - right), text.length];
      for (let index = 1; index < edges.length; index++) feed(text.slice(edges[index - 1], edges[index]));
      expect(got).toEqual(['{"a":1}', "x\ny"]);
    }),
  );
});

test("an address that is seen elsewhere has moved, and how many are remembered is bounded", () => {
  const log = new MoveLog();
  const row = (mac: string, port: string) => ({ bridge: "br0", vlan: 0, mac, port, remote: null });
  log.see([row("m", "a")], 1);
  expect(log.of(row("m", "a"))).toBeUndefined();
  log.see([row("m", "b")], 2);
  log.see([row("m", "b")], 3);
  expect(log.of(row("m", "b"))).toEqual({ timeMs: 2, from: "a" });
  log.see(
    Array.from({ length: 5000 }, (_, n) => row(String(n), "a")),
    4,
  );
  expect(log.of(row("m", "b"))).toBeUndefined();
});
