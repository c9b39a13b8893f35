// One bridge: its FDB and the destinations that flooding reaches.
import { DESTINATION_PORT, DESTINATION_SHIFT } from "./destinations.ts";
import { Fdb, type FdbMemory } from "./fdb/fdb.ts";
import type { Learning } from "./fdb/learning.ts";
import type { HostNewsWriter } from "./host-news.ts";
import { DESTINATIONS_MAX } from "./limits.ts";
import type { PolicyTables } from "./policy.ts";

/** Entries forgotten in one tick at most, so that a mass expiry does not hold up the frames. */
const EXPIRE_MAX = 8192;

export interface BridgeOptions {
  /** Seconds after which an address that was not seen is forgotten; 0 = never. */
  readonly ageingSeconds: number;
  /** Frames to the addresses that 802.1Q reserves for the link (STP, LACP, LLDP …) are flooded as any others. */
  readonly forwardsBpdu: boolean;
  /** Flooded frames that come back are looked for. */
  readonly guardsLoops: boolean;
  /** Frames to multicast groups go to those who have reported that they listen. */
  readonly snoopsMulticast: boolean;
}

export class Bridge {
  readonly index: number;
  readonly fdb: Fdb;
  /** Destinations in the order their ports came; the first `floodCount` count. */
  readonly flood = new Int32Array(DESTINATIONS_MAX);
  floodCount = 0;
  options: BridgeOptions;
  private readonly destinations: Int32Array;

  constructor(
    memory: FdbMemory,
    options: BridgeOptions,
    destinations: Int32Array,
    counters: Float64Array,
    learning: Learning | null,
    policies: PolicyTables,
    hostNews: HostNewsWriter,
  ) {
    this.index = memory.bridge;
    this.fdb = new Fdb(memory, destinations, counters, learning, policies, hostNews);
    this.options = options;
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
    const { ageingSeconds } = this.options;
    if (ageingSeconds > 0) this.fdb.expire(nowSeconds - ageingSeconds, EXPIRE_MAX);
  }
}
