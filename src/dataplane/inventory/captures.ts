// Captures as the control thread has them: a queue for each forwarding thread, which selects and copies, and the reading
// of those queues. Ports and mirrors are meant by name: what comes and goes meanwhile is taken in and left out.
import { WATCH_IN, WATCH_OUT } from "../capture.ts";
import type { CaptureCommand } from "../engine.ts";
import {
  allocateCaptureLoss,
  type CaptureOutput,
  CaptureReader,
  type QueuedFrame,
} from "../io/capture-queue.ts";
import { allocateFrameQueue } from "../io/frame-queue.ts";
import { CAPTURES_MAX, PORTS_MAX } from "../limits.ts";
import type { CapturedFrame, CaptureHandle, CaptureSpec } from "../spec.ts";
import { everyWorker, type ForwardingCommand, type PerWorker } from "../threads/workers.ts";
import { FramePlaces } from "./frame-places.ts";
import type { Mirrors } from "./mirrors.ts";
import type { Ports } from "./ports.ts";
import { senderText } from "./sender.ts";

/** No wake-up: who reads a capture looks every few milliseconds. */
const NO_WAKE_UP = -1;

const BITS = { in: WATCH_IN, out: WATCH_OUT, both: WATCH_IN | WATCH_OUT } as const;

interface OpenCapture {
  readonly spec: CaptureSpec;
  readonly outputs: PerWorker<CaptureOutput>;
}

export interface CapturesOptions {
  readonly workers: number;
  readonly ports: Ports;
  readonly mirrors: Mirrors;
  readonly send: (commands: readonly ForwardingCommand[]) => Promise<unknown>;
}

export class Captures {
  private readonly open = new Set<OpenCapture>();
  private readonly options: CapturesOptions;

  constructor(options: CapturesOptions) {
    this.options = options;
  }

  /** null if as many as may be are open. */
  async start(spec: CaptureSpec): Promise<CaptureHandle | null> {
    if (this.open.size === CAPTURES_MAX) return null;
    const outputs = everyWorker(this.options.workers, () => {
      const queue = allocateFrameQueue(NO_WAKE_UP);
      return { queue, loss: allocateCaptureLoss(), snaplenBytes: spec.snaplenBytes };
    });
    const capture = { spec, outputs };
    this.open.add(capture);
    await this.options.send(this.commands());
    return this.handle(capture);
  }

  /** Which ports and mirrors each capture is of: sent anew when those come and go. */
  commands(): ForwardingCommand[] {
    return [{ op: "set-captures", captures: Array.from(this.open, (capture) => this.command(capture)) }];
  }

  private command({ spec, outputs }: OpenCapture): CaptureCommand<PerWorker<CaptureOutput>> {
    const { dropsOnly, program, sampleEvery, mirror } = spec;
    const index = mirror && this.options.mirrors.find(mirror.bridge, mirror.name)?.index;
    const mirrors = typeof index === "number" ? 1 << index : 0;
    return { output: outputs, ports: this.watched(spec), mirrors, dropsOnly, program, sampleEvery };
  }

  private watched({ ports, mirror, direction }: CaptureSpec): Uint8Array {
    const watched = new Uint8Array(PORTS_MAX);
    if (mirror !== null) return watched;
    if (ports === null) return watched.fill(BITS[direction]);
    for (const { bridge, name } of ports) {
      const port = this.options.ports.find(bridge, name);
      if (port) watched[port.index] = BITS[direction];
    }
    return watched;
  }

  private handle(capture: OpenCapture): CaptureHandle {
    const readers = capture.outputs.map(({ queue }) => new CaptureReader(queue));
    const losses = capture.outputs.map(({ loss }) => new Float64Array(loss));
    return {
      read: (atMost, take) => {
        const places = new FramePlaces(this.options.ports, this.options.mirrors);
        const takeQueued = (frame: QueuedFrame): void => take(named(frame, places));
        return readers.reduce((count, reader) => count + reader.read(atMost - count, takeQueued), 0);
      },
      get lost() {
        return losses.reduce((sum, [loss]) => sum + loss!, 0);
      },
      close: async () => {
        if (this.open.delete(capture)) await this.options.send(this.commands());
      },
    };
  }
}

function named({ port, source, sender, entries, ...frame }: QueuedFrame, places: FramePlaces): CapturedFrame {
  return {
    ...frame,
    from: places.ofSource(port, source),
    sender: senderText(port, sender),
    fates: entries.map(({ kind, place }) => places.fate(kind, place)),
  };
}
