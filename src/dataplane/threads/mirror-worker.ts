// Entry of the mirror thread: drains every mirror's queues into its output. A slow disk or a busy TAP holds up this
// thread alone; what the bounded queues cannot hold meanwhile is counted by the forwarding threads.
import { setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { monotonicMs } from "../clock.ts";
import type { CountersMemory } from "../counters.ts";
import type { DestinationsMemory } from "../destinations.ts";
import { ErspanOutput, VxlanOutput } from "../io/collector.ts";
import type { FrameQueueMemory } from "../io/frame-queue.ts";
import { FileOutput, type MirrorOutput, TapOutput } from "../io/mirror-output.ts";
import { PcapngFile } from "../io/pcapng-file.ts";
import { Poller, WakeUp } from "../io/poller.ts";
import type { UdpSenders } from "../io/udp-underlay.ts";
import type { PcapngOutputSpec } from "../spec.ts";
import type { ErspanMemory } from "../wire/erspan.ts";
import { pcapngHeader, SNAPLEN_ALL } from "../wire/pcapng.ts";
import { Mailbox } from "./mailbox.ts";

/** How this thread makes an output; descriptors were opened by the control thread, which closes them. */
export type OutputMake =
  | { readonly type: "tap"; readonly fd: number; readonly mtuBytes: number }
  | {
      readonly type: "vxlan";
      readonly ipv6: boolean;
      readonly senders: UdpSenders;
      readonly destinations: DestinationsMemory;
    }
  | { readonly type: "erspan"; readonly fd: number; readonly tunnel: ErspanMemory }
  | PcapngOutputSpec;

/** `name` is the mirror's, for the file's interface and for news. */
export type MirrorRequest =
  | {
      readonly op: "add";
      readonly index: number;
      readonly name: string;
      /** One for each forwarding thread. */
      readonly queues: readonly FrameQueueMemory[];
      readonly snaplenBytes: number;
      /** The output was open before (in a thread that crashed): its file goes on. */
      readonly again: boolean;
      readonly output: OutputMake;
    }
  | { readonly op: "del"; readonly index: number }
  | { readonly op: "stop" };

type AddRequest = Extract<MirrorRequest, { op: "add" }>;

/** "" or why it could not be done. */
export type MirrorReply = string;

/** An output refuses frames; told at most once in a while for each mirror. */
export interface MirrorNews {
  readonly index: number;
  readonly error: string;
}

export interface MirrorWorkerData {
  readonly counters: CountersMemory;
  readonly wakeFd: number;
}

const TELL_EVERY_MS = 10_000;
/** Below every ordinary thread. */
const MIRROR_NICE = 4;

class MirrorThread {
  private readonly outputs = new Map<number, MirrorOutput>();
  private readonly counters: Float64Array;
  private readonly wakeUp: WakeUp;
  private readonly mailbox: Mailbox<MirrorRequest, MirrorReply, MirrorNews>;
  private readonly toldMs = new Map<number, number>();
  private running = true;

  constructor(mailbox: Mailbox<MirrorRequest, MirrorReply, MirrorNews>, data: MirrorWorkerData) {
    this.mailbox = mailbox;
    this.counters = new Float64Array(data.counters);
    this.wakeUp = new WakeUp(data.wakeFd);
  }

  run(): void {
    const poller = new Poller([this.wakeUp.fd]);
    while (this.running) {
      if (poller.wait(this.allAsleep() ? -1 : 0) > 0) {
        this.wakeUp.clear();
        this.mailbox.answer((request) => this.handle(request));
      }
      for (const output of this.outputs.values()) output.drain();
    }
    for (const output of this.outputs.values()) {
      while (output.drain() > 0);
      output.close();
    }
  }

  /** The writers wake us by the same descriptor as the control thread. */
  private allAsleep(): boolean {
    let asleep = true;
    for (const output of this.outputs.values()) asleep = output.sleep() && asleep;
    return asleep;
  }

  private handle(request: MirrorRequest): string {
    if (request.op === "stop") {
      this.running = false;
      return "";
    }
    if (request.op === "add") return this.add(request);
    const output = this.outputs.get(request.index);
    while (output && output.drain() > 0);
    output?.close();
    this.outputs.delete(request.index);
    return "";
  }

  private add(request: AddRequest): string {
    try {
      this.outputs.set(request.index, this.make(request));
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  }

  private make({ index, name, queues, snaplenBytes, again, output }: AddRequest): MirrorOutput {
    const { counters } = this;
    switch (output.type) {
      case "tap":
        return new TapOutput(output.fd, output.mtuBytes, queues, counters, index);
      case "vxlan":
        return new VxlanOutput(output.senders, output.ipv6, output.destinations, queues, counters, index);
      case "erspan":
        return new ErspanOutput(output.fd, output.tunnel, queues, counters, index);
      case "pcapng": {
        const header = pcapngHeader("vxswitch", name, snaplenBytes || SNAPLEN_ALL);
        const file = new PcapngFile(
          output.path,
          { header, append: again },
          output.rotateBytes,
          output.filesMax,
        );
        const onError = (error: Error): void => this.tell(index, error.message);
        return new FileOutput(file, output.rotateBytes, queues, counters, index, onError);
      }
    }
  }

  private tell(index: number, error: string): void {
    const nowMs = monotonicMs();
    if (nowMs - (this.toldMs.get(index) ?? -TELL_EVERY_MS) < TELL_EVERY_MS) return;
    this.toldMs.set(index, nowMs);
    this.mailbox.tell({ index, error });
  }
}

if (parentPort) {
  // Where processors are short, forwarding goes before (setpriority(2) is of the thread, on Linux).
  setPriority(MIRROR_NICE);
  new MirrorThread(new Mailbox(parentPort), workerData as MirrorWorkerData).run();
  parentPort.close();
}
