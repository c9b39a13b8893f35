// The forwarding thread's end of the queue to a mirror's output: the frame as it is, with what its sender left to do for a
// network card, and when and where it came in.
import type { BatchClock } from "../clock.ts";
import * as counterLayout from "../counters.ts";
import { mirrorCounter } from "../counters.ts";
import * as layout from "../frames.ts";
import type { MirrorSink } from "../mirror.ts";
import * as recordLayout from "./frame-queue.ts";
import { type FrameQueueMemory, FrameQueueWriter } from "./frame-queue.ts";

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
  GSO_NONE,
} = layout;
const { RECORD_NANOSECONDS, RECORD_ORIGINAL_BYTES, RECORD_PORT, RECORD_SECONDS } = recordLayout;

/** In place of a snapshot length: every frame is kept whole. */
const WHOLE_BYTES = 65_535 * 2;

export class MirrorWriter extends FrameQueueWriter implements MirrorSink {
  private readonly snaplenBytes: number;
  private readonly clock: BatchClock;
  private readonly counters: Float64Array;
  private readonly dropCounter: number;

  constructor(
    memory: FrameQueueMemory,
    snaplenBytes: number,
    arena: Uint8Array,
    clock: BatchClock,
    counters: Float64Array,
    mirror: number,
  ) {
    super(memory, arena);
    this.snaplenBytes = snaplenBytes || WHOLE_BYTES;
    this.clock = clock;
    this.counters = counters;
    this.dropCounter = mirrorCounter(mirror) + MIRROR_QUEUE_DROPS;
  }

  offer(frames: Int32Array, at: number, port: number): void {
    const { words, clock } = this;
    const length = frames[at + FRAME_LENGTH];
    const captured = Math.min(length, this.snaplenBytes);
    const record = this.add(frames[at + FRAME_OFFSET], captured, 0);
    if (record < 0) {
      this.counters[this.dropCounter]++;
      return;
    }
    const whole = captured === length;
    // Of a frame that was cut off, nobody can fill the checksum any more.
    words[record + FRAME_FLAGS] = whole ? frames[at + FRAME_FLAGS] & FLAG_NEEDS_CSUM : 0;
    words[record + FRAME_GSO_TYPE] = whole ? frames[at + FRAME_GSO_TYPE] : GSO_NONE;
    words[record + FRAME_GSO_SIZE] = frames[at + FRAME_GSO_SIZE];
    words[record + FRAME_CSUM_START] = frames[at + FRAME_CSUM_START];
    words[record + FRAME_CSUM_OFFSET] = frames[at + FRAME_CSUM_OFFSET];
    words[record + FRAME_FLOW] = frames[at + FRAME_FLOW];
    words[record + RECORD_ORIGINAL_BYTES] = length;
    words[record + RECORD_SECONDS] = clock.seconds;
    words[record + RECORD_NANOSECONDS] = clock.nanoseconds;
    words[record + RECORD_PORT] = port;
  }
}
