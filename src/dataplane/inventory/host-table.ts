// The hosts that a switch has seen: where each is, since when, where it was before, which IP addresses it has. A host that its
// bridge forgets stays for an hour as gone. Everything is bounded: of the bridge that has the most, a host that has gone the
// longest time ago makes room for a new one, or one that was not seen since others were. Time is given from outside.
import {
  addressConflict,
  type HostAt,
  hostAddress,
  hostForgotten,
  hostLearnt,
  hostMoved,
} from "../events.ts";
import type { DataplaneEvent, HostRow } from "../spec.ts";
import type { SightedBy } from "./host-sightings.ts";

/** Hosts of all bridges, those that are gone included. */
export const HOSTS_MAX = 65_536;
/** IP addresses of a host; the one that was not told of the longest makes room. */
export const HOST_ADDRESSES_MAX = 16;
export const GONE_MS_MAX = 3_600_000;
/** A conflict that goes on is told again after so long. */
export const CONFLICT_EVERY_MS = 60_000;
/** Hosts that are looked at for one to make room. */
const SPARED_MAX = 16;

export interface HostPlace {
  readonly port: string;
  readonly remote: string | null;
  readonly vni: number | null;
}

interface HostAddress {
  readonly by: Set<SightedBy>;
  readonly firstSeenMs: number;
  lastSeenMs: number;
  conflict: { readonly mac: string; readonly timeMs: number } | null;
}

export interface Host {
  readonly bridge: string;
  readonly vlan: number;
  readonly mac: string;
  place: HostPlace;
  readonly firstSeenMs: number;
  lastSeenMs: number;
  /** Bound to its port. */
  isStatic: boolean;
  /** 0 while its bridge knows it. */
  goneMs: number;
  moves: number;
  lastMove: { readonly timeMs: number; readonly from: HostPlace } | null;
  name: string | null;
  /** In the order they were told of last. */
  readonly addresses: Map<string, HostAddress>;
  /** When it last came to the end of its list. */
  placedMs: number;
  /** Its FDB did not have it at the last look, which may have come in the middle of a change. */
  isMissed: boolean;
}

interface BridgeHosts {
  readonly present: Map<string, Host>;
  /** In the order they went. */
  readonly gone: Map<string, Host>;
  /** By VLAN and IP address: who said last that he has it. */
  readonly owners: Map<string, Host>;
}

export class HostTable {
  /** Hosts forgotten for lack of room. */
  evicted = 0;
  private count = 0;
  private readonly bridges = new Map<string, BridgeHosts>();
  private readonly onEvent: (event: DataplaneEvent) => void;
  private readonly hostsMax: number;

  constructor(onEvent: (event: DataplaneEvent) => void, hostsMax = HOSTS_MAX) {
    this.onEvent = onEvent;
    this.hostsMax = hostsMax;
  }

  /** Hosts that are there. */
  get presentCount(): number {
    return Array.from(this.bridges.values()).reduce((sum, { present }) => sum + present.size, 0);
  }

  find(bridge: string, vlan: number, mac: string): Host | undefined {
    return this.bridges.get(bridge)?.present.get(`${vlan} ${mac}`);
  }

  /** A bridge knows an address at a place, and has seen it there at `seenMs`. */
  seen(at: Pick<Host, "bridge" | "vlan" | "mac" | "isStatic">, place: HostPlace, seenMs: number): Host {
    const known = this.find(at.bridge, at.vlan, at.mac);
    if (known === undefined) return this.begin(at, place, seenMs);
    if (!isSame(known.place, place)) this.move(known, place, seenMs);
    known.isStatic = at.isStatic;
    known.lastSeenMs = Math.max(known.lastSeenMs, seenMs);
    return known;
  }

  /** A bridge knows the host no longer. */
  forget(host: Host, nowMs: number): void {
    const { present, gone } = this.hostsOf(host.bridge);
    const key = keyOf(host);
    if (!present.delete(key)) return;
    host.goneMs = nowMs;
    gone.set(key, host);
    this.onEvent(hostForgotten(hostAt(host)));
  }

  /** Somebody said that a host has an IP address; `conflictMs`: what another said within so long contradicts him. */
  tell(host: Host, address: string, by: SightedBy, nowMs: number, conflictMs: number): void {
    const { owners } = this.hostsOf(host.bridge);
    const owner = owners.get(`${host.vlan} ${address}`);
    const before = host.addresses.get(address);
    const told = before ?? { by: new Set(), firstSeenMs: nowMs, lastSeenMs: nowMs, conflict: null };
    told.by.add(by);
    told.lastSeenMs = nowMs;
    host.addresses.delete(address);
    host.addresses.set(address, told);
    owners.set(`${host.vlan} ${address}`, host);
    if (host.addresses.size > HOST_ADDRESSES_MAX) this.disown(host, first(host.addresses.keys()));
    if (before === undefined) this.onEvent(hostAddress(hostAt(host), address, by));
    if (owner !== undefined && owner !== host) this.compare(host, told, owner, address, nowMs, conflictMs);
  }

  /** Those that are gone for long are forgotten. */
  expire(nowMs: number): void {
    for (const { gone } of this.bridges.values()) {
      for (const host of gone.values()) {
        if (nowMs - host.goneMs < GONE_MS_MAX) break;
        this.drop(host);
      }
    }
  }

  forgetBridge(name: string): void {
    const hosts = this.bridges.get(name);
    if (hosts) this.count -= hosts.present.size + hosts.gone.size;
    this.bridges.delete(name);
  }

  /** All that are there; a host that comes meanwhile is among them. */
  *present(): Generator<Host> {
    for (const { present } of this.bridges.values()) yield* present.values();
  }

  rows(): HostRow[] {
    return Array.from(this.bridges.values()).flatMap(({ present, gone }) =>
      [...present.values(), ...gone.values()].map(rowOf),
    );
  }

  private begin(at: Pick<Host, "bridge" | "vlan" | "mac" | "isStatic">, place: HostPlace, ms: number): Host {
    const { gone, present } = this.hostsOf(at.bridge);
    const returned = gone.get(keyOf(at));
    if (returned === undefined) this.makeRoom();
    const host = returned ?? newHost(at, place, ms);
    if (!isSame(host.place, place)) noteMove(host, host.place, ms);
    host.place = place;
    host.lastSeenMs = ms;
    host.placedMs = ms;
    host.goneMs = 0;
    gone.delete(keyOf(at));
    present.set(keyOf(at), host);
    if (!at.isStatic) this.onEvent(hostLearnt(hostAt(host)));
    return host;
  }

  private move(host: Host, place: HostPlace, ms: number): void {
    const from = host.place;
    host.place = place;
    noteMove(host, from, ms);
    this.onEvent(hostMoved(hostAt(host), textOf(from, place)));
  }

  private compare(
    host: Host,
    told: HostAddress,
    owner: Host,
    address: string,
    nowMs: number,
    ms: number,
  ): void {
    const others = owner.addresses.get(address);
    if (others === undefined || owner.goneMs > 0 || nowMs - others.lastSeenMs > ms) return;
    const lastMs = Math.max(told.conflict?.timeMs ?? -Infinity, others.conflict?.timeMs ?? -Infinity);
    if (nowMs - lastMs < CONFLICT_EVERY_MS) return;
    told.conflict = { mac: owner.mac, timeMs: nowMs };
    others.conflict = { mac: host.mac, timeMs: nowMs };
    this.onEvent(addressConflict(hostAt(host), address, hostAt(owner)));
  }

  private makeRoom(): void {
    if (this.count < this.hostsMax) {
      this.count++;
      return;
    }
    const fullest = Array.from(this.bridges.values()).reduce((one, other) =>
      sizeOf(other) > sizeOf(one) ? other : one,
    );
    this.drop(first(fullest.gone.values()) ?? leastSeen(fullest.present));
    this.count++;
    this.evicted++;
  }

  private drop(host: Host | undefined): void {
    if (host === undefined) return;
    const { present, gone } = this.hostsOf(host.bridge);
    for (const address of [...host.addresses.keys()]) this.disown(host, address);
    present.delete(keyOf(host));
    gone.delete(keyOf(host));
    this.count--;
  }

  private disown(host: Host, address: string | undefined): void {
    if (address === undefined) return;
    const { owners } = this.hostsOf(host.bridge);
    host.addresses.delete(address);
    if (owners.get(`${host.vlan} ${address}`) === host) owners.delete(`${host.vlan} ${address}`);
  }

  private hostsOf(bridge: string): BridgeHosts {
    const known = this.bridges.get(bridge);
    if (known) return known;
    const hosts = { present: new Map(), gone: new Map(), owners: new Map() };
    this.bridges.set(bridge, hosts);
    return hosts;
  }
}

function newHost(at: Pick<Host, "bridge" | "vlan" | "mac" | "isStatic">, place: HostPlace, ms: number): Host {
  const times = { firstSeenMs: ms, lastSeenMs: ms, goneMs: 0, placedMs: ms };
  const { bridge, vlan, mac, isStatic } = at;
  const past = { moves: 0, lastMove: null, name: null, addresses: new Map() };
  return { bridge, vlan, mac, isStatic, place, ...times, ...past, isMissed: false };
}

/** The first in the list that was not seen since it came to the list's end; those that were get there again. */
function leastSeen(present: Map<string, Host>): Host | undefined {
  for (let spared = 0; spared < SPARED_MAX; spared++) {
    const host = first(present.values());
    if (host === undefined || host.lastSeenMs <= host.placedMs) return host;
    host.placedMs = host.lastSeenMs;
    present.delete(keyOf(host));
    present.set(keyOf(host), host);
  }
  return first(present.values());
}

function noteMove(host: Host, from: HostPlace, timeMs: number): void {
  host.moves++;
  host.lastMove = { timeMs, from };
}

function keyOf({ vlan, mac }: { readonly vlan: number; readonly mac: string }): string {
  return `${vlan} ${mac}`;
}

function sizeOf({ present, gone }: BridgeHosts): number {
  return present.size + gone.size;
}

function first<T>(values: Iterable<T>): T | undefined {
  for (const value of values) return value;
  return undefined;
}

function isSame(one: HostPlace, other: HostPlace): boolean {
  return one.port === other.port && one.remote === other.remote;
}

/** A place as another one is told apart from it: by its VTEP, if the port is the same. */
function textOf(place: HostPlace, other: HostPlace): string {
  return place.port === other.port && place.remote !== null ? `${place.port} (${place.remote})` : place.port;
}

function hostAt({ bridge, vlan, mac, place }: Host): HostAt {
  return { bridge, name: place.port, vlan, mac };
}

function rowOf({ bridge, vlan, mac, place, lastMove, addresses, ...host }: Host): HostRow {
  return {
    ...{ bridge, vlan, mac, ...place, static: host.isStatic, name: host.name },
    addresses: Array.from(addresses, ([address, { by, ...told }]) => ({ address, by: [...by], ...told })),
    ...{ firstSeenMs: host.firstSeenMs, lastSeenMs: host.lastSeenMs, goneMs: host.goneMs, moves: host.moves },
    lastMove: lastMove && { timeMs: lastMove.timeMs, port: lastMove.from.port, remote: lastMove.from.remote },
  };
}
