// Where a mirror's frames end: a TAP that tcpdump reads, a pcapng file, or a collector (collector.ts). The mirror thread drains the queues into it, one
// for each forwarding thread: the frames of one flow are all in one queue, and stay in order.
import { MIRROR_BYTES, MIRROR_OUTPUT_DROPS, MIRROR_PACKETS, mirrorCounter } from "../counters.ts";
import { COPY_FRAME, COPY_RESULT, COPY_WORDS, FRAME_LENGTH, FRAME_OFFSET, FRAME_SHIFT } from "../frames.ts";
import { packetBlockBytes, writePacket } from "../wire/pcapng.ts";
import {
  type FrameQueueMemory,
  FrameQueueReader,
  RECORD_NANOSECONDS,
  RECORD_ORIGINAL_BYTES,
  RECORD_SECONDS,
} from "./frame-queue.ts";
import { native } from "./native.ts";
import type { PcapngFile } from "./pcapng-file.ts";

export interface MirrorOutput {
  /** Writes what waits, a bounded part of it; returns the records taken. */
  drain(): number;
  /** Nothing waits, and the writer will wake us when that changes. */
  sleep(): boolean;
  close(): void;
}

/** Records taken from a queue at a time, so that one does not keep the others waiting. */
const RECORDS_MAX = 256;

/** The reading ends of a mirror's queues, one after the other. */
class Readers {
  private readonly readers: readonly FrameQueueReader[];

  constructor(queues: readonly FrameQueueMemory[]) {
    this.readers = queues.map((queue) => new FrameQueueReader(queue));
  }

  /** Records that `drainOne` took from all queues. */
  drain(drainOne: (reader: FrameQueueReader) => number): number {
    return this.readers.reduce((count, reader) => count + drainOne(reader), 0);
  }

  sleep(): boolean {
    return this.readers.reduce((asleep, reader) => reader.sleep() && asleep, true);
  }
}

/** Counts delivered and refused frames of one mirror. */
class OutputCounters {
  private readonly counters: Float64Array;
  private readonly at: number;

  constructor(counters: Float64Array, mirror: number) {
    this.counters = counters;
    this.at = mirrorCounter(mirror);
  }

  delivered(packets: number, bytes: number): void {
    this.counters[this.at + MIRROR_PACKETS] += packets;
    this.counters[this.at + MIRROR_BYTES] += bytes;
  }

  refused(packets: number): void {
    this.counters[this.at + MIRROR_OUTPUT_DROPS] += packets;
  }
}

/** An output that takes frames straight from the queue's memory, whose records are rows. Its descriptors are the control thread's. */
export abstract class RecordOutput implements MirrorOutput {
  private readonly readers: Readers;
  private readonly counters: OutputCounters;
  private readonly copies = new Int32Array(RECORDS_MAX * COPY_WORDS);

  constructor(queues: readonly FrameQueueMemory[], counters: Float64Array, mirror: number) {
    this.readers = new Readers(queues);
    this.counters = new OutputCounters(counters, mirror);
  }

  drain(): number {
    return this.readers.drain((reader) => this.drainOne(reader));
  }

  sleep(): boolean {
    return this.readers.sleep();
  }

  close(): void {}

  /** Sends copies whose frame words name records of a reader; returns how many failed, and marks those. */
  protected abstract transmit(reader: FrameQueueReader, copies: Int32Array, count: number): number;

  private drainOne(reader: FrameQueueReader): number {
    const { copies } = this;
    let count = 0;
    while (count < RECORDS_MAX) {
      const row = reader.next();
      if (row < 0) break;
      copies[count++ * COPY_WORDS + COPY_FRAME] = row;
    }
    if (count === 0) return 0;
    const failed = this.transmit(reader, copies, count);
    let bytes = 0;
    for (let i = 0; i < count; i++) {
      if (copies[i * COPY_WORDS + COPY_RESULT] !== 0) continue;
      bytes += reader.words[(copies[i * COPY_WORDS + COPY_FRAME] << FRAME_SHIFT) + FRAME_LENGTH];
    }
    this.counters.delivered(count - failed, bytes);
    this.counters.refused(failed);
    reader.release();
    return count;
  }
}

/** With the offload metadata of each frame. */
export class TapOutput extends RecordOutput {
  private readonly fd: number;
  private readonly mtuBytes: number;

  constructor(
    fd: number,
    mtuBytes: number,
    queues: readonly FrameQueueMemory[],
    counters: Float64Array,
    mirror: number,
  ) {
    super(queues, counters, mirror);
    this.fd = fd;
    this.mtuBytes = mtuBytes;
  }

  protected transmit({ bytes, words }: FrameQueueReader, copies: Int32Array, count: number): number {
    return native().tapTransmit(this.fd, bytes, words, copies, count, this.mtuBytes);
  }
}

/** Blocks are gathered and written in one call. */
export class FileOutput implements MirrorOutput {
  private readonly file: PcapngFile;
  private readonly readers: Readers;
  private readonly counters: OutputCounters;
  private readonly blocks = Buffer.allocUnsafe(1 << 20);
  /** Blocks gathered before they are written: no more than a file may hold, so that rotation keeps to its size. */
  private readonly gatherBytes: number;
  private readonly onError: (error: Error) => void;

  constructor(
    file: PcapngFile,
    rotateBytes: number,
    queues: readonly FrameQueueMemory[],
    counters: Float64Array,
    mirror: number,
    onError: (error: Error) => void,
  ) {
    this.file = file;
    // A super-frame is below 70,000 bytes: there is always room for one more behind the limit.
    this.gatherBytes = Math.min(rotateBytes || Number.POSITIVE_INFINITY, this.blocks.length - 131_072);
    this.readers = new Readers(queues);
    this.counters = new OutputCounters(counters, mirror);
    this.onError = onError;
  }

  drain(): number {
    return this.readers.drain((reader) => this.drainOne(reader));
  }

  sleep(): boolean {
    return this.readers.sleep();
  }

  close(): void {
    this.file.close();
  }

  private drainOne(reader: FrameQueueReader): number {
    const { blocks } = this;
    let count = 0;
    let used = 0;
    let bytes = 0;
    while (count < RECORDS_MAX && used < this.gatherBytes) {
      const row = reader.next();
      if (row < 0) break;
      const at = row << FRAME_SHIFT;
      const captured = reader.words[at + FRAME_LENGTH];
      const to = writePacket(
        blocks,
        used,
        reader.words[at + RECORD_SECONDS],
        reader.words[at + RECORD_NANOSECONDS],
        captured,
        reader.words[at + RECORD_ORIGINAL_BYTES],
      );
      const from = reader.words[at + FRAME_OFFSET];
      blocks.set(reader.bytes.subarray(from, from + captured), to);
      used += packetBlockBytes(captured);
      bytes += captured;
      count++;
    }
    reader.release();
    if (count > 0) this.write(blocks.subarray(0, used), count, bytes);
    return count;
  }

  private write(blocks: Buffer, count: number, bytes: number): void {
    try {
      this.file.write(blocks);
      this.counters.delivered(count, bytes);
    } catch (error) {
      this.counters.refused(count);
      this.onError(error as Error);
    }
  }
}
