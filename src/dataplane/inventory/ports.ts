// The ports as the control thread knows them: it opens their sockets and TAPs, keeps their rows of the shared tables,
// and tells the engine by commands. A port that cannot be opened is down with a reason and is tried again.
import { parseAddress } from "../address.ts";
import { monotonicMs } from "../clock.ts";
import { PORT_COUNTERS, portCounter, RX_PACKETS, TX_PACKETS } from "../counters.ts";
import { mtuStays, portDown, portQuarantined, portReleased, portUp } from "../events.ts";
import { bringUp, closeTap } from "../io/tap.ts";
import { DEVICES_MAX, PORTS_MAX, type PortRange } from "../limits.ts";
import type { Listeners } from "../listeners.ts";
import type { AnySpec, DataplaneEvent, PortSpec, TapPortSpec, VxlanPortSpec } from "../spec.ts";
import type { ForwardingCommand } from "../threads/workers.ts";
import { overheadBytes } from "../wire/vxlan.ts";
import { Activity } from "./activity.ts";
import type { AllCounters } from "./all-counters.ts";
import { Ends, MTU_DEFAULT_BYTES } from "./ends.ts";
import { textOf } from "./explain.ts";
import { Groups } from "./groups.ts";
import { IndexPool } from "./index-pool.ts";
import { refreshChecksums } from "./outer-rows.ts";
import { deviceOf, type Opened, type Port } from "./port.ts";
import {
  addPortCommands,
  deviceCommands,
  impairCommands,
  portCommands,
  unbindCommand,
} from "./port-commands.ts";
import { changesInPlace, childOf, isIpv6 } from "./port-specs.ts";
import { type LoopEvidence, Quarantine } from "./quarantine.ts";
import { Retry } from "./retry.ts";
import { Rings } from "./rings.ts";
import { changeAddresses, makeTap } from "./taps.ts";
import { Underlays } from "./underlays.ts";

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
  readonly listeners: Listeners;
  readonly send: (commands: readonly ForwardingCommand[]) => Promise<unknown>;
  readonly onEvent: (event: DataplaneEvent) => void;
}

export class Ports {
  readonly underlays: Underlays;
  readonly groups: Groups;
  readonly ends: Ends;
  readonly rings: Rings;
  private readonly ports = new Map<string, Port>();
  private readonly portIndices = new IndexPool("ports", 1, PORTS_MAX);
  private readonly deviceIndices = new IndexPool("devices", 0, DEVICES_MAX);
  private readonly options: PortsOptions;
  private readonly timer: NodeJS.Timeout;

  constructor(options: PortsOptions) {
    this.options = options;
    const { bufferBytes, workers, sourcePorts } = options;
    this.underlays = new Underlays(this.deviceIndices, bufferBytes, workers, sourcePorts);
    this.groups = new Groups(this.deviceIndices, this.underlays, bufferBytes, workers);
    this.ends = new Ends(options.destinations, options.isFast, options.onEvent);
    this.timer = setInterval(() => this.ends.hops.look(), LOOK_EVERY_MS);
    this.timer.unref();
    this.rings = new Rings({ ...options, deviceIndices: this.deviceIndices, enabled: options.isFast });
  }

  all(): Iterable<Port> {
    return this.ports.values();
  }

  find(bridge: string, name: string): Port | undefined {
    return this.ports.get(`${bridge}/${name}`);
  }

  /** For one more. */
  get hasRoom(): boolean {
    return this.portIndices.hasRoom && this.ends.hasRoom;
  }

  /** The ports that stand in the place of a hub. */
  childrenOf({ bridge, name }: PortSpec): Port[] {
    return Array.from(this.ports.values()).filter(
      ({ spec }) => spec.type === "vxlan" && spec.bridge === bridge && spec.hub === name,
    );
  }

  /** What the hub of such a port says of it. */
  hubOf({ bridge, hub }: VxlanPortSpec): AnySpec {
    const spec = this.find(bridge, hub as string)?.spec;
    if (spec?.type !== "vxlan" || spec.any === null) throw new Error(`no hub ${bridge}/${hub}`);
    return spec.any;
  }

  async add(bridge: number, spec: PortSpec): Promise<void> {
    const port = this.ends.take({
      index: this.portIndices.take(),
      bridge,
      spec,
      opened: null,
      reason: "",
      retry: new Retry(),
      activity: new Activity(monotonicMs()),
      quarantine: new Quarantine(),
    });
    this.options.counters.clear(portCounter(port.index), PORT_COUNTERS);
    this.ports.set(`${spec.bridge}/${spec.name}`, port);
    await this.open(port);
  }

  /** Changes a port in place; only what the change touches is opened anew. */
  async set(spec: PortSpec): Promise<void> {
    const port = this.find(spec.bridge, spec.name);
    if (!port) throw new Error(`no port ${spec.bridge}/${spec.name}`);
    const before = port.spec;
    port.spec = spec;
    if (before.type === "vxlan" && before.any !== null) await this.setChildren(before, spec);
    if (port.opened?.type === "tap" && spec.type === "tap" && before.type === "tap") {
      changeAddresses(before, spec);
      await this.refreshTap(port);
    } else if (!changesInPlace(before, spec)) {
      await this.close(port);
      await this.open(port);
      return;
    }
    if (port.opened?.type === "vxlan") {
      this.ends.rewrite(port);
      refreshChecksums(this.underlays, port.opened, this.all());
    }
    const unbind = unbindCommand(port, before.fdb);
    await this.options.send([unbind, ...addPortCommands(port), ...impairCommands(port, before)]);
  }

  async del(bridge: string, name: string): Promise<void> {
    const port = this.find(bridge, name);
    if (!port) throw new Error(`no port ${bridge}/${name}`);
    for (const child of this.childrenOf(port.spec)) await this.del(bridge, child.spec.name);
    await this.close(port);
    this.options.listeners.forgetPort(port.bridge, port.index);
    this.keepCounts(port);
    this.ports.delete(`${bridge}/${name}`);
    this.portIndices.give(port.index);
    this.ends.removeAll(port);
  }

  /** What a port in the place of a hub has counted stays with the hub, so that the account of the bridge does. */
  private keepCounts({ index, spec }: Port): void {
    const hub = spec.type === "vxlan" && spec.hub !== null && this.find(spec.bridge, spec.hub);
    if (hub) this.options.counters.add(portCounter(index), portCounter(hub.index), PORT_COUNTERS);
  }

  /** The ports in the place of a hub follow it; where it opens anew, they come again. */
  private async setChildren(before: VxlanPortSpec, hub: PortSpec): Promise<void> {
    for (const { spec } of this.childrenOf(before)) {
      const { bridge, name, remotes } = spec as VxlanPortSpec;
      if (hub.type === "vxlan" && changesInPlace(before, hub)) await this.set(childOf(hub, name, remotes));
      else await this.del(bridge, name);
    }
  }

  /**
   * Takes a port out of its bridge for a while: its device stays, but nothing passes. What the bridge has learnt is forgotten: a
   * loop has moved addresses to where they are not.
   */
  async quarantine(port: Port, reason: string, forMs: number, evidence: LoopEvidence): Promise<void> {
    port.quarantine.begin(monotonicMs(), forMs, evidence);
    port.reason = `quarantined for ${Math.round(forMs / 1000)} s, ${reason}`;
    this.options.onEvent(portQuarantined(port.spec, port.reason));
    this.ends.writeDevices(port);
    const flush = { op: "fdb-flush", bridge: port.bridge, port: null, statics: false } as const;
    await this.options.send([...addPortCommands(port), flush]);
  }

  /** What is open by way of a device at this moment. */
  openOn(device: number): Opened[] {
    return Array.from(this.ports.values()).flatMap((port) => {
      const { opened } = port;
      const isThere =
        deviceOf(port) === device || (opened?.type === "vxlan" && opened.group?.device === device);
      return opened !== null && isThere ? [opened] : [];
    });
  }

  /** What was open by way of a device stopped working: its ports go down, once for all workers, and are tried again. */
  async failed(broken: readonly Opened[], errno: number): Promise<void> {
    for (const port of this.ports.values()) {
      if (port.opened === null || !broken.includes(port.opened)) continue;
      const why = "the device was removed or its descriptor is broken";
      await this.takeDown(port, `${port.spec.name} has failed (errno ${errno}): ${why}`);
    }
  }

  /** From time to time: tries again what is down, learns better path MTUs. */
  async maintain(): Promise<void> {
    const nowMs = monotonicMs();
    // A path MTU that the kernel learns from a router is announced to nobody.
    this.ends.hops.refreshSome(PATHS_A_SECOND);
    for (const port of this.ports.values()) {
      const received = this.options.counters.sumOf(portCounter(port.index) + RX_PACKETS);
      port.activity.look(received, nowMs, Date.now());
      if (port.quarantine.isDue(nowMs)) await this.endQuarantine(port);
      if (port.opened === null && port.retry.isDue(nowMs)) await this.open(port);
      else if (port.opened !== null) await this.lookAfter(port);
    }
    if (this.options.isFast) this.ends.hops.keepAlive((destination) => this.sentFrames(destination));
    this.ends.paths.sweep();
    await this.refreshTaps();
    await this.updateRings();
  }

  /** Brings every TAP to the MTU that its bridge has by now. */
  async refreshTaps(): Promise<void> {
    for (const port of this.ports.values()) await this.refreshTap(port);
  }

  /** Lets the rings know which VTEPs are reached by which devices. */
  async updateRings(): Promise<void> {
    await this.rings.update(Array.from(this.ports.values()).flatMap((port) => this.ends.ringVteps(port)));
  }

  /** What the overlay may carry through a port. */
  mtuBytes(port: Port): number {
    if (port.opened?.type === "tap") return port.opened.mtuBytes;
    if (port.opened?.type !== "vxlan") return 0;
    return this.ends.pathMtuBytes(port) - overheadBytes(port.opened.underlay.ipv6);
  }

  /** Everything that a new engine must be told about devices and ports. */
  commands(): ForwardingCommand[] {
    const commands = [...this.underlays.commands(), ...this.groups.commands(), ...this.rings.commands()];
    for (const port of this.ports.values()) commands.push(...portCommands(port, this.options.workers));
    return commands;
  }

  /** The process ends: devices go with their descriptors. */
  closeAll(): void {
    clearInterval(this.timer);
    for (const { opened } of this.ports.values()) if (opened?.type === "tap") closeTap(opened.fd);
    this.rings.closeAll();
    this.groups.closeAll();
    this.underlays.closeAll();
    this.ends.closeAll();
  }

  /** Takes down a port that does not work any more; it is tried again. */
  private async takeDown(port: Port, reason: string): Promise<void> {
    await this.close(port);
    await this.options.send(portCommands(port, this.options.workers));
    this.fail(port, reason);
  }

  private async lookAfter(port: Port): Promise<void> {
    const group = port.opened?.type === "vxlan" ? port.opened.group : null;
    if (group !== null && !this.groups.isJoined(group)) {
      await this.takeDown(port, `the network device ${group.spec.dev} is gone, or another one`);
      return;
    }
    this.ends.refresh(port);
    this.judge(port);
  }

  private async endQuarantine(port: Port): Promise<void> {
    port.quarantine.end();
    if (port.opened !== null) port.reason = this.ends.noWay(port);
    this.options.onEvent(portReleased(port.spec));
    this.ends.writeDevices(port);
    await this.options.send(addPortCommands(port));
  }

  private async open(port: Port): Promise<void> {
    port.quarantine.end();
    try {
      port.opened =
        port.spec.type === "vxlan" ? this.openVxlan(port, port.spec) : this.openTap(port.spec, port.bridge);
    } catch (error) {
      this.fail(port, textOf(error));
      await this.options.send(portCommands(port, this.options.workers));
      return;
    }
    port.retry.succeeded();
    this.ends.writeAll(port);
    this.judge(port);
    const isVxlan = port.opened.type === "vxlan";
    if (port.opened.type === "vxlan") refreshChecksums(this.underlays, port.opened, this.all());
    const devices = isVxlan ? [...this.underlays.commands(), ...this.groups.commands()] : [];
    await this.options.send([...devices, ...portCommands(port, this.options.workers)]);
  }

  /** A port without a way to its VTEPs is down, though it is open: the kernel refuses what is sent there. */
  private judge(port: Port): void {
    const { reason, quarantine, spec } = port;
    const noWay = this.ends.noWay(port);
    if (quarantine.isOn || noWay === reason) return;
    port.reason = noWay;
    this.options.onEvent(noWay === "" ? portUp(spec) : portDown(spec, noWay));
  }

  private fail(port: Port, reason: string): void {
    if (port.reason !== reason) this.options.onEvent(portDown(port.spec, reason));
    port.reason = reason;
    port.retry.failed(monotonicMs());
    this.ends.writeAll(port);
  }

  private async close(port: Port): Promise<void> {
    const { opened } = port;
    port.opened = null;
    this.ends.writeAll(port);
    const commands: ForwardingCommand[] = [{ op: "del-port", port: port.index }];
    if (opened === null) {
      await this.options.send(commands);
    } else if (opened.type === "tap") {
      await this.options.send([...commands, { op: "del-device", device: opened.device }]);
      closeTap(opened.fd);
      this.deviceIndices.give(opened.device);
    } else {
      await this.closeVxlan(opened, commands);
    }
  }

  private async closeVxlan(
    { underlay, group }: Extract<Opened, { type: "vxlan" }>,
    commands: ForwardingCommand[],
  ): Promise<void> {
    const lastOfGroup = group !== null && this.groups.release(group);
    const last = this.underlays.release(underlay);
    // No ring may name a device index that is about to become another's.
    if (last) await this.updateRings();
    if (lastOfGroup) commands.push({ op: "del-device", device: group.device });
    if (last) commands.push({ op: "del-device", device: underlay.device });
    else refreshChecksums(this.underlays, { underlay, group }, this.all());
    await this.options.send(commands);
    if (lastOfGroup) this.groups.close(group);
    if (last) this.underlays.close(underlay);
  }

  private openVxlan(port: Port, spec: VxlanPortSpec): Opened {
    const remotes = (spec.group === null ? spec.remotes : [spec.group.address]).map(parseAddress);
    const underlay = this.underlays.acquire(spec.local, isIpv6(spec), spec.dstport);
    try {
      const group = spec.group === null ? null : this.groups.join(spec.group, underlay);
      this.ends.fit(port, remotes, group !== null);
      return { type: "vxlan", underlay, group };
    } catch (error) {
      if (this.underlays.release(underlay)) this.underlays.close(underlay);
      throw error;
    }
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
      this.options.onEvent(mtuStays(spec, opened.mtuBytes, textOf(error)));
      return;
    }
    opened.mtuBytes = mtuBytes;
    this.ends.writeTapMtu(port, mtuBytes);
    await this.options.send(deviceCommands(port, this.options.workers));
  }

  private sentFrames(destination: number): number {
    const port = this.ends.portOf(destination);
    return port ? this.options.counters.sumOf(portCounter(port.index) + TX_PACKETS) : 0;
  }
}
