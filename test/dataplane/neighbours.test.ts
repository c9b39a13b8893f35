// The table of neighbours against a Map, and at its bound.
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  allocateNeighbours,
  NEIGHBOURS_MAX,
  Neighbours,
  type NeighboursMemory,
  NOBODY,
} from "../../src/dataplane/neighbours.ts";

const BRIDGE = 63;
const EVER = 0;

interface Entry {
  readonly macHigh: number;
  readonly macLow: number;
  readonly isRouter: boolean;
  readonly seen: number;
}

const address = fc.tuple(fc.nat(2), fc.integer({ min: -3, max: 3 }));
const step = fc.record({
  address,
  bridge: fc.constantFrom(0, BRIDGE),
  vlan: fc.constantFrom(0, 1, 4095),
  macHigh: fc.constantFrom(0x0200, 0xfeff),
  macLow: fc.constantFrom(-1, 1, 0x7fffffff),
  isRouter: fc.boolean(),
  confirms: fc.boolean(),
});

function words([high, low]: readonly [number, number]): Int32Array {
  return Int32Array.of(0x20010db8, high, 0, low);
}

test("finds what a Map of the same addresses holds, through any order of learning and confirming", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const table = new Neighbours(allocateNeighbours());
      const model = new Map<string, Entry>();
      for (const [seen, { address, bridge, vlan, macHigh, macLow, isRouter, confirms }] of steps.entries()) {
        const key = `${bridge} ${vlan} ${address}`;
        const known = model.get(key);
        if (confirms) {
          table.confirm(bridge, words(address), vlan, macHigh, macLow, seen);
          const isHis = known?.macHigh === macHigh && known.macLow === macLow;
          if (known && isHis) model.set(key, { ...known, seen });
          else model.delete(key);
        } else {
          expect(table.learn(bridge, words(address), vlan, macHigh, macLow, isRouter, seen, EVER)).toBe(
            false,
          );
          model.set(key, { macHigh, macLow, isRouter, seen });
        }
        const at = table.lookUp(bridge, words(address), vlan, EVER);
        const entry = model.get(key);
        expect(at === NOBODY).toBe(entry === undefined);
        if (!entry) continue;
        expect([table.macHighAt(at), table.macLowAt(at), table.isRouterAt(at)]).toEqual([
          entry.macHigh,
          entry.macLow,
          entry.isRouter,
        ]);
        expect(table.lookUp(bridge, words(address), vlan, entry.seen + 1)).toBe(NOBODY);
      }
    }),
    { numRuns: 200 },
  );
});

/** So many addresses, each a second younger; how many of them had to make room. */
function fill(table: Neighbours, count: number, seenBefore: number): number {
  let evicted = 0;
  for (let i = 0; i < count; i++) {
    evicted += Number(table.learn(0, words([0, i]), 0, 0x0200, i, false, i, seenBefore));
  }
  return evicted;
}

function found(table: Neighbours, count: number): number {
  const addresses = Array.from({ length: count }, (_, i) => i);
  return addresses.filter((i) => table.lookUp(0, words([0, i]), 0, EVER) !== NOBODY).length;
}

test("an eighth full it has lost nothing; beyond its bound the older ones make room, and that is told", () => {
  const table = new Neighbours(allocateNeighbours());
  expect(fill(table, NEIGHBOURS_MAX / 8, EVER)).toBe(0);
  expect(found(table, NEIGHBOURS_MAX / 8)).toBe(NEIGHBOURS_MAX / 8);
  const crowded = new Neighbours(allocateNeighbours());
  const evicted = fill(crowded, NEIGHBOURS_MAX * 2, EVER);
  expect(found(crowded, NEIGHBOURS_MAX * 2)).toBe(NEIGHBOURS_MAX * 2 - evicted);
  expect(found(crowded, NEIGHBOURS_MAX * 2)).toBeLessThanOrEqual(NEIGHBOURS_MAX);
  // The youngest is there, and another bridge has room of its own.
  expect(crowded.lookUp(0, words([0, NEIGHBOURS_MAX * 2 - 1]), 0, EVER)).not.toBe(NOBODY);
  expect(crowded.learn(1, words([0, 0]), 0, 0x0200, 1, false, 0, EVER)).toBe(false);
});

test("what is too old makes room without a word", () => {
  expect(fill(new Neighbours(allocateNeighbours()), NEIGHBOURS_MAX * 2, NEIGHBOURS_MAX * 2)).toBe(0);
});

test("two threads see the same table, and one empties it for both", () => {
  const memory: NeighboursMemory = allocateNeighbours();
  const [one, other] = [new Neighbours(memory), new Neighbours(memory)];
  one.learn(3, words([0, 1]), 7, 0x0200, 5, true, 1, EVER);
  const at = other.lookUp(3, words([0, 1]), 7, EVER);
  expect([other.macHighAt(at), other.macLowAt(at), other.isRouterAt(at)]).toEqual([0x0200, 5, true]);
  other.forgetAll();
  expect(one.lookUp(3, words([0, 1]), 7, EVER)).toBe(NOBODY);
});

test("a slot of which a word was changed by another thread holds nothing", () => {
  const memory = allocateNeighbours();
  const table = new Neighbours(memory);
  table.learn(0, words([0, 1]), 0, 0x0200, 5, false, 1, EVER);
  const at = table.lookUp(0, words([0, 1]), 0, EVER);
  new Int32Array(memory)[at + 5] ^= 1;
  expect(table.lookUp(0, words([0, 1]), 0, EVER)).toBe(NOBODY);
});
