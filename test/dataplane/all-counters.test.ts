// The counters of several workers, read as those of one switch.
import { expect, test } from "vitest";
import {
  allocateCounters,
  bridgeCounter,
  FDB_EVICTED,
  FDB_EXPIRED,
  FDB_LEARNED,
  PORT_COUNTERS,
  portCounter,
  RX_PACKETS,
  TX_BYTES,
} from "../../src/dataplane/counters.ts";
import { AllCounters } from "../../src/dataplane/inventory/all-counters.ts";

const PORT = 3;
const BRIDGE = 2;

function workers(count: number): { all: AllCounters; tables: Float64Array[] } {
  const memories = Array.from({ length: count }, allocateCounters);
  return { all: new AllCounters(memories), tables: memories.map((memory) => new Float64Array(memory)) };
}

test("what workers count is summed up; what all do in their own tables counts once", () => {
  const { all, tables } = workers(3);
  tables.forEach((table, worker) => {
    table[portCounter(PORT) + RX_PACKETS] = 10 ** worker;
    for (const counter of [FDB_LEARNED, FDB_EXPIRED, FDB_EVICTED])
      table[bridgeCounter(BRIDGE) + counter] = 5 + worker;
  });
  const sums = all.read();
  expect(sums[portCounter(PORT) + RX_PACKETS]).toBe(111);
  expect(
    [FDB_LEARNED, FDB_EXPIRED, FDB_EVICTED].map((counter) => sums[bridgeCounter(BRIDGE) + counter]),
  ).toEqual([18, 5, 5]);
  expect(all.receivedByWorker()).toEqual([1, 10, 100]);
});

test("a row that is given to another port starts at 0 for every worker, and its neighbours do not", () => {
  const { all, tables } = workers(2);
  for (const table of tables) table.fill(7);
  all.clear(portCounter(PORT), PORT_COUNTERS);
  const sums = all.read();
  expect(sums.subarray(portCounter(PORT), portCounter(PORT + 1)).every((count) => count === 0)).toBe(true);
  expect([sums[portCounter(PORT) - 1], sums[portCounter(PORT + 1)]]).toEqual([14, 14]);
  expect(sums[portCounter(PORT + 1) + TX_BYTES]).toBe(14);
});
