// Which station has which IP address, as ARP and ND told: for each bridge a table that all forwarding threads share, since a
// question may come to another thread than the answer to an earlier one. Without locks: a slot carries a hash of what it
// holds, so that one that two threads write at once holds nothing.
//
//   | IP address, IPv4-mapped or IPv6: 4 words | router, VLAN, MAC high | MAC low | last seen | check |
//
// A place is one of eight slots that the hash of address and VLAN chooses; the oldest of them makes room.
import { mixed } from "./hash.ts";
import { BRIDGES_MAX } from "./limits.ts";

const SLOT_SHIFT = 3;
const KEY = 4;
const LOW = 5;
const SEEN = 6;
const CHECK = 7;
const WAYS = 8;
const SETS = 512;
const SET_SHIFT = 6;
const BRIDGE_SHIFT = 15;
const WORDS = BRIDGES_MAX << BRIDGE_SHIFT;
/** Those of one bridge; what stands behind all of them is everybody's. */
export const NEIGHBOURS_BRIDGE_BYTES = (1 << BRIDGE_SHIFT) * Int32Array.BYTES_PER_ELEMENT;
/** Behind the slots: a number that goes into each check, so that another one empties all tables. */
const EPOCH = WORDS;

const ROUTER = 1 << 28;
const VLAN_AND_ROUTER = 0x1fff << 16;

/** Addresses of a bridge at most. */
export const NEIGHBOURS_MAX = SETS * WAYS;
export const NOBODY = -1;

export type NeighboursMemory = SharedArrayBuffer;

export function allocateNeighbours(): NeighboursMemory {
  return new SharedArrayBuffer((WORDS + 1) * Int32Array.BYTES_PER_ELEMENT);
}

/** An IP address as four words, which the caller fills in before each call: IPv4 as `::ffff:a.b.c.d`. */
export type AddressWords = Int32Array;

export class Neighbours {
  private readonly words: Int32Array;

  constructor(memory: NeighboursMemory) {
    this.words = new Int32Array(memory);
  }

  /** Notes where an address is; true if another one, seen since `seenBefore`, had to make room. */
  learn(
    bridge: number,
    ip: AddressWords,
    vlan: number,
    macHigh: number,
    macLow: number,
    isRouter: boolean,
    nowSeconds: number,
    seenBefore: number,
  ): boolean {
    const found = this.find(bridge, ip, vlan);
    const at = found === NOBODY ? this.oldest(bridge, ip, vlan) : found;
    const evicts = found === NOBODY && this.isWhole(at) && this.words[at + SEEN] >= seenBefore;
    const { words } = this;
    words[at + CHECK] = 0;
    for (let word = 0; word < 4; word++) words[at + word] = ip[word];
    words[at + KEY] = (isRouter ? ROUTER : 0) | (vlan << 16) | macHigh;
    words[at + LOW] = macLow;
    words[at + SEEN] = nowSeconds;
    words[at + CHECK] = this.checkOf(at);
    return evicts;
  }

  /** A place of the table where an address is known since `seenBefore`, or NOBODY. */
  lookUp(bridge: number, ip: AddressWords, vlan: number, seenBefore: number): number {
    const at = this.find(bridge, ip, vlan);
    return at === NOBODY || this.words[at + SEEN] < seenBefore ? NOBODY : at;
  }

  /** Somebody says that he has an address: it is known anew if it is his already, and forgotten if it was another's. */
  confirm(
    bridge: number,
    ip: AddressWords,
    vlan: number,
    macHigh: number,
    macLow: number,
    nowSeconds: number,
  ): void {
    const at = this.find(bridge, ip, vlan);
    if (at === NOBODY) return;
    const isHis = this.macHighAt(at) === macHigh && this.words[at + LOW] === macLow;
    this.words[at + CHECK] = 0;
    if (!isHis) return;
    this.words[at + SEEN] = nowSeconds;
    this.words[at + CHECK] = this.checkOf(at);
  }

  macHighAt(at: number): number {
    return this.words[at + KEY] & 0xffff;
  }

  macLowAt(at: number): number {
    return this.words[at + LOW];
  }

  isRouterAt(at: number): boolean {
    return (this.words[at + KEY] & ROUTER) !== 0;
  }

  /** Empties the tables of all bridges. */
  forgetAll(): void {
    Atomics.add(this.words, EPOCH, 1);
  }

  private find(bridge: number, ip: AddressWords, vlan: number): number {
    const { words } = this;
    const first = this.setOf(bridge, ip, vlan);
    for (let at = first; at < first + (WAYS << SLOT_SHIFT); at += 1 << SLOT_SHIFT) {
      if (
        words[at + 3] === ip[3] &&
        words[at + 2] === ip[2] &&
        words[at + 1] === ip[1] &&
        words[at] === ip[0] &&
        (words[at + KEY] & (VLAN_AND_ROUTER & ~ROUTER)) === vlan << 16 &&
        this.isWhole(at)
      )
        return at;
    }
    return NOBODY;
  }

  private oldest(bridge: number, ip: AddressWords, vlan: number): number {
    const first = this.setOf(bridge, ip, vlan);
    let oldest = first;
    for (let at = first; at < first + (WAYS << SLOT_SHIFT); at += 1 << SLOT_SHIFT) {
      if (!this.isWhole(at)) return at;
      if (this.words[at + SEEN] < this.words[oldest + SEEN]) oldest = at;
    }
    return oldest;
  }

  private setOf(bridge: number, ip: AddressWords, vlan: number): number {
    let hash = vlan;
    for (let word = 0; word < 4; word++) hash = mixed(hash, ip[word]);
    return (bridge << BRIDGE_SHIFT) + ((hash & (SETS - 1)) << SET_SHIFT);
  }

  private isWhole(at: number): boolean {
    const { words } = this;
    return words[at + CHECK] !== 0 && words[at + CHECK] === this.checkOf(at);
  }

  /** Never 0, which is an empty slot's. */
  private checkOf(at: number): number {
    let hash = this.words[EPOCH];
    for (let word = 0; word < CHECK; word++) hash = mixed(hash, this.words[at + word]);
    return hash | 1;
  }
}
