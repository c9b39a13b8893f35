// The queue between a forwarding thread and who reads a capture: frames as they were received, and after the bytes of each
// what became of it:
//
//   | row: offset, captured bytes, entries, …, original bytes, time, port | bytes … | sender, 4 words | kind, place | …
import type { CaptureSink } from "../capture.ts";
import type { BatchClock } from "../clock.ts";
import * as layout from "../frames.ts";
import type { Journal } from "../journal.ts";
import * as recordLayout from "./frame-queue.ts";
import { type FrameQueueMemory, FrameQueueReader, FrameQueueWriter, paddedBytes } from "./frame-queue.ts";

// Constants of this module: V8 folds those into the code, while an imported one is looked up at each use.
const { FRAME_LENGTH, FRAME_OFFSET, FRAME_REMOTE, FRAME_SHIFT, FRAME_SOURCE } = layout;
const { RECORD_NANOSECONDS, RECORD_ORIGINAL_BYTES, RECORD_PORT, RECORD_SECONDS, ROW_BYTES } = recordLayout;

/** Words of the row that captures have for themselves. */
const RECORD_ENTRIES = 2;
const RECORD_HAS_MORE = 3;
const RECORD_SOURCE = 4;

const NONE = -1;
const SENDER_WORDS = 4;
const ENTRY_WORDS = 2;
/** Entries kept with a frame; of a frame flooded to more ports it is said that there were more. */
const ENTRIES_KEPT = 62;

/** Frames that a capture lost for want of room, a double for each worker. */
export type CaptureLossMemory = SharedArrayBuffer;

export interface CaptureOutput {
  readonly queue: FrameQueueMemory;
  readonly loss: CaptureLossMemory;
  /** 0 = whole frames. */
  readonly snaplenBytes: number;
}

export function allocateCaptureLoss(): CaptureLossMemory {
  return new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT);
}

export class CaptureWriter extends FrameQueueWriter implements CaptureSink {
  private readonly clock: BatchClock;
  private readonly snaplenBytes: number;
  private readonly loss: Float64Array;

  constructor({ queue, loss, snaplenBytes }: CaptureOutput, arena: Uint8Array, clock: BatchClock) {
    super(queue, arena);
    this.clock = clock;
    this.snaplenBytes = snaplenBytes || Number.MAX_SAFE_INTEGER;
    this.loss = new Float64Array(loss);
  }

  offer(journal: Journal, frames: Int32Array, frame: number): void {
    const { words, clock } = this;
    const length = journal.lengths[frame];
    const captured = Math.min(length, this.snaplenBytes);
    const entries = countEntries(journal, frame);
    const kept = Math.min(entries, ENTRIES_KEPT);
    const moreBytes = paddedBytes((SENDER_WORDS + kept * ENTRY_WORDS) * 4);
    const record = this.add(journal.offsets[frame], captured, moreBytes);
    if (record < 0) {
      this.loss[0]++;
      return;
    }
    words[record + RECORD_ENTRIES] = kept;
    words[record + RECORD_HAS_MORE] = Number(entries > kept);
    words[record + RECORD_SOURCE] = frames[(frame << FRAME_SHIFT) + FRAME_SOURCE];
    words[record + RECORD_ORIGINAL_BYTES] = length;
    words[record + RECORD_SECONDS] = clock.seconds;
    words[record + RECORD_NANOSECONDS] = clock.nanoseconds;
    words[record + RECORD_PORT] = journal.ports[frame];
    const sender = record + ((ROW_BYTES + paddedBytes(captured)) >> 2);
    for (let word = 0; word < SENDER_WORDS; word++)
      words[sender + word] = frames[(frame << FRAME_SHIFT) + FRAME_REMOTE + word];
    this.writeEntries(journal, frame, sender + SENDER_WORDS, kept, entries - kept);
  }

  /** The journal has a frame's entries from the last to the first. */
  private writeEntries(journal: Journal, frame: number, at: number, kept: number, skip: number): void {
    let entry = journal.last[frame];
    for (let i = 0; i < skip; i++) entry = journal.before[entry];
    for (let i = kept - 1; i >= 0; i--) {
      this.words[at + i * ENTRY_WORDS] = journal.kinds[entry];
      this.words[at + i * ENTRY_WORDS + 1] = journal.places[entry];
      entry = journal.before[entry];
    }
  }
}

function countEntries({ last, before }: Journal, frame: number): number {
  let count = 0;
  for (let entry = last[frame]; entry !== NONE; entry = before[entry]) count++;
  return count;
}

/** A frame out of the queue, its numbers still indices. `bytes` are the queue's, until the next frame is taken. */
export interface QueuedFrame {
  readonly bytes: Uint8Array;
  readonly originalBytes: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  /** 0 = none was known: then `bytes` are a datagram's, from its VXLAN header on, and `sender` sent it. */
  readonly port: number;
  readonly sender: Int32Array;
  /** Destination index of where it came from, if a port is known and it is no answer of the switch. */
  readonly source: number;
  readonly entries: readonly { readonly kind: number; readonly place: number }[];
  readonly hasMore: boolean;
}

export class CaptureReader {
  private readonly records: FrameQueueReader;

  constructor(memory: FrameQueueMemory) {
    this.records = new FrameQueueReader(memory);
  }

  /** Hands over up to `atMost` of the frames that wait; returns how many. */
  read(atMost: number, take: (frame: QueuedFrame) => void): number {
    let count = 0;
    for (; count < atMost; count++) {
      const row = this.records.next();
      if (row < 0) break;
      take(this.frameAt(row << FRAME_SHIFT));
    }
    this.records.release();
    return count;
  }

  private frameAt(at: number): QueuedFrame {
    const { words, bytes } = this.records;
    const [offset, captured] = [words[at + FRAME_OFFSET], words[at + FRAME_LENGTH]];
    const sender = at + ((ROW_BYTES + paddedBytes(captured)) >> 2);
    const firstEntry = sender + SENDER_WORDS;
    return {
      bytes: bytes.subarray(offset, offset + captured),
      originalBytes: words[at + RECORD_ORIGINAL_BYTES],
      seconds: words[at + RECORD_SECONDS],
      nanoseconds: words[at + RECORD_NANOSECONDS],
      port: words[at + RECORD_PORT],
      source: words[at + RECORD_SOURCE],
      sender: words.slice(sender, firstEntry),
      entries: Array.from({ length: words[at + RECORD_ENTRIES] }, (_, i) => ({
        kind: words[firstEntry + i * ENTRY_WORDS],
        place: words[firstEntry + i * ENTRY_WORDS + 1],
      })),
      hasMore: words[at + RECORD_HAS_MORE] === 1,
    };
  }
}
