// The last frames that were dropped, for each reason: a shared table that a forwarding thread writes and the control
// thread reads. A place in it takes the beginning of a frame, when it was dropped, at which port, and where it came from. So that a flood of
// bad frames costs one counter a frame and no copies, a reason takes only so many in ten milliseconds.
//
//   reason -> RECORDS_KEPT places, used in turn:
//     version | port | original bytes | captured bytes | seconds | nanoseconds | sender, 4 words | from | source | … | bytes
//
// The version is odd while a place is written: a reader that sees it odd, or changed, reads again.
import type { BatchClock } from "./clock.ts";
import { DROP_REASON_COUNT } from "./drop-reason.ts";
import * as layout from "./frames.ts";

// Constants of this module: V8 folds those into the code, while an imported one is looked up at each use.
const { FRAME_LENGTH, FRAME_OFFSET, FRAME_PORT, FRAME_REMOTE, FRAME_SOURCE } = layout;

/** Frames kept for each reason. */
export const RECORDS_KEPT = 16;
/** Of a frame, its headers at least. */
export const RECORD_SNAP_BYTES = 256;
/** After so long each reason may take RECORDS_KEPT frames more. */
const BUDGET_EVERY_US = 10_000;

const HEADER_WORDS = 16;
const RECORD_WORDS = HEADER_WORDS + RECORD_SNAP_BYTES / 4;

const VERSION = 0;
const PORT = 1;
const ORIGINAL_BYTES = 2;
const CAPTURED_BYTES = 3;
const SECONDS = 4;
const NANOSECONDS = 5;
const SENDER = 6;
const FROM = 10;
const SOURCE = 11;

/** Before a reader gives up on a place that is written all the time. */
const ATTEMPTS_MAX = 4;

export type DropRecordsMemory = SharedArrayBuffer;

export function allocateDropRecords(): DropRecordsMemory {
  return new SharedArrayBuffer(DROP_REASON_COUNT * RECORDS_KEPT * RECORD_WORDS * 4);
}

/** The writing end. Frames are in the arena that `bytes` sees. */
export class DropRecorder {
  private readonly frames: Int32Array;
  private readonly bytes: Uint8Array;
  private readonly clock: BatchClock;
  private readonly words: Int32Array;
  private readonly recorded: Uint8Array;
  private readonly next = new Int32Array(DROP_REASON_COUNT);
  private readonly left = new Int32Array(DROP_REASON_COUNT);
  private budgetFromUs = 0;

  constructor(memory: DropRecordsMemory, frames: Int32Array, bytes: Uint8Array, clock: BatchClock) {
    this.frames = frames;
    this.bytes = bytes;
    this.clock = clock;
    this.words = new Int32Array(memory);
    this.recorded = new Uint8Array(memory);
    this.left.fill(RECORDS_KEPT);
  }

  /** By the clock of the loop, which wraps. */
  setTime(nowUs: number): void {
    if (((nowUs - this.budgetFromUs) | 0) < BUDGET_EVERY_US) return;
    this.budgetFromUs = nowUs;
    this.left.fill(RECORDS_KEPT);
  }

  /** Keeps the frame of a row (`at` = its first word), dropped at a port, if its reason may take one more. */
  record(at: number, port: number, reason: number): void {
    if (this.left[reason] === 0) return;
    this.left[reason]--;
    const { words, frames, clock } = this;
    const place = (reason * RECORDS_KEPT + this.next[reason]) * RECORD_WORDS;
    this.next[reason] = (this.next[reason] + 1) % RECORDS_KEPT;
    const captured = Math.min(frames[at + FRAME_LENGTH], RECORD_SNAP_BYTES);
    Atomics.add(words, place + VERSION, 1);
    words[place + PORT] = port;
    words[place + FROM] = frames[at + FRAME_PORT];
    words[place + SOURCE] = frames[at + FRAME_SOURCE];
    words[place + ORIGINAL_BYTES] = frames[at + FRAME_LENGTH];
    words[place + CAPTURED_BYTES] = captured;
    words[place + SECONDS] = clock.seconds;
    words[place + NANOSECONDS] = clock.nanoseconds;
    for (let word = 0; word < 4; word++) words[place + SENDER + word] = frames[at + FRAME_REMOTE + word];
    this.copy(frames[at + FRAME_OFFSET], (place + HEADER_WORDS) * 4, captured);
    Atomics.add(words, place + VERSION, 1);
  }

  /** Byte by byte: a call of the addon, or a view to `set` from, would cost more. */
  private copy(from: number, to: number, count: number): void {
    const { bytes, recorded } = this;
    for (let i = 0; i < count; i++) recorded[to + i] = bytes[from + i];
  }
}

/** A dropped frame, or its beginning. */
export interface DropRecord {
  /** Number in DROP_REASONS. */
  readonly reason: number;
  /** Where its drop is counted; 0 = before a port was known: then `bytes` are a datagram's, from its VXLAN header on. */
  readonly port: number;
  /** The port where it came in, 0 if none was known or it has gone; and the destination of who sent it there. */
  readonly from: number;
  readonly source: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly originalBytes: number;
  readonly bytes: Buffer;
  /** Who sent the datagram, if no port is known: an IPv6 or IPv4-mapped address. */
  readonly sender: Int32Array;
}

/** All frames that are kept in these tables, the oldest of each reason first. */
export function readDropRecords(memories: readonly DropRecordsMemory[]): DropRecord[] {
  const records: DropRecord[] = [];
  for (const memory of memories) {
    const words = new Int32Array(memory);
    for (let place = 0; place < DROP_REASON_COUNT * RECORDS_KEPT; place++) {
      const record = readRecord(words, place);
      if (record) records.push(record);
    }
  }
  return records.sort(
    (a, b) => a.reason - b.reason || a.seconds - b.seconds || a.nanoseconds - b.nanoseconds,
  );
}

function readRecord(words: Int32Array, place: number): DropRecord | null {
  const at = place * RECORD_WORDS;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const version = Atomics.load(words, at + VERSION);
    if (version === 0) return null;
    if (version & 1) continue;
    const copy = words.slice(at, at + RECORD_WORDS);
    if (Atomics.load(words, at + VERSION) !== version) continue;
    return {
      reason: Math.floor(place / RECORDS_KEPT),
      port: copy[PORT],
      from: copy[FROM],
      source: copy[SOURCE],
      seconds: copy[SECONDS],
      nanoseconds: copy[NANOSECONDS],
      originalBytes: copy[ORIGINAL_BYTES],
      bytes: Buffer.from(copy.buffer, HEADER_WORDS * 4, copy[CAPTURED_BYTES]),
      sender: copy.slice(SENDER, SENDER + 4),
    };
  }
  return null;
}
