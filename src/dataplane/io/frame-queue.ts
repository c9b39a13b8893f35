// A bounded queue of frames from one thread to another: one writer, one reader, in shared memory. What does not fit is the
// writer's to count; it never waits.
//
// A record is a frame row (so that a TAP transmits it straight from here) padded to 64 bytes, the frame's bytes, and what
// the kind of record adds:
//
//   | row, some of its words the record's own | bytes … padded to 64 | … |
//
// A record never wraps: where the end of the ring is too near, an empty record fills it up.
import * as layout from "../frames.ts";
import { native, type View } from "./native.ts";

// Constants of this module: V8 folds those into the code, while an imported one is looked up at each use.
const { FRAME_LENGTH, FRAME_OFFSET, FRAME_SHIFT, FRAME_WORDS } = layout;

/** In place of the sender's address and what follows it, for which a queued frame has no use. */
export const RECORD_ORIGINAL_BYTES = 8;
export const RECORD_SECONDS = 9;
export const RECORD_NANOSECONDS = 10;
export const RECORD_PORT = 11;
const RECORD_BYTES = 12;

export const ROW_BYTES = FRAME_WORDS * 4;
/** Holds some 30,000 small frames, or 60 super-frames. */
export const QUEUE_BYTES = 1 << 22;
const POSITION_MASK = QUEUE_BYTES - 1;

/** Positions only grow (modulo 2^32); the difference is what waits. */
const HEAD = 0;
const TAIL = 1;
const READER_SLEEPS = 2;
const CONTROL_BYTES = 64;

export interface FrameQueueMemory {
  readonly control: SharedArrayBuffer;
  readonly ring: SharedArrayBuffer;
  /** Wakes the reader. */
  readonly wakeFd: number;
}

/** `wakeFd` = -1 where the reader never sleeps for it. */
export function allocateFrameQueue(wakeFd: number): FrameQueueMemory {
  return { control: new SharedArrayBuffer(CONTROL_BYTES), ring: new SharedArrayBuffer(QUEUE_BYTES), wakeFd };
}

/** Bytes that wait in it, for whoever wonders: neither end does. */
export function queuedBytes({ control }: FrameQueueMemory): number {
  const positions = new Int32Array(control);
  return (Atomics.load(positions, TAIL) - Atomics.load(positions, HEAD)) >>> 0;
}

const JOB_WORDS = 3;
/** Copies gathered before they are carried out; a fuller batch is carried out in parts. */
const JOBS_MAX = 1024;

/** Room that bytes take in a record. */
export function paddedBytes(bytes: number): number {
  return (bytes + 63) & ~63;
}

/** The writing end. */
export class FrameQueueWriter {
  protected readonly words: Int32Array;
  private readonly control: Int32Array;
  private readonly bytes: View<Uint8Array>;
  private readonly jobs = new Int32Array(JOBS_MAX * JOB_WORDS);
  private readonly jobsView = native().view(this.jobs);
  private jobCount = 0;
  private tail: number;
  private readonly wakeFd: number;
  private readonly arena: View<Uint8Array>;
  private readonly native = native();

  /** Frames are in `arena`. */
  constructor(memory: FrameQueueMemory, arena: Uint8Array) {
    this.control = new Int32Array(memory.control);
    this.words = new Int32Array(memory.ring);
    this.bytes = this.native.view(new Uint8Array(memory.ring));
    this.tail = Atomics.load(this.control, TAIL);
    this.wakeFd = memory.wakeFd;
    this.arena = this.native.view(arena);
  }

  /** Hands over all records: copies what was promised to them. */
  publish(): void {
    this.copy();
    Atomics.store(this.control, TAIL, this.tail);
    if (Atomics.exchange(this.control, READER_SLEEPS, 0) === 1) this.native.wakeSignal(this.wakeFd);
  }

  /**
   * A record with room for `captured` bytes of a frame that begins at `offset` of the arena, copied by the time of
   * `publish`, and for `moreBytes`, a multiple of 64, behind them. Returns its first word's index, or -1: the queue is full.
   */
  protected add(offset: number, captured: number, moreBytes: number): number {
    const position = this.reserve(ROW_BYTES + paddedBytes(captured) + moreBytes);
    if (position < 0) return -1;
    const record = position >> 2;
    this.words[record + FRAME_OFFSET] = position + ROW_BYTES;
    this.words[record + FRAME_LENGTH] = captured;
    this.addJob(offset, position + ROW_BYTES, captured);
    return record;
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

/** The reading end: `next` walks the waiting records, `release` gives the walked ones back. */
export class FrameQueueReader {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  private readonly control: Int32Array;
  private position: number;

  constructor(memory: FrameQueueMemory) {
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
