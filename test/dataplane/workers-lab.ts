// Several workers in memory: an engine each, joined by the learning rings, with ports of bare frames that all can send to.
// Nothing runs by itself: a worker hears when it receives, as its loop has it, or when a test says so.
import {
  allocateCounters,
  bridgeCounter,
  type CountersMemory,
  LEARNING_DROPS,
} from "../../src/dataplane/counters.ts";
import {
  allocateDestinations,
  DESTINATION_DEVICE,
  DESTINATION_PORT,
  DESTINATION_SHIFT,
} from "../../src/dataplane/destinations.ts";
import { allocateDropRecords } from "../../src/dataplane/drop-records.ts";
import { type Command, Engine } from "../../src/dataplane/engine.ts";
import { allocateFdb, Fdb, type FdbMemory } from "../../src/dataplane/fdb/fdb.ts";
import { allocateLearning, Learning } from "../../src/dataplane/fdb/learning.ts";
import { allocateHostNews } from "../../src/dataplane/host-news.ts";
import { allocateListeners } from "../../src/dataplane/listeners.ts";
import { allocateLoops } from "../../src/dataplane/loops.ts";
import { allocateMeters } from "../../src/dataplane/meters.ts";
import { allocateNeighbours } from "../../src/dataplane/neighbours.ts";
import { OPEN_POLICY } from "../../src/dataplane/policy.ts";
import type { CommonMemory } from "../../src/dataplane/tables.ts";
import type { TraceAnswer } from "../../src/dataplane/trace/answer.ts";
import { takeImage } from "../../src/dataplane/trace/image.ts";
import { trace } from "../../src/dataplane/trace/trace.ts";
import { allocateVteps } from "../../src/dataplane/vteps.ts";
import { formatMac } from "../../src/dataplane/wire/mac.ts";
import { arena, MemoryDevice } from "./memory-device.ts";

const BRIDGE = 0;

type LabCommand = Command<MemoryDevice, never>;

interface LabWorker {
  readonly memory: FdbMemory;
  readonly counters: CountersMemory;
  readonly devices: readonly MemoryDevice[];
  engine: Engine<MemoryDevice, never>;
}

export class WorkersLab {
  /** Whom a worker has woken since the last look, as `from>to`. */
  readonly woken: string[] = [];
  nowSeconds = 1000;
  private readonly ports: readonly string[];
  private readonly ageingSeconds: number;
  /** What all workers share. */
  private readonly common: CommonMemory = {
    destinations: allocateDestinations(),
    vteps: allocateVteps(),
    meters: allocateMeters(),
    loops: allocateLoops(),
    neighbours: allocateNeighbours(),
    listeners: allocateListeners(),
  };
  private readonly destinations = new Int32Array(this.common.destinations);
  private readonly learning: ReturnType<typeof allocateLearning>;
  private readonly workers: LabWorker[];

  constructor(
    workers: number,
    ports: readonly string[],
    { ageingSeconds = 300, addressesMax = 65_536 } = {},
  ) {
    this.ports = ports;
    this.ageingSeconds = ageingSeconds;
    this.learning = allocateLearning(workers);
    ports.forEach((_, index) => {
      this.destinations[(index << DESTINATION_SHIFT) + DESTINATION_DEVICE] = index;
      this.destinations[(index << DESTINATION_SHIFT) + DESTINATION_PORT] = index + 1;
    });
    this.workers = Array.from({ length: workers }, (_, worker) => {
      const memory = allocateFdb(BRIDGE, addressesMax);
      const counters = allocateCounters();
      const devices = ports.map((_, index) => new MemoryDevice(index, false));
      const lone = { memory, counters, devices };
      return { ...lone, engine: this.newEngine(worker, lone) };
    });
  }

  /** Frames arrive at a port and are received by one worker, in one batch. */
  receive(worker: number, port: string, ...frames: readonly Buffer[]): void {
    const { engine, devices } = this.workers[worker];
    const device = devices[this.ports.indexOf(port)];
    engine.hear();
    device.arrive(frames.map((bytes) => ({ bytes })));
    for (let count = device.receive(); count > 0; count = device.receive())
      engine.forwarder.forward(device.index, count);
    engine.wakeOthers();
  }

  /** What a trace of a bare frame says that begins with the state of a worker. */
  trace(worker: number, port: string, bytes: Buffer): TraceAnswer {
    const { memory, devices } = this.workers[worker];
    const name = (index: number): string => this.ports[index - 1];
    const [unimpaired, bare] = [
      { bridge: "br0", reason: "", impairIn: null, impairOut: null },
      { remote: null, vni: null, mtuBytes: 1500, sourcePort: () => null },
    ];
    return trace<MemoryDevice>({
      image: takeImage(this.common, [memory]),
      commands: this.commands({ memory, devices }),
      traced: () => ({ encapsulated: false, tellsOffloads: true, refuses: () => 0 }),
      names: {
        port: (index) => ({ ...unimpaired, index, name: name(index) }),
        end: () => bare,
        mirror: () => {
          throw new Error("this lab has no mirrors");
        },
      },
      frame: bytes,
      datagram: null,
      arrival: { device: this.ports.indexOf(port), remote: null, bytes },
      nowSeconds: this.nowSeconds,
      nowUs: 0,
    });
  }

  hear(worker: number): void {
    this.workers[worker].engine.hear();
  }

  /** Lets time pass for all workers. */
  tick(seconds: number): void {
    this.nowSeconds += seconds;
    for (const { engine } of this.workers) {
      engine.hear();
      engine.tick(this.nowSeconds);
    }
  }

  /** A command reaches one worker, as always after it has heard. */
  apply(worker: number, command: Command<MemoryDevice, never>): number {
    this.workers[worker].engine.hear();
    return this.workers[worker].engine.apply(command);
  }

  delPort(worker: number, port: string): void {
    this.apply(worker, { op: "del-port", port: this.ports.indexOf(port) + 1 });
  }

  addPort(worker: number, port: string): void {
    this.apply(worker, portCommand(this.ports.indexOf(port)));
  }

  /** A worker has crashed: a new one begins over the same shared memory, and is told everything before it hears. */
  restart(worker: number): void {
    const state = this.workers[worker];
    state.engine = this.newEngine(worker, state);
  }

  /** Copies that a worker has sent to each port since the last look. */
  sent(worker: number): Record<string, number> {
    const counts = this.workers[worker].devices.map(({ departures }) => departures.splice(0).length);
    return Object.fromEntries(this.ports.map((port, i) => [port, counts[i]]).filter(([, count]) => count));
  }

  /** A worker's entries as `MAC port`, sorted. */
  fdb(worker: number): string[] {
    const { memory, counters } = this.workers[worker];
    const entries = new Fdb(memory, this.destinations, new Float64Array(counters)).entries();
    return entries
      .map(({ macHigh, macLow, destination }) => `${formatMac(macHigh, macLow)} ${this.ports[destination]}`)
      .sort();
  }

  /** A counter of the bridge (`FDB_…`), as each worker has counted it. */
  bridgeCounts(counter: number): number[] {
    return this.workers.map(({ counters }) => new Float64Array(counters)[bridgeCounter(BRIDGE) + counter]);
  }

  learningDrops(worker: number): number {
    return new Float64Array(this.workers[worker].counters)[LEARNING_DROPS];
  }

  private newEngine(
    worker: number,
    { memory, counters, devices }: Omit<LabWorker, "engine">,
  ): Engine<MemoryDevice, never> {
    const wake = (other: number): void => void this.woken.push(`${worker}>${other}`);
    const learning = new Learning(this.learning, worker, new Float64Array(counters), wake);
    const host = {
      device: (_index: number, make: MemoryDevice, tables: Engine<MemoryDevice, never>["tables"]) =>
        make.attach(tables),
      clock: { seconds: 0, nanoseconds: 0 },
      captureSink: () => {
        throw new Error("no captures here");
      },
      sink: () => {
        throw new Error("this lab has no mirrors");
      },
    };
    const own = { counters, hostNews: allocateHostNews(), dropRecords: allocateDropRecords() };
    const engine = new Engine<MemoryDevice, never>({ ...this.common, ...own }, arena, host, learning);
    engine.tick(this.nowSeconds);
    for (const command of this.commands({ memory, devices })) engine.apply(command);
    return engine;
  }

  /** All that a worker is told when it begins. */
  private commands({ memory, devices }: Pick<LabWorker, "memory" | "devices">): LabCommand[] {
    const { ageingSeconds } = this;
    const options = { ageingSeconds, forwardsBpdu: true, guardsLoops: false, snoopsMulticast: false };
    const ports = devices.flatMap((device, index): LabCommand[] => [
      { op: "add-device", device: index, make: device, fallback: index },
      portCommand(index),
    ]);
    return [{ op: "set-bridge", memory, options }, ...ports];
  }
}

/** A port, its destination and its device have one number, but that ports begin with 1. */
function portCommand(index: number): LabCommand {
  const place = { bridge: BRIDGE, port: index + 1, destination: index, device: index };
  const usual = { policy: OPEN_POLICY, bound: [], isQuarantined: false, hasManyEnds: false };
  return { op: "add-port", ...place, ...usual, ingress: null };
}
