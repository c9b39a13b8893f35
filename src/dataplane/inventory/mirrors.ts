// The mirrors as the control thread knows them: a queue for each worker, output, selection. The mirror thread drains the
// queues; the engines fill them. A mirror whose output cannot be opened is down with a reason and is tried again.
import { monotonicMs } from "../clock.ts";
import { type CountersMemory, MIRROR_COUNTERS, mirrorCounter } from "../counters.ts";
import type { MirrorCommand } from "../engine.ts";
import { mirrorDown, mirrorLoses, mirrorUp, threadCrashed } from "../events.ts";
import { allocateFrameQueue, type FrameQueueMemory } from "../io/frame-queue.ts";
import { WakeUp } from "../io/poller.ts";
import { MIRRORS_MAX } from "../limits.ts";
import type { DataplaneEvent, MirrorSpec, PortSpec } from "../spec.ts";
import type { SinkOutput } from "../threads/forwarding-worker.ts";
import type { MirrorNews, MirrorReply, MirrorRequest, MirrorWorkerData } from "../threads/mirror-worker.ts";
import { SupervisedThread } from "../threads/supervised-thread.ts";
import { everyWorker, type ForwardingCommand, type PerWorker } from "../threads/workers.ts";
import type { AllCounters } from "./all-counters.ts";
import { textOf } from "./explain.ts";
import { IndexPool } from "./index-pool.ts";
import { type OpenOutput, openOutput } from "./mirror-outputs.ts";
import type { Ports } from "./ports.ts";
import { Retry } from "./retry.ts";

export interface MirrorRecord {
  readonly index: number;
  spec: MirrorSpec;
  readonly queues: PerWorker<FrameQueueMemory>;
  /** null while down. */
  output: OpenOutput | null;
  reason: string;
  readonly retry: Retry;
}

export interface MirrorsOptions {
  readonly workers: number;
  readonly counters: AllCounters;
  /** What the outputs count goes here: the table of one worker, which counts other things of a mirror. */
  readonly outputCounters: CountersMemory;
  readonly ports: Ports;
  readonly send: (commands: readonly ForwardingCommand[]) => Promise<unknown>;
  readonly onEvent: (event: DataplaneEvent) => void;
}

export class Mirrors {
  private readonly mirrors = new Map<string, MirrorRecord>();
  private readonly indices = new IndexPool("mirrors", 0, MIRRORS_MAX);
  private readonly options: MirrorsOptions;
  private readonly wakeUp = new WakeUp();
  private readonly thread: SupervisedThread<MirrorRequest, MirrorReply, MirrorNews>;

  constructor(options: MirrorsOptions) {
    this.options = options;
    this.thread = new SupervisedThread({
      name: "the mirror thread",
      script: new URL("../threads/mirror-worker.js", import.meta.url),
      data: { counters: options.outputCounters } satisfies Omit<MirrorWorkerData, "wakeFd">,
      wakeUp: this.wakeUp,
      replay: () => this.openMirrors().map(({ mirror, output }) => openRequest(mirror, output, true)),
      ping: null,
      onNews: ({ index, error }) => this.outputRefused(index, error),
      onCrash: (error, pauseMs) =>
        options.onEvent(threadCrashed("the mirror thread", textOf(error), pauseMs)),
    });
  }

  all(): Iterable<MirrorRecord> {
    return this.mirrors.values();
  }

  async add(spec: MirrorSpec): Promise<void> {
    const index = this.indices.take();
    this.options.counters.clear(mirrorCounter(index), MIRROR_COUNTERS);
    const queues = everyWorker(this.options.workers, () => allocateFrameQueue(this.wakeUp.fd));
    const mirror: MirrorRecord = {
      index,
      spec,
      queues,
      output: null,
      reason: "",
      retry: new Retry(),
    };
    this.mirrors.set(`${spec.bridge}/${spec.name}`, mirror);
    await this.open(mirror);
  }

  /** Selects otherwise from the next batch on; the output is the same. */
  async set(spec: MirrorSpec): Promise<void> {
    const mirror = this.mirrors.get(`${spec.bridge}/${spec.name}`);
    if (!mirror) throw new Error(`no mirror ${spec.bridge}/${spec.name}`);
    mirror.spec = spec;
    await this.options.send(this.commands());
  }

  async del(bridge: string, name: string): Promise<void> {
    const mirror = this.mirrors.get(`${bridge}/${name}`);
    if (!mirror) throw new Error(`no mirror ${bridge}/${name}`);
    this.mirrors.delete(`${bridge}/${name}`);
    await this.options.send(this.commands());
    if (mirror.output) await this.thread.request({ op: "del", index: mirror.index });
    mirror.output?.close();
    this.indices.give(mirror.index);
  }

  find(bridge: string, name: string): MirrorRecord | undefined {
    return this.mirrors.get(`${bridge}/${name}`);
  }

  /** From time to time: looks after what is open, tries again what is down. */
  async maintain(): Promise<void> {
    const nowMs = monotonicMs();
    for (const mirror of this.mirrors.values()) {
      if (mirror.output) await this.lookAfter(mirror, mirror.output);
      else if (mirror.retry.isDue(nowMs)) await this.open(mirror);
    }
  }

  /** Which ports each mirror watches: sent anew when ports or mirrors come and go. */
  commands(): ForwardingCommand[] {
    const mirrors = this.openMirrors().map(({ mirror }) => this.selection(mirror));
    return [{ op: "set-mirrors", mirrors }];
  }

  get restarts(): number {
    return this.thread.restarts;
  }

  async close(): Promise<void> {
    await this.thread.close({ op: "stop" });
    this.wakeUp.close();
    for (const { output } of this.mirrors.values()) output?.close();
    this.mirrors.clear();
  }

  private openMirrors(): { mirror: MirrorRecord; output: OpenOutput }[] {
    return Array.from(this.mirrors.values()).flatMap((mirror) =>
      mirror.output === null ? [] : [{ mirror, output: mirror.output }],
    );
  }

  private async open(mirror: MirrorRecord): Promise<void> {
    const { spec } = mirror;
    let output: OpenOutput | null = null;
    let refusal = "";
    try {
      output = openOutput(spec.output);
      refusal = (await this.thread.request(openRequest(mirror, output, false))) ?? "";
    } catch (error) {
      refusal = textOf(error);
    }
    if (refusal !== "") {
      output?.close();
      if (mirror.reason !== refusal) this.options.onEvent(mirrorDown(spec, refusal));
      mirror.reason = refusal;
      mirror.retry.failed(monotonicMs());
      return;
    }
    mirror.retry.succeeded();
    if (mirror.reason !== "") this.options.onEvent(mirrorUp(spec));
    mirror.reason = "";
    mirror.output = output;
    await this.options.send(this.commands());
  }

  /** An output that is lost is closed, and opened again as one that never was. */
  private async lookAfter(mirror: MirrorRecord, output: OpenOutput): Promise<void> {
    const why = output.refresh();
    if (why === "") return;
    mirror.output = null;
    await this.options.send(this.commands());
    await this.thread.request({ op: "del", index: mirror.index });
    output.close();
    this.options.onEvent(mirrorDown(mirror.spec, why));
    mirror.reason = why;
    mirror.retry.failed(monotonicMs());
  }

  private selection({ index, spec, queues }: MirrorRecord): MirrorCommand<PerWorker<SinkOutput>> {
    const ports = Array.from(this.options.ports.all()).filter((port) => port.spec.bridge === spec.bridge);
    const named = (names: readonly string[]): number[] =>
      ports
        .filter(({ spec }) => namesOf(spec).some((name) => names.includes(name)))
        .map(({ index }) => index);
    const all = ports.map((port) => port.index);
    return {
      index,
      output: queues.map((queue) => ({ queue, snaplenBytes: spec.snaplenBytes })),
      vlans: spec.selectVlans,
      program: spec.filter?.program ?? null,
      sampleEvery: spec.sampleEvery,
      // Everything that a bridge forwards was received by it: watching both sides of all ports would add nothing.
      receivePorts: spec.selectAll ? all : named(spec.selectSrcPorts),
      transmitPorts: spec.selectAll ? [] : named(spec.selectDstPorts),
    };
  }

  private outputRefused(index: number, error: string): void {
    for (const { spec, index: of } of this.mirrors.values()) {
      if (of !== index) continue;
      this.options.onEvent(mirrorLoses(spec, error));
    }
  }
}

function openRequest(
  { index, spec, queues }: MirrorRecord,
  { make: output }: OpenOutput,
  again: boolean,
): MirrorRequest {
  return { op: "add", index, name: spec.name, queues, snaplenBytes: spec.snaplenBytes, again, output };
}

/** A port that stands in the place of a hub is meant by its name too. */
function namesOf(port: PortSpec): string[] {
  return port.type === "vxlan" && port.hub !== null ? [port.name, port.hub] : [port.name];
}
