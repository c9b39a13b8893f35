// The data plane as the control plane holds it: records of bridges, ports and mirrors by name, the forwarding threads that
// do the work, and the shared memory between them. The records are the truth: a thread that crashes is started again
// and told everything anew; FDB and counters are in shared memory and do not notice.
import { formatAddress } from "./address.ts";
import { monotonicMs } from "./clock.ts";
import { allocateCounters, BRIDGE_COUNTERS, bridgeCounter, LEARNING_DROPS } from "./counters.ts";
import { allocateDestinations } from "./destinations.ts";
import { allocateFdb, Fdb, type FdbMemory } from "./fdb/fdb.ts";
import { requireRing } from "./inventory/abilities.ts";
import { Admission } from "./inventory/admission.ts";
import { AllCounters } from "./inventory/all-counters.ts";
import { textOf } from "./inventory/explain.ts";
import { IndexPool } from "./inventory/index-pool.ts";
import { LoopGuard } from "./inventory/loop-guard.ts";
import { Mirrors } from "./inventory/mirrors.ts";
import { Ports } from "./inventory/ports.ts";
import { bridgeStatus, mirrorStatus, portStatus, underlayStatus, vtepStatus } from "./inventory/status.ts";
import { type RunningState, traceRunning } from "./inventory/tracing.ts";
import { BRIDGES_MAX, type PortRange, SOCKET_BUFFER_BYTES } from "./limits.ts";
import { allocateListeners, Listeners } from "./listeners.ts";
import { allocateLoops } from "./loops.ts";
import type { Newcomer } from "./newcomers.ts";
import type {
  BridgeSpec,
  Change,
  Dataplane,
  DataplaneEvent,
  FdbRow,
  StaticFdbSpec,
  SwitchStatus,
} from "./spec.ts";
import { SPIN_ALWAYS_US } from "./threads/loop.ts";
import {
  commandsFor,
  everyWorker,
  type ForwardingCommand,
  type PerWorker,
  Workers,
} from "./threads/workers.ts";
import { type TraceAnswer, type TraceQuestion, TraceRefusal } from "./trace/answer.ts";
import { allocateVteps } from "./vteps.ts";
import { formatMac, parseFdbAddress } from "./wire/mac.ts";

export interface DataplaneOptions {
  /**
   * `udp` keeps to UDP sockets alone; `auto` (the default) takes what the machine offers beside them; `ring` as well, and
   * refuses to start where no ring can be had at all.
   */
  readonly io?: "auto" | "ring" | "udp";
  /** `always` gives a core to each forwarding thread, which then never blocks; `auto` blocks soon after the last frame. */
  readonly spin?: "auto" | "always";
  /** Forwarding threads, 1 unless given. Which processor each runs on is left to the kernel. */
  readonly workers?: number;
  /** Kernel buffer of each UDP socket; more rides out longer pauses of the forwarding threads. A ring has its own 16 MiB. */
  readonly socketBufferBytes?: number;
  /** From where the source ports of datagrams are lent, 49152-65535 unless given. */
  readonly sourcePorts?: PortRange;
}

/** About the time in which the next frame of a busy flow arrives. */
const SPIN_US = 10;
const MAINTAIN_EVERY_MS = 1000;

interface BridgeRecord {
  readonly index: number;
  spec: BridgeSpec;
  memory: PerWorker<FdbMemory>;
  /** The first worker's: they all come to hold the same. */
  fdb: Fdb;
}

/** Starts the threads; throws SystemError if this machine cannot run them as configured. */
export async function openDataplane(options: DataplaneOptions = {}): Promise<Dataplane> {
  if (options.io === "ring") requireRing();
  return new ThreadedDataplane(options);
}

class ThreadedDataplane implements Dataplane {
  private readonly destinationsMemory = allocateDestinations();
  private readonly destinations = new Int32Array(this.destinationsMemory);
  private readonly vtepsMemory = allocateVteps();
  private readonly listenersMemory = allocateListeners();
  private readonly listenersOfGroups = new Listeners(this.listenersMemory);
  private readonly bridges = new Map<string, BridgeRecord>();
  private readonly bridgeIndices = new IndexPool("bridges", 0, BRIDGES_MAX);
  private readonly ports: Ports;
  private readonly loopGuard: LoopGuard;
  private readonly admission: Admission;
  private readonly mirrors: Mirrors;
  private readonly workers: Workers;
  private readonly counters: AllCounters;
  private readonly listeners: ((event: DataplaneEvent) => void)[] = [];
  private readonly timer: NodeJS.Timeout;
  /** Changes and repairs never interleave. */
  private queue: Promise<unknown> = Promise.resolve();

  constructor(options: DataplaneOptions) {
    const workers = options.workers ?? 1;
    const countersMemory = everyWorker(workers, allocateCounters);
    const counters = new AllCounters(countersMemory);
    const send = (commands: readonly ForwardingCommand[]): Promise<unknown> => this.workers.send(commands);
    const onEvent = (level: DataplaneEvent["level"], message: string): void => this.emit({ level, message });
    this.counters = counters;
    this.ports = new Ports({
      workers,
      counters,
      destinations: this.destinations,
      vteps: new Int32Array(this.vtepsMemory),
      isFast: options.io !== "udp",
      bufferBytes: options.socketBufferBytes ?? SOCKET_BUFFER_BYTES,
      sourcePorts: options.sourcePorts,
      listeners: this.listenersOfGroups,
      send,
      onEvent,
    });
    const loops = allocateLoops();
    this.loopGuard = new LoopGuard({ counters, loops, ports: this.ports });
    const learntAt = (bridge: number): Set<number> => this.learntAt(bridge);
    this.admission = new Admission({ ports: this.ports, counters, send, onEvent, learntAt });
    const outputCounters = countersMemory[0];
    this.mirrors = new Mirrors({ workers, counters, outputCounters, ports: this.ports, send, onEvent });
    this.workers = new Workers({
      counters: countersMemory,
      destinations: this.destinationsMemory,
      vteps: this.vtepsMemory,
      loops,
      listeners: this.listenersMemory,
      spinUs: options.spin === "always" ? SPIN_ALWAYS_US : SPIN_US,
      replay: () => this.allCommands(),
      onNews: (news) => {
        if ("newcomers" in news) void this.inTurn(() => this.admit(news.newcomers));
        else this.deviceFailed(news.device, news.errno);
      },
      onCrash: (name, error, pauseMs) =>
        onEvent("error", `${name} crashed (${textOf(error)}); it starts again in ${pauseMs} ms`),
    });
    this.timer = setInterval(() => void this.inTurn(() => this.maintain()), MAINTAIN_EVERY_MS);
    this.timer.unref();
  }

  get alive(): boolean {
    return this.workers.alive;
  }

  apply(changes: readonly Change[]): Promise<void> {
    return this.inTurn(async () => {
      for (const change of changes) await this.applyOne(change);
      await this.portsChanged();
    });
  }

  status(): SwitchStatus {
    const counters = this.counters.read();
    return {
      bridges: Array.from(this.bridges.values(), ({ index, spec, fdb }) => {
        const mcastGroups = spec.snoopsMulticast ? this.listenersOfGroups.count(index, nowSeconds()) : 0;
        return { ...bridgeStatus(counters, index, spec.name, fdb), mcastGroups };
      }),
      ports: Array.from(this.ports.all(), (port) => portStatus(counters, this.ports, port)),
      mirrors: Array.from(this.mirrors.all(), (mirror) => mirrorStatus(counters, mirror)),
      vteps: vtepStatus(this.ports),
      underlay: underlayStatus(counters, this.ports),
      workers: this.counters.receivedByWorker().map((receivePackets, worker) => {
        return { alive: this.workers.isAlive(worker), receivePackets };
      }),
      learningDrops: counters[LEARNING_DROPS],
      workerRestarts: this.workers.restarts + this.mirrors.restarts,
    };
  }

  fdb(): FdbRow[] {
    const now = nowSeconds();
    const rows: FdbRow[] = [];
    for (const { spec, fdb } of this.bridges.values()) {
      for (const entry of fdb.entries()) {
        const port = this.ports.ends.portOf(entry.destination)?.spec;
        if (!port) continue;
        const remote = this.ports.ends.remoteOf(entry.destination);
        rows.push({
          bridge: spec.name,
          vlan: entry.vlan,
          mac: formatMac(entry.macHigh, entry.macLow),
          port: port.name,
          remote: remote && formatAddress(remote.words),
          vni: port.type === "vxlan" ? port.vni : null,
          ageSeconds: entry.static ? 0 : Math.max(0, now - entry.lastSeenSeconds),
          static: entry.static,
        });
      }
    }
    return rows;
  }

  addStaticFdb({ bridge, port, ...entry }: StaticFdbSpec): Promise<boolean> {
    const destination = this.ports.find(bridge, port)?.ends[0].destination;
    if (destination === undefined) return Promise.resolve(false);
    const index = this.bridge(bridge).index;
    return this.ask({ op: "fdb-add", bridge: index, address: parseFdbAddress(entry), destination }).then(
      Boolean,
    );
  }

  delFdb(bridge: string, vlan: number, mac: string): Promise<boolean> {
    const index = this.bridge(bridge).index;
    return this.ask({ op: "fdb-del", bridge: index, address: parseFdbAddress({ vlan, mac }) }).then(Boolean);
  }

  flushFdb(bridge: string, port: string | null): Promise<number> {
    const index = this.bridge(bridge).index;
    const found = port === null ? null : this.ports.find(bridge, port);
    if (found === undefined) return Promise.resolve(0);
    return this.ask({ op: "fdb-flush", bridge: index, port: found?.index ?? null, statics: false });
  }

  async trace(question: TraceQuestion): Promise<TraceAnswer> {
    // In turn, so that records and threads agree. That a question makes no sense is no fault of the data plane's.
    const outcome = await this.inTurn(async () => {
      try {
        return traceRunning(this.runningState(), question);
      } catch (error) {
        if (error instanceof TraceRefusal) return error;
        throw error;
      }
    });
    if (outcome instanceof TraceRefusal) throw outcome;
    return outcome;
  }

  onEvent(listener: (event: DataplaneEvent) => void): void {
    this.listeners.push(listener);
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.queue;
    await this.workers.close();
    await this.mirrors.close();
    this.ports.closeAll();
  }

  private async applyOne(change: Change): Promise<void> {
    switch (change.op) {
      case "add-bridge":
        return this.addBridge(change.bridge);
      case "set-bridge":
        return this.setBridge(change.bridge);
      case "del-bridge":
        return this.delBridge(change.bridge);
      case "add-port":
        return this.ports.add(this.bridge(change.port.bridge).index, change.port);
      case "set-port":
        return this.ports.set(change.port);
      case "del-port":
        return this.ports.del(change.bridge, change.name);
      case "add-mirror":
        return this.mirrors.add(change.mirror);
      case "set-mirror":
        return this.mirrors.set(change.mirror);
      case "del-mirror":
        return this.mirrors.del(change.bridge, change.name);
    }
  }

  private async addBridge(spec: BridgeSpec): Promise<void> {
    const index = this.bridgeIndices.take();
    this.counters.clear(bridgeCounter(index), BRIDGE_COUNTERS);
    const memory = this.allocateFdbs(index, spec.addressesMax);
    const bridge = { index, spec, memory, fdb: this.readFdb(memory) };
    this.listenersOfGroups.forget(index);
    this.bridges.set(spec.name, bridge);
    await this.workers.send([bridgeCommand(bridge)]);
  }

  private async setBridge(spec: BridgeSpec): Promise<void> {
    const bridge = this.bridge(spec.name);
    if (spec.addressesMax !== bridge.spec.addressesMax)
      bridge.memory = this.allocateFdbs(bridge.index, spec.addressesMax);
    // Nobody has listened until now: what is known may be true no longer.
    if (!bridge.spec.snoopsMulticast) this.listenersOfGroups.forget(bridge.index);
    bridge.spec = spec;
    await this.workers.send([bridgeCommand(bridge)]);
    bridge.fdb = this.readFdb(bridge.memory);
  }

  private async delBridge(name: string): Promise<void> {
    const { index } = this.bridge(name);
    this.bridges.delete(name);
    await this.workers.send([{ op: "del-bridge", bridge: index }]);
    this.bridgeIndices.give(index);
  }

  private bridge(name: string): BridgeRecord {
    const bridge = this.bridges.get(name);
    if (!bridge) throw new Error(`no bridge ${name}`);
    return bridge;
  }

  private allocateFdbs(bridge: number, addressesMax: number): PerWorker<FdbMemory> {
    return everyWorker(this.workers.count, () => allocateFdb(bridge, addressesMax));
  }

  /** Only read: nothing is counted. */
  private readFdb(memory: PerWorker<FdbMemory>): Fdb {
    return new Fdb(memory[0], this.destinations, new Float64Array(0));
  }

  /** Everything that a new forwarding thread must be told. */
  private allCommands(): ForwardingCommand[] {
    const bridges = Array.from(this.bridges.values(), bridgeCommand);
    return [...bridges, ...this.ports.commands(), ...this.mirrors.commands()];
  }

  private runningState(): RunningState {
    return {
      ports: this.ports,
      mirrors: this.mirrors,
      memory: this.workers.memory,
      fdbs: Array.from(this.bridges.values(), ({ memory }) => memory[0]),
      commands: commandsFor(this.allCommands(), 0),
    };
  }

  private async maintain(): Promise<void> {
    await this.ports.maintain();
    if (await this.admission.maintain()) await this.portsChanged();
    await this.mirrors.maintain();
    const seconds = new Map(
      Array.from(this.bridges.values(), ({ index, spec }) => [index, spec.loopGuardSeconds]),
    );
    await this.loopGuard.look((bridge) => (seconds.get(bridge) ?? 0) * 1000);
  }

  private async admit(newcomers: readonly Newcomer[]): Promise<void> {
    if (await this.admission.admit(newcomers)) await this.portsChanged();
  }

  /** What depends on which ports there are. */
  private async portsChanged(): Promise<void> {
    await this.ports.refreshTaps();
    await this.ports.updateRings();
    await this.workers.send(this.mirrors.commands());
  }

  /** Destinations at which a bridge has learnt addresses. */
  private learntAt(bridge: number): Set<number> {
    const record = Array.from(this.bridges.values()).find(({ index }) => index === bridge);
    return new Set(record?.fdb.entries().map(({ destination }) => destination));
  }

  /**
   * A worker says that a device no longer works. Others may say the same, and by the time of our turn the index may be
   * another device's: so what counts is what is open now.
   */
  private deviceFailed(device: number, errno: number): void {
    const broken = this.ports.openOn(device);
    void this.inTurn(() => this.ports.failed(broken, errno));
  }

  /** One command whose answer matters; 0 if no thread is there to carry it out. */
  private ask(command: ForwardingCommand): Promise<number> {
    return this.inTurn(() => this.workers.ask(command));
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.queue.then(work);
    this.queue = result.catch((error) => this.emit({ level: "error", message: textOf(error) }));
    return result;
  }

  private emit(event: DataplaneEvent): void {
    for (const listener of this.listeners) listener(event);
  }
}

function nowSeconds(): number {
  return Math.floor(monotonicMs() / 1000);
}

function bridgeCommand({ memory, spec }: BridgeRecord): ForwardingCommand {
  const { ageingSeconds, forwardsBpdu, loopGuardSeconds, snoopsMulticast } = spec;
  const options = { ageingSeconds, forwardsBpdu, guardsLoops: loopGuardSeconds > 0, snoopsMulticast };
  return { op: "set-bridge", memory, options };
}
