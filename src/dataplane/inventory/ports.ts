// The ports as the control thread knows them: it opens their sockets and TAPs, keeps their rows of the shared tables,
// and tells the engine by commands. A port that cannot be opened is down with a reason and is tried again.
import { isDeepStrictEqual } from "node:util";
import { parseAddress } from "../address.ts";
import { monotonicMs } from "../clock.ts";
import { PORT_COUNTERS, portCounter, TX_PACKETS } from "../counters.ts";
import {
  DESTINATION_ADDRESS,
  DESTINATION_DEVICE,
  DESTINATION_MTU,
  DESTINATION_OVERHEAD,
  DESTINATION_PORT,
  DESTINATION_SHIFT,
  DESTINATION_UDP_PORT,
  DESTINATION_VNI,
} from "../destinations.ts";
import { openRouteKernel } from "../io/next-hop.ts";
import { bringUp, closeTap } from "../io/tap.ts";
import { DESTINATIONS_MAX, DEVICES_MAX, PORTS_MAX, type PortRange } from "../limits.ts";
import { fixedMarks } from "../outer-options.ts";
import type { PortSpec, TapPortSpec, VxlanPortSpec } from "../spec.ts";
import type { ForwardingCommand } from "../threads/workers.ts";
import { overheadBytes } from "../vxlan.ts";
import type { AllCounters } from "./all-counters.ts";
import { textOf } from "./explain.ts";
import { IndexPool } from "./index-pool.ts";
import { NextHops } from "./next-hops.ts";
import { refreshChecksums, writeOuter } from "./outer-rows.ts";
import { Paths } from "./paths.ts";
import { deviceOf, NO_DEVICE, type Opened, type Port } from "./port.ts";
import {
  addPortCommand,
  deviceCommands,
  impairCommands,
  portCommands,
  unbindCommand,
} from "./port-commands.ts";
import { type LoopEvidence, Quarantine } from "./quarantine.ts";
import { Retry } from "./retry.ts";
import { Rings, type RingVtep } from "./rings.ts";
import { changeAddresses, makeTap } from "./taps.ts";
import { Underlays } from "./underlays.ts";

/** What a TAP carries while no VXLAN port tells a path MTU; also what a path is taken for until the kernel has a route. */
const MTU_DEFAULT_BYTES = 1500;
const MTU_MAX_BYTES = 65_521;
/** How soon a change of the next hop is heard of. */
const LOOK_EVERY_MS = 100;
/** Remotes whose path is asked for again without an announcement: 20 us each. */
const PATHS_A_SECOND = 64;

export interface PortsOptions {
  readonly workers: number;
  readonly counters: AllCounters;
  readonly destinations: Int32Array;
  readonly bufferBytes: number;
  readonly sourcePorts?: PortRange | undefined;
  readonly vteps: Int32Array;
  /** Whether to take what the machine offers beside UDP sockets: rings, super-frames that leave whole. */
  readonly isFast: boolean;
  readonly send: (commands: readonly ForwardingCommand[]) => Promise<unknown>;
  readonly onEvent: (level: "info" | "warn", message: string) => void;
}

export class Ports {
  readonly underlays: Underlays;
  readonly hops = new NextHops(openRouteKernel());
  readonly paths: Paths;
  readonly rings: Rings;
  private readonly ports = new Map<string, Port>();
  private readonly byDestination = new Map<number, Port>();
  private readonly portIndices = new IndexPool("ports", 1, PORTS_MAX);
  private readonly destinationIndices = new IndexPool("destinations", 0, DESTINATIONS_MAX);
  private readonly deviceIndices = new IndexPool("devices", 0, DEVICES_MAX);
  private readonly options: PortsOptions;
  private readonly timer: NodeJS.Timeout;

  constructor(options: PortsOptions) {
    this.options = options;
    const { bufferBytes, workers, sourcePorts } = options;
    this.underlays = new Underlays(this.deviceIndices, bufferBytes, workers, sourcePorts);
    this.paths = new Paths(options.destinations, options.isFast);
    this.hops.onChange((destination) => this.refreshPath(destination));
    this.timer = setInterval(() => this.hops.look(), LOOK_EVERY_MS);
    this.timer.unref();
    this.rings = new Rings({ ...options, deviceIndices: this.deviceIndices, enabled: options.isFast });
  }

  all(): Iterable<Port> {
    return this.ports.values();
  }

  find(bridge: string, name: string): Port | undefined {
    return this.ports.get(`${bridge}/${name}`);
  }

  ofDestination(destination: number): Port | undefined {
    return this.byDestination.get(destination);
  }

  async add(bridge: number, spec: PortSpec): Promise<void> {
    const port: Port = {
      index: this.portIndices.take(),
      bridge,
      destination: this.destinationIndices.take(),
      spec,
      opened: null,
      reason: "",
      retry: new Retry(),
      quarantine: new Quarantine(),
    };
    this.options.counters.clear(portCounter(port.index), PORT_COUNTERS);
    this.ports.set(`${spec.bridge}/${spec.name}`, port);
    this.byDestination.set(port.destination, port);
    await this.open(port);
  }

  /** Changes a port in place; only what the change touches is opened anew. */
  async set(spec: PortSpec): Promise<void> {
    const port = this.find(spec.bridge, spec.name);
    if (!port) throw new Error(`no port ${spec.bridge}/${spec.name}`);
    const before = port.spec;
    port.spec = spec;
    if (port.opened?.type === "tap" && spec.type === "tap" && before.type === "tap") {
      changeAddresses(before, spec);
      await this.refreshTap(port);
    } else if (!changesInPlace(before, spec)) {
      await this.close(port);
      await this.open(port);
      return;
    }
    if (port.opened?.type === "vxlan") {
      writeOuter(this.options.destinations, port);
      refreshChecksums(this.underlays, port.opened.underlay, this.all());
      this.refreshPath(port.destination);
    }
    await this.options.send([
      unbindCommand(port, before.fdb),
      addPortCommand(port),
      ...impairCommands(port, before),
    ]);
  }

  async del(bridge: string, name: string): Promise<void> {
    const port = this.find(bridge, name);
    if (!port) throw new Error(`no port ${bridge}/${name}`);
    await this.close(port);
    this.ports.delete(`${bridge}/${name}`);
    this.byDestination.delete(port.destination);
    this.portIndices.give(port.index);
    this.destinationIndices.give(port.destination);
  }

  /**
   * Takes a port out of its bridge for a while: its device stays, but nothing passes. What the bridge has learnt is forgotten: a
   * loop has moved addresses to where they are not.
   */
  async quarantine(port: Port, reason: string, forMs: number, evidence: LoopEvidence): Promise<void> {
    port.quarantine.begin(monotonicMs(), forMs, evidence);
    port.reason = `quarantined for ${Math.round(forMs / 1000)} s, ${reason}`;
    this.options.onEvent("warn", `port ${port.spec.bridge}/${port.spec.name} is ${port.reason}`);
    this.writeDevice(port);
    const flush = { op: "fdb-flush", bridge: port.bridge, port: null, statics: false } as const;
    await this.options.send([addPortCommand(port), flush]);
  }

  /** What is open by way of a device at this moment. */
  openOn(device: number): Opened[] {
    return Array.from(this.ports.values()).flatMap((port) =>
      port.opened !== null && deviceOf(port) === device ? [port.opened] : [],
    );
  }

  /** What was open by way of a device stopped working: its ports go down, once for all workers, and are tried again. */
  async failed(broken: readonly Opened[], errno: number): Promise<void> {
    for (const port of this.ports.values()) {
      if (port.opened === null || !broken.includes(port.opened)) continue;
      await this.close(port);
      await this.options.send(portCommands(port, this.options.workers));
      this.fail(
        port,
        `${port.spec.name} has failed (errno ${errno}): the device was removed or its descriptor is broken`,
      );
    }
  }

  /** From time to time: tries again what is down, learns better path MTUs. */
  async maintain(): Promise<void> {
    const nowMs = monotonicMs();
    // A path MTU that the kernel learns from a router is announced to nobody.
    this.hops.refreshSome(PATHS_A_SECOND);
    for (const port of this.ports.values()) {
      if (port.quarantine.isDue(nowMs)) await this.endQuarantine(port);
      if (port.opened === null && port.retry.isDue(nowMs)) await this.open(port);
      else if (port.opened !== null) this.refreshPath(port.destination);
    }
    if (this.options.isFast) this.hops.keepAlive((destination) => this.sentFrames(destination));
    this.paths.sweep();
    await this.refreshTaps();
    await this.updateRings();
  }

  /** Brings every TAP to the MTU that its bridge has by now. */
  async refreshTaps(): Promise<void> {
    for (const port of this.ports.values()) await this.refreshTap(port);
  }

  /** Lets the rings know which VTEPs are reached by which devices. */
  async updateRings(): Promise<void> {
    const wanted: RingVtep[] = [];
    for (const { destination, opened } of this.ports.values()) {
      if (opened?.type !== "vxlan") continue;
      const hop = this.hops.hop(destination);
      if (!hop?.isEthernet) continue;
      const { ifindex, device: deviceName, source: local } = hop;
      const { port, device: underlay, isWildcard } = opened.underlay;
      wanted.push({ ifindex, deviceName, local, port, underlay, isWildcard });
    }
    await this.rings.update(wanted);
  }

  pathMtuBytes(port: Port): number {
    return this.options.destinations[(port.destination << DESTINATION_SHIFT) + DESTINATION_MTU];
  }

  /** What the overlay may carry through a port. */
  mtuBytes(port: Port): number {
    if (port.opened?.type === "tap") return port.opened.mtuBytes;
    if (port.opened?.type !== "vxlan") return 0;
    return this.pathMtuBytes(port) - overheadBytes(port.opened.underlay.ipv6);
  }

  /** Everything that a new engine must be told about devices and ports. */
  commands(): ForwardingCommand[] {
    const commands = [...this.underlays.commands(), ...this.rings.commands()];
    for (const port of this.ports.values()) commands.push(...portCommands(port, this.options.workers));
    return commands;
  }

  /** The process ends: devices go with their descriptors. */
  closeAll(): void {
    clearInterval(this.timer);
    this.hops.close();
    for (const { opened } of this.ports.values()) if (opened?.type === "tap") closeTap(opened.fd);
    this.rings.closeAll();
    this.underlays.closeAll();
    this.paths.closeAll();
  }

  private async endQuarantine(port: Port): Promise<void> {
    port.quarantine.end();
    if (port.opened !== null) port.reason = "";
    this.options.onEvent("info", `port ${port.spec.bridge}/${port.spec.name} is quarantined no longer`);
    this.writeDevice(port);
    await this.options.send([addPortCommand(port)]);
  }

  private async open(port: Port): Promise<void> {
    port.quarantine.end();
    try {
      port.opened =
        port.spec.type === "vxlan" ? this.openVxlan(port.spec) : this.openTap(port.spec, port.bridge);
    } catch (error) {
      this.fail(port, textOf(error));
      await this.options.send(portCommands(port, this.options.workers));
      return;
    }
    if (port.reason !== "")
      this.options.onEvent("info", `port ${port.spec.bridge}/${port.spec.name} is up again`);
    port.reason = "";
    port.retry.succeeded();
    this.writeDestination(port);
    if (port.opened.type === "vxlan") refreshChecksums(this.underlays, port.opened.underlay, this.all());
    const devices = port.opened.type === "vxlan" ? this.underlays.commands() : [];
    await this.options.send([...devices, ...portCommands(port, this.options.workers)]);
  }

  private fail(port: Port, reason: string): void {
    if (port.reason !== reason) {
      this.options.onEvent("warn", `port ${port.spec.bridge}/${port.spec.name} is down: ${reason}`);
    }
    port.reason = reason;
    port.retry.failed(monotonicMs());
    this.writeDestination(port);
  }

  private async close(port: Port): Promise<void> {
    const { opened } = port;
    port.opened = null;
    this.writeDestination(port);
    const commands: ForwardingCommand[] = [{ op: "del-port", port: port.index }];
    if (opened === null) {
      await this.options.send(commands);
      return;
    }
    const device = opened.type === "tap" ? opened.device : opened.underlay.device;
    const last = opened.type === "tap" || this.underlays.release(opened.underlay);
    if (opened.type === "vxlan") refreshChecksums(this.underlays, opened.underlay, this.all());
    // No ring may name a device index that is about to become another's.
    if (last && opened.type === "vxlan") await this.updateRings();
    if (last) commands.push({ op: "del-device", device });
    await this.options.send(commands);
    if (opened.type === "tap") {
      closeTap(opened.fd);
      this.deviceIndices.give(device);
    } else if (last) {
      this.underlays.close(opened.underlay);
    }
  }

  private openVxlan(spec: VxlanPortSpec): Opened {
    const remote = parseAddress(spec.remote);
    return { type: "vxlan", underlay: this.underlays.acquire(spec.local, remote.ipv6, spec.dstport), remote };
  }

  private openTap(spec: TapPortSpec, bridge: number): Opened {
    const mtuBytes = spec.mtuBytes ?? this.mtuOfBridge(bridge);
    const fd = makeTap(spec, mtuBytes);
    return { type: "tap", device: this.deviceIndices.take(), fd, mtuBytes };
  }

  /** Underlay MTU minus the encapsulation, for the narrowest path of the bridge. */
  private mtuOfBridge(bridge: number): number {
    let smallest = MTU_MAX_BYTES;
    for (const port of this.ports.values()) {
      if (port.bridge === bridge && port.opened?.type === "vxlan")
        smallest = Math.min(smallest, this.mtuBytes(port));
    }
    return smallest === MTU_MAX_BYTES ? MTU_DEFAULT_BYTES - overheadBytes(false) : smallest;
  }

  /** Brings a TAP to the MTU that its bridge has by now. */
  private async refreshTap(port: Port): Promise<void> {
    const { opened, spec } = port;
    if (opened?.type !== "tap" || spec.type !== "tap") return;
    const mtuBytes = spec.mtuBytes ?? this.mtuOfBridge(port.bridge);
    if (mtuBytes === opened.mtuBytes) return;
    try {
      bringUp(spec.name, mtuBytes);
    } catch (error) {
      this.options.onEvent("warn", `the MTU of ${spec.name} stays ${opened.mtuBytes}: ${textOf(error)}`);
      return;
    }
    opened.mtuBytes = mtuBytes;
    this.options.destinations[(port.destination << DESTINATION_SHIFT) + DESTINATION_MTU] = mtuBytes;
    await this.options.send(deviceCommands(port, this.options.workers));
  }

  /** Writes what the kernel knows by now of the way to the remote: its MTU, the next hop. */
  private refreshPath(destination: number): void {
    const port = this.byDestination.get(destination);
    if (port?.opened?.type !== "vxlan" || port.spec.type !== "vxlan") return;
    const mtuBytes = this.hops.pathMtuBytes(destination);
    if (mtuBytes > 0)
      this.options.destinations[(destination << DESTINATION_SHIFT) + DESTINATION_MTU] = mtuBytes;
    const { dstport: udpPort, vni, outer } = port.spec;
    const end = { remote: port.opened.remote, udpPort, vni, ...fixedMarks(outer) };
    this.paths.set(destination, this.hops.hop(destination), end);
  }

  private sentFrames(destination: number): number {
    const port = this.byDestination.get(destination);
    return port ? this.options.counters.sumOf(portCounter(port.index) + TX_PACKETS) : 0;
  }

  /** By which device frames reach the port: none while it is down or quarantined. */
  private writeDevice(port: Port): void {
    const at = port.destination << DESTINATION_SHIFT;
    this.options.destinations[at + DESTINATION_DEVICE] = port.quarantine.isOn ? NO_DEVICE : deviceOf(port);
  }

  private writeDestination(port: Port): void {
    const { destinations } = this.options;
    const at = port.destination << DESTINATION_SHIFT;
    destinations[at + DESTINATION_PORT] = port.index;
    this.writeDevice(port);
    this.hops.unwatch(port.destination);
    this.paths.forget(port.destination);
    destinations[at + DESTINATION_MTU] =
      port.opened?.type === "tap" ? port.opened.mtuBytes : MTU_DEFAULT_BYTES;
    destinations[at + DESTINATION_OVERHEAD] = 0;
    if (port.opened?.type !== "vxlan" || port.spec.type !== "vxlan") return;
    destinations.set(port.opened.remote.words, at + DESTINATION_ADDRESS);
    destinations[at + DESTINATION_UDP_PORT] = port.spec.dstport;
    destinations[at + DESTINATION_VNI] = port.spec.vni;
    writeOuter(this.options.destinations, port);
    destinations[at + DESTINATION_OVERHEAD] = overheadBytes(port.opened.underlay.ipv6);
    this.hops.watch(port.destination, port.opened.underlay.local, port.opened.remote);
    this.refreshPath(port.destination);
  }
}

/** Whether nothing of a port has to be opened anew. */
function changesInPlace(before: PortSpec, after: PortSpec): boolean {
  const { policy, impairIn, impairOut, fdb } = before;
  const outer = before.type === "vxlan" ? { outer: before.outer } : {};
  return isDeepStrictEqual(before, { ...after, policy, impairIn, impairOut, fdb, ...outer });
}
