// The order in which the copies of a batch leave: no flow is reordered, trains stand together, equal lengths meet.
import fc from "fast-check";
import { expect, test } from "vitest";
import { COPIES_MAX } from "../../src/dataplane/frames.ts";
import { native } from "../../src/dataplane/io/native.ts";

interface Passenger {
  readonly train: number;
  readonly flow: number;
  readonly length: number;
}

function order(passengers: readonly Passenger[]): number[] {
  const words = Int32Array.from(passengers.flatMap(({ train, flow, length }) => [train, flow, length]));
  const out = new Int32Array(passengers.length);
  native().orderTrains(words, passengers.length, out);
  return Array.from(out);
}

/** How many trains the transmit loop makes of them: equal lengths, the last frame may be shorter. */
function trainCount(passengers: readonly Passenger[]): number {
  let trains = 0;
  let open: Passenger | null = null;
  for (const passenger of passengers) {
    const joins: boolean = open !== null && open.train === passenger.train && passenger.length <= open.length;
    if (!joins) trains++;
    open = joins && passenger.length < (open as Passenger).length ? null : joins ? open : passenger;
  }
  return trains;
}

const passenger = fc.record({
  train: fc.integer({ min: 0, max: 3 }),
  flow: fc.integer({ min: 0, max: 9 }),
  length: fc.constantFrom(60, 64, 594, 1400, 65_000),
});

test("each copy leaves once, trains stand together, and no flow is reordered", () => {
  fc.assert(
    fc.property(fc.array(passenger, { maxLength: 200 }), (passengers) => {
      const left = order(passengers);
      expect(left.toSorted((a, b) => a - b)).toEqual(passengers.map((_, i) => i));
      const trains = left.map((i) => (passengers[i] as Passenger).train);
      const changes = trains.filter((train, i) => i > 0 && train !== trains[i - 1]).length;
      expect(changes).toBe(Math.max(0, new Set(trains).size - 1));
      for (const { train, flow } of passengers) {
        const same = left.filter((i) => passengers[i]?.train === train && passengers[i]?.flow === flow);
        expect(same).toEqual(same.toSorted((a, b) => a - b));
      }
    }),
  );
});

test("copies of one length keep the order in which they came", () => {
  const passengers = Array.from({ length: 64 }, (_, i) => ({ train: 0, flow: i % 5, length: 64 }));
  expect(order(passengers)).toEqual(passengers.map((_, i) => i));
});

test("flows whose lengths alternate share trains with their neighbours", () => {
  const passengers = Array.from({ length: 256 }, (_, i) => ({
    train: 0,
    flow: i % 64,
    length: (i + Math.floor(i / 64)) % 2 === 0 ? 64 : 1400,
  }));
  expect(trainCount(passengers)).toBeGreaterThan(100);
  expect(trainCount(order(passengers).map((i) => passengers[i] as Passenger))).toBeLessThan(10);
});

test("a batch of the largest size with nothing alike is ordered too", () => {
  const passengers = Array.from({ length: COPIES_MAX }, (_, i) => ({ train: i, flow: i, length: 60 + i }));
  expect(order(passengers)).toEqual(passengers.map((_, i) => i));
});
