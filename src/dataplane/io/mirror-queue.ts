// The bounded queue between a forwarding thread and a mirror's output: one writer, one reader, in shared memory. What
// does not fit is counted and lost; forwarding never waits.
//
// A record is a frame row (so that a TAP transmits it straight from here) padded to 64 bytes, and the frame's bytes:
//
//   | row: offset, length, flags, GSO, checksum, flow | mirror words | bytes … padded to 64 |
//
// A record never wraps: where the end of the ring is too near, an empty record fills it up.

import * as counterLayout from "../counters.ts";
import { mirrorCounter } from "../counters.ts";
import * as layout from "../frames.ts";
import type { MirrorSink } from "../mirror.ts";
import { native, type View } from "./native.ts";

// Constants of this module: V8 folds those into the code, while an imported one is looked up at each use.
const { MIRROR_QUEUE_DROPS } = counterLayout;
const {
  FLAG_NEEDS_CSUM,
  FRAME_CSUM_OFFSET,
  FRAME_CSUM_START,
  FRAME_FLAGS,
  FRAME_FLOW,
  FRAME_GSO_SIZE,
  FRAME_GSO_TYPE,
  FRAME_LENGTH,
  FRAME_OFFSET,
  FRAME_SHIFT,
  FRAME_WORDS,
  GSO_NONE,
} = layout;

/** In place of the sender's address, which a mirrored frame has no use for. */
export const RECORD_ORIGINAL_BYTES = 8;
export const RECORD_SECONDS = 9;
export const RECORD_MICROSECONDS = 10;
export const RECORD_PORT = 11;
const RECORD_BYTES = 12;

const ROW_BYTES = FRAME_WORDS * 4;
/** Holds some 30,000 small frames, or 60 super-frames. */
export const QUEUE_BYTES = 1 << 22;
const POSITION_MASK = QUEUE_BYTES - 1;

/** Positions only grow (modulo 2^32); the difference is what waits. */
const HEAD = 0;
const TAIL = 1;
const READER_SLEEPS = 2;
const CONTROL_BYTES = 64;

export interface MirrorQueueMemory {
  readonly control: SharedArrayBuffer;
  readonly ring: SharedArrayBuffer;
  /** Wakes the reader. */
  readonly wakeFd: number;
}

export function allocateMirrorQueue(wakeFd: number): MirrorQueueMemory {
  return { control: new SharedArrayBuffer(CONTROL_BYTES), ring: new SharedArrayBuffer(QUEUE_BYTES), wakeFd };
}

/** Bytes that wait in it, for whoever wonders: neither end does. */
export function queuedBytes({ control }: MirrorQueueMemory): number {
  const positions = new Int32Array(control);
  return (Atomics.load(positions, TAIL) - Atomics.load(positions, HEAD)) >>> 0;
}

const JOB_WORDS = 3;
/** Copies gathered before they are carried out; a fuller batch is carried out in parts. */
const JOBS_MAX = 1024;

/** Wall-clock time of a batch, read once for all its frames. */
export interface BatchClock {
  seconds: number;
  microseconds: number;
}

/** The forwarding thread's end. */
export class MirrorWriter implements MirrorSink {
  private readonly control: Int32Array;
  private readonly words: Int32Array;
  private readonly bytes: View<Uint8Array>;
  private readonly jobs = new Int32Array(JOBS_MAX * JOB_WORDS);
  private readonly jobsView = native().view(this.jobs);
  private jobCount = 0;
  private tail: number;
  private readonly wakeFd: number;
  private readonly snaplenBytes: number;
  private readonly arena: View<Uint8Array>;
  private readonly clock: BatchClock;
  private readonly counters: Float64Array;
  private readonly dropCounter: number;
  private readonly native = native();

  constructor(
    memory: MirrorQueueMemory,
    snaplenBytes: number,
    arena: Uint8Array,
    clock: BatchClock,
    counters: Float64Array,
    mirror: number,
  ) {
    this.control = new Int32Array(memory.control);
    this.words = new Int32Array(memory.ring);
    this.bytes = this.native.view(new Uint8Array(memory.ring));
    this.tail = Atomics.load(this.control, TAIL);
    this.wakeFd = memory.wakeFd;
    this.snaplenBytes = snaplenBytes === 0 ? 65_535 * 2 : snaplenBytes;
    this.arena = this.native.view(arena);
    this.clock = clock;
    this.counters = counters;
    this.dropCounter = mirrorCounter(mirror) + MIRROR_QUEUE_DROPS;
  }

  offer(frames: Int32Array, at: number, port: number): void {
    const length = frames[at + FRAME_LENGTH];
    const captured = Math.min(length, this.snaplenBytes);
    const position = this.reserve(ROW_BYTES + ((captured + 63) & ~63));
    if (position < 0) {
      this.counters[this.dropCounter]++;
      return;
    }
    const words = this.words;
    const record = position >> 2;
    const whole = captured === length;
    words[record + FRAME_OFFSET] = position + ROW_BYTES;
    words[record + FRAME_LENGTH] = captured;
    // Of a frame that was cut off, nobody can fill the checksum any more.
    words[record + FRAME_FLAGS] = whole ? frames[at + FRAME_FLAGS] & FLAG_NEEDS_CSUM : 0;
    words[record + FRAME_GSO_TYPE] = whole ? frames[at + FRAME_GSO_TYPE] : GSO_NONE;
    words[record + FRAME_GSO_SIZE] = frames[at + FRAME_GSO_SIZE];
    words[record + FRAME_CSUM_START] = frames[at + FRAME_CSUM_START];
    words[record + FRAME_CSUM_OFFSET] = frames[at + FRAME_CSUM_OFFSET];
    words[record + FRAME_FLOW] = frames[at + FRAME_FLOW];
    words[record + RECORD_ORIGINAL_BYTES] = length;
    words[record + RECORD_SECONDS] = this.clock.seconds;
    words[record + RECORD_MICROSECONDS] = this.clock.microseconds;
    words[record + RECORD_PORT] = port;
    this.addJob(frames[at + FRAME_OFFSET], position + ROW_BYTES, captured);
  }

  publish(): void {
    this.copy();
    Atomics.store(this.control, TAIL, this.tail);
    if (Atomics.exchange(this.control, READER_SLEEPS, 0) === 1) this.native.wakeSignal(this.wakeFd);
  }

  /** Byte position of a new record, or -1 when the queue is full. */
  private reserve(recordBytes: number): number {
    const waiting = (this.tail - Atomics.load(this.control, HEAD)) >>> 0;
    const position = this.tail & POSITION_MASK;
    const toEnd = QUEUE_BYTES - position;
    const filler = recordBytes > toEnd ? toEnd : 0;
    if (waiting + filler + recordBytes > QUEUE_BYTES) return -1;
    if (filler > 0) {
      this.words[(position >> 2) + FRAME_OFFSET] = 0;
      this.words[(position >> 2) + RECORD_BYTES] = filler;
      this.tail = (this.tail + filler) | 0;
    }
    const start = this.tail & POSITION_MASK;
    this.words[(start >> 2) + RECORD_BYTES] = recordBytes;
    this.tail = (this.tail + recordBytes) | 0;
    return start;
  }

  private addJob(from: number, to: number, bytes: number): void {
    if (this.jobCount === JOBS_MAX) this.copy();
    const at = this.jobCount++ * JOB_WORDS;
    this.jobs[at] = from;
    this.jobs[at + 1] = to;
    this.jobs[at + 2] = bytes;
  }

  private copy(): void {
    this.native.copyFrames(this.arena, this.bytes, this.jobsView, this.jobCount);
    this.jobCount = 0;
  }
}

/** The mirror thread's end: `next` walks the waiting records, `release` gives the walked ones back. */
export class MirrorReader {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  private readonly control: Int32Array;
  private position: number;

  constructor(memory: MirrorQueueMemory) {
    this.control = new Int32Array(memory.control);
    this.words = new Int32Array(memory.ring);
    this.bytes = new Uint8Array(memory.ring);
    this.position = Atomics.load(this.control, HEAD);
  }

  /** The next record as a row number of `words`, or -1 when none waits. */
  next(): number {
    const tail = Atomics.load(this.control, TAIL);
    while (this.position !== tail) {
      const start = this.position & POSITION_MASK;
      const recordBytes = this.words[(start >> 2) + RECORD_BYTES];
      this.position = (this.position + recordBytes) | 0;
      if (this.words[(start >> 2) + FRAME_OFFSET] !== 0) return start >> (FRAME_SHIFT + 2);
    }
    return -1;
  }

  release(): void {
    Atomics.store(this.control, HEAD, this.position);
  }

  /** Asks the writer for a wake-up. False if something came in meanwhile: then there is no sleeping yet. */
  sleep(): boolean {
    Atomics.store(this.control, READER_SLEEPS, 1);
    return Atomics.load(this.control, TAIL) === this.position;
  }
}
