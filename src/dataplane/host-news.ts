// What a forwarding thread tells the control thread of hosts, by two bounded rings of its own: where an address was learnt,
// and frames that may say which IP address it has. No frame waits for it: what does not fit is lost and counted. The
// control thread looks at the rings ten times a second (inventory/hosts.ts), so their size is also the bound on how much
// of either it is told in a second.
//
//   learnt   | bridge | FDB key | MAC low | destination | last seen | - | - | - |
//   frames   | bridge | VLAN | frame's bytes | - | its first bytes … |
import * as counterLayout from "./counters.ts";
import * as fdbLayout from "./fdb/fdb-memory.ts";
import { allocateRecordRing, RecordReader, type RecordRingMemory, RecordWriter } from "./record-ring.ts";

const { HOST_NEWS_DROPS } = counterLayout;
const { SLOT_DESTINATION, SLOT_KEY, SLOT_LOW, SLOT_SEEN } = fdbLayout;

const LEARNT_MAX = 1024;
const LEARNT_SHIFT = 3;
const FRAMES_MAX = 256;
/** Enough for a DHCP message with all options that a client usually sends (RFC 2131 section 2: 576 bytes of IP). */
const FRAME_RECORD_BYTES = 1024;
const FRAME_HEADER_BYTES = 16;

/** Bytes of a frame that are told at most. */
export const TOLD_BYTES_MAX = FRAME_RECORD_BYTES - FRAME_HEADER_BYTES;

export interface HostNewsMemory {
  readonly learnt: RecordRingMemory;
  readonly frames: RecordRingMemory;
}

export function allocateHostNews(): HostNewsMemory {
  return {
    learnt: allocateRecordRing(LEARNT_MAX, Int32Array.BYTES_PER_ELEMENT << LEARNT_SHIFT),
    frames: allocateRecordRing(FRAMES_MAX, FRAME_RECORD_BYTES),
  };
}

/** The end of the forwarding thread. */
export class HostNewsWriter {
  private readonly learntRing: RecordWriter;
  private readonly learnt: Int32Array;
  private readonly framesRing: RecordWriter;
  private readonly frames: DataView;
  private readonly counters: Float64Array;

  constructor({ learnt, frames }: HostNewsMemory, counters: Float64Array) {
    this.learntRing = new RecordWriter(learnt, LEARNT_MAX);
    this.learnt = new Int32Array(learnt.records);
    this.framesRing = new RecordWriter(frames, FRAMES_MAX);
    this.frames = new DataView(frames.records);
    this.counters = counters;
  }

  /** An FDB entry (its slot's first word) is new, or at another place than before. */
  tellLearnt(bridge: number, slots: Int32Array, slot: number): void {
    const record = this.learntRing.claim();
    if (record < 0) {
      this.counters[HOST_NEWS_DROPS]++;
      return;
    }
    const at = record << LEARNT_SHIFT;
    this.learnt[at] = bridge;
    this.learnt[at + 1] = slots[slot + SLOT_KEY];
    this.learnt[at + 2] = slots[slot + SLOT_LOW];
    this.learnt[at + 3] = slots[slot + SLOT_DESTINATION];
    this.learnt[at + 4] = slots[slot + SLOT_SEEN];
    this.learntRing.publish();
  }

  /** A frame that stands in `view` may tell of an IP address. */
  tellFrame(bridge: number, vlan: number, view: DataView, offset: number, bytes: number): void {
    const record = this.framesRing.claim();
    if (record < 0) {
      this.counters[HOST_NEWS_DROPS]++;
      return;
    }
    const { frames } = this;
    const at = record * FRAME_RECORD_BYTES;
    frames.setInt32(at, bridge);
    frames.setInt32(at + 4, vlan);
    frames.setInt32(at + 8, bytes);
    const told = Math.min(bytes, TOLD_BYTES_MAX);
    for (let byte = 0; byte < told; byte++)
      frames.setUint8(at + FRAME_HEADER_BYTES + byte, view.getUint8(offset + byte));
    this.framesRing.publish();
  }
}

export interface HostNewsListener {
  learnt(bridge: number, key: number, low: number, destination: number, seenSeconds: number): void;
  /** `bytes` is the frame's length, of which no more than TOLD_BYTES_MAX are at `offset`; good until this returns. */
  frame(bridge: number, vlan: number, view: DataView, offset: number, bytes: number): void;
}

/** The end of the control thread. */
export class HostNewsReader {
  private readonly learntRing: RecordReader;
  private readonly learnt: Int32Array;
  private readonly framesRing: RecordReader;
  private readonly frames: DataView;

  constructor({ learnt, frames }: HostNewsMemory) {
    this.learntRing = new RecordReader(learnt, LEARNT_MAX);
    this.learnt = new Int32Array(learnt.records);
    this.framesRing = new RecordReader(frames, FRAMES_MAX);
    this.frames = new DataView(frames.records);
  }

  /** Hands over what waits, a ring full of either at most. */
  read(listener: HostNewsListener): void {
    const { learnt, frames } = this;
    for (let left = LEARNT_MAX; left > 0; left--) {
      const record = this.learntRing.next();
      if (record < 0) break;
      const at = record << LEARNT_SHIFT;
      listener.learnt(learnt[at], learnt[at + 1], learnt[at + 2], learnt[at + 3], learnt[at + 4]);
    }
    this.learntRing.release();
    for (let left = FRAMES_MAX; left > 0; left--) {
      const record = this.framesRing.next();
      if (record < 0) break;
      const at = record * FRAME_RECORD_BYTES;
      const [bridge, vlan, bytes] = [frames.getInt32(at), frames.getInt32(at + 4), frames.getInt32(at + 8)];
      listener.frame(bridge, vlan, frames, at + FRAME_HEADER_BYTES, bytes);
    }
    this.framesRing.release();
  }
}
