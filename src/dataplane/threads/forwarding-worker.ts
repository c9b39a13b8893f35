// Entry of the forwarding thread: makes the engine on its arena, answers commands between two batches, runs the loop.
import { parentPort, workerData } from "node:worker_threads";
import { type Command, Engine } from "../engine.ts";
import { mapArena } from "../io/arena.ts";
import { type BatchClock, type MirrorQueueMemory, MirrorWriter } from "../io/mirror-queue.ts";
import { WakeUp } from "../io/poller.ts";
import { RingReceiver, type RingSocket } from "../io/ring.ts";
import { Tap } from "../io/tap.ts";
import { type UdpSockets, UdpUnderlay } from "../io/udp-underlay.ts";
import type { SharedMemory } from "../tables.ts";
import { Loop } from "./loop.ts";
import { Mailbox } from "./mailbox.ts";
import { tuneV8 } from "./v8-tuning.ts";

/** How this thread makes a device: the descriptors were opened by the control thread. */
export type DeviceMake =
  | { readonly type: "udp"; readonly sockets: UdpSockets }
  | { readonly type: "ring"; readonly socket: RingSocket }
  | { readonly type: "tap"; readonly fd: number; readonly mtuBytes: number };

export interface SinkOutput {
  readonly queue: MirrorQueueMemory;
  readonly snaplenBytes: number;
}

export type ForwardingCommand = Command<DeviceMake, SinkOutput>;
/** `crash` is for tests: an invariant of ours fails. */
export type ForwardingRequest = readonly ForwardingCommand[] | "stop" | "crash";
export type ForwardingReply = readonly number[];
export interface DeviceFailed {
  readonly device: number;
  readonly errno: number;
}

export interface ForwardingWorkerData {
  readonly memory: SharedMemory;
  readonly wakeFd: number;
  /** How long to look for further frames before blocking; Infinity = for ever. */
  readonly spinMs: number;
}

function main(port: NonNullable<typeof parentPort>, data: ForwardingWorkerData): void {
  tuneV8();
  const arena = mapArena();
  const clock: BatchClock = { seconds: 0, microseconds: 0 };
  const engine = new Engine<DeviceMake, SinkOutput>(data.memory, arena.view, {
    device: (index, make, tables) => {
      switch (make.type) {
        case "udp":
          return new UdpUnderlay(index, make.sockets, arena, tables.frames, tables.destinations);
        case "ring":
          return new RingReceiver(make.socket, arena, tables.frames, tables.vteps);
        case "tap":
          return new Tap(make.fd, make.mtuBytes, arena, tables.frames);
      }
    },
    sink: (output, mirror, counters) =>
      new MirrorWriter(output.queue, output.snaplenBytes, arena.bytes, clock, counters, mirror),
  });
  const mailbox = new Mailbox<ForwardingRequest, ForwardingReply, DeviceFailed>(port);
  let running = true;
  const loop = new Loop(engine.forwarder, new WakeUp(data.wakeFd), clock, data.spinMs, {
    answer: () => {
      mailbox.answer((request) => {
        if (request === "crash") throw new Error("crashed on request");
        if (request === "stop") {
          running = false;
          return [];
        }
        return request.map((command) => engine.apply(command));
      });
      loop.setDevices(engine.tables.devices);
      return running;
    },
    tick: (nowSeconds) => engine.tick(nowSeconds),
    failed: (device, errno) => mailbox.tell({ device, errno }),
  });
  loop.run();
  port.close();
}

if (parentPort) main(parentPort, workerData as ForwardingWorkerData);
