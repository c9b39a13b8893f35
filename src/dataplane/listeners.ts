// Behind which ports somebody listens to a multicast group, and behind which there are multicast routers, as IGMP and MLD told:
// for each bridge a table that all forwarding threads share, since a report may come to another thread than the frames to the
// group. Without locks: a slot carries a hash of what it is about, so that one that two threads claim at once is empty. A report
// lost that way is repeated, as reports are that the network loses.
//
//   | group, IPv4-mapped or IPv6: 4 words | port, VLAN | last reported | last without room | check |
//
// A group has a slot of its own, with GROUP in place of the port, and one for each of its ports. A place is one of eight slots
// that the hash chooses. The oldest group makes room for another one, for what is not known is flooded; a port makes room for
// none, for its listener would hear nothing: the group without room for its port is flooded instead.
import { mixed } from "./hash.ts";
import { BRIDGES_MAX } from "./limits.ts";

const SLOT_SHIFT = 3;
const KEY = 4;
const SEEN = 5;
const CROWDED = 6;
const CHECK = 7;
const PORT_SHIFT = 12;
const WAYS = 8;
const SET_SHIFT = 6;
const GROUP_SETS = 256;
const PORT_SETS = 1024;
const BRIDGE_WORDS = (GROUP_SETS + PORT_SETS) << SET_SHIFT;
export const LISTENERS_BRIDGE_BYTES = BRIDGE_WORDS * Int32Array.BYTES_PER_ELEMENT;

/** In place of a port; the underlay's number, where nobody listens. */
const GROUP = 0;
const NOBODY = -1;
const NEVER = -0x8000_0000;

/** Groups of a bridge at most, and ports of all of them. */
export const GROUPS_MAX = GROUP_SETS * WAYS;
export const LISTENERS_MAX = PORT_SETS * WAYS;

/** Until what was reported is no longer believed: two questions that are missed, and the time to answer (RFC 2236 section 8.4). */
export const LISTENER_SECONDS = 260;
/** For whoever else listens behind a port where one has left: until a router has asked twice (RFC 2236 sections 8.8, 8.9). */
export const LEAVE_SECONDS = 2;

/** An IP address as four words: IPv4 as `::ffff:a.b.c.d`. */
export type GroupWords = Int32Array;

/** The groups by whose names the routers of a VLAN are known: whoever is in one wants all groups, and all reports. */
export const ROUTERS_IPV4: GroupWords = Int32Array.of(0, 0, 0xffff, 0);
export const ROUTERS_IPV6: GroupWords = Int32Array.of(0, 0, 0, 0);

export type ListenersMemory = SharedArrayBuffer;

export function allocateListeners(): ListenersMemory {
  return new SharedArrayBuffer(BRIDGES_MAX * BRIDGE_WORDS * Int32Array.BYTES_PER_ELEMENT);
}

export class Listeners {
  private readonly words: Int32Array;

  constructor(memory: ListenersMemory) {
    this.words = new Int32Array(memory);
  }

  /** Somebody behind a port listens to a group; false if there was no room, so that some group is flooded. */
  join(bridge: number, group: GroupWords, vlan: number, port: number, nowSeconds: number): boolean {
    const { words } = this;
    const listener = this.placeFor(bridge, group, vlan, port);
    const hasRoom = this.isAbout(listener, group, vlan, port) || !this.isFresh(listener, nowSeconds);
    // The port comes first: where the group is known, so is the port.
    if (hasRoom) this.note(listener, group, vlan, port, nowSeconds);
    const at = this.placeFor(bridge, group, vlan, GROUP);
    const evicts = !this.isAbout(at, group, vlan, GROUP) && this.isFresh(at, nowSeconds);
    this.note(at, group, vlan, GROUP, nowSeconds);
    if (!hasRoom) words[at + CROWDED] = nowSeconds;
    return hasRoom && !evicts;
  }

  /** Somebody behind a port listens no longer; who else does has LEAVE_SECONDS to say so. */
  leave(bridge: number, group: GroupWords, vlan: number, port: number, nowSeconds: number): void {
    const at = this.find(bridge, group, vlan, port);
    if (at === NOBODY) return;
    const seen = nowSeconds - LISTENER_SECONDS + LEAVE_SECONDS;
    if (this.words[at + SEEN] > seen) this.words[at + SEEN] = seen;
  }

  /** Whether all ports are known behind which somebody listens to a group. */
  knows(bridge: number, group: GroupWords, vlan: number, nowSeconds: number): boolean {
    const at = this.find(bridge, group, vlan, GROUP);
    return at !== NOBODY && this.isFresh(at, nowSeconds) && !isRecent(this.words[at + CROWDED], nowSeconds);
  }

  /** Whether not all of them found room. */
  isCrowded(bridge: number, group: GroupWords, vlan: number, nowSeconds: number): boolean {
    const at = this.find(bridge, group, vlan, GROUP);
    return at !== NOBODY && isRecent(this.words[at + CROWDED], nowSeconds);
  }

  /** Whether somebody behind a port listens to a group. */
  isListening(bridge: number, group: GroupWords, vlan: number, port: number, nowSeconds: number): boolean {
    const at = this.find(bridge, group, vlan, port);
    return at !== NOBODY && this.isFresh(at, nowSeconds);
  }

  /** Groups of a bridge that are known. */
  count(bridge: number, nowSeconds: number): number {
    const { words } = this;
    const first = bridge * BRIDGE_WORDS;
    let groups = 0;
    for (let at = first; at < first + (GROUP_SETS << SET_SHIFT); at += 1 << SLOT_SHIFT) {
      const isOfRouters = words[at] === 0 && words[at + 3] === 0;
      if (!isOfRouters && this.isFresh(at, nowSeconds)) groups++;
    }
    return groups;
  }

  /** Empties the table of a bridge. */
  forget(bridge: number): void {
    this.words.fill(0, bridge * BRIDGE_WORDS, (bridge + 1) * BRIDGE_WORDS);
  }

  /** Nobody listens behind a port any more. */
  forgetPort(bridge: number, port: number): void {
    const { words } = this;
    const first = bridge * BRIDGE_WORDS + (GROUP_SETS << SET_SHIFT);
    for (let at = first; at < (bridge + 1) * BRIDGE_WORDS; at += 1 << SLOT_SHIFT)
      if (words[at + KEY] >>> PORT_SHIFT === port) words[at + CHECK] = 0;
  }

  /** Only the time, where a slot is about this already: no other thread is to find it empty meanwhile. */
  private note(at: number, group: GroupWords, vlan: number, port: number, nowSeconds: number): void {
    const { words } = this;
    if (!this.isAbout(at, group, vlan, port)) {
      words[at + CHECK] = 0;
      for (let word = 0; word < 4; word++) words[at + word] = group[word];
      words[at + KEY] = (port << PORT_SHIFT) | vlan;
      words[at + SEEN] = nowSeconds;
      words[at + CROWDED] = NEVER;
      words[at + CHECK] = this.checkOf(at);
    } else words[at + SEEN] = nowSeconds;
  }

  private find(bridge: number, group: GroupWords, vlan: number, port: number): number {
    const first = setOf(bridge, group, vlan, port);
    for (let at = first; at < first + (WAYS << SLOT_SHIFT); at += 1 << SLOT_SHIFT)
      if (this.isAbout(at, group, vlan, port)) return at;
    return NOBODY;
  }

  /** The slot that is about this, else an empty one, else the oldest. */
  private placeFor(bridge: number, group: GroupWords, vlan: number, port: number): number {
    const found = this.find(bridge, group, vlan, port);
    if (found !== NOBODY) return found;
    const first = setOf(bridge, group, vlan, port);
    let oldest = first;
    for (let at = first; at < first + (WAYS << SLOT_SHIFT); at += 1 << SLOT_SHIFT) {
      if (!this.isWhole(at)) return at;
      if (this.words[at + SEEN] < this.words[oldest + SEEN]) oldest = at;
    }
    return oldest;
  }

  private isAbout(at: number, group: GroupWords, vlan: number, port: number): boolean {
    const { words } = this;
    return (
      words[at + 3] === group[3] &&
      words[at + 2] === group[2] &&
      words[at + 1] === group[1] &&
      words[at] === group[0] &&
      words[at + KEY] === ((port << PORT_SHIFT) | vlan) &&
      this.isWhole(at)
    );
  }

  private isFresh(at: number, nowSeconds: number): boolean {
    return this.isWhole(at) && isRecent(this.words[at + SEEN], nowSeconds);
  }

  private isWhole(at: number): boolean {
    const { words } = this;
    return words[at + CHECK] !== 0 && words[at + CHECK] === this.checkOf(at);
  }

  /** Never 0, which is an empty slot's. */
  private checkOf(at: number): number {
    let hash = 0;
    for (let word = 0; word <= KEY; word++) hash = mixed(hash, this.words[at + word]);
    return hash | 1;
  }
}

function isRecent(seconds: number, nowSeconds: number): boolean {
  return seconds > nowSeconds - LISTENER_SECONDS;
}

function setOf(bridge: number, group: GroupWords, vlan: number, port: number): number {
  let hash = mixed(vlan, port);
  for (let word = 0; word < 4; word++) hash = mixed(hash, group[word]);
  const set = port === GROUP ? hash & (GROUP_SETS - 1) : GROUP_SETS + (hash & (PORT_SETS - 1));
  return bridge * BRIDGE_WORDS + (set << SET_SHIFT);
}
