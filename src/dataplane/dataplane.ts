// The data plane as the control plane holds it: records of bridges, ports and mirrors by name, the forwarding threads that
// do the work, and the shared memory between them. The records are the truth: a thread that crashes is started again
// and told everything anew; FDB and counters are in shared memory and do not notice.
import { monotonicMs } from "./clock.ts";
import { allocateCounters, HOST_NEWS_DROPS, LEARNING_DROPS } from "./counters.ts";
import { allocateDestinations } from "./destinations.ts";
import { allocateDropRecords, type DropRecordsMemory } from "./drop-records.ts";
import { failure, threadCrashed } from "./events.ts";
import { allocateHostNews } from "./host-news.ts";
import { requireRing } from "./inventory/abilities.ts";
import { Admission } from "./inventory/admission.ts";
import { AllCounters } from "./inventory/all-counters.ts";
import { Bridges } from "./inventory/bridges.ts";
import { Captures } from "./inventory/captures.ts";
import { droppedFrames } from "./inventory/dropped-frames.ts";
import { textOf } from "./inventory/explain.ts";
import { FramePlaces } from "./inventory/frame-places.ts";
import { Hosts } from "./inventory/hosts.ts";
import { LoopGuard } from "./inventory/loop-guard.ts";
import { Mirrors } from "./inventory/mirrors.ts";
import { Ports } from "./inventory/ports.ts";
import { bridgeStatus, mirrorStatus, portStatus, underlayStatus, vtepStatus } from "./inventory/status.ts";
import { type RunningState, traceRunning } from "./inventory/tracing.ts";
import { type PortRange, SOCKET_BUFFER_BYTES } from "./limits.ts";
import { allocateListeners, Listeners } from "./listeners.ts";
import { allocateLoops } from "./loops.ts";
import type { Newcomer } from "./newcomers.ts";
import type {
  CaptureHandle,
  CaptureSpec,
  Change,
  Dataplane,
  DataplaneEvent,
  DroppedFrame,
  FdbRow,
  HostRow,
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
import { parseFdbAddress } from "./wire/mac.ts";

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
/** How soon what happens to hosts is heard of. */
const HOSTS_EVERY_MS = 100;

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
  private readonly bridges: Bridges;
  private readonly ports: Ports;
  private readonly loopGuard: LoopGuard;
  private readonly admission: Admission;
  private readonly mirrors: Mirrors;
  private readonly captures: Captures;
  private readonly dropRecords: PerWorker<DropRecordsMemory>;
  private readonly workers: Workers;
  private readonly inventory: Hosts;
  private readonly counters: AllCounters;
  private readonly listeners: ((event: DataplaneEvent) => void)[] = [];
  private readonly timer: NodeJS.Timeout;
  private readonly hostsTimer: NodeJS.Timeout;
  /** Changes and repairs never interleave. */
  private queue: Promise<unknown> = Promise.resolve();

  constructor(options: DataplaneOptions) {
    const workers = options.workers ?? 1;
    const countersMemory = everyWorker(workers, allocateCounters);
    const counters = new AllCounters(countersMemory);
    const hostNews = everyWorker(workers, allocateHostNews);
    const send = (commands: readonly ForwardingCommand[]): Promise<unknown> => this.workers.send(commands);
    const onEvent = (event: DataplaneEvent): void => this.emit(event);
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
    this.bridges = new Bridges({
      workers,
      counters,
      destinations: this.destinations,
      listeners: this.listenersOfGroups,
      send,
    });
    const learntAt = (bridge: number): Set<number> => this.bridges.learntAt(bridge);
    this.admission = new Admission({ ports: this.ports, counters, send, onEvent, learntAt });
    const outputCounters = countersMemory[0];
    this.mirrors = new Mirrors({ workers, counters, outputCounters, ports: this.ports, send, onEvent });
    this.captures = new Captures({ workers, ports: this.ports, mirrors: this.mirrors, send });
    this.dropRecords = everyWorker(workers, allocateDropRecords);
    this.workers = new Workers({
      counters: countersMemory,
      dropRecords: this.dropRecords,
      hostNews,
      destinations: this.destinationsMemory,
      vteps: this.vtepsMemory,
      loops,
      listeners: this.listenersMemory,
      spinUs: options.spin === "always" ? SPIN_ALWAYS_US : SPIN_US,
      replay: () => [...this.allCommands(), ...this.captures.commands()],
      onNews: (news) => {
        if ("newcomers" in news) void this.inTurn(() => this.admit(news.newcomers));
        else this.deviceFailed(news.device, news.errno);
      },
      onCrash: (name, error, pauseMs) => onEvent(threadCrashed(name, textOf(error), pauseMs)),
    });
    this.inventory = new Hosts({
      news: hostNews,
      bridges: this.bridges.byName,
      ends: this.ports.ends,
      newsDrops: () => counters.sumOf(HOST_NEWS_DROPS),
      onEvent,
    });
    this.hostsTimer = setInterval(() => this.inventory.look(bothClocks()), HOSTS_EVERY_MS);
    this.hostsTimer.unref();
    this.timer = setInterval(() => void this.inTurn(() => this.maintain()), MAINTAIN_EVERY_MS);
    this.timer.unref();
  }

  get alive(): boolean {
    return this.workers.alive;
  }

  apply(changes: readonly Change[]): Promise<void> {
    return this.inTurn(async () => {
      for (const change of changes) {
        this.inventory.look(bothClocks());
        await this.applyOne(change);
      }
      await this.portsChanged();
    });
  }

  status(): SwitchStatus {
    const counters = this.counters.read();
    return {
      bridges: Array.from(this.bridges.all(), ({ index, spec, fdb }) => {
        const mcastGroups = spec.snoopsMulticast ? this.listenersOfGroups.count(index, nowSeconds()) : 0;
        return { ...bridgeStatus(counters, index, spec.name, fdb), mcastGroups };
      }),
      ports: Array.from(this.ports.all(), (port) => portStatus(counters, this.ports, port)),
      mirrors: Array.from(this.mirrors.all(), (mirror) => mirrorStatus(counters, mirror)),
      vteps: vtepStatus(this.ports),
      underlay: underlayStatus(counters, this.ports),
      hosts: this.inventory.status(),
      workers: this.counters.receivedByWorker().map((receivePackets, worker) => {
        return { alive: this.workers.isAlive(worker), receivePackets };
      }),
      learningDrops: counters[LEARNING_DROPS],
      workerRestarts: this.workers.restarts + this.mirrors.restarts,
    };
  }

  fdb(): FdbRow[] {
    return this.bridges.fdbRows(this.ports.ends, nowSeconds());
  }

  hosts(): HostRow[] {
    return this.inventory.rows(bothClocks());
  }

  addStaticFdb({ bridge, port, ...entry }: StaticFdbSpec): Promise<boolean> {
    const destination = this.ports.find(bridge, port)?.ends[0].destination;
    if (destination === undefined) return Promise.resolve(false);
    const index = this.bridges.get(bridge).index;
    return this.ask({ op: "fdb-add", bridge: index, address: parseFdbAddress(entry), destination }).then(
      Boolean,
    );
  }

  delFdb(bridge: string, vlan: number, mac: string): Promise<boolean> {
    const index = this.bridges.get(bridge).index;
    return this.ask({ op: "fdb-del", bridge: index, address: parseFdbAddress({ vlan, mac }) }).then(Boolean);
  }

  flushFdb(bridge: string, port: string | null): Promise<number> {
    const index = this.bridges.get(bridge).index;
    const found = port === null ? null : this.ports.find(bridge, port);
    if (found === undefined) return Promise.resolve(0);
    return this.ask({ op: "fdb-flush", bridge: index, port: found?.index ?? null, statics: false });
  }

  droppedFrames(): DroppedFrame[] {
    return droppedFrames(this.dropRecords, new FramePlaces(this.ports, this.mirrors));
  }

  capture(spec: CaptureSpec): Promise<CaptureHandle | null> {
    return this.inTurn(() => this.captures.start(spec));
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
    clearInterval(this.hostsTimer);
    await this.queue;
    await this.workers.close();
    await this.mirrors.close();
    this.ports.closeAll();
  }

  private async applyOne(change: Change): Promise<void> {
    switch (change.op) {
      case "add-bridge":
        return this.bridges.add(change.bridge);
      case "set-bridge":
        return this.bridges.set(change.bridge);
      case "del-bridge":
        this.inventory.forgetBridge(change.bridge);
        return this.bridges.del(change.bridge);
      case "add-port":
        return this.ports.add(this.bridges.get(change.port.bridge).index, change.port);
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

  /** Everything that a new forwarding thread must be told, but for who watches. */
  private allCommands(): ForwardingCommand[] {
    return [...this.bridges.commands(), ...this.ports.commands(), ...this.mirrors.commands()];
  }

  private runningState(): RunningState {
    return {
      ports: this.ports,
      mirrors: this.mirrors,
      memory: this.workers.memory,
      workers: this.workers.count,
      fdbs: Array.from(this.bridges.all(), ({ memory }) => memory[0]),
      commands: commandsFor(this.allCommands(), 0),
    };
  }

  private async maintain(): Promise<void> {
    await this.ports.maintain();
    if (await this.admission.maintain()) await this.portsChanged();
    await this.mirrors.maintain();
    const seconds = new Map(
      Array.from(this.bridges.all(), ({ index, spec }) => [index, spec.loopGuardSeconds]),
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
    await this.workers.send([...this.mirrors.commands(), ...this.captures.commands()]);
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
    this.queue = result.catch((error) => this.emit(failure(textOf(error))));
    return result;
  }

  private emit(event: DataplaneEvent): void {
    for (const listener of this.listeners) listener(event);
  }
}

function bothClocks() {
  return { monotonicMs: monotonicMs(), wallMs: Date.now() };
}

function nowSeconds(): number {
  return Math.floor(monotonicMs() / 1000);
}
