// All that forwarding looks at, by index: ports, bridges, devices, mirrors. Allocated at start; the engine changes it
// between two batches, the forwarder only reads it.
import type { Bridge } from "./bridge.ts";
import type { Capture } from "./capture.ts";
import type { BatchClock } from "./clock.ts";
import type { CountersMemory } from "./counters.ts";
import type { DestinationsMemory } from "./destinations.ts";
import type { Device } from "./device.ts";
import { DropRecorder, type DropRecordsMemory } from "./drop-records.ts";
import { Drops } from "./drops.ts";
import type { Learning } from "./fdb/learning.ts";
import { FORM_ROWS, FRAME_WORDS, FRAMES_MAX, type PacketMemory, TransmitList } from "./frames.ts";
import { type HostNewsMemory, HostNewsWriter } from "./host-news.ts";
import { IngressTable } from "./ingress-table.ts";
import { Journal } from "./journal.ts";
import { BRIDGES_MAX, DEVICES_MAX, MIRRORS_MAX, PORTS_MAX } from "./limits.ts";
import { Listeners, type ListenersMemory } from "./listeners.ts";
import type { LoopsMemory } from "./loops.ts";
import { Meters, type MetersMemory } from "./meters.ts";
import type { Mirror } from "./mirror.ts";
import { Neighbours, type NeighboursMemory } from "./neighbours.ts";
import { Newcomers } from "./newcomers.ts";
import {
  POLICY_CLAMP_MSS,
  POLICY_MANY_ENDS,
  POLICY_NEIGH_SUPPRESS,
  POLICY_POLICED,
  POLICY_QUARANTINED,
  type PortPolicy,
  policyBits,
} from "./policy.ts";
import { PortVlans } from "./port-vlans.ts";
import type { VtepsMemory } from "./vteps.ts";

/** What all forwarding threads and the control thread share. */
export interface CommonMemory {
  readonly destinations: DestinationsMemory;
  readonly vteps: VtepsMemory;
  readonly meters: MetersMemory;
  readonly loops: LoopsMemory;
  readonly neighbours: NeighboursMemory;
  readonly listeners: ListenersMemory;
}

/** What a forwarding thread shares with the control thread. */
export interface SharedMemory extends CommonMemory {
  readonly counters: CountersMemory;
  readonly dropRecords: DropRecordsMemory;
  readonly hostNews: HostNewsMemory;
}

export const NO_PORT = -1;

export class Tables {
  readonly counters: Float64Array;
  readonly destinations: Int32Array;
  readonly vteps: Int32Array;
  /** null where there is no other worker. */
  readonly learning: Learning | null;
  readonly hostNews: HostNewsWriter;
  /** Rows of the batch in hand, and behind them those of its frames in other forms (stages/vlan.ts). */
  readonly frames = new Int32Array((FRAMES_MAX + FORM_ROWS) * FRAME_WORDS);
  readonly drops: Drops;
  readonly journal = new Journal(this.frames);
  /** While there is any, the journal is open. */
  readonly captures: Capture[] = [];
  readonly ingress = new IngressTable();
  readonly newcomers = new Newcomers();
  readonly bridges: (Bridge | null)[] = new Array(BRIDGES_MAX).fill(null);
  /** Some FDB has outgrown the processor's caches; seen to once a second. */
  hasLargeFdb = false;
  /** Bridge of a port, or -1. */
  readonly portBridge = new Int32Array(PORTS_MAX).fill(-1);
  /** What a port may not do (policy.ts). */
  readonly portPolicy = new Int32Array(PORTS_MAX);
  /** Addresses that a port may learn, 0 = as many as its bridge holds. */
  readonly portAddressesMax = new Int32Array(PORTS_MAX);
  readonly vlans = new PortVlans();
  readonly meters: Meters;
  readonly loops: LoopsMemory;
  /** Some port has a bound on what it may send, or may send nothing. */
  hasPolicedPort = false;
  /** Some cable loses, doubles or holds frames; kept by stages/impair.ts. */
  hasImpairedPort = false;
  /** Some port has the MSS of what passes it clamped. */
  hasClampedPort = false;
  readonly neighbours: Neighbours;
  /** Some port hears no questions about stations that are known. */
  hasSuppressedPort = false;
  readonly listeners: Listeners;
  /** Bit m: mirror m wants what the port receives (transmits). */
  readonly receiveMirrors = new Int32Array(PORTS_MAX);
  readonly transmitMirrors = new Int32Array(PORTS_MAX);
  readonly mirrors: (Mirror | null)[] = new Array(MIRRORS_MAX).fill(null);
  /** Without any, no frame is looked at for their sake. */
  mirrorCount = 0;
  readonly devices: (Device | null)[] = new Array(DEVICES_MAX).fill(null);
  readonly lists: (TransmitList | null)[] = new Array(DEVICES_MAX).fill(null);
  /** Port of a device with bare Ethernet frames, or NO_PORT. */
  readonly devicePort = new Int32Array(DEVICES_MAX).fill(NO_PORT);
  readonly devicePortDestination = new Int32Array(DEVICES_MAX);
  /** For a socket with a specific local address: the wildcard socket on the same UDP port, or itself. */
  readonly deviceFallback = new Int32Array(DEVICES_MAX);

  /** The rows point into `packets`; `clock` is the wall's. */
  constructor(memory: SharedMemory, learning: Learning | null, packets: PacketMemory, clock: BatchClock) {
    this.counters = new Float64Array(memory.counters);
    const recorder = new DropRecorder(memory.dropRecords, this.frames, packets.bytes, clock);
    this.drops = new Drops(this.frames, this.counters, recorder, this.journal);
    this.learning = learning;
    this.hostNews = new HostNewsWriter(memory.hostNews, this.counters);
    this.destinations = new Int32Array(memory.destinations);
    this.vteps = new Int32Array(memory.vteps);
    this.meters = new Meters(memory.meters);
    this.loops = memory.loops;
    this.neighbours = new Neighbours(memory.neighbours);
    this.listeners = new Listeners(memory.listeners);
  }

  /** What a port may do from now on. */
  setPolicy(
    port: number,
    policy: PortPolicy,
    { isQuarantined, hasManyEnds }: { readonly isQuarantined: boolean; readonly hasManyEnds: boolean },
  ): void {
    const state = (isQuarantined ? POLICY_QUARANTINED : 0) | (hasManyEnds ? POLICY_MANY_ENDS : 0);
    this.portPolicy[port] = policyBits(policy) | state;
    this.portAddressesMax[port] = policy.addressesMax;
    this.vlans.configure(port, policy.vlan);
    this.meters.configure(port, policy);
    this.hasPolicedPort = this.portPolicy.some(
      (bits) => (bits & (POLICY_POLICED | POLICY_QUARANTINED)) !== 0,
    );
    this.hasClampedPort = this.portPolicy.some((bits) => (bits & POLICY_CLAMP_MSS) !== 0);
    const suppresses = this.portPolicy.some((bits) => (bits & POLICY_NEIGH_SUPPRESS) !== 0);
    // Nobody has listened until now: what is known may be true no longer.
    if (suppresses && !this.hasSuppressedPort) this.neighbours.forgetAll();
    this.hasSuppressedPort = suppresses;
  }

  /** Watches for these from now on. */
  setCaptures(captures: readonly Capture[]): void {
    this.captures.splice(0, this.captures.length, ...captures);
    this.journal.isOpen = captures.length > 0;
  }

  setDevice(index: number, device: Device, fallback: number): void {
    this.devices[index] = device;
    this.lists[index] = new TransmitList();
    this.deviceFallback[index] = fallback;
  }

  deleteDevice(index: number): void {
    this.devices[index]?.detach?.();
    this.devices[index] = null;
    this.lists[index] = null;
    this.devicePort[index] = NO_PORT;
  }
}
