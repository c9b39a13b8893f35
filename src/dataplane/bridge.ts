// One bridge: its FDB and the destinations that flooding reaches.
import { DESTINATION_PORT, DESTINATION_SHIFT } from "./destinations.ts";
import { Fdb, type FdbMemory } from "./fdb.ts";
import type { Learning } from "./learning.ts";
import { DESTINATIONS_MAX } from "./limits.ts";
import type { PolicyTables } from "./policy.ts";

/** Entries forgotten in one tick at most, so that a mass expiry does not hold up the frames. */
const EXPIRE_MAX = 8192;

export class Bridge {
  readonly index: number;
  readonly fdb: Fdb;
  /** Destinations in the order their ports came; the first `floodCount` count. */
  readonly flood = new Int32Array(DESTINATIONS_MAX);
  floodCount = 0;
  /** 0 = never. */
  ageingSeconds: number;
  private readonly destinations: Int32Array;

  constructor(
    memory: FdbMemory,
    ageingSeconds: number,
    destinations: Int32Array,
    counters: Float64Array,
    learning: Learning | null,
    policies: PolicyTables,
  ) {
    this.index = memory.bridge;
    this.fdb = new Fdb(memory, destinations, counters, learning, policies);
    this.ageingSeconds = ageingSeconds;
    this.destinations = destinations;
  }

  addDestination(destination: number): void {
    this.flood[this.floodCount++] = destination;
  }

  /** Takes a port out of the flood list. */
  removePort(port: number): void {
    let kept = 0;
    for (let i = 0; i < this.floodCount; i++) {
      const destination = this.flood[i];
      if (this.destinations[(destination << DESTINATION_SHIFT) + DESTINATION_PORT] !== port) {
        this.flood[kept++] = destination;
      }
    }
    this.floodCount = kept;
  }

  /** Forgets what was not seen for the ageing time. */
  tick(nowSeconds: number): void {
    if (this.ageingSeconds > 0) this.fdb.expire(nowSeconds - this.ageingSeconds, EXPIRE_MAX);
  }
}
