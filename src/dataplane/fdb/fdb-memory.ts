// The shared memory of one FDB (fdb.ts): how large it is, and where its parts lie.
//
//   header | stamps, a double each | slots, four words each | links and ends of the ports' lists

import { PORTS_MAX } from "../limits.ts";
import type { PortListsMemory } from "./fdb-lists.ts";

/** Bytes and bound of one table; both threads make their Fdb from it. */
export interface FdbMemory {
  readonly bridge: number;
  readonly addressesMax: number;
  readonly shared: SharedArrayBuffer;
}

export const SLOT_LOW = 0;
export const SLOT_KEY = 1;
export const SLOT_DESTINATION = 2;
export const SLOT_SEEN = 3;
export const SLOT_WORDS = 4;
export const SLOT_SHIFT = 2;

/** "Last seen" of a static entry; it stands in no list, neither ages nor is evicted. */
export const STATIC_SEEN = -1;

export const HEADER_ENTRIES = 0;
export const HEADER_SEED = 1;
/** Counts the changes that move entries about, so that a reader knows when to look again. */
export const HEADER_VERSION = 2;
const HEADER_PORTS_END = 3;
const HEADER_WORDS = 16;

const STAMP_WORDS = 2;
const LINKS_WORDS = 2;
const PORT_ENDS_WORDS = 3;

/** Tables up to this size are kept a quarter full. */
const ROOMY_MAX = 65_536;

interface FdbViews {
  readonly header: Int32Array;
  readonly stamps: Float64Array;
  readonly slots: Int32Array;
  readonly lists: PortListsMemory;
}

export function allocateShared(addressesMax: number): SharedArrayBuffer {
  const slots = slotCount(addressesMax);
  const words = HEADER_WORDS + slots * (STAMP_WORDS + SLOT_WORDS + LINKS_WORDS) + PORTS_MAX * PORT_ENDS_WORDS;
  const shared = new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT);
  // A secret seed: nobody outside can choose addresses that share a slot.
  new Int32Array(shared)[HEADER_SEED] = (Math.random() * 2 ** 32) | 0;
  return shared;
}

export function viewsOf({ addressesMax, shared }: FdbMemory): FdbViews {
  const slots = slotCount(addressesMax);
  let at = 0;
  const take = (words: number): Int32Array => {
    const part = new Int32Array(shared, at * Int32Array.BYTES_PER_ELEMENT, words);
    at += words;
    return part;
  };
  const header = take(HEADER_WORDS);
  return {
    header,
    stamps: new Float64Array(shared, take(slots * STAMP_WORDS).byteOffset, slots),
    slots: take(slots * SLOT_WORDS),
    lists: {
      older: take(slots),
      newer: take(slots),
      oldest: take(PORTS_MAX),
      newest: take(PORTS_MAX),
      perPort: take(PORTS_MAX),
      portsEnd: header.subarray(HEADER_PORTS_END, HEADER_PORTS_END + 1),
    },
  };
}

/** A quarter full at most, so that most searches end at the first slot; half full where memory weighs more. */
function slotCount(addressesMax: number): number {
  const spread = addressesMax <= ROOMY_MAX ? 4 : 2;
  // Not `2 ** n`: that would be a double, and so would every mask made from it.
  return 1 << Math.ceil(Math.log2(addressesMax * spread));
}
