// The forwarding threads as the control thread holds them. All are told the same, each in its own words: where a command
// names a device's make, a mirror's output or an FDB, it has one for each worker, in the workers' order. Each thread is
// supervised by itself: a crash of one is repaired alone.
import type { CountersMemory } from "../counters.ts";
import type { DestinationsMemory } from "../destinations.ts";
import type { DropRecordsMemory } from "../drop-records.ts";
import type { Command } from "../engine.ts";
import type { FdbMemory } from "../fdb/fdb.ts";
import { allocateLearning } from "../fdb/learning.ts";
import type { HostNewsMemory } from "../host-news.ts";
import type { CaptureOutput } from "../io/capture-queue.ts";
import { WakeUp } from "../io/poller.ts";
import type { ListenersMemory } from "../listeners.ts";
import type { LoopsMemory } from "../loops.ts";
import { allocateMeters } from "../meters.ts";
import { allocateNeighbours } from "../neighbours.ts";
import type { CommonMemory } from "../tables.ts";
import type { VtepsMemory } from "../vteps.ts";
import type {
  DeviceMake,
  ForwardingNews,
  ForwardingReply,
  ForwardingRequest,
  ForwardingWorkerData,
  SinkOutput,
  WorkerCommand,
} from "./forwarding-worker.ts";
import { SupervisedThread } from "./supervised-thread.ts";

/** One for each worker, in the workers' order. */
export type PerWorker<T> = readonly T[];

/** A command to all workers. */
export type ForwardingCommand = Command<
  PerWorker<DeviceMake>,
  PerWorker<SinkOutput>,
  PerWorker<FdbMemory>,
  PerWorker<CaptureOutput>
>;

export interface WorkersOptions {
  /** One for each thread. */
  readonly counters: PerWorker<CountersMemory>;
  readonly dropRecords: PerWorker<DropRecordsMemory>;
  readonly hostNews: PerWorker<HostNewsMemory>;
  readonly destinations: DestinationsMemory;
  readonly vteps: VtepsMemory;
  readonly loops: LoopsMemory;
  readonly listeners: ListenersMemory;
  /** How long a thread looks for further frames before it blocks; SPIN_ALWAYS_US = for ever. */
  readonly spinUs: number;
  /** What a new thread must be told. */
  readonly replay: () => readonly ForwardingCommand[];
  readonly onNews: (news: ForwardingNews) => void;
  readonly onCrash: (name: string, error: Error, pauseMs: number) => void;
}

export class Workers {
  private readonly threads: PerWorker<SupervisedThread<ForwardingRequest, ForwardingReply, ForwardingNews>>;
  private readonly wakeUps: PerWorker<WakeUp>;
  /** What all of them share. */
  readonly memory: CommonMemory;

  constructor({
    counters,
    dropRecords,
    hostNews,
    spinUs,
    replay,
    onNews,
    onCrash,
    ...shared
  }: WorkersOptions) {
    const count = counters.length;
    const learning = count > 1 ? allocateLearning(count) : null;
    this.memory = { ...shared, meters: allocateMeters(), neighbours: allocateNeighbours() };
    this.wakeUps = everyWorker(count, () => new WakeUp());
    const wakeFds = this.wakeUps.map(({ fd }) => fd);
    this.threads = this.wakeUps.map((wakeUp, worker) => {
      const name = count === 1 ? "the forwarding thread" : `forwarding thread ${worker}`;
      const own = {
        counters: counters[worker],
        dropRecords: dropRecords[worker],
        hostNews: hostNews[worker],
      };
      const memory = { ...this.memory, ...own };
      return new SupervisedThread({
        name,
        script: new URL("./forwarding-worker.js", import.meta.url),
        data: { memory, spinUs, worker, wakeFds, learning } satisfies Omit<ForwardingWorkerData, "wakeFd">,
        wakeUp,
        replay: () => [commandsFor(replay(), worker)],
        ping: [],
        onNews,
        onCrash: (error, pauseMs) => onCrash(name, error, pauseMs),
      });
    });
  }

  get count(): number {
    return this.threads.length;
  }

  get alive(): boolean {
    return this.threads.every((thread) => thread.alive);
  }

  isAlive(worker: number): boolean {
    return this.threads[worker].alive;
  }

  get restarts(): number {
    return this.threads.reduce((sum, { restarts }) => sum + restarts, 0);
  }

  /** The answers of each worker; null for one that crashed or pauses: what it was told is in the records and will be replayed. */
  send(commands: readonly ForwardingCommand[]): Promise<PerWorker<ForwardingReply | null>> {
    return Promise.all(this.threads.map((thread, worker) => thread.request(commandsFor(commands, worker))));
  }

  /** Carries out one command; the answer of the first worker that is there, 0 if none is. */
  async ask(command: ForwardingCommand): Promise<number> {
    const replies = await this.send([command]);
    return replies.find((reply) => reply !== null)?.[0] ?? 0;
  }

  async close(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.close("stop")));
    // They wake each other: none of these may close while a thread lives.
    for (const wakeUp of this.wakeUps) wakeUp.close();
  }
}

/** The same for every worker. */
export function everyWorker<T>(count: number, make: (worker: number) => T): PerWorker<T> {
  return Array.from({ length: count }, (_, worker) => make(worker));
}

/** The commands in the words of one worker. */
export function commandsFor(commands: readonly ForwardingCommand[], worker: number): WorkerCommand[] {
  return commands.map((command) => commandFor(command, worker));
}

function commandFor(command: ForwardingCommand, worker: number): WorkerCommand {
  switch (command.op) {
    case "add-device":
      return { ...command, make: command.make[worker] };
    case "set-bridge":
      return { ...command, memory: command.memory[worker] };
    case "set-mirrors": {
      const mirrors = command.mirrors.map((mirror) => ({ ...mirror, output: mirror.output[worker] }));
      return { ...command, mirrors };
    }
    case "set-captures": {
      const captures = command.captures.map((capture) => ({ ...capture, output: capture.output[worker] }));
      return { ...command, captures };
    }
    default:
      return command;
  }
}
