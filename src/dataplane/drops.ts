// Where frames are dropped: whichever stage refuses one says so here. It costs the counter of its reason; the recorder
// keeps some of them, and the journal tells whoever watches.
import * as counterLayout from "./counters.ts";
import { portCounter } from "./counters.ts";
import type { DropRecorder } from "./drop-records.ts";
import * as layout from "./frames.ts";
import type { Journal } from "./journal.ts";

// Constants of this module: V8 folds those into the code, while an imported one is looked up at each use.
const { DROPS } = counterLayout;
const { DROPPED_PORT, FRAME_PORT, FRAME_SHIFT } = layout;

export class Drops {
  private readonly frames: Int32Array;
  private readonly counters: Float64Array;
  private readonly recorder: DropRecorder;
  private readonly journal: Journal;

  constructor(frames: Int32Array, counters: Float64Array, recorder: DropRecorder, journal: Journal) {
    this.frames = frames;
    this.counters = counters;
    this.recorder = recorder;
    this.journal = journal;
  }

  /** Drops the frame of a row (`at` = its first word), under the name of a port: later stages pass it by. */
  drop(at: number, port: number, reason: number): void {
    this.dropCopy(at, port, reason);
    this.frames[at + FRAME_PORT] = DROPPED_PORT;
  }

  /** Drops one copy of the frame of a row, or the last that could have become of it: the row is not touched. */
  dropCopy(at: number, port: number, reason: number): void {
    this.counters[portCounter(port) + DROPS + reason]++;
    this.recorder.record(at, port, reason);
    if (this.journal.isOpen) this.journal.dropped(at >> FRAME_SHIFT, port, reason);
  }

  /** By the clock of the loop, which wraps. */
  setTime(nowUs: number): void {
    this.recorder.setTime(nowUs);
  }
}
