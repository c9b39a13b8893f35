// Who talks with whom: the estimate against exact counts, its bounds, and that frames are asked for only while somebody looks.
import fc from "fast-check";
import { expect, test } from "vitest";
import { HeavyHitters } from "../../src/control/activity/heavy-hitters.ts";
import { type FrameSource, KEEP_MS, type SampledFrame, Talkers } from "../../src/control/activity/talkers.ts";

class Source implements FrameSource {
  readonly sampleEvery: number;
  starts = 0;
  stops = 0;
  send: (frame: SampledFrame) => void = () => {};

  constructor(sampleEvery = 1) {
    this.sampleEvery = sampleEvery;
  }

  start(onFrame: (frame: SampledFrame) => void): () => void {
    this.starts++;
    this.send = onFrame;
    return () => {
      this.stops++;
      this.send = () => {};
    };
  }
}

function pair(source: string, bytes = 100): SampledFrame {
  return { bridge: "br0", vlan: 0, source, destination: "02:00:00:00:00:ff", bytes };
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
  const source = new Source(10);
  let nowMs = 0;
  const talkers = new Talkers(source, () => nowMs);
  expect(talkers.ask(5)).toEqual({ seconds: 0, sample_every: 10, talkers: [], bytes_error_max: 0 });
  for (let second = 0; second < 30; second++) {
    nowMs = second * 1000;
    // What stopped fifteen seconds ago is forgotten.
    if (second < 15) source.send(pair("02:00:00:00:00:03", 9000));
    for (let i = 0; i < 4; i++) source.send(pair("02:00:00:00:00:01"));
    source.send(pair("02:00:00:00:00:02", 200));
    talkers.ask(0);
  }
  nowMs = 29_999;
  const { seconds, talkers: rows, bytes_error_max: error } = talkers.ask(5);
  expect(seconds).toBe(9.999);
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
