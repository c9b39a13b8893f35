// What held frames are kept in: blocks that never overlap and all come back, and a heap that gives out what is due first.
import fc from "fast-check";
import { expect, test } from "vitest";
import { DueHeap } from "../../src/dataplane/cables/due-heap.ts";
import { HeldMemory } from "../../src/dataplane/cables/held-memory.ts";

const MEMORY_BYTES = 1 << 16;
const UNIT_BYTES = 128;

test("blocks lie within the memory, apart from each other, and join to one when all are given back", () => {
  const step = fc.record({ bytes: fc.integer({ min: 1, max: 9000 }), gives: fc.nat(1000) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: "max" }), (steps) => {
      const memory = new HeldMemory(MEMORY_BYTES);
      const taken: { offset: number; bytes: number }[] = [];
      for (const { bytes, gives } of steps) {
        const offset = memory.take(bytes);
        if (offset >= 0) {
          expect(offset + bytes).toBeLessThanOrEqual(MEMORY_BYTES);
          for (const other of taken)
            expect(offset + bytes <= other.offset || other.offset + other.bytes <= offset).toBe(true);
          taken.push({ offset, bytes });
        }
        if (gives % 3 === 0 && taken.length > 0)
          memory.give(taken.splice(gives % taken.length, 1)[0]?.offset as number);
      }
      for (const { offset } of taken) memory.give(offset);
      expect(memory.take(MEMORY_BYTES)).toBe(0);
    }),
  );
});

test("memory is full when the last unit is taken, and not before", () => {
  const memory = new HeldMemory(MEMORY_BYTES);
  const offsets = new Set<number>();
  for (let offset = memory.take(1); offset >= 0; offset = memory.take(UNIT_BYTES)) offsets.add(offset);
  expect(offsets.size).toBe(MEMORY_BYTES / UNIT_BYTES);
  expect(memory.take(1)).toBe(-1);
  memory.give(5 * UNIT_BYTES);
  expect(memory.take(1)).toBe(5 * UNIT_BYTES);
  expect(new HeldMemory(MEMORY_BYTES).take(MEMORY_BYTES + 1)).toBe(-1);
});

test("the heap gives out by time, and by arrival at one time, also where the clock wraps and after some have left", () => {
  const START_US = 0x7fff_ffff - 50;
  fc.assert(
    fc.property(
      fc.array(fc.nat(100), { maxLength: 60, size: "max" }),
      fc.integer({ min: 1, max: 5 }),
      (afterUs, divisor) => {
        const heap = new DueHeap(60);
        afterUs.forEach((us, slot) => {
          heap.push(slot, (START_US + us) | 0);
        });
        heap.sift((slot) => slot % divisor === 1);
        const expected = afterUs
          .map((us, slot) => ({ us, slot }))
          .filter(({ slot }) => slot % divisor !== 1)
          .sort((a, b) => a.us - b.us || a.slot - b.slot);
        for (const { us, slot } of expected) {
          expect(heap.isDue((START_US + us - 1) | 0)).toBe(false);
          expect(heap.isDue((START_US + us) | 0)).toBe(true);
          expect(heap.pop()).toBe(slot);
        }
        expect(heap.count).toBe(0);
      },
    ),
  );
});
