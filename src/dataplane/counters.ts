// Every counter of the switch in one shared table of doubles, exact to 2^53. Each worker has a table that it alone writes
// (but for what the outputs of mirrors count, which is the mirror thread's); the control plane reads whenever it likes (an
// aligned 8-byte store is never seen half done on x86-64 and arm64) and sums up.
import { DROP_REASON_COUNT } from "./drop-reason.ts";
import { BRIDGES_MAX, MIRRORS_MAX, PORTS_MAX } from "./limits.ts";

/** Words of a port's row; the drop reasons follow. Row 0 is the underlay: what was received before a port was known. */
export const RX_PACKETS = 0;
export const RX_BYTES = 1;
export const TX_PACKETS = 2;
export const TX_BYTES = 3;
/** Answers to senders at this port whose frames were too big for their way. */
export const TOO_BIG_REPLIES = 4;
/** Frames beyond the first that an impaired cable made of one (cables/cables.ts), and frames that it holds now. */
export const IMPAIR_DUPLICATES = 5;
export const IMPAIR_HELD = 6;
/** TCP SYNs whose MSS was lowered for the sake of this port. */
export const MSS_CLAMPED = 7;
/** Questions from this port (ARP, ND) that the switch has answered. */
export const NEIGH_REPLIES = 8;
/** Frames whose sender had left a checksum of theirs undone, as their headers tell (stages/inner.ts). */
export const UNFILLED_CHECKSUMS = 9;
export const DROPS = 10;
export const PORT_COUNTERS = DROPS + DROP_REASON_COUNT;

/** The row of frames that belong to no port (yet). */
export const UNDERLAY_PORT = 0;

export const FDB_LEARNED = 0;
export const FDB_MOVED = 1;
export const FDB_EXPIRED = 2;
export const FDB_EVICTED = 3;
/** Copies beyond the first that flooding made. */
export const FLOOD_COPIES = 4;
/** IP addresses that made room for others in the table of neighbours. */
export const NEIGH_EVICTED = 5;
/** Times that the table of multicast listeners had no room (listeners.ts). */
export const MCAST_EVICTED = 6;
export const BRIDGE_COUNTERS = 7;

export const MIRROR_PACKETS = 0;
export const MIRROR_BYTES = 1;
export const MIRROR_QUEUE_DROPS = 2;
export const MIRROR_OUTPUT_DROPS = 3;
export const MIRROR_COUNTERS = 4;

/** Events that found the ring to another worker full (fdb/learning.ts). */
export const LEARNING_DROPS = 0;
/** What the control thread was not told of hosts, for lack of room (host-news.ts). */
export const HOST_NEWS_DROPS = 1;
const GLOBAL_COUNTERS = 2;

const PORTS_AT = GLOBAL_COUNTERS;
const BRIDGES_AT = PORTS_AT + PORTS_MAX * PORT_COUNTERS;
const MIRRORS_AT = BRIDGES_AT + BRIDGES_MAX * BRIDGE_COUNTERS;
const COUNTER_COUNT = MIRRORS_AT + MIRRORS_MAX * MIRROR_COUNTERS;

export type CountersMemory = SharedArrayBuffer;

export function allocateCounters(): CountersMemory {
  return new SharedArrayBuffer(COUNTER_COUNT * Float64Array.BYTES_PER_ELEMENT);
}

/** Index of a port's first counter. */
export function portCounter(port: number): number {
  return PORTS_AT + port * PORT_COUNTERS;
}

/** Index of a bridge's first counter. */
export function bridgeCounter(bridge: number): number {
  return BRIDGES_AT + bridge * BRIDGE_COUNTERS;
}

/** Index of a mirror's first counter. */
export function mirrorCounter(mirror: number): number {
  return MIRRORS_AT + mirror * MIRROR_COUNTERS;
}
