// Who talks with whom: the estimate against exact counts, its bounds, and that frames are asked for only while somebody looks.
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  ALL_FRAMES_MAX,
  CYCLE_MS,
  FrameSample,
  OPEN_MS,
  READ_MAX,
} from "../../src/control/activity/frame-sample.ts";
import { HeavyHitters } from "../../src/control/activity/heavy-hitters.ts";
import { type FrameSource, KEEP_MS, type SampledFrame, Talkers } from "../../src/control/activity/talkers.ts";
import type { CapturedFrame } from "../../src/dataplane/spec.ts";
import { FakeDataplane } from "./fake-dataplane.ts";

class Source implements FrameSource {
  starts = 0;
  stops = 0;
  send: (frame: SampledFrame) => void = () => {};

  start(onFrame: (frame: SampledFrame) => void): () => void {
    this.starts++;
    this.send = onFrame;
    return () => {
      this.stops++;
      this.send = () => {};
    };
  }
}

function pair(source: string, bytes = 100, weight = 1): SampledFrame {
  return { bridge: "br0", vlan: 0, source, destination: "02:00:00:00:00:ff", bytes, weight };
}

test("the heaviest are found, none is estimated too low, none too high beyond its bound, in bounded room", () => {
  // Some keys are much likelier than others, as talkers are.
  const key = fc.oneof(
    { weight: 3, arbitrary: fc.nat(4) },
    { weight: 2, arbitrary: fc.integer({ min: 5, max: 500 }) },
  );
  const additions = fc.array(fc.record({ key, weight: fc.integer({ min: 1, max: 1500 }) }), {
    minLength: 50,
    maxLength: 800,
    size: "max",
  });
  fc.assert(
    fc.property(additions, fc.integer({ min: 1, max: 40 }), (stream, capacity) => {
      const hitters = new HeavyHitters(capacity);
      const exact = new Map<string, number>();
      for (const { key, weight } of stream) {
        hitters.add(`k${key}`, weight, 1);
        exact.set(`k${key}`, (exact.get(`k${key}`) ?? 0) + weight);
      }
      const total = stream.reduce((sum, { weight }) => sum + weight, 0);
      const bound = total / capacity;
      expect(hitters.size).toBeLessThanOrEqual(capacity);
      expect(hitters.totalWeight).toBe(total);
      const found = hitters.all();
      for (const { key, weight, error } of found) {
        const truth = exact.get(key)!;
        expect(weight).toBeGreaterThanOrEqual(truth);
        expect(weight - error).toBeLessThanOrEqual(truth);
        expect(error).toBeLessThanOrEqual(bound);
      }
      const heavy = Array.from(exact).filter(([, weight]) => weight > bound);
      expect(found.map((hitter) => hitter.key)).toEqual(expect.arrayContaining(heavy.map(([key]) => key)));
    }),
    { numRuns: 200 },
  );
});

test("rates are those of the last ten seconds, scaled by the sample, the largest first", () => {
  const source = new Source();
  let nowMs = 0;
  const talkers = new Talkers(source, () => nowMs);
  expect(talkers.ask(5)).toEqual({ seconds: 0, sampled_frames: 0, talkers: [], bytes_error_max: 0 });
  for (let second = 0; second < 30; second++) {
    nowMs = second * 1000;
    // What stopped fifteen seconds ago is forgotten.
    if (second < 15) source.send(pair("02:00:00:00:00:03", 9000, 10));
    for (let i = 0; i < 4; i++) source.send(pair("02:00:00:00:00:01", 100, 10));
    source.send(pair("02:00:00:00:00:02", 200, 10));
    talkers.ask(0);
  }
  nowMs = 29_999;
  const { seconds, sampled_frames: frames, talkers: rows, bytes_error_max: error } = talkers.ask(5);
  expect([seconds, frames]).toEqual([9.999, 50]);
  expect(error).toBe(0);
  expect(rows.map(({ source, bytes, packets }) => [source, Math.round(bytes), Math.round(packets)])).toEqual([
    ["02:00:00:00:00:01", 4000, 40],
    ["02:00:00:00:00:02", 2000, 10],
  ]);
  expect(talkers.ask(1).talkers).toHaveLength(1);
  expect(rows[0]).toMatchObject({ bridge: "br0", vlan: 0, destination: "02:00:00:00:00:ff" });
});

test("a flood of addresses leaves the heaviest pair on top, and says by how much it may be wrong", () => {
  const source = new Source();
  let nowMs = 0;
  const talkers = new Talkers(source, () => nowMs);
  talkers.ask(1);
  for (let i = 0; i < 5000; i++) {
    source.send(pair(`02:00:00:00:${(i >> 8).toString(16)}:${(i & 255).toString(16)}`, 60));
    source.send(pair("02:ff:ff:ff:ff:ff", 1500));
  }
  nowMs = 1000;
  const { talkers: rows, bytes_error_max: error } = talkers.ask(1);
  expect(rows[0].source).toBe("02:ff:ff:ff:ff:ff");
  expect(error).toBeGreaterThan(0);
  expect(Math.abs(rows[0].bytes - 5000 * 1500)).toBeLessThanOrEqual(error);
});

test("frames are asked for from the first question until a while after the last", () => {
  const source = new Source();
  let nowMs = 0;
  const talkers = new Talkers(source, () => nowMs);
  talkers.tick();
  expect([talkers.isOn, source.starts]).toEqual([false, 0]);
  talkers.ask(1);
  for (; nowMs <= 3 * KEEP_MS; nowMs += 1000) {
    if (nowMs < 2 * KEEP_MS) talkers.ask(1);
    talkers.tick();
    if (nowMs === 2 * KEEP_MS) expect(talkers.isOn).toBe(true);
  }
  talkers.tick();
  expect([talkers.isOn, source.starts, source.stops]).toEqual([false, 1, 1]);
  expect(talkers.ask(1)).toMatchObject({ seconds: 0, talkers: [] });
  expect(source.starts).toBe(2);
});

describe("the sample of frames", () => {
  const ETHERNET = "0200000000ff" + "020000000001";
  const IN = { bridge: "br0", port: "client1", remote: null, vni: null };

  function captured(hex: string, from: CapturedFrame["from"] = IN): CapturedFrame {
    const bytes = Buffer.from(hex, "hex");
    return {
      seconds: 0,
      nanoseconds: 0,
      originalBytes: 1000,
      from,
      sender: null,
      bytes,
      fates: [],
      hasMore: false,
    };
  }

  /** Runs it for so many sleeps, before each of which the captures find these frames; what it took, and how long it was open. */
  async function run(
    dataplane: FakeDataplane,
    framesPerSecond: number,
    sleeps: number,
    found: CapturedFrame[],
  ) {
    const taken: SampledFrame[] = [];
    const time = { open: 0, all: 0 };
    let stop = () => {};
    let left = sleeps;
    const done = new Promise<void>((resolve) => {
      const sample = new FrameSample({
        dataplane,
        framesPerSecond: () => framesPerSecond,
        sleep: async (ms) => {
          time.all += ms;
          if (dataplane.openCaptures > 0) {
            time.open += ms;
            dataplane.captured = [...found];
          }
          if (--left > 0) return;
          stop();
          resolve();
        },
      });
      stop = sample.start((frame) => void taken.push(frame));
    });
    await done;
    await setImmediate();
    return { taken, time };
  }

  test("is all of them where there are few, and the capture stays open", async () => {
    const dataplane = new FakeDataplane();
    const { taken, time } = await run(dataplane, ALL_FRAMES_MAX, 20, [captured(`${ETHERNET}0800`)]);
    expect(taken).toHaveLength(20);
    expect(taken[0]).toEqual({
      ...{ bridge: "br0", vlan: 0, source: "02:00:00:00:00:01", destination: "02:00:00:00:00:ff" },
      ...{ bytes: 1000, weight: 1 },
    });
    expect(dataplane.captures).toMatchObject([
      { ports: null, direction: "in", sampleEvery: 1, snaplenBytes: 18 },
    ]);
    expect([time.open, dataplane.openCaptures]).toEqual([time.all, 0]);
  });
  test("is of a tenth of the time where there are many, and of a few of them; each stands for the others", async () => {
    const dataplane = new FakeDataplane();
    const framesPerSecond = 1_000_000;
    const { taken, time } = await run(dataplane, framesPerSecond, 20, [captured(`${ETHERNET}0800`)]);
    expect(time.open / time.all).toBeCloseTo(OPEN_MS / CYCLE_MS);
    const [{ sampleEvery }] = dataplane.captures;
    const framesOpen = framesPerSecond * (OPEN_MS / 1000);
    expect(framesOpen / sampleEvery).toBeGreaterThan(100);
    expect(framesOpen / sampleEvery).toBeLessThan(1000);
    expect(taken[0].weight).toBe(sampleEvery * (CYCLE_MS / OPEN_MS));
    expect(dataplane.openCaptures).toBe(0);
  });
  test("takes a part of the traffic that sets in before its rate is known, and the capture is not left open", async () => {
    const dataplane = new FakeDataplane();
    const surge = Array.from({ length: 3 * READ_MAX }, () => captured(`${ETHERNET}0800`));
    const { taken, time } = await run(dataplane, 0, 3, surge);
    expect(dataplane.captures.map(({ sampleEvery }) => sampleEvery > 1)).toEqual([false, true]);
    expect([time.open, time.all]).toEqual([2 * OPEN_MS, OPEN_MS + CYCLE_MS]);
    expect(taken).toHaveLength(2 * READ_MAX);
  });
  test("has the VLAN of a tag, and leaves out what was no frame of a port", async () => {
    const found = [captured(`${ETHERNET}8100e00a0800`), captured(`${ETHERNET}0800`, null), captured("0200")];
    const { taken } = await run(new FakeDataplane(), 1, 1, found);
    expect(taken.map(({ vlan }) => vlan)).toEqual([10]);
  });
  test("waits where as many captures as there may be are open, and goes on after", async () => {
    const dataplane = new FakeDataplane();
    dataplane.openCaptures = dataplane.capturesMax;
    expect((await run(dataplane, 1, 3, [captured(`${ETHERNET}0800`)])).taken).toEqual([]);
    dataplane.openCaptures = 0;
    expect((await run(dataplane, 1, 1, [captured(`${ETHERNET}0800`)])).taken).toHaveLength(1);
  });
});
