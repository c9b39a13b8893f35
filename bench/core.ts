// The forwarding core alone, in memory: decap, inspect, learn, look up, queue, account, by the very Engine that the
// forwarding thread runs, between devices that only fill and empty tables. Every frame carries a source and a
// destination drawn at random, so that the FDB's memory is really walked. Writing the frames is not timed.
//
// Also the proof that forwarding allocates nothing: the heap before and after a million frames. And how it scales: the
// same with a thread more, each with an engine of its own, joined by the rings by which they tell each other what they learn.

import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { parseAddress } from "../src/dataplane/address.ts";
import { monotonicMs } from "../src/dataplane/clock.ts";
import { allocateCounters, LEARNING_DROPS } from "../src/dataplane/counters.ts";
import {
  allocateDestinations,
  DESTINATION_DEVICE,
  DESTINATION_PORT,
  DESTINATION_WORDS,
} from "../src/dataplane/destinations.ts";
import type { Device } from "../src/dataplane/device.ts";
import { allocateDropRecords } from "../src/dataplane/drop-records.ts";
import { Engine } from "../src/dataplane/engine.ts";
import { allocateFdb } from "../src/dataplane/fdb/fdb.ts";
import { allocateLearning, Learning, type LearningMemory } from "../src/dataplane/fdb/learning.ts";
import {
  COPY_RESULT,
  COPY_SHIFT,
  FRAME_FLAGS,
  FRAME_GSO_TYPE,
  FRAME_LENGTH,
  FRAME_OFFSET,
  FRAME_REMOTE,
  FRAME_SHIFT,
  FRAME_VTEP,
  SLOT_COUNT,
  type TransmitList,
} from "../src/dataplane/frames.ts";
import { allocateHostNews } from "../src/dataplane/host-news.ts";
import { allocateListeners } from "../src/dataplane/listeners.ts";
import { allocateLoops } from "../src/dataplane/loops.ts";
import { allocateMeters } from "../src/dataplane/meters.ts";
import { allocateNeighbours } from "../src/dataplane/neighbours.ts";
import { OPEN_POLICY } from "../src/dataplane/policy.ts";
import { tuneV8 } from "../src/dataplane/threads/v8-tuning.ts";
import { allocateVteps } from "../src/dataplane/vteps.ts";
import { describeMachine } from "./machine.ts";
import { DRY_PLOTS, PLOTS, plotsOf, writePlots } from "./plots.ts";
import { writeSection } from "./results.ts";
import { type Row, Samples } from "./samples.ts";
import { median, spread } from "./statistics.ts";

/** Address counts and what a frame may cost with them, in ns. */
const TARGETS = [
  { addresses: 2, limitNs: 30 },
  { addresses: 4096, limitNs: 35 },
  { addresses: 65_536, limitNs: 60 },
  { addresses: 1_000_000, limitNs: 150 },
];
/** As many as the forwarding thread receives at a time. */
const BATCH = SLOT_COUNT;
const BATCHES_A_ROUND = 16;
const ROUNDS = 2000;
const WARM_UP_ROUNDS = 300;
const HEAP_READINGS = 3;
const THREAD_COUNTS = [1, 2];
/** With all threads' addresses refreshed by whoever sees them first, each second. */
const THREADS_ADDRESSES = 4096;
const THREADS_MS = 3000;
const THREADS_REPETITIONS = 3;
const SLOT_BYTES = 128;
const FRAME_BYTES = 60;
const DATAGRAM_BYTES = 8 + FRAME_BYTES;
const SECTION = { name: "core", title: "The forwarding core alone" };
const SUBJECT = "vxswitch";
const LIMIT = "at most";
const UNDERLAY = 0;
const PORTS = 2;

/** What one of several threads is given. */
interface ThreadData {
  readonly worker: number;
  readonly learning: LearningMemory | null;
  /** Two words: how many threads are ready, and 1 when all may start. */
  readonly gate: SharedArrayBuffer;
}

interface ThreadResult {
  readonly framesPerMs: number;
  /** Events that found a ring full. */
  readonly learningDrops: number;
}

interface Sample {
  readonly medianNs: number;
  readonly range: string;
  readonly heapBytes: number;
}

/** Hands out the rows of a batch that was written before; swallows what is transmitted. */
class BenchDevice implements Device {
  readonly fd = -1;
  readonly encapsulated = true;
  readonly tellsOffloads = false;
  readonly spins = false;

  receive(): number {
    return BATCH;
  }

  transmit(list: TransmitList): number {
    for (let i = 0; i < list.count; i++) list.copies[(i << COPY_SHIFT) + COPY_RESULT] = 0;
    return 0;
  }
}

/** One engine with two VXLAN ports and room for `addresses` of each. */
class CoreBench {
  private readonly engine: Engine<null, null>;
  private readonly view = new DataView(new ArrayBuffer(BATCH * BATCHES_A_ROUND * SLOT_BYTES));
  private readonly remotes = [parseAddress("10.0.0.1").words, parseAddress("10.0.0.2").words];
  private readonly addresses: number;
  private seed = 12345;

  /** `thread`: joined to others. */
  constructor(addresses: number, thread: ThreadData | null = null) {
    this.addresses = addresses;
    const memory = {
      counters: allocateCounters(),
      destinations: allocateDestinations(),
      vteps: allocateVteps(),
      dropRecords: allocateDropRecords(),
      meters: allocateMeters(),
      loops: allocateLoops(),
      neighbours: allocateNeighbours(),
      listeners: allocateListeners(),
      hostNews: allocateHostNews(),
    };
    const device = new BenchDevice();
    const host = {
      device: () => device,
      clock: { seconds: 0, nanoseconds: 0 },
      captureSink: () => {
        throw new Error("no captures here");
      },
      sink: () => {
        throw new Error("no mirrors here");
      },
    };
    this.engine = new Engine(
      memory,
      {
        bytes: new Uint8Array(this.view.buffer),
        view: this.view,
        answersAt: 0,
        neighAnswersAt: 0,
        formsAt: 0,
        clampedAt: 0,
        heldAt: 0,
      },
      host,
      thread && learningOf(thread, memory.counters),
    );
    this.seed += thread?.worker ?? 0;
    this.engine.apply({ op: "add-device", device: UNDERLAY, make: null, fallback: UNDERLAY });
    this.engine.apply({
      op: "set-bridge",
      memory: allocateFdb(0, Math.max(16, addresses)),
      options: { ageingSeconds: 300, forwardsBpdu: true, guardsLoops: false, snoopsMulticast: false },
    });
    for (let i = 0; i < PORTS; i++) this.addPort(i);
    this.engine.tick(1);
    for (let frame = 0; frame < BATCH * BATCHES_A_ROUND; frame++) this.writeFrame(frame);
  }

  /** Median ns a frame over many rounds of fresh random frames. */
  run(): { medianNs: number; range: string } {
    this.learnAll();
    this.engine.tick(1);
    for (let i = 0; i < WARM_UP_ROUNDS; i++) this.round();
    const samples: number[] = [];
    for (let i = 0; i < ROUNDS; i++) samples.push(this.round() / (BATCH * BATCHES_A_ROUND));
    const { min, max } = spread(samples);
    return { medianNs: median(samples), range: `${min.toFixed(1)}–${max.toFixed(1)}` };
  }

  /** One of several threads: makes ready, waits for the others, then forwards as long as they do. */
  runAmongOthers(gate: Int32Array): ThreadResult {
    this.learnAll();
    for (let i = 0; i < WARM_UP_ROUNDS; i++) this.round();
    Atomics.add(gate, 0, 1);
    Atomics.notify(gate, 0);
    Atomics.wait(gate, 1, 0);
    const { counters } = this.engine.tables;
    counters[LEARNING_DROPS] = 0;
    let [frames, timedMs, tickedSeconds] = [0, 0, 0];
    for (const endMs = monotonicMs() + THREADS_MS; monotonicMs() < endMs; ) {
      const seconds = Math.floor(monotonicMs() / 1000);
      if (seconds > tickedSeconds) this.engine.tick(seconds);
      tickedSeconds = seconds;
      timedMs += this.round() / 1e6;
      frames += BATCH * BATCHES_A_ROUND;
    }
    return { framesPerMs: frames / timedMs, learningDrops: counters[LEARNING_DROPS] };
  }

  /** Heap bytes that forwarding a million frames leaves behind: the least of a few, for V8's compiler allocates as well. */
  leastHeapBytesOfAMillion(): number {
    for (let i = 0; i < WARM_UP_ROUNDS; i++) this.round();
    this.writeRound();
    return Math.min(...Array.from({ length: HEAP_READINGS }, () => this.heapBytesOfAMillion()));
  }

  private heapBytesOfAMillion(): number {
    const before = process.memoryUsage().heapUsed;
    for (let frames = 0; frames < 1e6; frames += BATCH) {
      this.writeRows(0);
      this.engine.forwarder.forward(UNDERLAY, BATCH);
    }
    return process.memoryUsage().heapUsed - before;
  }

  /** Time of one round in ns: the frames are written first, then forwarded batch by batch under the clock. */
  private round(): number {
    this.writeRound();
    let totalMs = 0;
    for (let batch = 0; batch < BATCHES_A_ROUND; batch++) {
      this.writeRows(batch);
      const start = performance.now();
      this.engine.hear();
      this.engine.forwarder.forward(UNDERLAY, BATCH);
      this.engine.wakeOthers();
      totalMs += performance.now() - start;
    }
    return totalMs * 1e6;
  }

  private addPort(index: number): void {
    const row = index * DESTINATION_WORDS;
    this.engine.tables.destinations[row + DESTINATION_DEVICE] = UNDERLAY;
    this.engine.tables.destinations[row + DESTINATION_PORT] = index + 1;
    const ingress = { remote: this.remotes[index], vni: 4100 };
    this.engine.apply({
      op: "add-port",
      bridge: 0,
      port: index + 1,
      destination: index,
      device: UNDERLAY,
      policy: OPEN_POLICY,
      bound: [],
      isQuarantined: false,
      hasManyEnds: false,
      ingress,
    });
  }

  private learnAll(): void {
    const { fdb } = this.engine.tables.bridges[0] as NonNullable<(typeof this.engine.tables.bridges)[0]>;
    for (let host = 0; host < this.addresses; host++) {
      fdb.learn(0x40000000 | 0x0200, host, host % PORTS, 1);
    }
  }

  /** An inner UDP packet whose checksum is filled. */
  private writeFrame(frame: number): void {
    const at = frame * SLOT_BYTES;
    const { view } = this;
    view.setUint8(at, 0x08);
    view.setUint32(at + 4, 4100 << 8);
    const inner = at + 8;
    view.setUint16(inner, 0x0200);
    view.setUint16(inner + 6, 0x0200);
    view.setUint16(inner + 12, 0x0800);
    view.setUint8(inner + 14, 0x45);
    view.setUint16(inner + 16, FRAME_BYTES - 14);
    view.setUint8(inner + 23, 17);
    view.setUint32(inner + 26, 0xc0a80001);
    view.setUint32(inner + 30, 0xc0a80002);
    view.setUint32(inner + 34, 0x10001000 + (frame & 63));
    view.setUint16(inner + 38, FRAME_BYTES - 34);
    view.setUint16(inner + 40, 0x1234);
  }

  private writeRound(): void {
    for (let frame = 0; frame < BATCH * BATCHES_A_ROUND; frame++) {
      const inner = frame * SLOT_BYTES + 8;
      // An even host is at the first port, an odd one at the second: the frame goes from one to the other.
      const source = this.random() & ~1;
      this.view.setInt32(inner + 2, (this.random() & ~1) + 1);
      this.view.setInt32(inner + 8, source);
    }
  }

  private writeRows(batch: number): void {
    const { frames } = this.engine.tables;
    for (let i = 0; i < BATCH; i++) {
      const at = i << FRAME_SHIFT;
      frames[at + FRAME_OFFSET] = (batch * BATCH + i) * SLOT_BYTES;
      frames[at + FRAME_LENGTH] = DATAGRAM_BYTES;
      frames[at + FRAME_FLAGS] = 0;
      frames[at + FRAME_GSO_TYPE] = 0;
      frames[at + FRAME_VTEP] = UNDERLAY;
      frames.set(this.remotes[0], at + FRAME_REMOTE);
    }
  }

  /** A host number below `addresses` (xorshift: reproducible, and no part of what is measured). */
  private random(): number {
    this.seed ^= this.seed << 13;
    this.seed ^= this.seed >>> 17;
    this.seed ^= this.seed << 5;
    return (this.seed >>> 0) % this.addresses;
  }
}

function learningOf({ worker, learning }: ThreadData, counters: SharedArrayBuffer): Learning | null {
  // Nobody sleeps here.
  return learning && new Learning(learning, worker, new Float64Array(counters), () => {});
}

/** One case in a process of its own, as a forwarding thread is: V8 specialises code for tables that are made once. */
function measureAlone<Result>(option: "--size" | "--threads", value: number): Result {
  const args = [...process.execArgv, fileURLToPath(import.meta.url), option, String(value)];
  const child = spawnSync(process.execPath, args);
  if (child.status !== 0) throw new Error(child.stderr.toString());
  return JSON.parse(child.stdout.toString()) as Result;
}

/** So many threads at the same time. */
async function measureThreads(count: number): Promise<ThreadResult> {
  const gate = new SharedArrayBuffer(8);
  const words = new Int32Array(gate);
  const learning = count > 1 ? allocateLearning(count) : null;
  const results = Array.from({ length: count }, async (_, worker) => {
    const data: ThreadData = { worker, learning, gate };
    const [result] = await once(new Worker(new URL(import.meta.url), { workerData: data }), "message");
    return result as ThreadResult;
  });
  for (let ready = 0; ready < count; ready = Atomics.load(words, 0)) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  Atomics.store(words, 1, 1);
  Atomics.notify(words, 1);
  const all = await Promise.all(results);
  return {
    framesPerMs: all.reduce((sum, { framesPerMs }) => sum + framesPerMs, 0),
    learningDrops: all.reduce((sum, { learningDrops }) => sum + learningDrops, 0),
  };
}

function runThread(data: ThreadData): void {
  tuneV8();
  parentPort?.postMessage(new CoreBench(THREADS_ADDRESSES, data).runAmongOthers(new Int32Array(data.gate)));
}

function measure(addresses: number): Sample {
  tuneV8();
  const bench = new CoreBench(addresses);
  return { ...bench.run(), heapBytes: bench.leastHeapBytesOfAMillion() };
}

/** A table row for each size. */
function sizeRows(samples: Samples): string[] {
  return TARGETS.map(({ addresses, limitNs }) => {
    const { medianNs, range, heapBytes } = measureAlone<Sample>("--size", addresses);
    samples.add(SUBJECT, String(addresses), medianNs);
    samples.add(LIMIT, String(addresses), limitNs);
    process.stderr.write(`${addresses} addresses: ${medianNs.toFixed(1)} ns a frame\n`);
    return `| ${addresses.toLocaleString("en")} | ${medianNs.toFixed(1)} | ${range} | ${limitNs} | ${heapBytes} |`;
  });
}

/** A table row for each number of threads, measured in turns. */
function threadRows(): string[] {
  const results = THREAD_COUNTS.map((): ThreadResult[] => []);
  for (let i = 0; i < THREADS_REPETITIONS; i++)
    THREAD_COUNTS.forEach((threads, at) => {
      results[at].push(measureAlone<ThreadResult>("--threads", threads));
    });
  const rates = results.map((runs) => median(runs.map(({ framesPerMs }) => framesPerMs / 1000)));
  return THREAD_COUNTS.map((threads, at) => {
    const factor = (rates[at] / rates[0]).toFixed(2);
    const drops = results[at].reduce((sum, { learningDrops }) => sum + learningDrops, 0);
    process.stderr.write(`${threads} threads: ${rates[at].toFixed(1)} Mframes/s, ${factor} times\n`);
    return `| ${threads} | ${rates[at].toFixed(1)} | ${factor} | ${drops} |`;
  });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { size: { type: "string" }, threads: { type: "string" }, "dry-run": { type: "boolean" } },
  });
  if (values.size !== undefined) {
    process.stdout.write(JSON.stringify(measure(Number(values.size))));
    return;
  }
  if (values.threads !== undefined) {
    process.stdout.write(JSON.stringify(await measureThreads(Number(values.threads))));
    return;
  }
  const samples = new Samples();
  const markdown = `## The forwarding core alone

Decap, inspect, learn, look up, queue and account in memory; 64-byte frames with random addresses in batches of ${BATCH}.
The last column is the heap that forwarding a million frames leaves behind, both readings of the heap included.

${describeMachine("npm run bench:core")}

| addresses | ns a frame (median) | lowest–highest | at most | heap bytes a million frames |
|---:|---:|---:|---:|---:|
${sizeRows(samples).join("\n")}

Several threads at the same time, each with an FDB of its own that holds all of ${THREADS_ADDRESSES.toLocaleString("en")} addresses; each frame's source is
drawn from all of them, so that every thread tells the others of some thousand addresses a second. Medians of
${THREADS_REPETITIONS} runs in turns; all threads together.

| threads | Mframes/s | factor | news lost |
|---:|---:|---:|---:|
${threadRows().join("\n")}
`;
  process.stdout.write(markdown);
  const plots = plotsOf(SECTION, curve(), [SUBJECT, LIMIT], samples);
  writePlots(values["dry-run"] ? DRY_PLOTS : PLOTS, SECTION.name, plots);
  if (!values["dry-run"]) writeSection(SECTION.name, markdown);
}

function curve(): Row[] {
  return TARGETS.map(({ addresses: x }) => ({
    title: String(x),
    unit: "ns a frame",
    digits: 1,
    curve: { title: "Forwarding core by number of addresses", axis: "addresses", x },
  }));
}

if (isMainThread) await main();
else runThread(workerData as ThreadData);
