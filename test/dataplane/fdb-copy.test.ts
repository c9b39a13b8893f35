// Copies of FDBs under a writer's hands: whole, or put together anew; never a table that leads nowhere.
import { expect, test } from "vitest";
import { DESTINATION_PORT, DESTINATION_SHIFT } from "../../src/dataplane/destinations.ts";
import { allocateFdb, Fdb, fdbKey } from "../../src/dataplane/fdb/fdb.ts";
import { copyFdb, isWhole } from "../../src/dataplane/fdb/fdb-copy.ts";
import { SLOT_KEY, SLOT_WORDS, viewsOf } from "../../src/dataplane/fdb/fdb-memory.ts";

const PORTS = 3;
const destinations = new Int32Array(PORTS << DESTINATION_SHIFT);
for (let port = 0; port < PORTS; port++) destinations[(port << DESTINATION_SHIFT) + DESTINATION_PORT] = port;
const KEY = fdbKey(0, 0x0200);

function filled() {
  const memory = allocateFdb(0, 64);
  const fdb = new Fdb(memory, destinations, new Float64Array(64_000));
  for (let low = 1; low <= 40; low++) fdb.learn(KEY, low, low % PORTS, 100 + low);
  fdb.addStatic(KEY, 41, 1);
  return { memory, fdb };
}

const addresses = (fdb: Fdb) => fdb.entries().map(({ macLow, destination }) => `${macLow} ${destination}`);

test("a table at rest is copied byte for byte", () => {
  const { memory } = filled();
  const copy = copyFdb(memory, destinations);
  expect(copy.shared).not.toBe(memory.shared);
  expect(Buffer.from(copy.shared).equals(Buffer.from(memory.shared))).toBe(true);
});

function put(words: Int32Array, at: number, value: number): void {
  words[at] = value;
}

test.each<[string, (views: ReturnType<typeof viewsOf>) => void]>([
  ["a list that leads round", ({ lists }) => put(lists.newer, lists.newest[1], lists.oldest[1])],
  ["a list that leads to another port's", ({ lists }) => put(lists.newer, lists.newest[1], lists.oldest[2])],
  ["a count of too many", ({ lists }) => put(lists.perPort, 1, lists.perPort[1] + 1)],
  ["an end that is not the last", ({ lists }) => put(lists.newest, 0, lists.oldest[0])],
  [
    "a slot that lost its address",
    ({ slots, lists }) => put(slots, lists.oldest[0] * SLOT_WORDS + SLOT_KEY, 0),
  ],
])("%s is seen, and the table put together anew", (_, damage) => {
  const { memory } = filled();
  damage(viewsOf(memory));
  expect(isWhole(viewsOf(memory), destinations)).toBe(false);
  const copy = copyFdb(memory, destinations);
  expect(isWhole(viewsOf(copy), destinations)).toBe(true);
  const [before, after] = [memory, copy].map((of) => new Fdb(of, destinations, new Float64Array(64_000)));
  expect(addresses(after).sort()).toEqual(addresses(before).sort());
});
