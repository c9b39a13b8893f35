// The entries of an FDB (fdb.ts) as read back: for the control plane, and for a table that takes over from another one.
import {
  SLOT_DESTINATION,
  SLOT_KEY,
  SLOT_LOW,
  SLOT_SEEN,
  SLOT_SHIFT,
  SLOT_WORDS,
  STATIC_SEEN,
} from "./fdb-memory.ts";

export interface FdbEntry {
  readonly vlan: number;
  readonly macHigh: number;
  readonly macLow: number;
  readonly destination: number;
  /** 0 for a static entry. */
  readonly lastSeenSeconds: number;
  readonly static: boolean;
  /** Orders the changes of one address over all workers. */
  readonly stamp: number;
}

/** One pass over the table; what changes under it may be missing or stand twice. */
export function readEntries(slots: Int32Array, stamps: Float64Array): FdbEntry[] {
  const entries: FdbEntry[] = [];
  for (let at = 0; at < slots.length; at += SLOT_WORDS) {
    const entry = readEntry(slots, stamps, at);
    if (entry !== null) entries.push(entry);
  }
  return entries;
}

/** The entry of a slot, `at` being its first word; null if it is empty, or `at` negative. */
export function readEntry(slots: Int32Array, stamps: Float64Array, at: number): FdbEntry | null {
  if (at < 0 || slots[at + SLOT_KEY] === 0) return null;
  const key = slots[at + SLOT_KEY];
  const seen = slots[at + SLOT_SEEN];
  return {
    vlan: (key >>> 16) & 0xfff,
    macHigh: key & 0xffff,
    macLow: slots[at + SLOT_LOW],
    destination: slots[at + SLOT_DESTINATION],
    lastSeenSeconds: seen === STATIC_SEEN ? 0 : seen,
    static: seen === STATIC_SEEN,
    stamp: stamps[at >> SLOT_SHIFT],
  };
}
