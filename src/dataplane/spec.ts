// What the control plane asks of the data plane, and what it can read back: plain values in the words of the
// configuration. Names identify bridges, ports and mirrors; indices never leave src/dataplane.

import type { Impairment } from "./cables/impairment.ts";
import type { DropReasonName } from "./drop-reason.ts";
import type { DataplaneEvent } from "./events.ts";
import type { LastReceived } from "./inventory/activity.ts";
import type { OuterOptions } from "./outer-options.ts";
import type { PortPolicy } from "./policy.ts";
import type { TraceAnswer, TraceQuestion } from "./trace/answer.ts";
import type { CaptureHandle, CaptureSpec, DroppedFrame } from "./watching.ts";

export type * from "./watching.ts";
export type { DataplaneEvent };

export interface BridgeSpec {
  readonly name: string;
  /** Seconds after which an address that was not seen is forgotten; 0 = never. */
  readonly ageingSeconds: number;
  /** FDB entries at most, static ones included. */
  readonly addressesMax: number;
  /** Frames to the addresses that are reserved for the link pass as any others. */
  readonly forwardsBpdu: boolean;
  /** For how long a port at which flooded frames come back is quarantined; 0 = they are not looked for. */
  readonly loopGuardSeconds: number;
  /** Frames to multicast groups go to those who have reported that they listen (IGMP, MLD). */
  readonly snoopsMulticast: boolean;
}

/** An address that is bound to a port: it neither ages nor moves. */
export interface BoundAddress {
  /** 0 = untagged. */
  readonly vlan: number;
  /** `02:00:00:00:00:01` */
  readonly mac: string;
}

export interface GroupSpec {
  /** IPv4 or IPv6. */
  readonly address: string;
  /** The network device on which it is joined, and by which frames leave for it. */
  readonly dev: string;
}

export interface AnySpec {
  /** Networks such as `10.122.0.0/16`; empty = all. */
  readonly allow: readonly string[];
  /** Ports at most that stand in its place. */
  readonly vtepsMax: number;
  /** A VTEP that has sent nothing for so long loses its port; 0 = never. */
  readonly idleSeconds: number;
}

export interface VxlanPortSpec {
  readonly type: "vxlan";
  readonly bridge: string;
  readonly name: string;
  /** 24 bits. */
  readonly vni: number;
  /** The other VTEPs, IPv4 or IPv6 addresses; none with `group` or `any`. What is flooded goes to each, frames from one not to another. */
  readonly remotes: readonly string[];
  /** What is flooded goes to a multicast group, and whoever is in it is taken in. */
  readonly group: GroupSpec | null;
  /** A hub: in its place stands a port for each VTEP that has sent with its VNI. */
  readonly any: AnySpec | null;
  /** The hub in whose place it stands, made by the data plane; null as configured. */
  readonly hub: string | null;
  /** This VTEP; null = whatever the kernel's route says, and datagrams to any local address are taken. */
  readonly local: string | null;
  /** UDP port, here and there. */
  readonly dstport: number;
  readonly outer: OuterOptions;
  readonly policy: PortPolicy;
  /** What is done to the frames that it receives, and to those that it transmits; null = nothing. */
  readonly impairIn: Impairment | null;
  readonly impairOut: Impairment | null;
  readonly fdb: readonly BoundAddress[];
}

export interface TapPortSpec {
  readonly type: "tap";
  readonly bridge: string;
  /** Name of the port and of the network device. */
  readonly name: string;
  /** The host's addresses on this leg, as `192.168.0.103/24` or `fd00::103/64`. */
  readonly addresses: readonly string[];
  /** null = the smallest path MTU of the bridge's VXLAN ports minus the encapsulation. */
  readonly mtuBytes: number | null;
  readonly policy: PortPolicy;
  /** What is done to the frames that it receives, and to those that it transmits; null = nothing. */
  readonly impairIn: Impairment | null;
  readonly impairOut: Impairment | null;
  readonly fdb: readonly BoundAddress[];
}

export type PortSpec = VxlanPortSpec | TapPortSpec;

export interface TapOutputSpec {
  readonly type: "tap";
  /** Name of the network device that tcpdump reads. */
  readonly device: string;
}

export interface PcapngOutputSpec {
  readonly type: "pcapng";
  readonly path: string;
  /** Start the next file when this one would grow beyond; 0 = never. */
  readonly rotateBytes: number;
  /** Files kept, the current one included: PATH, PATH.1, … PATH.(n-1), the highest being the oldest. */
  readonly filesMax: number;
}

/** Frames go to a collector as VXLAN datagrams (RFC 7348). */
export interface VxlanOutputSpec {
  readonly type: "vxlan";
  readonly remote: string;
  readonly vni: number;
  readonly dstport: number;
  /** null = whatever the kernel's route says. */
  readonly local: string | null;
}

/** Frames go to a collector as ERSPAN type II, over GRE and IPv4. */
export interface ErspanOutputSpec {
  readonly type: "erspan";
  readonly remote: string;
  /** 10 bits; tells a collector's sessions apart. */
  readonly session: number;
  /** 20 bits, of no meaning to the switch. */
  readonly index: number;
  /** null = whatever the kernel's route says. */
  readonly local: string | null;
}

export type MirrorOutputSpec = TapOutputSpec | PcapngOutputSpec | VxlanOutputSpec | ErspanOutputSpec;

/** Which frames pass, by their bytes from the Ethernet header on. */
export interface FilterSpec {
  /** In the syntax of pcap-filter(7), as the operator wrote it. */
  readonly expression: string;
  /** Classic BPF, four numbers an instruction; without fault (packet-filter.ts). */
  readonly program: readonly number[];
}

export interface MirrorSpec {
  readonly bridge: string;
  readonly name: string;
  readonly selectAll: boolean;
  /** Ports whose received frames are selected. */
  readonly selectSrcPorts: readonly string[];
  /** Ports whose transmitted frames are selected. */
  readonly selectDstPorts: readonly string[];
  /** Of the selected frames, only those with these VLAN IDs (0 = untagged); empty = all. */
  readonly selectVlans: readonly number[];
  /** Of the selected frames, only those that pass; null = all. */
  readonly filter: FilterSpec | null;
  /** Of the selected frames, every so many-th reaches the output, counted by each forwarding thread; 1 = all. */
  readonly sampleEvery: number;
  /** Bytes of a frame at most that reach the output; 0 = all. */
  readonly snaplenBytes: number;
  readonly output: MirrorOutputSpec;
}

/** One step from the running switch to the wanted one. Applied in order, each between two batches. */
export type Change =
  | { readonly op: "add-bridge"; readonly bridge: BridgeSpec }
  | { readonly op: "set-bridge"; readonly bridge: BridgeSpec }
  | { readonly op: "del-bridge"; readonly bridge: string }
  | { readonly op: "add-port"; readonly port: PortSpec }
  /** Same bridge, name and type; what changed is changed in place, counters stay. */
  | { readonly op: "set-port"; readonly port: PortSpec }
  | { readonly op: "del-port"; readonly bridge: string; readonly name: string }
  | { readonly op: "add-mirror"; readonly mirror: MirrorSpec }
  /** Same bridge, name, output and snaplen: what it selects changes in place, the output goes on. */
  | { readonly op: "set-mirror"; readonly mirror: MirrorSpec }
  | { readonly op: "del-mirror"; readonly bridge: string; readonly name: string };

export type DropCounts = Partial<Record<DropReasonName, number>>;

export interface PortStatus {
  readonly bridge: string;
  readonly name: string;
  readonly type: "vxlan" | "tap";
  readonly state: "up" | "down";
  /** Why it is down, in a sentence with the remedy; "" while up. */
  readonly reason: string;
  readonly mtuBytes: number;
  readonly vni: number | null;
  /** One address or several, a group, or `any`. */
  readonly remote: string | null;
  /** The hub that it stands for. */
  readonly hub: string | null;
  readonly local: string | null;
  readonly dstport: number | null;
  /** The network device by which frames leave: the TAP itself, or where the route to the first VTEP leads; null if there is none. */
  readonly device: string | null;
  readonly outer: OuterOptions | null;
  readonly policy: PortPolicy;
  readonly impairIn: Impairment | null;
  readonly impairOut: Impairment | null;
  readonly rxPackets: number;
  readonly rxBytes: number;
  readonly txPackets: number;
  readonly txBytes: number;
  /** Senders here that were told that a frame was too big for its way: transmitted beside what was received. */
  readonly tooBigReplies: number;
  /** Frames beyond the first that its impaired cable made of one. */
  readonly impairDuplicates: number;
  /** Frames that its cable holds now. */
  readonly impairHeld: number;
  /** ARP and ND questions from here that the switch answered: transmitted beside what was received. */
  readonly neighReplies: number;
  /** TCP SYNs whose MSS was lowered for the sake of this port. */
  readonly mssClamped: number;
  /** Frames from here whose sender had left their TCP or UDP checksum undone, which the switch completes. */
  readonly unfilledChecksums: number;
  /** null = it has received nothing yet. */
  readonly lastReceived: LastReceived | null;
  /** Until frames pass again; 0 = the port is not quarantined. */
  readonly quarantinedSecondsLeft: number;
  /** How often it was quarantined since it is there. */
  readonly quarantines: number;
  /** The flooded frame that came back before the last quarantine: when, and its first bytes. */
  readonly loopEvidence: { readonly wallMs: number; readonly frame: Buffer } | null;
  readonly drops: DropCounts;
}

export interface BridgeStatus {
  readonly name: string;
  readonly fdbEntries: number;
  readonly fdbLearned: number;
  readonly fdbMoved: number;
  readonly fdbExpired: number;
  readonly fdbEvicted: number;
  /** IP addresses forgotten for lack of room, of those that ARP and ND told (neigh_suppress). */
  readonly neighEvicted: number;
  /** Multicast groups that somebody has reported; 0 without snooping. */
  readonly mcastGroups: number;
  /** Times that the table of multicast listeners had no room. */
  readonly mcastEvicted: number;
  /** Copies beyond the first that flooding made. */
  readonly floodCopies: number;
}

export interface MirrorStatus {
  readonly bridge: string;
  readonly name: string;
  readonly state: "up" | "down";
  readonly reason: string;
  readonly output: string;
  readonly packets: number;
  readonly bytes: number;
  /** What waits for the output, of 4 MiB a worker. */
  readonly queueBytes: number;
  /** Selected frames that the bounded queue had no room for. */
  readonly queueDrops: number;
  /** Selected frames that the output refused (disk full, device gone). */
  readonly outputDrops: number;
}

export interface VtepStatus {
  readonly remote: string;
  readonly local: string | null;
  readonly dstport: number;
  readonly vnis: readonly number[];
  readonly pathMtuBytes: number;
  /** What the far end's overlay device may carry: path MTU minus encapsulation. */
  readonly overlayMtuBytes: number;
}

export interface UnderlayStatus {
  /** The make in use. */
  readonly io: "udp" | "ring";
  /** Why this make. */
  readonly reason: string;
  readonly receivePackets: number;
  /** Datagrams that the kernel dropped because the receive queue was full. */
  readonly receiveOverruns: number;
  /** Kernel memory that what waits at the UDP sockets takes; what waits in a receive ring is not told. */
  readonly receiveQueueBytes: number;
  /** How often the next hop to a remote changed: its device, an address, its neighbour found or lost. */
  readonly pathChanges: number;
  /** Frames dropped before a port was known. */
  readonly drops: DropCounts;
}

/** One forwarding thread. */
export interface WorkerStatus {
  readonly alive: boolean;
  /** Frames that it received from any port. */
  readonly receivePackets: number;
}

export interface SwitchStatus {
  readonly bridges: readonly BridgeStatus[];
  readonly ports: readonly PortStatus[];
  readonly mirrors: readonly MirrorStatus[];
  readonly vteps: readonly VtepStatus[];
  readonly underlay: UnderlayStatus;
  readonly hosts: HostsStatus;
  readonly workers: readonly WorkerStatus[];
  /** Addresses that one worker could not tell another, the ring between them being full. */
  readonly learningDrops: number;
  readonly workerRestarts: number;
}

export interface FdbRow {
  readonly bridge: string;
  readonly vlan: number;
  /** `02:00:00:00:00:01` */
  readonly mac: string;
  readonly port: string;
  readonly remote: string | null;
  readonly vni: number | null;
  readonly ageSeconds: number;
  readonly static: boolean;
}

export interface StaticFdbSpec extends BoundAddress {
  readonly bridge: string;
  readonly port: string;
}

export interface HostAddressRow {
  /** IPv4 or IPv6. */
  readonly address: string;
  /** Who told of it. */
  readonly by: readonly ("arp" | "nd" | "dhcp")[];
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  /** Another station that said to have it, and when that was noticed last; null = none. */
  readonly conflict: { readonly mac: string; readonly timeMs: number } | null;
}

/** A station that a bridge knows, or knew an hour ago at most. Times are milliseconds since 1970. */
export interface HostRow {
  readonly bridge: string;
  readonly vlan: number;
  readonly mac: string;
  readonly port: string;
  readonly remote: string | null;
  readonly vni: number | null;
  readonly static: boolean;
  /** As it calls itself by DHCP; null = not told. */
  readonly name: string | null;
  readonly addresses: readonly HostAddressRow[];
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  /** 0 while the bridge knows it. */
  readonly goneMs: number;
  readonly moves: number;
  /** When it moved last, and from where; null = never. */
  readonly lastMove: {
    readonly timeMs: number;
    readonly port: string;
    readonly remote: string | null;
  } | null;
}

export interface HostsStatus {
  readonly present: number;
  /** Hosts forgotten for lack of room. */
  readonly evicted: number;
  /** What happened to hosts and was not told, there being too much at once. */
  readonly eventsLost: number;
}

/**
 * The data plane as the control plane sees it. `src/dataplane/dataplane.ts` implements it with worker threads.
 *
 * `apply` never throws for what an operator or the system did: a port or mirror that cannot be opened is there, `down`
 * with a reason, and is retried with a bounded back-off. It rejects only if the change itself contradicts the running
 * switch (unknown bridge, duplicate name), which validation rules out.
 */
export interface Dataplane {
  apply(changes: readonly Change[]): Promise<void>;
  /** Reads shared counters; never waits for a forwarding thread. */
  status(): SwitchStatus;
  fdb(): FdbRow[];
  /** Every host that is known or was until lately. */
  hosts(): HostRow[];
  /** Adds or replaces; false if the table is full or the port unknown. */
  addStaticFdb(entry: StaticFdbSpec): Promise<boolean>;
  delFdb(bridge: string, vlan: number, mac: string): Promise<boolean>;
  /** Forgets learnt entries of a bridge, or of one of its ports; returns how many. */
  flushFdb(bridge: string, port: string | null): Promise<number>;
  /** The last frames that were dropped, for each reason, the oldest first. */
  droppedFrames(): DroppedFrame[];
  /** Watches frames from now on; null if as many captures as may be are open. Costs the forwarding threads time. */
  capture(spec: CaptureSpec): Promise<CaptureHandle | null>;
  /** What would become of a frame; nothing comes of asking. Rejects with a TraceRefusal if the question makes no sense. */
  trace(question: TraceQuestion): Promise<TraceAnswer>;
  onEvent(listener: (event: DataplaneEvent) => void): void;
  /** True while every forwarding thread answers. */
  readonly alive: boolean;
  close(): Promise<void>;
}
