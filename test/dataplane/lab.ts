// A switch in memory: the real engine with devices and mirror outputs made of arrays, and a clock that is a number.
// Ports whose names begin with "tap" are bare Ethernet; all others are VXLAN ports behind one underlay socket.
// Every lab of a test is checked for conservation when the test ends.
import { afterEach, expect } from "vitest";
import { parseAddress } from "../../src/dataplane/address.ts";
import { type Impairment, UNIMPAIRED } from "../../src/dataplane/cables/impairment.ts";
import { WATCH_IN, WATCH_OUT } from "../../src/dataplane/capture.ts";
import {
  allocateCounters,
  bridgeCounter,
  DROPS,
  FLOOD_COPIES,
  IMPAIR_DUPLICATES,
  IMPAIR_HELD,
  MSS_CLAMPED,
  NEIGH_REPLIES,
  portCounter,
  RX_PACKETS,
  TOO_BIG_REPLIES,
  TX_BYTES,
  TX_PACKETS,
  UNDERLAY_PORT,
  UNFILLED_CHECKSUMS,
} from "../../src/dataplane/counters.ts";
import {
  allocateDestinations,
  DESTINATION_DEVICE,
  DESTINATION_MTU,
  DESTINATION_OPTIONS,
  DESTINATION_OVERHEAD,
  DESTINATION_PORT,
  DESTINATION_SHIFT,
} from "../../src/dataplane/destinations.ts";
import { DROP_REASONS, Drop, type DropReasonName } from "../../src/dataplane/drop-reason.ts";
import { allocateDropRecords } from "../../src/dataplane/drop-records.ts";
import { type Command, Engine } from "../../src/dataplane/engine.ts";
import { allocateFdb, Fdb, type FdbMemory } from "../../src/dataplane/fdb/fdb.ts";
import { allocateHostNews, HostNewsReader } from "../../src/dataplane/host-news.ts";
import { ANYONE } from "../../src/dataplane/ingress-table.ts";
import { DESTINATIONS_MAX, PORTS_MAX } from "../../src/dataplane/limits.ts";
import { allocateListeners } from "../../src/dataplane/listeners.ts";
import { allocateLoops } from "../../src/dataplane/loops.ts";
import { allocateMeters } from "../../src/dataplane/meters.ts";
import { allocateNeighbours } from "../../src/dataplane/neighbours.ts";
import { OPEN_POLICY, type PortPolicy } from "../../src/dataplane/policy.ts";
import type { SharedMemory } from "../../src/dataplane/tables.ts";
import type { TraceAnswer } from "../../src/dataplane/trace/answer.ts";
import { takeImage } from "../../src/dataplane/trace/image.ts";
import type { TraceNames, TracePort } from "../../src/dataplane/trace/names.ts";
import { type DownPort, SPARE_DEVICE, withPortUp } from "../../src/dataplane/trace/port-up.ts";
import { trace } from "../../src/dataplane/trace/trace.ts";
import { allocateVteps } from "../../src/dataplane/vteps.ts";
import { type FdbAddress, formatMac, parseFdbAddress } from "../../src/dataplane/wire/mac.ts";
import { overheadBytes } from "../../src/dataplane/wire/vxlan.ts";
import { type Arrival, arena, MemoryCapture, MemoryDevice, MemorySink } from "./memory-device.ts";
import { vxlan } from "./packets.ts";

/** Of the way to every remote. */
export const MTU_BYTES = 1400;
const DEFAULT_VNI = 4100;
const DEFAULT_BRIDGE = "br0";
const DEFAULT_UNDERLAY = "underlay0";

export interface PortOptions {
  readonly name: string;
  readonly bridge?: string;
  readonly vni?: number;
  readonly remote?: string;
  /** Name of the underlay socket, as in `LabOptions.underlays`. */
  readonly underlay?: string;
  readonly policy?: Partial<PortPolicy>;
  /** Further VTEPs of the port. */
  readonly ends?: readonly string[];
  /** What is flooded goes to a group, and anyone may send. */
  readonly isGroup?: boolean;
}

export interface BridgeOptions {
  readonly addressesMax?: number;
  readonly ageingSeconds?: number;
  readonly forwardsBpdu?: boolean;
  readonly guardsLoops?: boolean;
  readonly snoopsMulticast?: boolean;
}

export interface LabOptions extends BridgeOptions {
  readonly ports: readonly (string | PortOptions)[];
  /** Beside `br0`, or in its place. */
  readonly bridges?: Record<string, BridgeOptions>;
  /** Underlay sockets and the wildcard that each falls back to, "" = none. */
  readonly underlays?: Record<string, string>;
}

export interface Departure {
  readonly port: string;
  readonly bytes: Buffer;
  readonly row: Int32Array;
}

export type Drops = Record<string, Partial<Record<DropReasonName, number>>>;

interface LabPort {
  readonly name: string;
  readonly index: number;
  readonly destination: number;
  readonly bridge: number;
  readonly device: MemoryDevice;
  /** null = a TAP. */
  readonly ingress: { readonly remote: string; readonly vni: number } | null;
  readonly ends: readonly { readonly destination: number; readonly remote: string }[];
  readonly isGroup: boolean;
  policy: PortPolicy;
  bound: readonly FdbAddress[];
  isQuarantined: boolean;
}

type LabCommand = Command<MemoryDevice, MemorySink, FdbMemory, MemoryCapture>;

interface LabMirror {
  readonly name: string;
  readonly select: "all" | { readonly src?: readonly string[]; readonly dst?: readonly string[] };
  readonly vlans?: readonly number[];
  readonly program?: readonly number[];
  readonly sampleEvery?: number;
}

let labs: Lab[] = [];
afterEach(() => {
  const ended = labs;
  labs = [];
  for (const lab of ended) lab.expectConservation();
});

export class Lab {
  readonly counters: Float64Array;
  readonly engine: Engine<MemoryDevice, MemorySink, MemoryCapture>;
  readonly dropRecords = allocateDropRecords();
  /** The wall's. */
  readonly clock = { seconds: 1_800_000_000, nanoseconds: 5 };
  /** What the control thread would hear of hosts. */
  readonly hostNews: HostNewsReader;
  readonly memory: SharedMemory;
  /** All that the engine was ever told. */
  private readonly told: Command<MemoryDevice, MemorySink>[] = [];
  nowSeconds = 1000;
  /** Soon to wrap. */
  private nowUs = 0x7fff_ffff - 5000;
  private readonly destinations: Int32Array;
  private readonly bridges = new Map<string, FdbMemory>();
  private readonly ports = new Map<string, LabPort>();
  /** Every port that ever was, for the account. */
  private readonly allPorts: LabPort[] = [];
  /** What cables do, by port. */
  private readonly impaired = new Map<string, Pick<TracePort, "impairIn" | "impairOut">>();
  /** Ports that are down. */
  private readonly downs = new Map<string, DownPort>();
  private readonly underlays = new Map<string, MemoryDevice>();
  private readonly sinks = new Map<string, MemorySink>();
  private readonly reported = new Map<number, number>();
  private devices = 0;
  /** Destinations of further VTEPs come down from the table's end. */
  private lastEnd = DESTINATIONS_MAX - 1;

  constructor(options: LabOptions) {
    this.memory = {
      counters: allocateCounters(),
      dropRecords: this.dropRecords,
      destinations: allocateDestinations(),
      vteps: allocateVteps(),
      meters: allocateMeters(),
      loops: allocateLoops(),
      neighbours: allocateNeighbours(),
      listeners: allocateListeners(),
      hostNews: allocateHostNews(),
    };
    this.counters = new Float64Array(this.memory.counters);
    this.hostNews = new HostNewsReader(this.memory.hostNews);
    this.destinations = new Int32Array(this.memory.destinations);
    this.engine = new Engine(this.memory, arena, {
      device: (_index, make, tables) => make.attach(tables),
      sink: (output) => output,
      clock: this.clock,
      captureSink: (output) => output,
    });
    this.engine.tick(this.nowSeconds);
    this.passUs(0);
    const bridges = options.bridges ?? { [DEFAULT_BRIDGE]: options };
    for (const [name, bridge] of Object.entries(bridges)) this.setBridge(name, bridge);
    const underlays = options.underlays ?? { [DEFAULT_UNDERLAY]: "" };
    for (const [name, fallback] of Object.entries(underlays)) this.addUnderlay(name, fallback);
    for (const port of options.ports) this.addPort(typeof port === "string" ? { name: port } : port);
    labs.push(this);
  }

  // ---- what the switch is made of

  setBridge(
    name: string,
    { addressesMax = 1024, ageingSeconds = 300, forwardsBpdu = true, ...rest }: BridgeOptions,
  ): void {
    const { guardsLoops = false, snoopsMulticast = false } = rest;
    const before = this.bridges.get(name);
    const same = before?.addressesMax === addressesMax;
    const memory = same ? before : allocateFdb(before?.bridge ?? this.bridges.size, addressesMax);
    this.bridges.set(name, memory);
    const options = { ageingSeconds, forwardsBpdu, guardsLoops, snoopsMulticast };
    this.apply({ op: "set-bridge", memory, options });
  }

  addPort({ name, bridge = DEFAULT_BRIDGE, vni, remote, underlay, policy, ...more }: PortOptions): void {
    const index = this.allPorts.length + 1;
    const bare = name.startsWith("tap");
    const device = bare ? this.newDevice(false) : this.underlay(underlay ?? DEFAULT_UNDERLAY);
    const ingress = bare
      ? null
      : { remote: remote ?? `10.0.${index >> 8}.${index & 255}`, vni: vni ?? DEFAULT_VNI };
    const place = { name, index, destination: index, bridge: this.bridgeIndex(bridge) };
    const port = {
      ...place,
      device,
      ingress,
      policy: { ...OPEN_POLICY, ...policy },
      bound: [],
      isQuarantined: false,
      isGroup: more.isGroup ?? false,
      ends: (more.ends ?? []).map((end) => ({ destination: this.lastEnd--, remote: end })),
    };
    this.ports.set(name, port);
    this.allPorts.push(port);
    if (bare) this.apply({ op: "add-device", device: device.index, make: device, fallback: device.index });
    this.bringUp(name);
  }

  delPort(name: string): void {
    this.apply({ op: "del-port", port: this.port(name).index });
    this.ports.delete(name);
  }

  /** A port closes: the control thread writes its destination at once, then tells the engine. */
  bringDown(name: string): void {
    const port = this.port(name);
    const { index, destination: source, ends } = port;
    this.downs.set(name, { index, source, destinations: [source, ...ends.map((end) => end.destination)] });
    this.loseDevice(name);
    this.apply({ op: "del-port", port: port.index });
    this.apply(addPort(port, -1, null, false));
  }

  /** The moment before the engine hears that a port is down. */
  loseDevice(name: string): void {
    this.destinations[(this.port(name).destination << DESTINATION_SHIFT) + DESTINATION_DEVICE] = -1;
  }

  bringUp(name: string): void {
    this.downs.delete(name);
    const port = this.port(name);
    const { index, destination, device, ingress, ends, isGroup } = port;
    const isIpv6 = ingress?.remote.includes(":") ?? false;
    for (const at of [destination, ...ends.map((end) => end.destination)]) {
      this.destinations[(at << DESTINATION_SHIFT) + DESTINATION_DEVICE] = device.index;
      this.destinations[(at << DESTINATION_SHIFT) + DESTINATION_PORT] = index;
      this.destinations[(at << DESTINATION_SHIFT) + DESTINATION_MTU] = MTU_BYTES;
      this.destinations[(at << DESTINATION_SHIFT) + DESTINATION_OVERHEAD] = overheadBytes(isIpv6);
    }
    const wordsOf = (remote: string): Int32Array => parseAddress(remote).words;
    const from = ingress && { remote: isGroup ? ANYONE : wordsOf(ingress.remote), vni: ingress.vni };
    this.apply(addPort(port, device.index, from, isGroup || ends.length > 0));
    for (const end of ends) this.addEnd(port, end);
  }

  /** A VTEP of a group has become known. */
  learnEnd(name: string, remote: string): void {
    const port = this.port(name) as LabPort & { ends: { destination: number; remote: string }[] };
    port.ends.push({ destination: this.lastEnd--, remote });
    this.bringUp(name);
  }

  private addEnd(port: LabPort, { destination, remote }: LabPort["ends"][number]): void {
    const { index, device, ingress, isGroup } = port;
    this.apply({
      op: "add-end",
      port: index,
      destination,
      device: device.index,
      remote: parseAddress(remote).words,
      vni: (ingress as NonNullable<typeof ingress>).vni,
      floods: !isGroup,
    });
  }

  /** The way to a port is narrower or wider than MTU_BYTES, the encapsulation included. */
  setMtu(name: string, bytes: number): void {
    this.destinations[(this.port(name).destination << DESTINATION_SHIFT) + DESTINATION_MTU] = bytes;
  }

  /** Changes in place what a port may do; what is left out it may do. */
  setPolicy(name: string, policy: Partial<PortPolicy>): void {
    this.port(name).policy = { ...OPEN_POLICY, ...policy };
    this.bringUp(name);
  }

  /** What the cables of a port do to frames from now on; null = nothing. */
  impair(name: string, incoming: Partial<Impairment> | null, outgoing: Partial<Impairment> | null): void {
    const whole = (words: Partial<Impairment> | null) => words && { ...UNIMPAIRED, ...words };
    const { index } = this.port(name);
    const [impairIn, impairOut] = [whole(incoming), whole(outgoing)];
    this.impaired.set(name, { impairIn, impairOut });
    this.apply({ op: "impair-port", port: index, incoming: impairIn, outgoing: impairOut });
  }

  /** Nothing is to pass a port from now on, or again. */
  setQuarantined(name: string, isQuarantined: boolean): void {
    this.port(name).isQuarantined = isQuarantined;
    this.bringUp(name);
    if (isQuarantined) this.loseDevice(name);
  }

  /** How the outer headers of a port are written and read (bits OUTER_). */
  setOptions(name: string, bits: number): void {
    this.destinations[(this.port(name).destination << DESTINATION_SHIFT) + DESTINATION_OPTIONS] = bits;
  }

  /** The addresses bound to a port, as its configuration has them. */
  setBound(name: string, macs: readonly string[]): void {
    const port = this.port(name);
    const { bridge, destination, bound } = port;
    port.bound = macs.map((mac) => parseFdbAddress({ mac, vlan: 0 }));
    this.apply({ op: "fdb-unbind", bridge, addresses: bound, destination });
    this.bringUp(name);
  }

  /** What the device of a port refuses to transmit from now on. */
  refuse(name: string, reason: DropReasonName | null): void {
    this.port(name).device.refuses = () => reason;
  }

  setMirrors(mirrors: readonly LabMirror[]): void {
    const indices = (names: readonly string[] = []): number[] => names.map((name) => this.port(name).index);
    const all = Array.from(this.ports.keys());
    const commands = mirrors.map(({ name, select, vlans = [], program = null, sampleEvery = 1 }, index) => {
      const output = this.sinks.get(name) ?? new MemorySink();
      this.sinks.set(name, output);
      const receivePorts = indices(select === "all" ? all : select.src);
      return {
        index,
        output,
        vlans,
        program,
        sampleEvery,
        receivePorts,
        transmitPorts: indices(select === "all" ? [] : select.dst),
      };
    });
    this.apply({ op: "set-mirrors", mirrors: commands });
  }

  /** Watches what these ports receive and transmit; without a list, all that happens. */
  capture(
    watched: { in?: readonly string[]; out?: readonly string[]; mirrors?: number } | null,
    options: { dropsOnly?: boolean; program?: readonly number[]; sampleEvery?: number } = {},
  ): MemoryCapture {
    const ports = new Uint8Array(PORTS_MAX).fill(watched === null ? WATCH_IN | WATCH_OUT : 0);
    for (const name of watched?.in ?? []) ports[this.port(name).index] |= WATCH_IN;
    for (const name of watched?.out ?? []) ports[this.port(name).index] |= WATCH_OUT;
    const output = new MemoryCapture();
    const { dropsOnly = false, program = null, sampleEvery = 1 } = options;
    const capture = { output, ports, mirrors: watched?.mirrors ?? 0, dropsOnly, program, sampleEvery };
    this.apply({ op: "set-captures", captures: [capture] });
    return output;
  }

  apply(command: LabCommand): number {
    if (command.op !== "set-captures") this.told.push(command);
    return this.engine.apply(command);
  }

  // ---- what would happen to it

  /** What a trace says of a frame that comes in at a port, from its first VTEP with its VNI unless told otherwise. */
  trace(port: string, bytes: Buffer, from: { remote?: string; vni?: number } = {}): TraceAnswer {
    const down = this.downs.get(port);
    const device = down === undefined ? this.port(port).device.index : SPARE_DEVICE;
    const ingress = down === undefined ? this.port(port).ingress : null;
    const datagram = ingress && { ...ingress, ...from, dstport: 4789 };
    const remote = datagram && parseAddress(datagram.remote).words;
    const arrived = datagram ? vxlan(datagram.vni, bytes) : bytes;
    const image = takeImage(this.memory, this.fdbMemories());
    return trace<MemoryDevice>({
      image,
      commands: down ? withPortUp(this.told, image, down, new MemoryDevice(SPARE_DEVICE, false)) : this.told,
      traced: (make) => ({
        encapsulated: make.encapsulated,
        tellsOffloads: make.tellsOffloads,
        refuses: (_, sent) => {
          const reason = make.refuses(Buffer.from(sent));
          return reason === null ? 0 : Drop[reason];
        },
      }),
      names: this.names(),
      frame: bytes,
      datagram,
      arrival: { device, remote, bytes: arrived },
      nowSeconds: this.nowSeconds,
      nowUs: this.nowUs,
    });
  }

  /** Of all bridges. */
  fdbMemories(): FdbMemory[] {
    return Array.from(this.bridges.values());
  }

  private names(): TraceNames {
    const bridgeOf = (index: number) =>
      Array.from(this.bridges).find(([, { bridge }]) => bridge === index)?.[0] as string;
    const remotes = new Map(
      this.allPorts.flatMap(({ ingress, destination, ends }): [number, string | null][] => [
        [destination, ingress?.remote ?? null],
        ...ends.map((end): [number, string] => [end.destination, end.remote]),
      ]),
    );
    const mirrors = Array.from(this.sinks.keys());
    return {
      port: (index) => {
        const { name, bridge } = this.allPorts[index - 1];
        const reason = this.downs.has(name) ? "its cable is cut" : "";
        const { impairIn = null, impairOut = null } = this.impaired.get(name) ?? {};
        return { index, bridge: bridgeOf(bridge), name, reason, impairIn, impairOut };
      },
      end: (destination) => ({
        remote: remotes.get(destination) ?? null,
        vni: remotes.get(destination) == null ? null : DEFAULT_VNI,
        mtuBytes: MTU_BYTES,
        sourcePort: (flow) => (remotes.get(destination) == null ? null : 49_152 + ((flow >>> 0) % 8)),
      }),
      mirror: (index) => ({ name: mirrors[index], sampleEvery: 1 }),
    };
  }

  // ---- what happens to it

  /** Frames arrive at a port, all in one batch. */
  receive(port: string, ...frames: readonly Buffer[]): void {
    const { device, ingress } = this.port(port);
    device.arrive(
      frames.map((bytes) =>
        ingress ? { bytes: vxlan(ingress.vni, bytes), remote: ingress.remote } : { bytes },
      ),
    );
    this.forward(device);
  }

  /** Frames arrive at a TAP with metadata, or datagrams at an underlay socket, as raw as they come. */
  receiveRaw(where: string, ...arrivals: readonly Arrival[]): void {
    const device = this.underlays.get(where) ?? this.port(where).device;
    device.arrive(arrivals);
    this.forward(device);
  }

  receiveDatagram(remote: string, bytes: Buffer, underlay = DEFAULT_UNDERLAY): void {
    this.receiveRaw(underlay, { bytes, remote });
  }

  /** Lets a little time pass, as a turn of the loop tells it, and what is held long enough go on. */
  passUs(us: number): void {
    this.nowUs = (this.nowUs + us) | 0;
    const { forwarder } = this.engine;
    forwarder.setMicroseconds(this.nowUs);
    while (forwarder.release() > 0);
  }

  /** Lets time pass and the switch look at its clock, as it does once a second. */
  tick(seconds: number): void {
    this.nowSeconds += seconds;
    this.engine.tick(this.nowSeconds);
  }

  addStatic(port: string, mac: string, vlan = 0, bridge = DEFAULT_BRIDGE): boolean {
    const address = parseFdbAddress({ vlan, mac });
    const destination = this.port(port).destination;
    return this.apply({ op: "fdb-add", bridge: this.bridgeIndex(bridge), address, destination }) === 1;
  }

  delFdb(mac: string, vlan = 0, bridge = DEFAULT_BRIDGE): boolean {
    const address = parseFdbAddress({ vlan, mac });
    return this.apply({ op: "fdb-del", bridge: this.bridgeIndex(bridge), address }) === 1;
  }

  flush(port: string | null, bridge = DEFAULT_BRIDGE): number {
    const index = port === null ? null : this.port(port).index;
    return this.apply({ op: "fdb-flush", bridge: this.bridgeIndex(bridge), port: index, statics: false });
  }

  // ---- what became of it

  /** Copies that left each port since the last look. */
  sent(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { port } of this.departures()) counts[port] = (counts[port] ?? 0) + 1;
    return counts;
  }

  /** The same, frame by frame, in the order of the devices. */
  departures(): Departure[] {
    const byDestination = this.namesByDestination();
    return Array.from(this.allDevices()).flatMap((device) =>
      device.departures.splice(0).map(({ destination, bytes, row }) => {
        return { port: byDestination.get(destination) as string, bytes, row };
      }),
    );
  }

  /** Drops of each port and of "underlay" (no port known) since the last look. */
  drops(): Drops {
    const drops: Drops = {};
    const rows: [string, number][] = [["underlay", UNDERLAY_PORT]];
    for (const { name, index } of this.allPorts) rows.push([name, index]);
    for (const [name, port] of rows) {
      DROP_REASONS.forEach((reason, number) => {
        const count = this.fresh(portCounter(port) + DROPS + number);
        if (count > 0) drops[name] = { ...drops[name], [reason.name]: count };
      });
    }
    return drops;
  }

  /** Frames that a mirror took since the last look. */
  mirrored(name: string): { port: string; bytes: Buffer; flags: number }[] {
    const taken = (this.sinks.get(name) as MemorySink).taken.splice(0);
    return taken.map((frame) => ({ ...frame, port: this.allPorts[frame.port - 1].name }));
  }

  /** Entries as `VLAN MAC port`, sorted; a static one ends in `static`. */
  fdb(bridge = DEFAULT_BRIDGE): string[] {
    const memory = this.bridges.get(bridge) as FdbMemory;
    const entries = new Fdb(memory, this.destinations, this.counters).entries();
    const byDestination = this.namesByDestination();
    return entries
      .map((entry) => {
        const mac = formatMac(entry.macHigh, entry.macLow);
        return `${entry.vlan} ${mac} ${byDestination.get(entry.destination)}${entry.static ? " static" : ""}`;
      })
      .sort();
  }

  /** A counter of a bridge (`FDB_…`, `FLOOD_COPIES`). */
  bridgeCount(counter: number, bridge = DEFAULT_BRIDGE): number {
    return this.counters[bridgeCounter(this.bridgeIndex(bridge)) + counter];
  }

  /** Frames that the cables of a port hold, and duplicates that they have made. */
  held(port: string): { held: number; duplicates: number } {
    const at = portCounter(this.port(port).index);
    return { held: this.counters[at + IMPAIR_HELD], duplicates: this.counters[at + IMPAIR_DUPLICATES] };
  }

  largestTransmitCount(port: string): number {
    return this.port(port).device.largestTransmitCount;
  }

  /**
   * received + flood copies + duplicates + replies = delivered + dropped + held, for each bridge; and what the underlay took in
   * went to a port or not.
   */
  expectConservation(): void {
    const at = (port: number, counter: number): number => this.counters[portCounter(port) + counter];
    const dropped = (port: number): number =>
      DROP_REASONS.reduce((sum, _, reason) => sum + at(port, DROPS + reason), 0);
    const sum = (ports: readonly LabPort[], of: (port: number) => number): number =>
      ports.reduce((total, { index }) => total + of(index), 0);
    for (const [name, { bridge }] of this.bridges) {
      const ports = this.allPorts.filter((port) => port.bridge === bridge);
      const received = sum(ports, (port) => at(port, RX_PACKETS));
      const delivered = sum(ports, (port) => at(port, TX_PACKETS));
      const copies = this.counters[bridgeCounter(bridge) + FLOOD_COPIES];
      const replies = sum(ports, (port) => at(port, TOO_BIG_REPLIES) + at(port, NEIGH_REPLIES));
      const made = replies + sum(ports, (port) => at(port, IMPAIR_DUPLICATES));
      const gone = delivered + sum(ports, (port) => dropped(port) + at(port, IMPAIR_HELD));
      expect(received + copies + made, `conservation of ${name}`).toBe(gone);
    }
    const overlay = this.allPorts.filter((port) => port.ingress !== null);
    const received = sum(overlay, (port) => at(port, RX_PACKETS)) + dropped(UNDERLAY_PORT);
    expect(at(UNDERLAY_PORT, RX_PACKETS), "conservation of the underlay").toBe(received);
  }

  /** TCP SYNs that were clamped for the sake of each port. */
  clamped(): Record<string, number> {
    const counts = this.allPorts.map(({ name, index }): [string, number] => {
      return [name, this.counters[portCounter(index) + MSS_CLAMPED]];
    });
    return Object.fromEntries(counts.filter(([, count]) => count > 0));
  }

  /** Frames of each port whose checksum was found undone. */
  unfilled(): Record<string, number> {
    const counts = this.allPorts.map(({ name, index }): [string, number] => {
      return [name, this.counters[portCounter(index) + UNFILLED_CHECKSUMS]];
    });
    return Object.fromEntries(counts.filter(([, count]) => count > 0));
  }

  /** Packets and bytes that a port has transmitted so far, as counted. */
  transmitted(port: string): { packets: number; bytes: number } {
    const at = portCounter(this.port(port).index);
    return { packets: this.counters[at + TX_PACKETS], bytes: this.counters[at + TX_BYTES] };
  }

  remoteOf(port: string): string {
    return this.port(port).ingress?.remote as string;
  }

  private forward(device: MemoryDevice): void {
    for (let count = device.receive(); count > 0; count = device.receive()) {
      this.engine.forwarder.forward(device.index, count);
    }
  }

  private fresh(counter: number): number {
    const before = this.reported.get(counter) ?? 0;
    this.reported.set(counter, this.counters[counter]);
    return this.counters[counter] - before;
  }

  private addUnderlay(name: string, fallback: string): void {
    const device = this.newDevice(true);
    this.underlays.set(name, device);
    const wildcard = fallback === "" ? device : this.underlay(fallback);
    this.apply({ op: "add-device", device: device.index, make: device, fallback: wildcard.index });
  }

  private newDevice(encapsulated: boolean): MemoryDevice {
    return new MemoryDevice(this.devices++, encapsulated);
  }

  private allDevices(): Set<MemoryDevice> {
    return new Set([...this.underlays.values(), ...this.allPorts.map((port) => port.device)]);
  }

  /** A port, or `port remote` for a further VTEP of it. */
  private namesByDestination(): Map<number, string> {
    return new Map(
      this.allPorts.flatMap(({ name, destination, ends }): [number, string][] => [
        [destination, name],
        ...ends.map((end): [number, string] => [end.destination, `${name} ${end.remote}`]),
      ]),
    );
  }

  private port(name: string): LabPort {
    const port = this.ports.get(name);
    if (!port) throw new Error(`the lab has no port ${name}`);
    return port;
  }

  private underlay(name: string): MemoryDevice {
    const device = this.underlays.get(name);
    if (!device) throw new Error(`the lab has no underlay ${name}`);
    return device;
  }

  private bridgeIndex(name: string): number {
    const bridge = this.bridges.get(name);
    if (!bridge) throw new Error(`the lab has no bridge ${name}`);
    return bridge.bridge;
  }
}

function addPort(
  port: LabPort,
  device: number,
  ingress: { readonly remote: Int32Array; readonly vni: number } | null,
  hasManyEnds: boolean,
): Command<MemoryDevice, never> {
  const { bridge, index, destination, policy, bound, isQuarantined } = port;
  const place = { bridge, port: index, destination, device, ingress, hasManyEnds };
  return { op: "add-port", ...place, policy, bound, isQuarantined };
}
