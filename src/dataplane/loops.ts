// Frames that the switch has flooded and that come back to it at another port: a loop beyond two of its ports. It knows
// them by a hash of their first bytes, which it keeps for a second, and keeps the last one that came back as evidence.
// In memory that all forwarding threads share, for a frame may come back to another thread; without locks, since a slot
// that two write at once misses a frame of many.

const SLOTS = 4096;
const SLOT_SHIFT = 2;
/** Words of a slot; time is that of the loop's clock, which wraps. */
const HASH = 0;
const PORT = 1;
const SINCE_US = 2;

/** Enough for the addresses of ARP and ND, which every host's broadcasts differ by. */
const HASHED_BYTES = 96;
const RECENT_US = 1_000_000;

const EVIDENCE_BYTES = 128;
/** Behind the slots: how many bytes are kept, then the bytes. */
const EVIDENCE_LENGTH = SLOTS << SLOT_SHIFT;
const EVIDENCE_AT = (EVIDENCE_LENGTH + 1) * Int32Array.BYTES_PER_ELEMENT;

export type LoopsMemory = SharedArrayBuffer;

export function allocateLoops(): LoopsMemory {
  return new SharedArrayBuffer(EVIDENCE_AT + EVIDENCE_BYTES);
}

/** The first bytes of the frame that came back last; there has been one, whose Ethernet header is whole. */
export function loopEvidence(memory: LoopsMemory): Buffer {
  const length = new Int32Array(memory)[EVIDENCE_LENGTH];
  return Buffer.from(new Uint8Array(memory, EVIDENCE_AT, length).slice());
}

export class Loops {
  private readonly slots: Int32Array;
  private readonly evidence: Uint8Array;
  private readonly view: DataView;
  private nowUs = 0;

  /** `view` is over the arena that frames are in. */
  constructor(memory: LoopsMemory, view: DataView) {
    this.slots = new Int32Array(memory);
    this.evidence = new Uint8Array(memory, EVIDENCE_AT, EVIDENCE_BYTES);
    this.view = view;
  }

  /** Tells the time, in each turn of the loop. */
  setTime(nowUs: number): void {
    this.nowUs = nowUs;
  }

  /** Whether a frame that is to be flooded was flooded within the last second, received at another port; notes it if not. */
  cameBack(port: number, offset: number, length: number): boolean {
    const hash = this.hash(offset, length);
    const at = (hash & (SLOTS - 1)) << SLOT_SHIFT;
    const { slots } = this;
    // Another thread's clock may be ahead.
    const isRecent = Math.abs((this.nowUs - slots[at + SINCE_US]) | 0) < RECENT_US;
    if (isRecent && slots[at + HASH] === hash && slots[at + PORT] !== port) {
      this.keep(offset, length);
      return true;
    }
    slots[at + HASH] = hash;
    slots[at + PORT] = port;
    slots[at + SINCE_US] = this.nowUs;
    return false;
  }

  private hash(offset: number, length: number): number {
    const end = offset + Math.min(length, HASHED_BYTES) - 3;
    let hash = length;
    for (let at = offset; at < end; at += 4) {
      hash = Math.imul(hash ^ this.view.getInt32(at), 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    return hash;
  }

  private keep(offset: number, length: number): void {
    const bytes = Math.min(length, EVIDENCE_BYTES);
    this.slots[EVIDENCE_LENGTH] = bytes;
    for (let byte = 0; byte < bytes; byte++) this.evidence[byte] = this.view.getUint8(offset + byte);
  }
}
