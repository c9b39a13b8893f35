// The forwarding engine: the tables, the forwarder, and the commands that change them between two batches. A synchronous
// object without thread, clock or socket in it; the worker thread drives it, and so do tests.

import { Bridge, type BridgeOptions } from "./bridge.ts";
import type { Impairment } from "./cables/impairment.ts";
import { Capture, type CaptureSelection, type CaptureSink } from "./capture.ts";
import type { BatchClock } from "./clock.ts";
import { DESTINATION_PORT, DESTINATION_SHIFT } from "./destinations.ts";
import type { Device } from "./device.ts";
import { type FdbMemory, fdbKey } from "./fdb/fdb.ts";
import { adoptEntries } from "./fdb/fdb-copy.ts";
import type { Hear, Learning } from "./fdb/learning.ts";
import { createForwarder, type ImpairingForwarder } from "./forwarder.ts";
import type { PacketMemory } from "./frames.ts";
import { ANYONE, NOWHERE } from "./ingress-table.ts";
import { MIRRORS_MAX } from "./limits.ts";
import { Mirror, type MirrorSelection, type MirrorSink } from "./mirror.ts";
import { OPEN_POLICY, POLICY_POLICED, POLICY_STORM_CONTROL, type PortPolicy } from "./policy.ts";
import { NO_PORT, type SharedMemory, Tables } from "./tables.ts";
import type { FdbAddress } from "./wire/mac.ts";

/** Selection of one mirror: `output` is what the host of the engine makes a sink from. */
export interface MirrorCommand<Output> extends MirrorSelection {
  readonly index: number;
  readonly output: Output;
  readonly receivePorts: readonly number[];
  readonly transmitPorts: readonly number[];
}

/** One capture; `output` is what the host of the engine makes a sink from. */
export interface CaptureCommand<Output> extends CaptureSelection {
  readonly output: Output;
}

/**
 * Changes by index. `Make` and `Output` say how to make a device and a mirror's sink; the engine does not look inside.
 * Where one command goes to several engines, these and `Memory` are lists (threads/workers.ts).
 */
export type Command<Make, Output, Memory = FdbMemory, CaptureOutput = never> =
  | { readonly op: "add-device"; readonly device: number; readonly make: Make; readonly fallback: number }
  | { readonly op: "del-device"; readonly device: number }
  | { readonly op: "set-bridge"; readonly memory: Memory; readonly options: BridgeOptions }
  | { readonly op: "del-bridge"; readonly bridge: number }
  | {
      readonly op: "add-port";
      readonly bridge: number;
      readonly port: number;
      readonly destination: number;
      readonly policy: PortPolicy;
      /** Nothing passes it for a while. */
      readonly isQuarantined: boolean;
      /** Addresses that are its own, as static entries. */
      readonly bound: readonly FdbAddress[];
      /** -1 while the port is down: copies to it are dropped and counted. */
      readonly device: number;
      /** The sender that the port takes datagrams from, or ANYONE; null for a device with bare frames. */
      readonly ingress: { readonly remote: Int32Array; readonly vni: number } | null;
      /** It has destinations beside this one (add-end), between which no frame passes. */
      readonly hasManyEnds: boolean;
    }
  | { readonly op: "del-port"; readonly port: number }
  /** What is done to frames that a port receives, and to those that it transmits; null = nothing, as with a new port. */
  | {
      readonly op: "impair-port";
      readonly port: number;
      readonly incoming: Impairment | null;
      readonly outgoing: Impairment | null;
    }
  /** A further VTEP of a port, after each add-port; `floods`: what is flooded goes there too. */
  | {
      readonly op: "add-end";
      readonly port: number;
      readonly destination: number;
      readonly device: number;
      readonly remote: Int32Array;
      readonly vni: number;
      readonly floods: boolean;
    }
  | { readonly op: "del-end"; readonly port: number; readonly destination: number }
  /** Whoever sends with this VNI is told to the control thread, and nothing else becomes of it. */
  | { readonly op: "add-hub"; readonly port: number; readonly device: number; readonly vni: number }
  | { readonly op: "set-mirrors"; readonly mirrors: readonly MirrorCommand<Output>[] }
  | { readonly op: "set-captures"; readonly captures: readonly CaptureCommand<CaptureOutput>[] }
  | {
      readonly op: "fdb-add";
      readonly bridge: number;
      readonly address: FdbAddress;
      readonly destination: number;
    }
  | { readonly op: "fdb-del"; readonly bridge: number; readonly address: FdbAddress }
  /** Of addresses that were bound to a port and no longer are: not if they are another port's by now. */
  | {
      readonly op: "fdb-unbind";
      readonly bridge: number;
      readonly addresses: readonly FdbAddress[];
      readonly destination: number;
    }
  /** Learnt entries of a bridge, or of one port of it; with `statics` (a port that goes away) those too. */
  | {
      readonly op: "fdb-flush";
      readonly bridge: number;
      readonly port: number | null;
      readonly statics: boolean;
    };

/** What the engine cannot make itself. */
export interface EngineHost<Make, Output, CaptureOutput = never> {
  readonly clock: BatchClock;
  device(index: number, make: Make, tables: Tables): Device;
  sink(output: Output, mirror: number, counters: Float64Array): MirrorSink;
  captureSink(output: CaptureOutput): CaptureSink;
}

export class Engine<Make, Output, CaptureOutput = never> {
  readonly tables: Tables;
  readonly forwarder: ImpairingForwarder;
  private readonly host: EngineHost<Make, Output, CaptureOutput>;
  private readonly packets: PacketMemory;
  private readonly take: Hear;

  /** `packets` is the memory that the devices fill; `learning` joins the engines of several workers. */
  constructor(
    memory: SharedMemory,
    packets: PacketMemory,
    host: EngineHost<Make, Output, CaptureOutput>,
    learning: Learning | null = null,
  ) {
    this.tables = new Tables(memory, learning, packets, host.clock);
    this.forwarder = createForwarder(this.tables, packets);
    this.host = host;
    this.packets = packets;
    this.take = createTake(this.tables);
  }

  /**
   * Takes in what other workers have learnt: before each batch, and before commands, which may give the index of a port
   * that went away to another one.
   */
  hear(): void {
    this.tables.learning?.hear(this.take);
  }

  /** After a batch: wakes workers that sleep if it taught something new. */
  wakeOthers(): void {
    this.tables.learning?.wakeOthers();
  }

  /** Once a second: tells the time, forgets old addresses. */
  tick(nowSeconds: number): void {
    this.forwarder.setTime(nowSeconds);
    this.tables.newcomers.forget();
    const { bridges, meters, portPolicy } = this.tables;
    for (const bridge of bridges) bridge?.tick(nowSeconds);
    portPolicy.forEach((bits, port) => {
      if ((bits & (POLICY_POLICED | POLICY_STORM_CONTROL)) !== 0) meters.refill(port);
    });
    this.tables.hasLargeFdb = bridges.some((bridge) => bridge?.fdb.isLarge === true);
  }

  /** Carries out one command; returns a count or 0/1 where the command asks something. */
  apply(command: Command<Make, Output, FdbMemory, CaptureOutput>): number {
    const { tables } = this;
    switch (command.op) {
      case "add-device":
        tables.setDevice(
          command.device,
          this.host.device(command.device, command.make, tables),
          command.fallback,
        );
        return 1;
      case "del-device":
        tables.deleteDevice(command.device);
        return 1;
      case "set-bridge":
        return this.setBridge(command.memory, command.options);
      case "del-bridge":
        tables.bridges[command.bridge] = null;
        return 1;
      case "add-port":
        return this.addPort(command);
      case "del-port":
        return this.deletePort(command.port);
      case "impair-port":
        this.forwarder.impair(command.port, command.incoming, command.outgoing);
        return 1;
      case "add-end":
        return this.addEnd(command);
      case "del-end":
        tables.ingress.delete(command.port, command.destination);
        return 1;
      case "add-hub":
        tables.ingress.set({ ...command, destination: NOWHERE, remote: ANYONE });
        return 1;
      case "set-mirrors":
        return this.setMirrors(command.mirrors);
      case "set-captures":
        return this.setCaptures(command.captures);
      case "fdb-add":
        return Number(this.bind(command.bridge, command.address, command.destination));
      case "fdb-del":
        return Number(this.fdb(command.bridge).remove(keyOf(command.address), command.address.macLow));
      case "fdb-unbind":
        for (const address of command.addresses)
          this.fdb(command.bridge).removeStatic(keyOf(address), address.macLow, command.destination);
        return 1;
      case "fdb-flush":
        if (command.port === null) return this.fdb(command.bridge).flush();
        return this.fdb(command.bridge).flushPort(command.port, command.statics);
    }
  }

  private fdb(bridge: number): Bridge["fdb"] {
    const found = this.tables.bridges[bridge];
    if (!found) throw new Error(`no bridge ${bridge}`);
    return found.fdb;
  }

  private bind(bridge: number, address: FdbAddress, destination: number): boolean {
    return this.fdb(bridge).addStatic(keyOf(address), address.macLow, destination);
  }

  private setBridge(memory: FdbMemory, options: BridgeOptions): number {
    const { tables } = this;
    const before = tables.bridges[memory.bridge];
    if (before && before.fdb.addressesMax === memory.addressesMax) {
      before.options = options;
      return 1;
    }
    const { destinations, counters, learning, hostNews } = tables;
    const bridge = new Bridge(memory, options, destinations, counters, learning, tables, hostNews);
    if (!before) tables.neighbours.forgetAll();
    if (before) {
      bridge.flood.set(before.flood);
      bridge.floodCount = before.floodCount;
      adoptEntries(bridge.fdb, before.fdb);
    }
    tables.bridges[memory.bridge] = bridge;
    return 1;
  }

  /** Adds a port, or tells of it anew when its device came or went. */
  private addPort(command: Extract<Command<Make, Output>, { op: "add-port" }>): number {
    const { tables } = this;
    const { bridge, port, device, destination, ingress, policy, bound } = command;
    tables.portBridge[port] = bridge;
    tables.setPolicy(port, policy, command);
    if (command.isQuarantined) this.forwarder.dropHeld(port);
    tables.bridges[bridge]?.removePort(port);
    tables.bridges[bridge]?.addDestination(destination);
    if (policy.addressesMax > 0) this.fdb(bridge).trimPort(port, policy.addressesMax);
    for (const address of bound) this.bind(bridge, address, destination);
    if (ingress) {
      tables.ingress.set({ port, destination, device, remote: ingress.remote, vni: ingress.vni });
    } else if (device >= 0) {
      tables.devicePort[device] = port;
      tables.devicePortDestination[device] = destination;
    }
    return 1;
  }

  private addEnd({ port, floods, ...end }: Extract<Command<Make, Output>, { op: "add-end" }>): number {
    const { ingress, bridges, portBridge } = this.tables;
    ingress.set({ port, ...end });
    if (floods) bridges[portBridge[port]]?.addDestination(end.destination);
    return 1;
  }

  private deletePort(port: number): number {
    const { tables } = this;
    const bridge = tables.bridges[tables.portBridge[port]];
    bridge?.removePort(port);
    bridge?.fdb.flushPort(port, true);
    tables.ingress.delete(port);
    tables.setPolicy(port, OPEN_POLICY, { isQuarantined: false, hasManyEnds: false });
    this.forwarder.dropHeld(port);
    this.forwarder.impair(port, null, null);
    tables.portBridge[port] = -1;
    const device = tables.devicePort.indexOf(port);
    if (device >= 0) tables.devicePort[device] = NO_PORT;
    return 1;
  }

  /** Replaces all mirrors; the queues behind the sinks are shared memory and keep what is in them. */
  private setMirrors(commands: readonly MirrorCommand<Output>[]): number {
    const { tables } = this;
    const before = tables.mirrors.slice();
    tables.mirrors.fill(null, 0, MIRRORS_MAX);
    tables.mirrorCount = commands.length;
    tables.receiveMirrors.fill(0);
    tables.transmitMirrors.fill(0);
    for (const command of commands) {
      const { index } = command;
      const sink = this.host.sink(command.output, index, tables.counters);
      tables.mirrors[index] = new Mirror(sink, command, this.packets.view, before[index]);
      for (const port of command.receivePorts) tables.receiveMirrors[port] |= 1 << index;
      for (const port of command.transmitPorts) tables.transmitMirrors[port] |= 1 << index;
    }
    return commands.length;
  }

  /** Replaces all captures, whose queues stay as they are. */
  private setCaptures(captures: readonly CaptureCommand<CaptureOutput>[]): number {
    const { tables, host, packets } = this;
    const { journal, destinations } = tables;
    tables.setCaptures(
      captures.map((command) => {
        const sink = host.captureSink(command.output);
        return new Capture(sink, command, journal, destinations, packets.view);
      }),
    );
    return captures.length;
  }
}

function keyOf({ vlan, macHigh }: FdbAddress): number {
  return fdbKey(vlan, macHigh);
}

/** Writes what was heard into the FDB; not if the port is unknown, be it gone or not yet told of. */
function createTake({ bridges, destinations, portBridge }: Tables): Hear {
  return (bridge, key, low, destination, seenSeconds, stamp) => {
    const port = destinations[(destination << DESTINATION_SHIFT) + DESTINATION_PORT];
    if (portBridge[port] === bridge) bridges[bridge]?.fdb.hear(key, low, destination, seenSeconds, stamp);
  };
}
