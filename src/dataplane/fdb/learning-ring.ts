// A bounded queue of learning events from one worker to another: one writer, one reader, in shared memory, so it outlives
// a crash of either. An event is eight doubles, which is a cache line:
//
//   | stamp | bridge | FDB key | MAC low | destination | last seen | - | - |

export const EVENT_STAMP = 0;
export const EVENT_BRIDGE = 1;
export const EVENT_KEY = 2;
export const EVENT_LOW = 3;
export const EVENT_DESTINATION = 4;
export const EVENT_SEEN_SECONDS = 5;
const EVENT_WORDS = 8;

/** Some twenty batches in which every frame has a new source address. */
export const EVENTS_MAX = 4096;
const EVENT_MASK = EVENTS_MAX - 1;

/** Positions only grow (modulo 2^32); the difference is what waits. Each has a cache line of its own. */
const HEAD = 0;
const TAIL = 16;
const CONTROL_BYTES = 128;

export interface LearningRingMemory {
  readonly control: SharedArrayBuffer;
  readonly events: SharedArrayBuffer;
}

export function allocateLearningRing(): LearningRingMemory {
  return {
    control: new SharedArrayBuffer(CONTROL_BYTES),
    events: new SharedArrayBuffer(EVENTS_MAX * EVENT_WORDS * Float64Array.BYTES_PER_ELEMENT),
  };
}

/** The end of the worker that tells. */
export class LearningWriter {
  private readonly control: Int32Array;
  private readonly events: Float64Array;
  private tail: number;

  constructor(memory: LearningRingMemory) {
    this.control = new Int32Array(memory.control);
    this.events = new Float64Array(memory.events);
    this.tail = Atomics.load(this.control, TAIL);
  }

  /** Events that the reader has not taken yet. */
  get waiting(): number {
    return (this.tail - Atomics.load(this.control, HEAD)) >>> 0;
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
    if (this.waiting >= EVENTS_MAX) return false;
    const { events } = this;
    const at = (this.tail & EVENT_MASK) * EVENT_WORDS;
    events[at + EVENT_STAMP] = stamp;
    events[at + EVENT_BRIDGE] = bridge;
    events[at + EVENT_KEY] = key;
    events[at + EVENT_LOW] = low;
    events[at + EVENT_DESTINATION] = destination;
    events[at + EVENT_SEEN_SECONDS] = seenSeconds;
    this.tail = (this.tail + 1) | 0;
    Atomics.store(this.control, TAIL, this.tail);
    return true;
  }
}

/** The end of the worker that hears: `next` walks the waiting events, `release` gives the walked ones back. */
export class LearningReader {
  readonly events: Float64Array;
  private readonly control: Int32Array;
  private position: number;

  constructor(memory: LearningRingMemory) {
    this.control = new Int32Array(memory.control);
    this.events = new Float64Array(memory.events);
    this.position = Atomics.load(this.control, HEAD);
  }

  /** The next event as the index of its first word in `events`, or -1 when none waits. */
  next(): number {
    if (this.position === Atomics.load(this.control, TAIL)) return -1;
    const at = (this.position & EVENT_MASK) * EVENT_WORDS;
    this.position = (this.position + 1) | 0;
    return at;
  }

  release(): void {
    Atomics.store(this.control, HEAD, this.position);
  }
}
