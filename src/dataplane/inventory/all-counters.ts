// The counters of all workers as one table: each worker has its own that it alone writes, the control thread reads the sums.
import {
  bridgeCounter,
  type CountersMemory,
  FDB_EVICTED,
  FDB_EXPIRED,
  portCounter,
  RX_PACKETS,
  UNDERLAY_PORT,
} from "../counters.ts";
import { BRIDGES_MAX, PORTS_MAX } from "../limits.ts";

export class AllCounters {
  private readonly tables: readonly Float64Array[];
  private readonly sums: Float64Array;

  constructor(memories: readonly CountersMemory[]) {
    this.tables = memories.map((memory) => new Float64Array(memory));
    this.sums = new Float64Array(this.tables[0].length);
  }

  /** Sets `count` counters from `at` to 0, when an index is given to something else. */
  clear(at: number, count: number): void {
    for (const table of this.tables) table.fill(0, at, at + count);
  }

  /** Adds `count` counters from `from` to those from `to`, which no worker writes. */
  add(from: number, to: number, count: number): void {
    for (let i = 0; i < count; i++) this.tables[0][to + i] += this.sumOf(from + i);
  }

  /**
   * The sums of now; the table is good until the next call. Every worker forgets an address in its own FDB: that counts
   * once, where it is looked at, which is in the first worker's.
   */
  read(): Float64Array {
    const { sums, tables } = this;
    sums.set(tables[0]);
    for (const table of tables.slice(1)) for (let i = 0; i < sums.length; i++) sums[i] += table[i];
    for (let bridge = 0; bridge < BRIDGES_MAX; bridge++) {
      for (const counter of [FDB_EXPIRED, FDB_EVICTED]) {
        sums[bridgeCounter(bridge) + counter] = tables[0][bridgeCounter(bridge) + counter];
      }
    }
    return sums;
  }

  /** The sum of one counter. */
  sumOf(index: number): number {
    let sum = 0;
    for (const table of this.tables) sum += table[index];
    return sum;
  }

  /** Frames that each worker received from any port. */
  receivedByWorker(): number[] {
    return this.tables.map((table) => {
      let frames = 0;
      for (let port = UNDERLAY_PORT + 1; port < PORTS_MAX; port++)
        frames += table[portCounter(port) + RX_PACKETS];
      return frames;
    });
  }
}
