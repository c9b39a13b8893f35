// Which datagrams come in by a receive ring. For each device that leads to a remote there is one ring; the classifier
// hands it what is sent to the VTEPs that are reached there. Whatever is missing (an old kernel, a privilege) and all
// that a ring does not carry arrives at the UDP sockets as before.
import type { Address } from "../address.ts";
import { Classifier, closeRings, openRings, type RingSocket, ringDrops, unlink } from "../io/ring.ts";
import { RINGS_MAX, VTEPS_MAX } from "../limits.ts";
import type { ForwardingCommand, PerWorker } from "../threads/workers.ts";
import { VTEP_ADDRESS, VTEP_DEVICE, VTEP_PORT, VTEP_WORDS } from "../vteps.ts";
import { explainRing } from "./explain.ts";
import { IndexPool } from "./index-pool.ts";

/** A VTEP of ours at the device by which one of its remotes is reached. */
export interface RingVtep {
  readonly ifindex: number;
  readonly deviceName: string;
  readonly mtuBytes: number;
  /** The address that the remote sends to. */
  readonly local: Address;
  readonly port: number;
  /** Device index of the UDP socket that holds the address. */
  readonly underlay: number;
}

interface Ring {
  readonly ifindex: number;
  readonly deviceName: string;
  readonly device: number;
  readonly room: number;
  readonly sockets: PerWorker<RingSocket>;
  /** Descriptor that keeps the ring's datagrams from the host's stack. */
  readonly link: number;
}

export interface RingsOptions {
  readonly vteps: Int32Array;
  readonly deviceIndices: IndexPool;
  readonly bufferBytes: number;
  readonly workers: number;
  readonly enabled: boolean;
  readonly send: (commands: readonly ForwardingCommand[]) => Promise<unknown>;
  readonly onEvent: (level: "info" | "warn", message: string) => void;
}

export class Rings {
  private readonly options: RingsOptions;
  private readonly rings = new Map<number, Ring>();
  /** Devices that refused a ring, and why; tried again when they change. */
  private readonly refusals = new Map<string, string>();
  private readonly rooms = new IndexPool("rings", 0, RINGS_MAX);
  private readonly rows = new IndexPool("local VTEPs of rings", 0, VTEPS_MAX);
  /** Rows of the VTEP table by address and port, with the devices at which the classifier takes them. */
  private readonly vteps = new Map<string, { row: number; vtep: RingVtep; ifindices: Set<number> }>();
  private classifier: Classifier | null = null;
  private pastDrops = 0;

  constructor(options: RingsOptions) {
    this.options = options;
  }

  /** Brings rings, table and classifier to what is wanted now. */
  async update(wanted: readonly RingVtep[]): Promise<void> {
    if (!this.options.enabled) return;
    this.forgetAllBut(wanted);
    const ifindices = new Set(wanted.map(({ ifindex }) => ifindex));
    for (const ring of Array.from(this.rings.values()))
      if (!ifindices.has(ring.ifindex)) await this.close(ring);
    for (const vtep of wanted) {
      if (!this.rings.has(vtep.ifindex)) await this.open(vtep);
      if (this.rings.has(vtep.ifindex)) this.take(vtep);
    }
  }

  /** Everything that a new engine must be told. */
  commands(): ForwardingCommand[] {
    return Array.from(this.rings.values(), ringCommand);
  }

  /** Frames that found a ring full. */
  drops(): number {
    for (const { sockets } of this.rings.values()) this.pastDrops += ringDrops(sockets);
    return this.pastDrops;
  }

  get isOpen(): boolean {
    return this.rings.size > 0;
  }

  /** In a sentence, how datagrams come in, and why so. */
  describe(): string {
    if (!this.options.enabled) return "received by UDP sockets, as configured";
    const refusals = Array.from(this.refusals, ([device, why]) => `${device}: ${why}`).join("; ");
    if (this.rings.size === 0)
      return refusals === ""
        ? "received by UDP sockets until a remote's next hop is known"
        : `received by UDP sockets (${refusals})`;
    const devices = Array.from(this.rings.values(), ({ deviceName }) => deviceName).join(", ");
    return `received by ring on ${devices}${refusals === "" ? "" : `, by UDP sockets elsewhere (${refusals})`}`;
  }

  closeAll(): void {
    for (const { link, sockets } of this.rings.values()) {
      unlink(link);
      closeRings(sockets);
    }
    this.rings.clear();
    this.classifier?.close();
    this.classifier = null;
  }

  private async open(vtep: RingVtep): Promise<void> {
    const { ifindex, deviceName, mtuBytes } = vtep;
    if (this.refusals.has(deviceName)) return;
    if (this.rings.size === RINGS_MAX) {
      this.refuse(deviceName, `no more than ${RINGS_MAX} devices`);
      return;
    }
    const room = this.rooms.take();
    try {
      this.classifier ??= new Classifier();
      const { bufferBytes, workers, deviceIndices } = this.options;
      const sockets = openRings(workers, ifindex, mtuBytes, room, bufferBytes, this.classifier.filter);
      const link = this.link(ifindex, sockets);
      const ring = { ifindex, deviceName, device: deviceIndices.take(), room, sockets, link };
      this.rings.set(ifindex, ring);
      await this.options.send([ringCommand(ring)]);
    } catch (error) {
      this.rooms.give(room);
      this.refuse(deviceName, explainRing(error));
    }
  }

  private link(ifindex: number, sockets: PerWorker<RingSocket>): number {
    try {
      return (this.classifier as Classifier).link(ifindex);
    } catch (error) {
      closeRings(sockets);
      throw error;
    }
  }

  private refuse(deviceName: string, why: string): void {
    this.refusals.set(deviceName, why);
    this.options.onEvent(
      "warn",
      `no receive ring on ${deviceName}: ${why}; its datagrams take the UDP socket`,
    );
  }

  private async close(ring: Ring): Promise<void> {
    this.rings.delete(ring.ifindex);
    unlink(ring.link);
    await this.options.send([{ op: "del-device", device: ring.device }]);
    this.pastDrops += ringDrops(ring.sockets);
    closeRings(ring.sockets);
    this.options.deviceIndices.give(ring.device);
    this.rooms.give(ring.room);
  }

  private take(vtep: RingVtep): void {
    const key = keyOf(vtep);
    let known = this.vteps.get(key);
    if (known === undefined) {
      if (this.vteps.size === VTEPS_MAX) return;
      known = { row: this.rows.take(), vtep, ifindices: new Set() };
      this.vteps.set(key, known);
      this.writeRow(known.row, vtep);
    }
    if (known.ifindices.has(vtep.ifindex)) return;
    known.ifindices.add(vtep.ifindex);
    this.classifier?.set(vtep.local, vtep.ifindex, vtep.port, true);
  }

  /** First the classifier, so that nothing comes in by a ring that the table no longer knows. */
  private forgetAllBut(wanted: readonly RingVtep[]): void {
    const places = new Set(wanted.map((vtep) => `${keyOf(vtep)} ${vtep.ifindex}`));
    for (const [key, { row, vtep, ifindices }] of this.vteps) {
      for (const ifindex of ifindices) {
        if (places.has(`${key} ${ifindex}`)) continue;
        this.classifier?.set(vtep.local, ifindex, vtep.port, false);
        ifindices.delete(ifindex);
      }
      if (ifindices.size > 0) continue;
      Atomics.store(this.options.vteps, row * VTEP_WORDS + VTEP_PORT, 0);
      this.vteps.delete(key);
      this.rows.give(row);
    }
  }

  private writeRow(row: number, { local, port, underlay }: RingVtep): void {
    const { vteps } = this.options;
    const at = row * VTEP_WORDS;
    vteps.set(local.words, at + VTEP_ADDRESS);
    vteps[at + VTEP_DEVICE] = underlay;
    Atomics.store(vteps, at + VTEP_PORT, port);
  }
}

function keyOf({ local, port, underlay }: RingVtep): string {
  return `${local.words.join(".")} ${port} ${underlay}`;
}

function ringCommand({ device, sockets }: Ring): ForwardingCommand {
  const make = sockets.map((socket) => ({ type: "ring", socket }) as const);
  return { op: "add-device", device, make, fallback: device };
}
