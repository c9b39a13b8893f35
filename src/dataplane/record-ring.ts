// A bounded queue of records of one size from one thread to another: one writer, one reader, in shared memory, so it
// outlives a crash of either. What a record holds is for those to know who use it (learning-ring.ts, host-news.ts).

/** Positions only grow (modulo 2^32); the difference is what waits. Each has a cache line of its own. */
const HEAD = 0;
const TAIL = 16;
const CONTROL_BYTES = 128;

export interface RecordRingMemory {
  readonly control: SharedArrayBuffer;
  readonly records: SharedArrayBuffer;
}

/** `recordsMax` is a power of two. */
export function allocateRecordRing(recordsMax: number, recordBytes: number): RecordRingMemory {
  return {
    control: new SharedArrayBuffer(CONTROL_BYTES),
    records: new SharedArrayBuffer(recordsMax * recordBytes),
  };
}

/** The writing end: what `claim` returns is filled in, then `publish` hands it over. */
export class RecordWriter {
  private readonly control: Int32Array;
  private readonly recordsMax: number;
  private tail: number;

  constructor({ control }: RecordRingMemory, recordsMax: number) {
    this.control = new Int32Array(control);
    this.recordsMax = recordsMax;
    this.tail = Atomics.load(this.control, TAIL);
  }

  /** Records that the reader has not taken yet. */
  get waiting(): number {
    return (this.tail - Atomics.load(this.control, HEAD)) >>> 0;
  }

  /** Which record to write next, or -1 if there is no room. */
  claim(): number {
    return this.waiting >= this.recordsMax ? -1 : this.tail & (this.recordsMax - 1);
  }

  publish(): void {
    this.tail = (this.tail + 1) | 0;
    Atomics.store(this.control, TAIL, this.tail);
  }
}

/** The reading end: `next` walks the waiting records, `release` gives the walked ones back. */
export class RecordReader {
  private readonly control: Int32Array;
  private readonly recordsMax: number;
  private position: number;

  constructor({ control }: RecordRingMemory, recordsMax: number) {
    this.control = new Int32Array(control);
    this.recordsMax = recordsMax;
    this.position = Atomics.load(this.control, HEAD);
  }

  /** The next record, or -1 when none waits. */
  next(): number {
    if (this.position === Atomics.load(this.control, TAIL)) return -1;
    const record = this.position & (this.recordsMax - 1);
    this.position = (this.position + 1) | 0;
    return record;
  }

  release(): void {
    Atomics.store(this.control, HEAD, this.position);
  }
}
