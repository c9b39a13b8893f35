// The token buckets: how much passes in how much time, whatever the clock and however many threads draw from one.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { allocateMeters, Meters } from "../../src/dataplane/meters.ts";
import { OPEN_POLICY, type PortPolicy } from "../../src/dataplane/policy.ts";

const PORT = 7;
const FRAME_BYTES_MAX = 65_549;

/** Meters at a moment at which the clock is about to wrap. */
function metersWith(policy: Partial<PortPolicy>, threads = 1) {
  const memory = allocateMeters();
  const all = Array.from({ length: threads }, () => new Meters(memory));
  let nowUs = 0x7fff_ffff - 3000;
  const pass = (us: number): void => {
    nowUs = (nowUs + us) | 0;
    for (const meters of all) meters.setTime(nowUs);
  };
  pass(0);
  for (const meters of all) meters.configure(PORT, { ...OPEN_POLICY, ...policy });
  return { all, pass };
}

/** How often `take` succeeds until it is refused. */
function drain(take: () => boolean): number {
  let count = 0;
  while (take()) count++;
  return count;
}

test("a port without bounds may send anything, for ever", () => {
  const { all, pass } = metersWith({});
  for (let turn = 0; turn < 100_000; turn++) expect(all[0].take(PORT, FRAME_BYTES_MAX)).toBe(true);
  pass(5000);
  all[0].refill(PORT);
  expect([all[0].take(PORT, 1), all[0].takeFlood(PORT)]).toEqual([true, true]);
});

describe("what a greedy port gets through", () => {
  const rate = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 1_000_000_000 }));
  const steps = fc.array(fc.integer({ min: 0, max: 50_000 }), { minLength: 1, maxLength: 60 });

  test("in bits is the burst and the rate times the time, but for one frame and the last millisecond", () => {
    fc.assert(
      fc.property(
        rate,
        fc.integer({ min: 1, max: 2_000_000 }),
        fc.integer({ min: 64, max: FRAME_BYTES_MAX }),
        steps,
        fc.integer({ min: 1, max: 3 }),
        (kbitPerSecond, kbitBurst, bytes, steps, threads) => {
          const policy = { policingKbitPerSecond: kbitPerSecond, policingKbitBurst: kbitBurst };
          const { all, pass } = metersWith(policy, threads);
          const burstBits = kbitBurst * 1000;
          fc.pre(burstBits / (bytes * 8) < 20_000);
          let bits = 0;
          let atMost = burstBits;
          for (const [index, us] of [0, ...steps].entries()) {
            pass(us);
            const meters = all[index % threads];
            meters.refill(PORT);
            bits += drain(() => meters.take(PORT, bytes)) * bytes * 8;
            // What does not fit the bucket is gone.
            atMost += Math.min(burstBits, (kbitPerSecond * us) / 1000);
          }
          expect(bits).toBeLessThanOrEqual(atMost * 1.001 + bytes * 8 + 1);
          const heldBack = Math.min(burstBits, 1.001 * kbitPerSecond) + 1;
          const toBeSure = steps.every((us) => us >= 1000) ? atMost * 0.999 - heldBack : burstBits;
          expect(bits).toBeGreaterThanOrEqual(toBeSure);
        },
      ),
    );
  });

  test("in frames and in floods counts each frame as one, whatever its length", () => {
    const { all, pass } = metersWith({
      policingKpktsPerSecond: 5,
      policingKpktsBurst: 2,
      stormFramesPerSecond: 3,
    });
    const [meters] = all;
    expect(drain(() => meters.take(PORT, FRAME_BYTES_MAX))).toBe(2000);
    expect(drain(() => meters.takeFlood(PORT))).toBe(3);
    pass(100_000);
    meters.refill(PORT);
    expect(drain(() => meters.take(PORT, 60))).toBe(500);
    expect(drain(() => meters.takeFlood(PORT))).toBe(1);
    pass(2_000_000_000);
    meters.refill(PORT);
    expect(drain(() => meters.take(PORT, 60))).toBe(2000);
    expect(drain(() => meters.takeFlood(PORT))).toBe(3);
  });
});

test("a thread whose clock is behind adds nothing, and takes nothing back", () => {
  const { all, pass } = metersWith({ stormFramesPerSecond: 10 }, 2);
  const [first, second] = all;
  drain(() => first.takeFlood(PORT));
  pass(500_000);
  first.refill(PORT);
  second.setTime(0x7fff_ffff - 3000);
  second.refill(PORT);
  expect(drain(() => second.takeFlood(PORT))).toBe(5);
});

test("bounds that are set again as they are do not fill the bucket; other bounds do", () => {
  const { all } = metersWith({ stormFramesPerSecond: 10 });
  const [meters] = all;
  drain(() => meters.takeFlood(PORT));
  meters.configure(PORT, { ...OPEN_POLICY, stormFramesPerSecond: 10, isolated: true });
  expect(meters.takeFlood(PORT)).toBe(false);
  meters.configure(PORT, { ...OPEN_POLICY, stormFramesPerSecond: 4 });
  expect(drain(() => meters.takeFlood(PORT))).toBe(4);
  meters.configure(PORT, OPEN_POLICY);
  expect(meters.takeFlood(PORT)).toBe(true);
});

test("a rate without a burst has that of Open vSwitch", () => {
  const { all } = metersWith({ policingKbitPerSecond: 1 });
  expect(drain(() => all[0].take(PORT, 1000))).toBe(1000);
  const { all: others } = metersWith({ policingKpktsPerSecond: 1 });
  expect(drain(() => others[0].take(PORT, 1000))).toBe(16_000);
});
