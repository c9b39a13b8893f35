// A bounded queue of learning events from one worker to another (record-ring.ts). An event is eight doubles, which is a
// cache line:
//
//   | stamp | bridge | FDB key | MAC low | destination | last seen | - | - |
import { allocateRecordRing, RecordReader, type RecordRingMemory, RecordWriter } from "../record-ring.ts";

export const EVENT_STAMP = 0;
export const EVENT_BRIDGE = 1;
export const EVENT_KEY = 2;
export const EVENT_LOW = 3;
export const EVENT_DESTINATION = 4;
export const EVENT_SEEN_SECONDS = 5;
const EVENT_SHIFT = 3;

/** Some twenty batches in which every frame has a new source address. */
export const EVENTS_MAX = 4096;

export type LearningRingMemory = RecordRingMemory;

export function allocateLearningRing(): LearningRingMemory {
  return allocateRecordRing(EVENTS_MAX, Float64Array.BYTES_PER_ELEMENT << EVENT_SHIFT);
}

/** The end of the worker that tells. */
export class LearningWriter {
  private readonly ring: RecordWriter;
  private readonly events: Float64Array;

  constructor(memory: LearningRingMemory) {
    this.ring = new RecordWriter(memory, EVENTS_MAX);
    this.events = new Float64Array(memory.records);
  }

  /** Events that the reader has not taken yet. */
  get waiting(): number {
    return this.ring.waiting;
  }

  /** False if there is no room. */
  push(
    stamp: number,
    bridge: number,
    key: number,
    low: number,
    destination: number,
    seenSeconds: number,
  ): boolean {
    const record = this.ring.claim();
    if (record < 0) return false;
    const { events } = this;
    const at = record << EVENT_SHIFT;
    events[at + EVENT_STAMP] = stamp;
    events[at + EVENT_BRIDGE] = bridge;
    events[at + EVENT_KEY] = key;
    events[at + EVENT_LOW] = low;
    events[at + EVENT_DESTINATION] = destination;
    events[at + EVENT_SEEN_SECONDS] = seenSeconds;
    this.ring.publish();
    return true;
  }
}

/** The end of the worker that hears: `next` walks the waiting events, `release` gives the walked ones back. */
export class LearningReader {
  readonly events: Float64Array;
  private readonly ring: RecordReader;

  constructor(memory: LearningRingMemory) {
    this.ring = new RecordReader(memory, EVENTS_MAX);
    this.events = new Float64Array(memory.records);
  }

  /** The next event as the index of its first word in `events`, or -1 when none waits. */
  next(): number {
    const record = this.ring.next();
    return record < 0 ? -1 : record << EVENT_SHIFT;
  }

  release(): void {
    this.ring.release();
  }
}
