// Keeps the table of hosts: ten times a second it hears what the forwarding threads have to tell (host-news.ts), and looks up
// some of the hosts in their bridge's FDB, which alone says when they were seen last and whether they are still there.
// Whatever was lost on the way is found when somebody asks for the hosts.
import { formatAddress } from "../address.ts";
import { eventsLost } from "../events.ts";
import { type Fdb, type FdbEntry, fdbKey } from "../fdb/fdb.ts";
import { type HostNewsMemory, HostNewsReader, TOLD_BYTES_MAX } from "../host-news.ts";
import type { DataplaneEvent, HostRow, HostsStatus } from "../spec.ts";
import { formatMac, parseMac } from "../wire/mac.ts";
import type { Ends } from "./ends.ts";
import { readSighting } from "./host-sightings.ts";
import { type Host, type HostPlace, HostTable } from "./host-table.ts";

/** Hosts that are looked up in one turn. */
const LOOKED_UP_MAX = 256;
/** Events of hosts in a second; what is beyond is lost and counted. */
export const EVENTS_A_SECOND = 200;
/** How long an IP address is remembered to be somebody's where addresses do not age. */
const CONFLICT_SECONDS = 300;

/** A bridge as its hosts are looked for in it. */
export interface HostBridge {
  readonly index: number;
  readonly fdb: Fdb;
  readonly spec: { readonly name: string; readonly ageingSeconds: number };
}

export interface HostsOptions {
  readonly news: readonly HostNewsMemory[];
  readonly bridges: ReadonlyMap<string, HostBridge>;
  readonly ends: Pick<Ends, "portOf" | "remoteOf">;
  /** What the forwarding threads had no room to tell. */
  readonly newsDrops: () => number;
  readonly onEvent: (event: DataplaneEvent) => void;
}

/** Both clocks: what FDBs have, and what people read. */
export interface Now {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export class Hosts {
  private readonly options: HostsOptions;
  private readonly table: HostTable;
  private readonly readers: readonly HostNewsReader[];
  private turn: Iterator<Host> | null = null;
  private now: Now = { monotonicMs: 0, wallMs: 0 };
  private second = 0;
  private eventsLeft = EVENTS_A_SECOND;
  private eventsDropped = 0;
  private lossesTold = 0;

  constructor(options: HostsOptions) {
    this.options = options;
    this.table = new HostTable((event) => this.emit(event));
    this.readers = options.news.map((memory) => new HostNewsReader(memory));
  }

  /** Ten times a second, and before ports come or go: their indices mean others then. */
  look(now: Now): void {
    this.now = now;
    const second = Math.floor(now.monotonicMs / 1000);
    if (second !== this.second) this.beginSecond(second);
    for (const reader of this.readers) {
      reader.read({
        learnt: (bridge, key, low, destination, seenSeconds) => {
          const address = { vlan: (key >>> 16) & 0xfff, macHigh: key & 0xffff, macLow: low };
          const found = { ...address, destination, lastSeenSeconds: seenSeconds, static: false };
          this.found(this.bridgeOf(bridge), found);
        },
        frame: (bridge, vlan, view, offset, bytes) => this.sighted(bridge, vlan, view, offset, bytes),
      });
    }
    this.lookUpSome();
  }

  /** All hosts, each as its FDB has it now. */
  rows(now: Now): HostRow[] {
    this.look(now);
    for (const bridge of this.options.bridges.values())
      for (const entry of bridge.fdb.entries()) this.found(bridge, entry);
    return this.table.rows();
  }

  status(): HostsStatus {
    const { presentCount, evicted } = this.table;
    return { present: presentCount, evicted, eventsLost: this.losses };
  }

  forgetBridge(name: string): void {
    this.table.forgetBridge(name);
    this.turn = null;
  }

  private get losses(): number {
    return this.eventsDropped + this.options.newsDrops();
  }

  private beginSecond(second: number): void {
    this.second = second;
    this.eventsLeft = EVENTS_A_SECOND;
    this.turn ??= this.table.present();
    this.table.expire(this.now.wallMs);
    const losses = this.losses;
    if (losses > this.lossesTold) this.options.onEvent(eventsLost(losses - this.lossesTold));
    this.lossesTold = losses;
  }

  private emit(event: DataplaneEvent): void {
    if (this.eventsLeft === 0) {
      this.eventsDropped++;
      return;
    }
    this.eventsLeft--;
    this.options.onEvent(event);
  }

  private lookUpSome(): void {
    for (let left = LOOKED_UP_MAX; left > 0 && this.turn !== null; left--) {
      const { value: host, done } = this.turn.next();
      if (done) this.turn = null;
      else this.lookUp(host);
    }
  }

  private lookUp(host: Host): void {
    const bridge = this.options.bridges.get(host.bridge);
    const { high, low } = parseMac(host.mac);
    const entry = bridge?.fdb.entryOf(fdbKey(host.vlan, high), low) ?? null;
    if (entry !== null) this.found(bridge, entry);
    else if (host.isMissed) this.table.forget(host, this.now.wallMs);
    host.isMissed = entry === null;
  }

  private found(bridge: HostBridge | undefined, entry: Omit<FdbEntry, "stamp">): Host | null {
    const place = this.placeOf(entry.destination);
    if (bridge === undefined || place === null) return null;
    const { monotonicMs, wallMs } = this.now;
    const ageMs = Math.max(0, monotonicMs - entry.lastSeenSeconds * 1000);
    const mac = formatMac(entry.macHigh, entry.macLow);
    const at = { bridge: bridge.spec.name, vlan: entry.vlan, mac, isStatic: entry.static };
    const known = this.table.find(at.bridge, at.vlan, at.mac);
    const staticSeenMs = known?.lastSeenMs ?? wallMs;
    return this.table.seen(at, place, entry.static ? staticSeenMs : Math.floor(wallMs - ageMs));
  }

  private placeOf(destination: number): HostPlace | null {
    const { ends } = this.options;
    const spec = ends.portOf(destination)?.spec;
    if (spec === undefined) return null;
    const remote = ends.remoteOf(destination);
    const vni = spec.type === "vxlan" ? spec.vni : null;
    return { port: spec.name, remote: remote && formatAddress(remote.words), vni };
  }

  /** Believed only of a host that the FDB knows. */
  private sighted(index: number, vlan: number, view: DataView, offset: number, bytes: number): void {
    const bridge = this.bridgeOf(index);
    const sighting = readSighting(view, offset, bytes, Math.min(bytes, TOLD_BYTES_MAX));
    if (bridge === undefined || sighting === null) return;
    const entry = bridge.fdb.entryOf(fdbKey(vlan, sighting.macHigh), sighting.macLow);
    const host = entry && this.found(bridge, entry);
    if (host === null) return;
    if (sighting.hostName !== null) host.name = sighting.hostName;
    const conflictMs = (bridge.spec.ageingSeconds || CONFLICT_SECONDS) * 1000;
    if (sighting.address !== null)
      this.table.tell(host, sighting.address, sighting.by, this.now.wallMs, conflictMs);
  }

  private bridgeOf(index: number): HostBridge | undefined {
    for (const bridge of this.options.bridges.values()) if (bridge.index === index) return bridge;
    return undefined;
  }
}
