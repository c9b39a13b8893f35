// What the switch did in the last hour: its counters, read once a second, as rates. The last five minutes are kept by the
// second, the hour in averages of ten; a port takes 18 KB while it is there, so all that there can be (1024) take 19 MB, and
// their drops by reason 3 MB more. Time is given from outside.
//
// A pause of the process makes a longer sample, not a wrong rate: each is divided by the time that it lasted. Counters that have
// fallen are those of a port that was deleted and added anew, which starts anew here too.
import { DROP_REASONS, type DropReasonName } from "../../dataplane/drop-reason.ts";
import type {
  BridgeStatus,
  DropCounts,
  MirrorStatus,
  PortStatus,
  SwitchStatus,
} from "../../dataplane/spec.ts";
import { BRIDGES_MAX, MIRRORS_MAX, PORTS_MAX } from "../config/limits.ts";
import { keyOf } from "../key.ts";
import type { RateTrack } from "./rate-track.ts";
import { COARSE_SLOTS, FINE_SLOTS, type Slots, Timeline } from "./timeline.ts";
import { type SampleTime, Tracks } from "./tracks.ts";

/** Pairs of port and reason with a history of their own; further ones are in the sum of the port alone. */
export const DROP_TRACKS_MAX = 1024;

/** Values of a port, in the order of its track. `held` is a level. */
export const PORT_VALUES = [
  "rx_packets",
  "rx_bytes",
  "tx_packets",
  "tx_bytes",
  "rx_errors",
  "drops",
  "held",
] as const;
export const UNDERLAY_VALUES = ["rx_packets", "rx_overruns", "rx_errors", "drops"] as const;
/** The last is a level. */
export const BRIDGE_VALUES = [
  "fdb_learned",
  "fdb_moved",
  "fdb_expired",
  "fdb_evicted",
  "flood_copies",
  "fdb_entries",
] as const;
export const MIRROR_VALUES = ["packets", "bytes", "drops"] as const;

/** Reasons that say that the frame itself was bad. */
const ERRORS: readonly DropReasonName[] = [
  "vxlan_short",
  "vxlan_flags",
  "datagram_truncated",
  "source_mac_invalid",
  "inner_malformed",
  "offload_invalid",
  "outer_malformed",
];

/** Values in columns: the n-th of each belongs to the n-th slot, oldest first. */
export interface Columns {
  /** When each slot ended, before the last sample. */
  readonly ageSeconds: readonly number[];
  /** How long each lasted. */
  readonly seconds: readonly number[];
  /** NaN where the thing was not there. */
  readonly values: Readonly<Record<string, readonly number[]>>;
  /** Of a port or the underlay, the reasons that occurred. */
  readonly drops: Readonly<Record<string, readonly number[]>>;
}

export class History {
  readonly timeline = new Timeline();
  private readonly ports = new Tracks(PORT_VALUES.length - 1, 1, PORTS_MAX);
  private readonly bridges = new Tracks(BRIDGE_VALUES.length - 1, 1, BRIDGES_MAX);
  private readonly mirrors = new Tracks(MIRROR_VALUES.length, 0, MIRRORS_MAX);
  private readonly underlays = new Tracks(UNDERLAY_VALUES.length, 0, 1);
  private readonly drops = new Tracks(1, 0, DROP_TRACKS_MAX);
  private readonly row = new Float64Array(PORT_VALUES.length);
  /** The port in whose place each was, as of the last sample. */
  private hubs = new Map<string, string>();
  private lastMs: number | null = null;
  /** Samples that have rates, since the beginning. */
  samples = 0;

  /** Takes in what the switch has counted by now. */
  sample(nowMs: number, status: SwitchStatus): void {
    const seconds = this.lastMs === null ? 0 : (nowMs - this.lastMs) / 1000;
    if (this.lastMs !== null && seconds <= 0) return;
    const time = this.lastMs === null ? null : { seconds, ...this.timeline.add(nowMs, seconds) };
    this.lastMs = nowMs;
    if (time !== null) this.samples++;
    this.drops.begin();
    this.samplePorts(status.ports, time);
    this.sampleUnderlay(status, time);
    this.sampleAll(this.bridges, status.bridges, ({ name }) => name, bridgeValues, time);
    this.sampleAll(this.mirrors, status.mirrors, keyOf, mirrorValues, time);
    this.drops.end(time, this.timeline.fine);
  }

  /** The averages of the last so many samples, by name: of those in which the thing was there. */
  latest(
    kind: "port" | "bridge" | "mirror" | "underlay",
    key: string,
    samples = 1,
  ): Float64Array | undefined {
    const tracks = { port: this.ports, bridge: this.bridges, mirror: this.mirrors, underlay: this.underlays };
    const track = tracks[kind].get(key);
    return track && this.mean(track, samples);
  }

  /** How fast a port drops for this reason; NaN if that is not known. */
  latestDrops(key: string, reason: string, samples = 1): number {
    const track = this.drops.get(dropKey(key, reason));
    return track ? this.mean(track, samples)[0] : Number.NaN;
  }

  /** How long the last so many samples lasted. */
  secondsOf(samples: number): number {
    const { fine } = this.timeline;
    return fine.newest(samples).reduce((sum, slot) => sum + fine.seconds[slot], 0);
  }

  /** The last so many seconds of a port, or with an empty key of the underlay; null if there is no such port. */
  columns(key: string, spanSeconds: number): Columns | null {
    const track = key === "" ? this.underlays.get(key) : this.ports.get(key);
    if (track === undefined || this.lastMs === null) return null;
    const isFine = spanSeconds <= FINE_SLOTS;
    const times = isFine ? this.timeline.fine : this.timeline.coarse;
    const slots = times.since(this.lastMs - spanSeconds * 1000);
    const values = (of: typeof track, index: number) =>
      isFine ? of.fineValues(index, slots) : of.coarseValues(index, slots);
    const names = key === "" ? UNDERLAY_VALUES : PORT_VALUES;
    const reasons = DROP_REASONS.flatMap(({ name }) => {
      const of = this.drops.get(dropKey(key, name));
      return of === undefined ? [] : [[name, values(of, 0)] as const];
    });
    return {
      ...this.axis(times, slots),
      values: Object.fromEntries(names.map((name, index) => [name, values(track, index)])),
      drops: Object.fromEntries(reasons),
    };
  }

  /** One value of a port in the last so many samples, oldest first; for a sparkline. */
  recent(key: string, name: (typeof PORT_VALUES)[number], samples: number): number[] {
    const track = this.ports.get(key);
    return track?.fineValues(PORT_VALUES.indexOf(name), this.timeline.fine.newest(samples)) ?? [];
  }

  /** Bytes of the histories that there are. */
  get sizeBytes(): number {
    const values =
      this.ports.count * PORT_VALUES.length +
      this.bridges.count * BRIDGE_VALUES.length +
      this.mirrors.count * MIRROR_VALUES.length +
      this.underlays.count * UNDERLAY_VALUES.length +
      this.drops.count;
    return values * ((FINE_SLOTS + COARSE_SLOTS) * Float32Array.BYTES_PER_ELEMENT);
  }

  private samplePorts(ports: readonly PortStatus[], time: SampleTime | null): void {
    this.inheritToHubs(ports);
    this.sampleAll(this.ports, ports, keyOf, portValues, time);
    this.hubs = new Map(ports.flatMap((port) => (port.hub === null ? [] : [[keyOf(port), hubKey(port)]])));
    for (const port of ports) this.sampleDrops(keyOf(port), port.drops, time);
  }

  /** What a port in the place of a hub has counted goes to the hub when it leaves: that is no traffic of this moment. */
  private inheritToHubs(ports: readonly PortStatus[]): void {
    if (this.hubs.size === 0) return;
    const there = new Map(ports.map((port) => [keyOf(port), port]));
    for (const [key, hub] of this.hubs) {
      const port = there.get(key);
      const track = this.ports.get(key);
      if (track === undefined) continue;
      if (port !== undefined) {
        portValues(port, this.row);
        if (!track.hasFallen(this.row)) continue;
      }
      const heir = this.ports.get(hub)?.counts;
      heir?.forEach((count, i) => {
        heir[i] = count + track.counts[i];
      });
      this.inheritDrops(key, hub);
    }
  }

  private inheritDrops(key: string, hub: string): void {
    for (const { name } of DROP_REASONS) {
      const left = this.drops.get(dropKey(key, name));
      const heir = this.drops.get(dropKey(hub, name));
      if (left && heir) heir.counts[0] += left.counts[0];
    }
  }

  private sampleUnderlay({ underlay }: SwitchStatus, time: SampleTime | null): void {
    const counts = this.row.subarray(0, UNDERLAY_VALUES.length);
    counts[0] = underlay.receivePackets;
    counts[1] = underlay.receiveOverruns;
    counts[2] = errorsIn(underlay.drops);
    counts[3] = sumOf(underlay.drops);
    this.underlays.begin();
    this.underlays.put("", counts, time);
    this.underlays.end(time, this.timeline.fine);
    this.sampleDrops("", underlay.drops, time);
  }

  private sampleDrops(key: string, drops: DropCounts, time: SampleTime | null): void {
    const count = this.row.subarray(0, 1);
    for (const reason in drops) {
      count[0] = drops[reason as DropReasonName] as number;
      this.drops.put(dropKey(key, reason), count, time);
    }
  }

  private sampleAll<T>(
    tracks: Tracks,
    things: readonly T[],
    key: (thing: T) => string,
    fill: (thing: T, counts: Float64Array) => number,
    time: SampleTime | null,
  ): void {
    tracks.begin();
    for (const thing of things) {
      const count = fill(thing, this.row);
      tracks.put(key(thing), this.row.subarray(0, count), time);
    }
    tracks.end(time, this.timeline.fine);
  }

  private axis(times: Slots, slots: readonly number[]): Pick<Columns, "ageSeconds" | "seconds"> {
    const nowMs = this.lastMs ?? 0;
    return {
      ageSeconds: slots.map((slot) => (nowMs - times.endMs[slot]) / 1000),
      seconds: slots.map((slot) => times.seconds[slot]),
    };
  }

  private mean(track: RateTrack, samples: number): Float64Array {
    const { fine } = this.timeline;
    return samples === 1 ? track.latest : track.mean(fine.newest(samples), fine);
  }
}

function portValues(port: PortStatus, counts: Float64Array): number {
  counts[0] = port.rxPackets;
  counts[1] = port.rxBytes;
  counts[2] = port.txPackets;
  counts[3] = port.txBytes;
  counts[4] = errorsIn(port.drops);
  counts[5] = sumOf(port.drops);
  counts[6] = port.impairHeld;
  return PORT_VALUES.length;
}

function bridgeValues(bridge: BridgeStatus, counts: Float64Array): number {
  counts[0] = bridge.fdbLearned;
  counts[1] = bridge.fdbMoved;
  counts[2] = bridge.fdbExpired;
  counts[3] = bridge.fdbEvicted;
  counts[4] = bridge.floodCopies;
  counts[5] = bridge.fdbEntries;
  return BRIDGE_VALUES.length;
}

function mirrorValues(mirror: MirrorStatus, counts: Float64Array): number {
  counts[0] = mirror.packets;
  counts[1] = mirror.bytes;
  counts[2] = mirror.queueDrops + mirror.outputDrops;
  return MIRROR_VALUES.length;
}

function errorsIn(drops: DropCounts): number {
  let sum = 0;
  for (const reason of ERRORS) sum += drops[reason] ?? 0;
  return sum;
}

function sumOf(drops: DropCounts): number {
  let sum = 0;
  for (const reason in drops) sum += drops[reason as DropReasonName] as number;
  return sum;
}

function hubKey({ bridge, hub }: PortStatus): string {
  return keyOf({ bridge, name: hub as string });
}

/** No name has a space. */
function dropKey(key: string, reason: string): string {
  return `${key} ${reason}`;
}
