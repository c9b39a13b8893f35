// Which datagrams come in by a receive ring. For each device that leads to a remote there is one ring; the classifier
// hands it what is sent to the VTEPs that are reached there. Whatever is missing (an old kernel, a privilege) and all
// that a ring does not carry arrives at the UDP sockets as before.
import { setTimeout as sleep } from "node:timers/promises";
import type { Address } from "../address.ts";
import { monotonicMs } from "../clock.ts";
import { ringClosed, ringOpened, ringRefused } from "../events.ts";
import { Classifier, DeviceRings } from "../io/ring.ts";
import { RINGS_MAX, VTEPS_MAX } from "../limits.ts";
import type { DataplaneEvent } from "../spec.ts";
import type { ForwardingCommand } from "../threads/workers.ts";
import { VTEP_ADDRESS, VTEP_DEVICE, VTEP_PORT, VTEP_WORDS } from "../vteps.ts";
import { explainRing } from "./explain.ts";
import { IndexPool } from "./index-pool.ts";
import { Retry } from "./retry.ts";

/** What has come in by a ring that is closed is forwarded meanwhile. */
const DRAIN_MS = 30;

/** A VTEP of ours at the device by which one of its remotes is reached. */
export interface RingVtep {
  readonly ifindex: number;
  readonly deviceName: string;
  /** The address that the remote sends to. */
  readonly local: Address;
  readonly port: number;
  /** Device index of the UDP socket that holds the address. */
  readonly underlay: number;
  /** That socket holds all addresses of the host. */
  readonly isWildcard: boolean;
}

interface Ring {
  readonly ifindex: number;
  /** It may be renamed. */
  deviceName: string;
  readonly device: number;
  readonly room: number;
  readonly rings: DeviceRings;
}

/** Why a device has no ring. */
interface Refusal {
  readonly deviceName: string;
  why: string;
  readonly retry: Retry;
}

/** A row of the VTEP table, and at which devices the classifier takes what is sent there. */
interface Row {
  readonly index: number;
  readonly local: Address;
  readonly port: number;
  underlay: number;
  readonly ifindices: Set<number>;
}

export interface RingsOptions {
  readonly vteps: Int32Array;
  readonly deviceIndices: IndexPool;
  readonly workers: number;
  readonly enabled: boolean;
  readonly send: (commands: readonly ForwardingCommand[]) => Promise<unknown>;
  readonly onEvent: (event: DataplaneEvent) => void;
}

export class Rings {
  private readonly options: RingsOptions;
  private readonly rings = new Map<number, Ring>();
  /** By interface index. */
  private readonly refusals = new Map<number, Refusal>();
  private readonly rooms = new IndexPool("rings", 0, RINGS_MAX);
  private readonly rows = new IndexPool("local VTEPs of rings", 0, VTEPS_MAX);
  /** By address and port. */
  private readonly vteps = new Map<string, Row>();
  private classifier: Classifier | null = null;
  /** Of rings that are closed by now. */
  private pastDrops = 0;

  constructor(options: RingsOptions) {
    this.options = options;
  }

  /** Brings rings, table and classifier to what is wanted now. */
  async update(wanted: readonly RingVtep[]): Promise<void> {
    if (!this.options.enabled) return;
    const devices = new Map(wanted.map((vtep) => [vtep.ifindex, vtep]));
    this.forgetAllBut(wanted);
    for (const ring of Array.from(this.rings.values())) {
      const device = devices.get(ring.ifindex);
      if (!device) await this.close(ring, "no remote is reached by it any more");
      else if (!ring.rings.receiveFrom(ring.ifindex)) await this.close(ring, "the device was replaced");
      else ring.deviceName = device.deviceName;
    }
    for (const ifindex of this.refusals.keys()) if (!devices.has(ifindex)) this.refusals.delete(ifindex);
    const underlays = underlaysOf(wanted);
    for (const vtep of wanted) {
      if (!this.rings.has(vtep.ifindex)) await this.open(vtep);
      if (this.rings.has(vtep.ifindex)) this.take(vtep, underlays.get(keyOf(vtep)) ?? vtep.underlay);
    }
  }

  /** Everything that a new engine must be told. */
  commands(): ForwardingCommand[] {
    return Array.from(this.rings.values(), ringCommand);
  }

  /** Frames that found a ring full. */
  drops(): number {
    let total = this.pastDrops;
    for (const { rings } of this.rings.values()) total += rings.drops;
    return total;
  }

  get isOpen(): boolean {
    return this.rings.size > 0;
  }

  /** In a sentence, how datagrams come in, and why so. */
  describe(): string {
    if (!this.options.enabled) return "received by UDP sockets, as configured";
    const refused = Array.from(this.refusals.values(), ({ deviceName, why }) => `${deviceName}: ${why}`);
    const refusals = refused.join("; ");
    if (this.rings.size === 0)
      return refusals === ""
        ? "received by UDP sockets until a remote's next hop is known"
        : `received by UDP sockets (${refusals})`;
    const devices = Array.from(this.rings.values(), ({ deviceName }) => deviceName).join(", ");
    return `received by ring on ${devices}${refusals === "" ? "" : `, by UDP sockets elsewhere (${refusals})`}`;
  }

  closeAll(): void {
    for (const { rings } of this.rings.values()) rings.close();
    this.rings.clear();
    this.classifier?.close();
    this.classifier = null;
  }

  private async open(vtep: RingVtep): Promise<void> {
    const { ifindex, deviceName } = vtep;
    const refusal = this.refusals.get(ifindex);
    if (refusal && !refusal.retry.isDue(monotonicMs())) return;
    if (this.rings.size === RINGS_MAX) {
      this.refuse(vtep, `no more than ${RINGS_MAX} devices`);
      return;
    }
    let ring: Ring;
    try {
      ring = this.openOn(vtep);
    } catch (error) {
      this.refuse(vtep, explainRing(error));
      return;
    }
    this.refusals.delete(ifindex);
    this.rings.set(ifindex, ring);
    await this.options.send([ringCommand(ring)]);
    this.options.onEvent(ringOpened(deviceName));
  }

  /** Takes what a ring needs, all or nothing. */
  private openOn({ ifindex, deviceName }: RingVtep): Ring {
    const { workers, deviceIndices } = this.options;
    this.classifier ??= new Classifier();
    const room = this.rooms.take();
    try {
      const rings = new DeviceRings(this.classifier, workers, ifindex, room);
      return { ifindex, deviceName, device: deviceIndices.take(), room, rings };
    } catch (error) {
      this.rooms.give(room);
      throw error;
    }
  }

  /** The same reason is told once, however often the device is tried again. */
  private refuse({ ifindex, deviceName }: RingVtep, why: string): void {
    const known = this.refusals.get(ifindex);
    const refusal = known ?? { deviceName, why, retry: new Retry() };
    refusal.retry.failed(monotonicMs());
    this.refusals.set(ifindex, refusal);
    if (known?.why === why) return;
    refusal.why = why;
    this.options.onEvent(ringRefused(deviceName, why));
  }

  private async close(ring: Ring, why: string): Promise<void> {
    this.rings.delete(ring.ifindex);
    for (const row of this.vteps.values()) this.untake(row, ring.ifindex);
    ring.rings.unlink();
    await sleep(DRAIN_MS);
    await this.options.send([{ op: "del-device", device: ring.device }]);
    this.pastDrops += ring.rings.drops;
    ring.rings.close();
    this.options.deviceIndices.give(ring.device);
    this.rooms.give(ring.room);
    this.options.onEvent(ringClosed(ring.deviceName, why));
  }

  private take(vtep: RingVtep, underlay: number): void {
    const { local, port, ifindex } = vtep;
    let row = this.vteps.get(keyOf(vtep));
    if (row === undefined) {
      if (this.vteps.size === VTEPS_MAX) return;
      row = { index: this.rows.take(), local, port, underlay, ifindices: new Set() };
      this.vteps.set(keyOf(vtep), row);
      this.writeRow(row);
    } else if (row.underlay !== underlay) {
      row.underlay = underlay;
      Atomics.store(this.options.vteps, row.index * VTEP_WORDS + VTEP_DEVICE, underlay);
    }
    if (row.ifindices.has(ifindex)) return;
    row.ifindices.add(ifindex);
    this.classifier?.set(local, ifindex, port, true);
  }

  private untake({ local, port, ifindices }: Row, ifindex: number): void {
    if (ifindices.delete(ifindex)) this.classifier?.set(local, ifindex, port, false);
  }

  /** First the classifier, so that nothing comes in by a ring that the table no longer knows. */
  private forgetAllBut(wanted: readonly RingVtep[]): void {
    const places = new Set(wanted.map((vtep) => `${keyOf(vtep)} ${vtep.ifindex}`));
    const keys = new Set(wanted.map(keyOf));
    for (const [key, row] of this.vteps) {
      for (const ifindex of row.ifindices) if (!places.has(`${key} ${ifindex}`)) this.untake(row, ifindex);
      if (keys.has(key)) continue;
      Atomics.store(this.options.vteps, row.index * VTEP_WORDS + VTEP_PORT, 0);
      this.vteps.delete(key);
      this.rows.give(row.index);
    }
  }

  private writeRow({ index, local, port, underlay }: Row): void {
    const { vteps } = this.options;
    const at = index * VTEP_WORDS;
    vteps.set(local.words, at + VTEP_ADDRESS);
    vteps[at + VTEP_DEVICE] = underlay;
    Atomics.store(vteps, at + VTEP_PORT, port);
  }
}

/** Whose a datagram is, by address and port: the kernel, too, prefers the socket of the very address to a wildcard. */
function underlaysOf(wanted: readonly RingVtep[]): Map<string, number> {
  const underlays = new Map<string, number>();
  for (const vtep of wanted) if (vtep.isWildcard) underlays.set(keyOf(vtep), vtep.underlay);
  for (const vtep of wanted) if (!vtep.isWildcard) underlays.set(keyOf(vtep), vtep.underlay);
  return underlays;
}

function keyOf({ local, port }: { local: Address; port: number }): string {
  return `${local.words.join(".")} ${port}`;
}

function ringCommand({ device, rings }: Ring): ForwardingCommand {
  const make = rings.sockets.map((socket) => ({ type: "ring", socket }) as const);
  return { op: "add-device", device, make, fallback: device };
}
