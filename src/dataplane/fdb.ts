// The forwarding database of one bridge: (VLAN, MAC) -> destination index, in shared memory, so that the control plane
// reads it without asking and it outlives a crash of the forwarding thread. Only the forwarding thread writes.
//
//   slots   open addressing, a quarter to half full; four words each: MAC low | key | destination | last seen
//   lists   every learnt entry stands in its port's list, oldest first: ageing takes from the front, and so does
//           eviction, from the port that holds the most. A flood of addresses at one port thus costs that port's own
//           entries first, never those of a quiet one (the policy of Open vSwitch's mac-learning).
//
// Time is in whole seconds, so an address that is seen a million times a second is written once.

import * as counterLayout from "./counters.ts";
import { bridgeCounter } from "./counters.ts";
import * as destinationLayout from "./destinations.ts";
import { PORTS_MAX } from "./limits.ts";

// Constants of this module: V8 folds those into the code, while an imported one is looked up at each use.
const { FDB_EVICTED, FDB_EXPIRED, FDB_LEARNED, FDB_MOVED } = counterLayout;
const { DESTINATION_PORT, DESTINATION_SHIFT } = destinationLayout;

/** Bytes and bound of one table; both threads make their Fdb from it. */
export interface FdbMemory {
  readonly bridge: number;
  readonly addressesMax: number;
  readonly shared: SharedArrayBuffer;
}

/** An entry as read back. */
export interface FdbEntry {
  readonly vlan: number;
  readonly macHigh: number;
  readonly macLow: number;
  readonly destination: number;
  /** 0 for a static entry. */
  readonly lastSeenSeconds: number;
  readonly static: boolean;
}

const LOW = 0;
const KEY = 1;
const DESTINATION = 2;
const SEEN = 3;
const SLOT_WORDS = 4;
const SLOT_SHIFT = 2;

/** Set in the key of a taken slot, so that no key is 0. */
const TAKEN = 0x40000000;
/** "Last seen" of a static entry; it stands in no list, neither ages nor is evicted. */
const STATIC_SEEN = -1;
const NONE = -1;

/** Tables up to this size are kept a quarter full. */
const ROOMY_MAX = 65_536;

/** Beyond this many entries the slots no longer fit a typical second-level cache. */
const LARGE_MIN = 16_384;

const HEADER_WORDS = 16;
const HEADER_ENTRIES = 0;
const HEADER_SEED = 1;
/** Counts the changes that move entries about, so that a reader knows when to look again. */
const HEADER_VERSION = 2;
/** One above the highest port that ever learnt here: how far a search over the ports has to go. */
const HEADER_PORTS_END = 3;

export function allocateFdb(bridge: number, addressesMax: number): FdbMemory {
  const slots = slotCount(addressesMax);
  const words = HEADER_WORDS + slots * (SLOT_WORDS + 2) + PORTS_MAX * 3;
  const shared = new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT);
  // A secret seed: nobody outside can choose addresses that share a slot.
  new Int32Array(shared)[HEADER_SEED] = (Math.random() * 2 ** 32) | 0;
  const fdb = new Fdb({ bridge, addressesMax, shared }, new Int32Array(0), new Float64Array(0));
  fdb.clear();
  return { bridge, addressesMax, shared };
}

/** The word that a slot is keyed by, beside the low MAC. */
export function fdbKey(vlan: number, macHigh: number): number {
  return TAKEN | (vlan << 16) | macHigh;
}

export class Fdb {
  readonly addressesMax: number;
  private readonly header: Int32Array;
  private readonly slots: Int32Array;
  private readonly mask: number;
  private readonly seed: number;
  private readonly older: Int32Array;
  private readonly newer: Int32Array;
  private readonly oldest: Int32Array;
  private readonly newest: Int32Array;
  private readonly perPort: Int32Array;
  private readonly destinations: Int32Array;
  private readonly counters: Float64Array;
  private readonly counterAt: number;

  /** `destinations` tells an entry's port; `counters` takes learnt, moved, expired, evicted. */
  constructor(memory: FdbMemory, destinations: Int32Array, counters: Float64Array) {
    const slots = slotCount(memory.addressesMax);
    let at = 0;
    const take = (words: number): Int32Array => {
      const part = new Int32Array(memory.shared, at * Int32Array.BYTES_PER_ELEMENT, words);
      at += words;
      return part;
    };
    this.addressesMax = memory.addressesMax;
    this.header = take(HEADER_WORDS);
    this.slots = take(slots * SLOT_WORDS);
    this.older = take(slots);
    this.newer = take(slots);
    this.oldest = take(PORTS_MAX);
    this.newest = take(PORTS_MAX);
    this.perPort = take(PORTS_MAX);
    this.mask = slots - 1;
    this.seed = this.header[HEADER_SEED];
    this.destinations = destinations;
    this.counters = counters;
    this.counterAt = bridgeCounter(memory.bridge);
  }

  get entryCount(): number {
    return this.header[HEADER_ENTRIES];
  }

  private get portsEnd(): number {
    return this.header[HEADER_PORTS_END];
  }

  /** Entries learnt at a port. */
  entriesOf(port: number): number {
    return this.perPort[port];
  }

  /** Whether the table is larger than the processor's caches, so that `touch` ahead of a search pays. */
  get isLarge(): boolean {
    return this.entryCount > LARGE_MIN;
  }

  /** Fetches the slot where the search for an address begins; the result only keeps the fetch from being optimised away. */
  touch(key: number, low: number): number {
    return this.slots[(this.home(key, low) << SLOT_SHIFT) + KEY];
  }

  /** Destination index of an address, or -1. */
  lookUp(key: number, low: number): number {
    const slots = this.slots;
    for (let slot = this.home(key, low); ; slot = (slot + 1) & this.mask) {
      const at = slot << SLOT_SHIFT;
      const found = slots[at + KEY];
      if (found === key && slots[at + LOW] === low) return slots[at + DESTINATION];
      if (found === 0) return NONE;
    }
  }

  /** Notes that an address was seen at a destination. False if a static entry binds it elsewhere. */
  learn(key: number, low: number, destination: number, nowSeconds: number): boolean {
    const slots = this.slots;
    for (let slot = this.home(key, low); ; slot = (slot + 1) & this.mask) {
      const at = slot << SLOT_SHIFT;
      const found = slots[at + KEY];
      if (found === key && slots[at + LOW] === low) {
        if (slots[at + DESTINATION] === destination && slots[at + SEEN] === nowSeconds) return true;
        return this.refresh(slot, destination, nowSeconds);
      }
      if (found === 0) break;
    }
    if (!this.makeRoom()) return true;
    this.insert(key, low, destination, nowSeconds);
    this.counters[this.counterAt + FDB_LEARNED]++;
    return true;
  }

  /** Adds or replaces a static entry; false if the table holds only static ones already. */
  addStatic(key: number, low: number, destination: number): boolean {
    this.remove(key, low);
    if (!this.makeRoom()) return false;
    this.insert(key, low, destination, STATIC_SEEN);
    return true;
  }

  /** Forgets one address; false if it was not there. */
  remove(key: number, low: number): boolean {
    const slot = this.find(key, low);
    if (slot === NONE) return false;
    this.delete(slot);
    return true;
  }

  /** Forgets the learnt entries of a port, and its static ones too if asked; returns how many. */
  flushPort(port: number, statics: boolean): number {
    let count = 0;
    while (this.oldest[port] !== NONE) {
      this.delete(this.oldest[port]);
      count++;
    }
    if (statics) count += this.deleteStatics(port);
    return count;
  }

  /** Forgets every learnt entry; returns how many. */
  flush(): number {
    let count = 0;
    for (let port = 0; port < this.portsEnd; port++) count += this.flushPort(port, false);
    return count;
  }

  /** Forgets up to `limit` entries that were last seen before `seenBefore`; returns how many. */
  expire(seenBefore: number, limit: number): number {
    let count = 0;
    for (let port = 0; port < this.portsEnd; port++) {
      for (let slot = this.oldest[port]; slot !== NONE && count < limit; slot = this.oldest[port]) {
        if (this.slots[(slot << SLOT_SHIFT) + SEEN] >= seenBefore) break;
        this.delete(slot);
        count++;
      }
    }
    this.counters[this.counterAt + FDB_EXPIRED] += count;
    return count;
  }

  /** All entries, for a reader in any thread: read again if the table changed under it, at most a few times. */
  entries(): FdbEntry[] {
    for (let attempt = 0; ; attempt++) {
      const version = Atomics.load(this.header, HEADER_VERSION);
      const entries = this.readAll();
      if (Atomics.load(this.header, HEADER_VERSION) === version || attempt === 3) return entries;
    }
  }

  /** Takes over the entries of a table of another size; the oldest stay behind if there is no room. */
  adopt(other: Fdb): void {
    const entries = other.entries().sort((a, b) => a.lastSeenSeconds - b.lastSeenSeconds);
    for (const { vlan, macHigh, macLow, destination, lastSeenSeconds, static: isStatic } of entries) {
      const key = fdbKey(vlan, macHigh);
      if (isStatic) this.addStatic(key, macLow, destination);
      else if (this.makeRoom()) this.insert(key, macLow, destination, lastSeenSeconds);
    }
  }

  /** Empties the table, static entries included. */
  clear(): void {
    this.header[HEADER_ENTRIES] = 0;
    this.slots.fill(0);
    this.oldest.fill(NONE);
    this.newest.fill(NONE);
    this.perPort.fill(0);
  }

  private readAll(): FdbEntry[] {
    const entries: FdbEntry[] = [];
    for (let at = 0; at < this.slots.length; at += SLOT_WORDS) {
      const key = this.slots[at + KEY];
      if (key === 0) continue;
      const seen = this.slots[at + SEEN];
      entries.push({
        vlan: (key >>> 16) & 0xfff,
        macHigh: key & 0xffff,
        macLow: this.slots[at + LOW],
        destination: this.slots[at + DESTINATION],
        lastSeenSeconds: seen === STATIC_SEEN ? 0 : seen,
        static: seen === STATIC_SEEN,
      });
    }
    return entries;
  }

  private home(key: number, low: number): number {
    const hash = Math.imul(low ^ Math.imul(key ^ this.seed, 0x9e3779b1), 0x85ebca6b);
    return (hash ^ (hash >>> 15)) & this.mask;
  }

  private find(key: number, low: number): number {
    for (let slot = this.home(key, low); ; slot = (slot + 1) & this.mask) {
      const at = slot << SLOT_SHIFT;
      if (this.slots[at + KEY] === 0) return NONE;
      if (this.slots[at + KEY] === key && this.slots[at + LOW] === low) return slot;
    }
  }

  private refresh(slot: number, destination: number, nowSeconds: number): boolean {
    const at = slot << SLOT_SHIFT;
    if (this.slots[at + SEEN] === STATIC_SEEN) return this.slots[at + DESTINATION] === destination;
    this.unlink(slot);
    if (this.slots[at + DESTINATION] !== destination) {
      this.slots[at + DESTINATION] = destination;
      this.counters[this.counterAt + FDB_MOVED]++;
    }
    this.slots[at + SEEN] = nowSeconds;
    this.link(slot);
    return true;
  }

  private insert(key: number, low: number, destination: number, seen: number): void {
    let slot = this.home(key, low);
    while (this.slots[(slot << SLOT_SHIFT) + KEY] !== 0) slot = (slot + 1) & this.mask;
    const at = slot << SLOT_SHIFT;
    this.slots[at + LOW] = low;
    this.slots[at + DESTINATION] = destination;
    this.slots[at + SEEN] = seen;
    this.slots[at + KEY] = key;
    this.header[HEADER_ENTRIES]++;
    if (seen !== STATIC_SEEN) this.link(slot);
  }

  /** Closes the gap that a deleted slot leaves: entries behind it that would no longer be found move up. */
  private delete(slot: number): void {
    if (this.slots[(slot << SLOT_SHIFT) + SEEN] !== STATIC_SEEN) this.unlink(slot);
    this.header[HEADER_ENTRIES]--;
    Atomics.add(this.header, HEADER_VERSION, 1);
    let gap = slot;
    for (let next = (slot + 1) & this.mask; ; next = (next + 1) & this.mask) {
      const at = next << SLOT_SHIFT;
      if (this.slots[at + KEY] === 0) break;
      const home = this.home(this.slots[at + KEY], this.slots[at + LOW]);
      if (((next - home) & this.mask) >= ((next - gap) & this.mask)) {
        this.moveSlot(next, gap);
        gap = next;
      }
    }
    this.slots[(gap << SLOT_SHIFT) + KEY] = 0;
  }

  private moveSlot(from: number, to: number): void {
    this.slots.copyWithin(to << SLOT_SHIFT, from << SLOT_SHIFT, (from + 1) << SLOT_SHIFT);
    const at = to << SLOT_SHIFT;
    if (this.slots[at + SEEN] === STATIC_SEEN) return;
    const port = this.portOf(this.slots[at + DESTINATION]);
    const older = this.older[from];
    const newer = this.newer[from];
    this.older[to] = older;
    this.newer[to] = newer;
    if (older === NONE) this.oldest[port] = to;
    else this.newer[older] = to;
    if (newer === NONE) this.newest[port] = to;
    else this.older[newer] = to;
  }

  private portOf(destination: number): number {
    return this.destinations[(destination << DESTINATION_SHIFT) + DESTINATION_PORT];
  }

  private link(slot: number): void {
    const port = this.portOf(this.slots[(slot << SLOT_SHIFT) + DESTINATION]);
    const newest = this.newest[port];
    this.older[slot] = newest;
    this.newer[slot] = NONE;
    this.newest[port] = slot;
    if (newest === NONE) this.oldest[port] = slot;
    else this.newer[newest] = slot;
    this.perPort[port]++;
    if (port >= this.portsEnd) this.header[HEADER_PORTS_END] = port + 1;
  }

  private unlink(slot: number): void {
    const port = this.portOf(this.slots[(slot << SLOT_SHIFT) + DESTINATION]);
    const older = this.older[slot];
    const newer = this.newer[slot];
    if (older === NONE) this.oldest[port] = newer;
    else this.newer[older] = newer;
    if (newer === NONE) this.newest[port] = older;
    else this.older[newer] = older;
    this.perPort[port]--;
  }

  /** False if the table is full of static entries. */
  private makeRoom(): boolean {
    return this.entryCount < this.addressesMax || this.evict();
  }

  /** Forgets the oldest entry of the fullest port; false if every entry is static. */
  private evict(): boolean {
    let fullest = 0;
    for (let port = 1; port < this.portsEnd; port++) {
      if (this.perPort[port] > this.perPort[fullest]) fullest = port;
    }
    if (this.oldest[fullest] === NONE) return false;
    this.delete(this.oldest[fullest]);
    this.counters[this.counterAt + FDB_EVICTED]++;
    return true;
  }

  private deleteStatics(port: number): number {
    let count = 0;
    for (const entry of this.readAll()) {
      if (!entry.static || this.portOf(entry.destination) !== port) continue;
      if (this.remove(fdbKey(entry.vlan, entry.macHigh), entry.macLow)) count++;
    }
    return count;
  }
}

/** A quarter full at most, so that most searches end at the first slot; half full where memory weighs more. */
function slotCount(addressesMax: number): number {
  const spread = addressesMax <= ROOMY_MAX ? 4 : 2;
  // Not `2 ** n`: that would be a double, and so would every mask made from it.
  return 1 << Math.ceil(Math.log2(addressesMax * spread));
}
