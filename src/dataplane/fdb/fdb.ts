// The forwarding database of one bridge: (VLAN, MAC) -> destination index, in shared memory, so that the control plane
// reads it without asking and it outlives a crash of the forwarding thread. Only that thread writes: each worker has a
// table of its own, and they tell each other what they learn (learning.ts).
//
//   slots   open addressing, a quarter to half full; four words each: MAC low | key | destination | last seen
//   lists   every learnt entry stands in its port's list, oldest first: ageing takes from the front, and so does
//           eviction, from the port that holds the most. A flood of addresses at one port thus costs that port's own
//           entries first, never those of a quiet one (the policy of Open vSwitch's mac-learning).
//   stamps  a number for each slot that orders the changes of one address over all workers; untouched with one worker
//
// Time is in whole seconds, so an address that is seen a million times a second is written once.

import * as counterLayout from "../counters.ts";
import { bridgeCounter } from "../counters.ts";
import * as destinationLayout from "../destinations.ts";
import type { HostNewsWriter } from "../host-news.ts";
import * as policy from "../policy.ts";
import { OPEN_TABLES, type PolicyTables } from "../policy.ts";
import { type FdbEntry, readEntries, readEntry } from "./fdb-entries.ts";
import * as lists from "./fdb-lists.ts";
import { PortLists } from "./fdb-lists.ts";
import * as memoryLayout from "./fdb-memory.ts";
import { allocateShared, type FdbMemory, viewsOf } from "./fdb-memory.ts";
import type { Learning } from "./learning.ts";

// Constants of this module: V8 folds those into the code, while an imported one is looked up at each use.
const { FDB_EVICTED, FDB_EXPIRED, FDB_LEARNED, FDB_MOVED } = counterLayout;
const { DESTINATION_PORT, DESTINATION_SHIFT } = destinationLayout;
const { NONE } = lists;
const { HEADER_ENTRIES, HEADER_SEED, HEADER_VERSION, SLOT_SHIFT, STATIC_SEEN } = memoryLayout;
const { SLOT_LOW: LOW, SLOT_KEY: KEY, SLOT_DESTINATION: DESTINATION, SLOT_SEEN: SEEN } = memoryLayout;
const { POLICY_STICKY } = policy;

export type { FdbEntry, FdbMemory };

/** Set in the key of a taken slot, so that no key is 0. */
const TAKEN = 0x40000000;

/** Beyond this many entries the slots no longer fit a typical second-level cache. */
const LARGE_MIN = 16_384;

/** Memory of an empty table for up to so many addresses. */
export function allocateFdb(bridge: number, addressesMax: number): FdbMemory {
  const memory = { bridge, addressesMax, shared: allocateShared(addressesMax) };
  new Fdb(memory, new Int32Array(0), new Float64Array(0)).clear();
  return memory;
}

/** The word that a slot is keyed by, beside the low MAC. */
export function fdbKey(vlan: number, macHigh: number): number {
  return TAKEN | (vlan << 16) | macHigh;
}

export class Fdb {
  readonly addressesMax: number;
  private readonly bridge: number;
  private readonly header: Int32Array;
  private readonly stamps: Float64Array;
  private readonly slots: Int32Array;
  private readonly lists: PortLists;
  private readonly mask: number;
  private readonly seed: number;
  private readonly destinations: Int32Array;
  private readonly counters: Float64Array;
  private readonly counterAt: number;
  private readonly learning: Learning | null;
  private readonly policies: PolicyTables;
  private readonly hostNews: HostNewsWriter | null;

  /**
   * `destinations` tells an entry's port; `counters` takes learnt, moved, expired, evicted; `learning` is told what frames
   * taught, null where there is no other worker; `hostNews` of what is new in it.
   */
  constructor(
    memory: FdbMemory,
    destinations: Int32Array,
    counters: Float64Array,
    learning: Learning | null = null,
    policies: PolicyTables = OPEN_TABLES,
    hostNews: HostNewsWriter | null = null,
  ) {
    const { header, stamps, slots, lists } = viewsOf(memory);
    this.bridge = memory.bridge;
    this.addressesMax = memory.addressesMax;
    this.header = header;
    this.stamps = stamps;
    this.slots = slots;
    this.lists = new PortLists(lists);
    this.mask = stamps.length - 1;
    this.seed = this.header[HEADER_SEED];
    this.destinations = destinations;
    this.counters = counters;
    this.counterAt = bridgeCounter(memory.bridge);
    this.learning = learning;
    this.policies = policies;
    this.hostNews = hostNews;
  }

  get entryCount(): number {
    return this.header[HEADER_ENTRIES];
  }

  /** Entries learnt at a port. */
  entriesOf(port: number): number {
    return this.lists.countOf(port);
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

  /** The entry of an address, for a reader in any thread; null if there is none, or it is being moved about. */
  entryOf(key: number, low: number): FdbEntry | null {
    return readEntry(this.slots, this.stamps, this.find(key, low) << SLOT_SHIFT);
  }

  /** Notes that an address was seen at a destination. False if it is bound elsewhere. */
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
    if (!this.makeRoom(destination)) return true;
    const slot = this.insert(key, low, destination, nowSeconds);
    this.count(FDB_LEARNED, slot);
    if (this.learning !== null) this.tell(slot, true);
    return true;
  }

  /** Whether an address may be seen at a destination: not if it is bound elsewhere. */
  permits(key: number, low: number, destination: number): boolean {
    const slot = this.find(key, low);
    return slot === NONE || !this.isBoundElsewhere(slot, destination);
  }

  /**
   * Notes what another worker saw, and how it is stamped; counts nothing and tells nobody. Of two workers that saw an
   * address at two places at once, all believe the same one: the one with the higher stamp.
   */
  hear(key: number, low: number, destination: number, seenSeconds: number, stamp: number): void {
    const slot = this.find(key, low);
    if (slot === NONE) {
      if (this.makeRoom(destination)) this.stamps[this.insert(key, low, destination, seenSeconds)] = stamp;
      return;
    }
    const seen = this.slots[(slot << SLOT_SHIFT) + SEEN];
    if (seen === STATIC_SEEN || this.stamps[slot] >= stamp) return;
    // The workers' clocks tick apart: what was seen here in a younger second stays so.
    this.stamps[this.place(slot, destination, Math.max(seen, seenSeconds))] = stamp;
  }

  /** Adds or replaces a static entry; false if the table holds only static ones already. */
  addStatic(key: number, low: number, destination: number): boolean {
    this.remove(key, low);
    if (this.entryCount >= this.addressesMax && !this.evict()) return false;
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

  /** Forgets the static entry that binds an address to a destination, if there is one. */
  removeStatic(key: number, low: number, destination: number): void {
    const entry = this.entryOf(key, low);
    if (entry?.static && entry.destination === destination) this.remove(key, low);
  }

  /** Forgets the oldest learnt entries of a port until it has no more than `count`. */
  trimPort(port: number, count: number): void {
    while (this.lists.countOf(port) > count) {
      this.delete(this.lists.oldestOf(port));
      this.counters[this.counterAt + FDB_EVICTED]++;
    }
  }

  /** Forgets the learnt entries of a port, and its static ones too if asked; returns how many. */
  flushPort(port: number, statics: boolean): number {
    let count = 0;
    for (let slot = this.lists.oldestOf(port); slot !== NONE; slot = this.lists.oldestOf(port)) {
      this.delete(slot);
      count++;
    }
    if (statics) count += this.deleteStatics(port);
    return count;
  }

  /** Forgets every learnt entry; returns how many. */
  flush(): number {
    let count = 0;
    for (let port = 0; port < this.lists.portsEnd; port++) count += this.flushPort(port, false);
    return count;
  }

  /** Forgets up to `limit` entries that were last seen before `seenBefore`; returns how many. */
  expire(seenBefore: number, limit: number): number {
    let count = 0;
    const { lists } = this;
    for (let port = 0; port < lists.portsEnd; port++) {
      for (let slot = lists.oldestOf(port); slot !== NONE && count < limit; slot = lists.oldestOf(port)) {
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
      const entries = readEntries(this.slots, this.stamps);
      if (Atomics.load(this.header, HEADER_VERSION) === version || attempt === 3) return entries;
    }
  }

  /** Empties the table, static entries included. */
  clear(): void {
    this.header[HEADER_ENTRIES] = 0;
    this.slots.fill(0);
    this.lists.clear();
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
    const before = this.slots[at + DESTINATION];
    if (this.isBoundElsewhere(slot, destination)) return false;
    if (this.slots[at + SEEN] === STATIC_SEEN) return true;
    const placed = this.place(slot, destination, nowSeconds);
    if (before !== destination) this.count(FDB_MOVED, placed);
    if (this.learning !== null) this.tell(placed, before !== destination);
    return true;
  }

  /** By a static entry, or by a port that keeps what it has learnt. */
  private isBoundElsewhere(slot: number, destination: number): boolean {
    const at = slot << SLOT_SHIFT;
    const port = this.portOf(this.slots[at + DESTINATION]);
    if (port === this.portOf(destination)) return false;
    return this.slots[at + SEEN] === STATIC_SEEN || (this.policies.portPolicy[port] & POLICY_STICKY) !== 0;
  }

  /** Where and when a learnt entry was seen last. Returns its slot, which moves if its new port has to forget another. */
  private place(slot: number, destination: number, seenSeconds: number): number {
    const at = slot << SLOT_SHIFT;
    const to = this.portOf(destination);
    this.lists.unlink(slot, this.portOf(this.slots[at + DESTINATION]));
    this.slots[at + DESTINATION] = destination;
    this.slots[at + SEEN] = seenSeconds;
    this.lists.link(slot, to);
    const max = this.policies.portAddressesMax[to];
    if (max === 0 || this.lists.countOf(to) <= max) return slot;
    const key = this.slots[at + KEY];
    const low = this.slots[at + LOW];
    this.trimPort(to, max);
    return this.find(key, low);
  }

  /** Something new stands in a slot: the control thread is to know. */
  private count(counter: number, slot: number): void {
    this.counters[this.counterAt + counter]++;
    this.hostNews?.tellLearnt(this.bridge, this.slots, slot << SLOT_SHIFT);
  }

  private tell(slot: number, isNew: boolean): void {
    const at = slot << SLOT_SHIFT;
    this.stamps[slot] = (this.learning as Learning).tell(
      this.bridge,
      this.slots[at + KEY],
      this.slots[at + LOW],
      this.slots[at + DESTINATION],
      this.slots[at + SEEN],
      isNew,
    );
  }

  /** Returns the slot. */
  private insert(key: number, low: number, destination: number, seen: number): number {
    let slot = this.home(key, low);
    while (this.slots[(slot << SLOT_SHIFT) + KEY] !== 0) slot = (slot + 1) & this.mask;
    const at = slot << SLOT_SHIFT;
    this.slots[at + LOW] = low;
    this.slots[at + DESTINATION] = destination;
    this.slots[at + SEEN] = seen;
    this.slots[at + KEY] = key;
    this.header[HEADER_ENTRIES]++;
    if (seen !== STATIC_SEEN) this.lists.link(slot, this.portOf(destination));
    return slot;
  }

  /** Closes the gap that a deleted slot leaves: entries behind it that would no longer be found move up. */
  private delete(slot: number): void {
    const { slots } = this;
    if (slots[(slot << SLOT_SHIFT) + SEEN] !== STATIC_SEEN)
      this.lists.unlink(slot, this.portOf(slots[(slot << SLOT_SHIFT) + DESTINATION]));
    this.header[HEADER_ENTRIES]--;
    Atomics.add(this.header, HEADER_VERSION, 1);
    let gap = slot;
    for (let next = (slot + 1) & this.mask; ; next = (next + 1) & this.mask) {
      const at = next << SLOT_SHIFT;
      if (slots[at + KEY] === 0) break;
      const home = this.home(slots[at + KEY], slots[at + LOW]);
      if (((next - home) & this.mask) >= ((next - gap) & this.mask)) {
        this.moveSlot(next, gap);
        gap = next;
      }
    }
    slots[(gap << SLOT_SHIFT) + KEY] = 0;
  }

  private moveSlot(from: number, to: number): void {
    this.slots.copyWithin(to << SLOT_SHIFT, from << SLOT_SHIFT, (from + 1) << SLOT_SHIFT);
    if (this.learning !== null) this.stamps[to] = this.stamps[from];
    const at = to << SLOT_SHIFT;
    if (this.slots[at + SEEN] !== STATIC_SEEN)
      this.lists.move(from, to, this.portOf(this.slots[at + DESTINATION]));
  }

  private portOf(destination: number): number {
    return this.destinations[(destination << DESTINATION_SHIFT) + DESTINATION_PORT];
  }

  /** Room for one more learnt entry; false if the table is full of static ones. */
  private makeRoom(destination: number): boolean {
    const port = this.portOf(destination);
    const max = this.policies.portAddressesMax[port];
    if (max !== 0) this.trimPort(port, max - 1);
    return this.entryCount < this.addressesMax || this.evict();
  }

  /** Forgets the oldest entry of the fullest port; false if every entry is static. */
  private evict(): boolean {
    const port = this.lists.fullest();
    const count = this.lists.countOf(port);
    if (count > 0) this.trimPort(port, count - 1);
    return count > 0;
  }

  private deleteStatics(port: number): number {
    let count = 0;
    for (const entry of readEntries(this.slots, this.stamps)) {
      if (!entry.static || this.portOf(entry.destination) !== port) continue;
      if (this.remove(fdbKey(entry.vlan, entry.macHigh), entry.macLow)) count++;
    }
    return count;
  }
}
