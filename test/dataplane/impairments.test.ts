// Impaired cables: what is lost, doubled and held, for how long and in what order, by a clock that a hand moves.
import { describe, expect, test } from "vitest";
import type { Impairment } from "../../src/dataplane/cables/impairment.ts";
import { OPEN_VLAN } from "../../src/dataplane/port-vlans.ts";
import { Lab } from "./lab.ts";
import { ALICE, BOB, BROADCAST, CAROL, frame, pattern } from "./packets.ts";

const PORTS = ["tap0", "client1", "client2"];
const MS = 1000;

/** Frames that tell their number. */
function numbered(count: number, to = BOB, bytes = 60): Buffer[] {
  return Array.from({ length: count }, (_, i) => {
    const payload = pattern(bytes - 14, 1);
    payload.writeUInt32BE(i);
    return frame({ from: ALICE, to, payload });
  });
}

/** The numbers of the frames that have left by a port. */
function left(lab: Lab, port = "client1"): number[] {
  const departed = lab.departures().filter((departure) => departure.port === port);
  return departed.map(({ bytes }) => bytes.readUInt32BE(14));
}

/** A lab in which BOB is behind client1; frames to him pass the cable that is impaired. */
function impaired(words: Partial<Impairment>, direction: "in" | "out" = "out"): Lab {
  const lab = new Lab({ ports: PORTS });
  lab.addStatic("client1", BOB);
  if (direction === "out") lab.impair("client1", null, words);
  else lab.impair("tap0", words, null);
  return lab;
}

describe.each(["in", "out"] as const)("a cable that is impaired on the way %s", (direction) => {
  const port = direction === "in" ? "tap0" : "client1";

  test("loses the same share of the same frames each time, and others with another seed", () => {
    const fate = (seed: number): number[] => {
      const lab = impaired({ lossPercent: 10, seed }, direction);
      // In batches of whatever size.
      const frames = numbered(2000);
      lab.receive("tap0", ...frames.slice(0, 700));
      for (const one of frames.slice(700, 800)) lab.receive("tap0", one);
      lab.receive("tap0", ...frames.slice(800));
      const numbers = left(lab);
      expect(lab.drops()).toEqual({ [port]: { impair_loss: 2000 - numbers.length } });
      return numbers;
    };
    const seven = fate(7);
    expect(seven.length).toBe({ in: 1794, out: 1786 }[direction]);
    expect(fate(7)).toEqual(seven);
    expect(fate(8)).not.toEqual(seven);
  });

  test("loses the same ones whatever else it does", () => {
    const lost = (words: Partial<Impairment>): number[] => {
      const lab = impaired({ lossPercent: 30, ...words }, direction);
      for (const one of numbered(200)) lab.receive("tap0", one);
      lab.passUs(500 * MS);
      const numbers = new Set(left(lab));
      return Array.from({ length: 200 }, (_, i) => i).filter((i) => !numbers.has(i));
    };
    const alone = lost({});
    expect(alone.length).toBeGreaterThan(30);
    expect(lost({ duplicatePercent: 50, delayUs: 5 * MS, jitterUs: MS, reorderPercent: 20 })).toEqual(alone);
  });

  test.each([
    [100, 0],
    [0, 50],
  ])("with a loss of %i % lets %i of 50 through", (lossPercent, count) => {
    const lab = impaired({ lossPercent, duplicatePercent: 1e-6 }, direction);
    lab.receive("tap0", ...numbered(50));
    expect(left(lab).length).toBe(count);
  });

  test("makes duplicates, each of which follows its frame, and counts them", () => {
    const lab = impaired({ duplicatePercent: 100 }, direction);
    lab.receive("tap0", ...numbered(3));
    expect(left(lab)).toEqual([0]);
    expect(lab.held(port)).toEqual({ held: 5, duplicates: 3 });
    lab.expectConservation();
    lab.passUs(0);
    expect(left(lab)).toEqual([0, 1, 1, 2, 2]);
    expect(lab.held(port)).toEqual({ held: 0, duplicates: 3 });
  });

  test("does not let what comes pass what is due already", () => {
    const lab = impaired({ duplicatePercent: 100 }, direction);
    lab.receive("tap0", ...numbered(1));
    lab.receive("tap0", ...numbered(2).slice(1));
    expect(left(lab)).toEqual([0]);
    lab.passUs(0);
    expect(left(lab)).toEqual([0, 1, 1]);
  });

  test("holds each frame for its delay, in order, and forwards its bytes and offloads as they were", () => {
    const lab = impaired({ delayUs: 10 * MS }, direction);
    const [first, second, third] = numbered(3);
    lab.receive("tap0", first as Buffer, second as Buffer);
    lab.passUs(4 * MS);
    lab.receive("tap0", third as Buffer);
    expect(lab.held(port).held).toBe(3);
    expect(lab.engine.forwarder.untilDueUs(1_000_000)).toBe(6 * MS);
    lab.passUs(6 * MS - 1);
    expect(lab.departures()).toEqual([]);
    lab.expectConservation();
    lab.passUs(1);
    expect(lab.departures().map(({ bytes }) => bytes)).toEqual([first, second]);
    lab.passUs(4 * MS);
    expect(left(lab)).toEqual([2]);
    expect(lab.held(port).held).toBe(0);
  });

  test("with jitter holds each between delay - jitter and delay + jitter, and may change their order", () => {
    const lab = impaired({ delayUs: 10 * MS, jitterUs: 4 * MS }, direction);
    lab.receive("tap0", ...numbered(500));
    lab.passUs(6 * MS - 1);
    expect(lab.departures()).toEqual([]);
    const numbers: number[] = [];
    const eachMs: number[] = [];
    for (let ms = 0; ms < 8; ms++) {
      lab.passUs(MS);
      const now = left(lab);
      eachMs.push(now.length);
      numbers.push(...now);
    }
    lab.passUs(1);
    numbers.push(...left(lab));
    // As likely at any time.
    expect(Math.min(...eachMs)).toBeGreaterThan(30);
    expect(numbers).not.toEqual(numbers.toSorted((a, b) => a - b));
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 500 }, (_, i) => i));
  });

  test("without jitter keeps the order of frames that come later", () => {
    const lab = impaired({ delayUs: 10 * MS, jitterUs: 0 }, direction);
    for (const one of numbered(100)) {
      lab.receive("tap0", one);
      lab.passUs(7);
    }
    lab.passUs(20 * MS);
    expect(left(lab)).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  test("lets a share of the frames skip the delay", () => {
    const lab = impaired({ delayUs: 10 * MS, reorderPercent: 25 }, direction);
    lab.receive("tap0", ...numbered(400));
    const skipped = left(lab);
    expect(skipped.length).toBe({ in: 100, out: 89 }[direction]);
    lab.passUs(10 * MS);
    expect(left(lab).length).toBe(400 - skipped.length);
  });

  test("sends at its rate, one frame after the other: a thousand bytes a millisecond at 8 Mbit/s", () => {
    const lab = impaired({ rateBitsPerSecond: 8e6 }, direction);
    lab.receive("tap0", ...numbered(4, BOB, 1000));
    for (let i = 0; i < 4; i++) {
      lab.passUs(999);
      expect(left(lab)).toEqual([]);
      lab.passUs(1);
      expect(left(lab)).toEqual([i]);
    }
    // What has been quiet has saved nothing up.
    lab.passUs(1000 * MS);
    lab.receive("tap0", ...numbered(2, BOB, 1000));
    lab.passUs(1000);
    expect(left(lab)).toEqual([0]);
    lab.passUs(1000);
    expect(left(lab)).toEqual([1]);
  });

  test("sends a thousand small frames in as long as their bytes take, fractions of microseconds included", () => {
    const lab = impaired({ rateBitsPerSecond: 3e9, limitFrames: 10_000 }, direction);
    lab.receive("tap0", ...numbered(1000, BOB, 100));
    // 0.267 us each.
    lab.passUs(265);
    const before = left(lab).length;
    expect(before).toBeGreaterThan(990);
    expect(before).toBeLessThan(1000);
    lab.passUs(1);
    expect(left(lab).length).toBe(1000 - before);
  });

  test("adds the delay to what the rate takes", () => {
    const lab = impaired({ rateBitsPerSecond: 8e6, delayUs: 5 * MS }, direction);
    lab.receive("tap0", ...numbered(2, BOB, 1000));
    lab.passUs(6 * MS);
    expect(left(lab)).toEqual([0]);
    lab.passUs(MS - 1);
    expect(left(lab)).toEqual([]);
    lab.passUs(1);
    expect(left(lab)).toEqual([1]);
  });

  test("drops what it has no room for, which takes none of its time", () => {
    const lab = impaired({ rateBitsPerSecond: 8e6, limitFrames: 3 }, direction);
    lab.receive("tap0", ...numbered(10, BOB, 1000));
    expect(lab.drops()).toEqual({ [port]: { impair_limit: 7 } });
    expect(lab.held(port).held).toBe(3);
    lab.passUs(3 * MS);
    expect(left(lab)).toEqual([0, 1, 2]);
    lab.receive("tap0", ...numbered(1, BOB, 1000));
    lab.passUs(MS);
    expect(left(lab)).toEqual([0]);
  });

  test("drops what would not be sent within ten minutes", () => {
    const lab = impaired({ rateBitsPerSecond: 1000, limitFrames: 1000 }, direction);
    // Eight seconds each.
    lab.receive("tap0", ...numbered(100, BOB, 1000));
    expect(lab.held(port).held).toBe(75);
    expect(lab.drops()).toEqual({ [port]: { impair_limit: 25 } });
    for (let second = 0; second < 600; second++) {
      lab.tick(1);
      lab.passUs(1000 * MS);
    }
    expect(left(lab).length).toBe(75);
  });

  test("is free although the clock has wrapped since its last frame", () => {
    const lab = impaired({ rateBitsPerSecond: 8e6 }, direction);
    lab.receive("tap0", ...numbered(1, BOB, 1000));
    for (let minute = 0; minute < 80; minute++) {
      lab.passUs(60_000 * MS);
      lab.tick(60);
    }
    left(lab);
    lab.receive("tap0", ...numbered(1, BOB, 1000));
    lab.passUs(MS);
    expect(left(lab)).toEqual([0]);
  });

  test("changes in place: what is held leaves at its time, what comes meets the new words", () => {
    const lab = impaired({ delayUs: 10 * MS }, direction);
    const change = (words: Partial<Impairment> | null) =>
      direction === "in" ? lab.impair("tap0", words, null) : lab.impair("client1", null, words);
    const [first, second, third] = numbered(3);
    lab.receive("tap0", first as Buffer);
    change({ delayUs: 20 * MS });
    lab.receive("tap0", second as Buffer);
    lab.passUs(10 * MS);
    expect(left(lab)).toEqual([0]);
    change(null);
    lab.receive("tap0", third as Buffer);
    expect(left(lab)).toEqual([2]);
    lab.passUs(10 * MS);
    expect(left(lab)).toEqual([1]);
    expect(lab.held(port).held).toBe(0);
  });

  test("goes on with its random numbers where it is told the same again", () => {
    const fates = [false, true].map((isTold) => {
      const lab = impaired({ lossPercent: 50 }, direction);
      const words = { lossPercent: 50 };
      for (const one of numbered(100)) {
        if (isTold && direction === "in") lab.impair("tap0", words, null);
        if (isTold && direction === "out") lab.impair("client1", null, words);
        lab.receive("tap0", one);
      }
      return left(lab);
    });
    expect(fates[0]).toEqual(fates[1]);
  });

  test("of a port that goes away holds nothing any more, not for a new one in its place either", () => {
    const lab = impaired({ delayUs: 10 * MS }, direction);
    lab.receive("tap0", ...numbered(5));
    lab.bringDown(port);
    expect(lab.drops()).toEqual({ [port]: { port_down: 5 } });
    expect(lab.held(port).held).toBe(0);
    lab.bringUp(port);
    lab.passUs(10 * MS);
    expect(lab.departures()).toEqual([]);
    lab.addStatic("client1", BOB);
    lab.receive("tap0", ...numbered(1));
    expect(left(lab)).toEqual([0]);
  });

  test("of a port that is quarantined holds nothing any more", () => {
    const lab = impaired({ delayUs: 10 * MS }, direction);
    lab.receive("tap0", ...numbered(5));
    lab.setQuarantined(port, true);
    expect(lab.drops()).toEqual({ [port]: { port_down: 5 } });
    lab.passUs(10 * MS);
    expect(lab.departures()).toEqual([]);
  });
});

test("both cables of one port are impaired by themselves, and add up", () => {
  const lab = new Lab({ ports: PORTS });
  lab.addStatic("client1", BOB);
  lab.impair("tap0", { delayUs: 3 * MS }, { lossPercent: 100 });
  lab.impair("client1", null, { delayUs: 2 * MS });
  lab.receive("tap0", ...numbered(2));
  lab.passUs(3 * MS);
  expect([lab.held("tap0").held, lab.held("client1").held]).toEqual([0, 2]);
  lab.passUs(2 * MS);
  expect(left(lab)).toEqual([0, 1]);
  lab.receive("client1", frame({ from: BOB, to: ALICE }));
  expect(lab.drops()).toEqual({ tap0: { impair_loss: 1 } });
});

test("a flood waits on the impaired cable alone, and each copy has a fate of its own", () => {
  const lab = new Lab({ ports: PORTS });
  lab.impair("client1", null, { lossPercent: 50 });
  lab.impair("client2", null, { lossPercent: 50, seed: 2, delayUs: MS });
  lab.receive("tap0", ...numbered(100, BROADCAST));
  const [one, held] = [left(lab), lab.held("client2").held];
  lab.passUs(MS);
  const other = left(lab, "client2");
  expect(other.length).toBe(held);
  expect(one.length).toBeGreaterThan(30);
  expect(other).not.toEqual(one);
});

test("what is lost or held on its way in teaches nothing yet, and no mirror sees it; on its way out both are so", () => {
  const lab = new Lab({ ports: PORTS });
  lab.addStatic("client1", BOB);
  lab.setMirrors([{ name: "m0", select: { src: ["tap0"], dst: ["client1", "client2"] } }]);
  lab.impair("tap0", { delayUs: MS }, null);
  lab.impair("client1", null, { lossPercent: 100 });
  lab.receive("tap0", frame({ from: ALICE, to: BOB }));
  expect(lab.mirrored("m0")).toEqual([]);
  expect(lab.fdb()).toHaveLength(1);
  lab.passUs(MS);
  expect(lab.mirrored("m0")).toHaveLength(1);
  expect(lab.fdb()).toHaveLength(2);
  lab.receive("client2", frame({ from: CAROL, to: BOB }));
  expect(lab.mirrored("m0")).toHaveLength(1);
  expect(lab.drops()).toEqual({ client1: { impair_loss: 2 } });
});

test("a super-frame is one frame to lose, and all its bytes pass at the rate, with what its sender left undone", () => {
  const lab = impaired({ rateBitsPerSecond: 8e6 });
  const bytes = frame({ from: ALICE, to: BOB, payload: pattern(30_000 - 14, 1) });
  // Words 2 to 6: flags, GSO type and size, where the checksum starts and stands.
  const row = { 2: 1, 3: 1, 4: 1400, 5: 34, 6: 16 };
  lab.receiveRaw("tap0", { bytes, row });
  lab.passUs(30 * MS - 1);
  expect(lab.departures()).toEqual([]);
  lab.passUs(1);
  const [departure] = lab.departures();
  expect(departure?.bytes.equals(bytes)).toBe(true);
  expect(Array.from(departure?.row.subarray(2, 7) ?? [])).toEqual([1, 1, 1400, 34, 16]);
});

test("bytes are bounded: beyond, frames are dropped, and their room is free again when they have left", () => {
  const lab = impaired({ delayUs: MS, limitFrames: 100_000 });
  const large = frame({ from: ALICE, to: BOB, payload: pattern(60_000, 1) });
  const send = (): number => {
    for (let i = 0; i < 110; i++) lab.receive("tap0", ...Array<Buffer>(10).fill(large));
    const { held } = lab.held("client1");
    expect(lab.drops()).toEqual({ client1: { impair_limit: 1100 - held } });
    lab.passUs(MS);
    expect(lab.sent()).toEqual({ client1: held });
    return held;
  };
  expect(send()).toBe(1024);
  expect(send()).toBe(1024);
});

/** An IPv4 packet that must not be fragmented. */
function tooBig(): Buffer {
  const packet = pattern(1446, 1);
  packet.writeUInt16BE(0x4500);
  packet.writeUInt16BE(1446, 2);
  packet.writeUInt16BE(0x4000, 6);
  packet.writeUInt16BE(0x4011, 8);
  return frame({ from: ALICE, to: BOB, type: 0x0800, payload: packet });
}

test("what does not fit its way is answered when it comes out of the cable, by the way it came", () => {
  const lab = impaired({ delayUs: MS });
  lab.refuse("client1", "too_big");
  lab.receive("tap0", tooBig());
  expect(lab.sent()).toEqual({});
  lab.passUs(MS);
  expect(lab.sent()).toEqual({ tap0: 1 });
  expect(lab.drops()).toEqual({ client1: { too_big: 1 } });
  // If the sender's port is gone by then, nobody is told, not even a port that has its number.
  lab.receive("tap0", tooBig());
  lab.bringDown("tap0");
  lab.bringUp("tap0");
  lab.passUs(MS);
  expect(lab.sent()).toEqual({});
  expect(lab.drops()).toEqual({ client1: { too_big: 1 } });
});

test("frames are held as they came and as they leave: VLANs are given on this side of both cables", () => {
  const access10 = { vlan: { ...OPEN_VLAN, mode: "access", tag: 10 } as const };
  const lab = new Lab({ ports: [{ name: "tap0", policy: access10 }, "client1", "client2"] });
  lab.impair("tap0", { delayUs: MS }, { delayUs: MS });
  lab.impair("client1", null, { delayUs: MS });
  const [bare, tagged] = [[], [10]].map((vlans) => frame({ from: ALICE, to: BROADCAST, vlans }));
  lab.receive("tap0", bare as Buffer);
  lab.passUs(MS);
  expect(lab.departures()).toMatchObject([{ port: "client2", bytes: tagged }]);
  lab.passUs(MS);
  expect(lab.departures()).toMatchObject([{ port: "client1", bytes: tagged }]);
  // Other frames have stood in the same rows, in other forms, while these were held.
  const [answer, back] = [[10], []].map((vlans) => frame({ from: BOB, to: ALICE, vlans }));
  lab.receive("client2", answer as Buffer);
  lab.receive("client2", frame({ from: CAROL, to: BROADCAST, vlans: [10, 7] }));
  lab.departures();
  lab.passUs(MS);
  const left = lab.departures().filter(({ port }) => port === "tap0");
  expect(left.map(({ bytes }) => bytes)).toEqual([back, frame({ from: CAROL, to: BROADCAST, vlans: [7] })]);
});

test("an answer to who sent too much has the form that the port wants, not that of a frame in the same row before", () => {
  const access10 = { vlan: { ...OPEN_VLAN, mode: "access", tag: 10 } as const };
  const lab = new Lab({ ports: [{ name: "tap0", policy: access10 }, "client1", "client2"] });
  lab.addStatic("client1", BOB, 10);
  lab.impair("client1", null, { delayUs: MS });
  lab.refuse("client1", "too_big");
  lab.receive("tap0", tooBig());
  lab.receive("client2", frame({ from: CAROL, to: ALICE, vlans: [10] }));
  lab.departures();
  lab.passUs(MS);
  const [answer] = lab.departures();
  expect([answer?.port, answer?.bytes.readUInt16BE(12), answer?.bytes.readUInt8(23)]).toEqual([
    "tap0",
    0x0800,
    1,
  ]);
});
