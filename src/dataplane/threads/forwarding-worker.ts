// Entry of a forwarding thread: makes the engine on its arena, answers commands between two batches, runs the loop.
import { parentPort, workerData } from "node:worker_threads";
import { type Command, Engine, type EngineHost } from "../engine.ts";
import type { FdbMemory } from "../fdb/fdb.ts";
import { Learning, type LearningMemory } from "../fdb/learning.ts";
import { mapArena } from "../io/arena.ts";
import { type CaptureOutput, CaptureWriter } from "../io/capture-queue.ts";
import type { FrameQueueMemory } from "../io/frame-queue.ts";
import { MirrorWriter } from "../io/mirror-queue.ts";
import { WakeUp } from "../io/poller.ts";
import { RingReceiver, type RingSocket } from "../io/ring.ts";
import { Tap } from "../io/tap.ts";
import { TurnClock } from "../io/turn-clock.ts";
import { type UdpSockets, UdpUnderlay } from "../io/udp-underlay.ts";
import type { Newcomer } from "../newcomers.ts";
import type { SharedMemory } from "../tables.ts";
import { Loop } from "./loop.ts";
import { Mailbox } from "./mailbox.ts";
import { tuneV8 } from "./v8-tuning.ts";

/** How this thread makes a device: the descriptors were opened by the control thread. */
export type DeviceMake =
  | { readonly type: "udp"; readonly sockets: UdpSockets }
  | { readonly type: "ring"; readonly socket: RingSocket }
  /** All workers write to a TAP, one of them receives from it. */
  | { readonly type: "tap"; readonly fd: number; readonly receives: boolean; readonly mtuBytes: number };

export interface SinkOutput {
  readonly queue: FrameQueueMemory;
  readonly snaplenBytes: number;
}

export type WorkerCommand = Command<DeviceMake, SinkOutput, FdbMemory, CaptureOutput>;
export type ForwardingRequest = readonly WorkerCommand[] | "stop";
export type ForwardingReply = readonly number[];
/** A device no longer works, or VTEPs came that nobody knows. */
export type ForwardingNews =
  | { readonly device: number; readonly errno: number }
  | { readonly newcomers: readonly Newcomer[] };

export interface ForwardingWorkerData {
  readonly memory: SharedMemory;
  readonly wakeFd: number;
  /** How long to look for further frames before blocking; SPIN_ALWAYS_US = for ever. */
  readonly spinUs: number;
  /** Which of the forwarding threads this is. */
  readonly worker: number;
  /** Of all forwarding threads. */
  readonly wakeFds: readonly number[];
  /** null where this thread is the only one. */
  readonly learning: LearningMemory | null;
}

function main(port: NonNullable<typeof parentPort>, data: ForwardingWorkerData): void {
  tuneV8();
  const arena = mapArena();
  const clock = new TurnClock();
  const host: EngineHost<DeviceMake, SinkOutput, CaptureOutput> = {
    clock,
    device: (index, make, tables) => {
      switch (make.type) {
        case "udp":
          return new UdpUnderlay(index, make.sockets, arena, tables.frames, tables.destinations);
        case "ring":
          return new RingReceiver(make.socket, arena, tables.frames, tables.vteps);
        case "tap":
          return new Tap(make.fd, make.receives, make.mtuBytes, arena, tables.frames);
      }
    },
    sink: (output, mirror, counters) =>
      new MirrorWriter(output.queue, output.snaplenBytes, arena.bytes, clock, counters, mirror),
    captureSink: (output) => new CaptureWriter(output, arena.bytes, clock),
  };
  const engine = new Engine(data.memory, arena, host, learningOf(data));
  const mailbox = new Mailbox<ForwardingRequest, ForwardingReply, ForwardingNews>(port);
  let running = true;
  /** Until this thread knows its ports, what others tell it waits. */
  let informed = false;
  const hear = (): void => {
    if (informed) engine.hear();
  };
  const loop = new Loop(engine.forwarder, new WakeUp(data.wakeFd), clock, data.spinUs, {
    answer: () => {
      hear();
      const answered = mailbox.answer((request) => {
        if (request === "stop") {
          running = false;
          return [];
        }
        return request.map((command) => engine.apply(command));
      });
      // Woken by another worker, there is nothing to answer.
      if (answered > 0) {
        loop.setDevices(engine.tables.devices);
        informed = true;
      }
      return running;
    },
    hear,
    batchDone: () => {
      engine.wakeOthers();
      const { newcomers } = engine.tables;
      if (newcomers.hasNews) mailbox.tell({ newcomers: newcomers.take() });
    },
    tick: (nowSeconds) => {
      hear();
      engine.tick(nowSeconds);
    },
    failed: (device, errno) => mailbox.tell({ device, errno }),
  });
  loop.run();
  port.close();
}

function learningOf({ memory, worker, wakeFds, learning }: ForwardingWorkerData): Learning | null {
  if (learning === null) return null;
  const wakeUps = wakeFds.map((fd) => new WakeUp(fd));
  return new Learning(learning, worker, new Float64Array(memory.counters), (other) =>
    wakeUps[other].signal(),
  );
}

if (parentPort) main(parentPort, workerData as ForwardingWorkerData);
