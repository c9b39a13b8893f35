// What became of the frames of the batch in hand, written while somebody watches (captures, traces) and not at all else.
// Every frame that was received has entries in the end: each is delivered, dropped or held.
import * as layout from "./frames.ts";

// Constants of this module: V8 folds those into the code, while an imported one is looked up at each use.
const { FORM_ROWS, FRAME_LENGTH, FRAME_OFFSET, FRAME_PORT, FRAME_SHIFT, FRAMES_MAX } = layout;

/** Kinds of entries; one that is not negative is a drop reason. Beside each stands where: */
/** A destination index. */
export const SENT = -1;
/** The port whose cable holds it. */
export const HELD = -2;
/** A mirror's index. */
export const MIRRORED = -3;

/** Of a batch; what is beyond is only known to have been. */
const ENTRIES_MAX = 16_384;
const NONE = -1;

export class Journal {
  /** Somebody watches. */
  isOpen = false;
  /** As the frames of the rows were received, before anything was done to them. */
  readonly ports = new Int32Array(FRAMES_MAX + FORM_ROWS);
  readonly offsets = new Int32Array(FRAMES_MAX + FORM_ROWS);
  readonly lengths = new Int32Array(FRAMES_MAX + FORM_ROWS);
  /** Of each entry: what happened, and where; and the entry of the same frame before it, or -1. */
  readonly kinds = new Int32Array(ENTRIES_MAX);
  readonly places = new Int32Array(ENTRIES_MAX);
  readonly before = new Int32Array(ENTRIES_MAX);
  /** A frame's last entry, or -1. */
  readonly last = new Int32Array(FRAMES_MAX + FORM_ROWS);
  private readonly frames: Int32Array;
  /** The frame that a row with another form of it was made from. */
  private readonly origins = new Int32Array(FRAMES_MAX + FORM_ROWS);
  private count = 0;

  constructor(frames: Int32Array) {
    this.frames = frames;
  }

  /** Another batch is in the rows. */
  begin(count: number): void {
    this.count = 0;
    this.last.fill(NONE, 0, count);
    for (let frame = 0; frame < count; frame++) this.origins[frame] = frame;
  }

  /** It has come to its ports, as far as it does. */
  arrive(count: number): void {
    for (let frame = 0; frame < count; frame++) this.arriveOne(frame);
  }

  /** A row holds another frame from now on. */
  beginFrame(frame: number): void {
    this.last[frame] = NONE;
    this.origins[frame] = frame;
    this.arriveOne(frame);
  }

  /** A row is made from that of a frame; what happens to it happens to that. */
  derive(row: number, frame: number): void {
    this.origins[row] = this.origins[frame];
  }

  sent(row: number, destination: number): void {
    this.note(row, SENT, destination);
  }

  /** At a port: where it came in, or where a copy of it was to go. */
  dropped(row: number, port: number, reason: number): void {
    this.note(row, reason, port);
  }

  held(row: number, port: number): void {
    this.note(row, HELD, port);
  }

  mirrored(row: number, mirror: number): void {
    this.note(row, MIRRORED, mirror);
  }

  private arriveOne(frame: number): void {
    const at = frame << FRAME_SHIFT;
    this.ports[frame] = this.frames[at + FRAME_PORT];
    this.offsets[frame] = this.frames[at + FRAME_OFFSET];
    this.lengths[frame] = this.frames[at + FRAME_LENGTH];
  }

  private note(row: number, kind: number, place: number): void {
    if (this.count === ENTRIES_MAX) return;
    const frame = this.origins[row];
    const entry = this.count++;
    this.kinds[entry] = kind;
    this.places[entry] = place;
    this.before[entry] = this.last[frame];
    this.last[frame] = entry;
  }
}
