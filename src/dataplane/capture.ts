// Captures: whole batches watched on behalf of somebody who asks, each frame with what became of it. Which frames a
// capture wants is decided when their batch is over; where they go is a sink's business (io/capture-queue.ts).
import * as destinationLayout from "./destinations.ts";
import type { Journal } from "./journal.ts";
import * as journalLayout from "./journal.ts";
import { createPacketFilter, type PacketFilter } from "./packet-filter.ts";

// Constants of this module: V8 folds those into the code, while an imported one is looked up at each use.
const { DESTINATION_PORT, DESTINATION_SHIFT } = destinationLayout;
const { HELD, MIRRORED, SENT } = journalLayout;

const NONE = -1;

/** Bits of a port in a selection: what it received, what it transmitted or was to. */
export const WATCH_IN = 1;
export const WATCH_OUT = 2;

/** Takes the frames that a capture selects. */
export interface CaptureSink {
  /** Takes the frame of a row, as it was received, with its entries in the journal; counts it if there is no room. */
  offer(journal: Journal, frames: Int32Array, frame: number): void;
  /** The batch is over: everything offered must be copied now, before its slots are used again. */
  publish(): void;
}

export interface CaptureSelection {
  /** A byte for each port, bits WATCH_; port 0 is what was dropped before a port was known. */
  readonly ports: Uint8Array;
  /** Instead: the frames that these mirrors took, a bit each. */
  readonly mirrors: number;
  /** Of those, the frames of which a copy at least was dropped. */
  readonly dropsOnly: boolean;
  /** Of those, the frames that this program passes (packet-filter.ts); null = all. */
  readonly program: readonly number[] | null;
  /** Of those, every so many-th; 1 = all. */
  readonly sampleEvery: number;
}

export class Capture {
  readonly sink: CaptureSink;
  private readonly selection: CaptureSelection;
  private readonly passes: PacketFilter | null;
  private readonly journal: Journal;
  private readonly destinations: Int32Array;
  private passedOver = 0;

  constructor(
    sink: CaptureSink,
    selection: CaptureSelection,
    journal: Journal,
    destinations: Int32Array,
    view: DataView,
  ) {
    this.sink = sink;
    this.selection = selection;
    this.journal = journal;
    this.destinations = destinations;
    this.passes = selection.program === null ? null : createPacketFilter(selection.program, view);
  }

  /** Whether a frame of the batch is for the sink. To be asked once a frame: it counts for the sample. */
  selects(frame: number): boolean {
    const { ports, dropsOnly, sampleEvery } = this.selection;
    const { journal } = this;
    const isWatched = (ports[journal.ports[frame]] & WATCH_IN) !== 0 || this.isWatchedOnItsWay(frame);
    if (!isWatched || this.isOnlyHeld(frame)) return false;
    if (dropsOnly && !this.isDropped(frame)) return false;
    if (this.passes !== null && !this.passesFilter(this.passes, frame)) return false;
    if (sampleEvery === 1) return true;
    if (++this.passedOver < sampleEvery) return false;
    this.passedOver = 0;
    return true;
  }

  /** A datagram that no port took is no frame. */
  private passesFilter(passes: PacketFilter, frame: number): boolean {
    const { ports, offsets, lengths } = this.journal;
    return ports[frame] !== 0 && passes(offsets[frame], lengths[frame]);
  }

  /** By a port that it was to leave by, or by a mirror. */
  private isWatchedOnItsWay(frame: number): boolean {
    const { kinds, places, before, last } = this.journal;
    const { ports, mirrors } = this.selection;
    for (let entry = last[frame]; entry !== NONE; entry = before[entry]) {
      if (kinds[entry] === MIRRORED) {
        if ((mirrors & (1 << places[entry])) !== 0) return true;
      } else if ((ports[this.portAt(entry)] & WATCH_OUT) !== 0) return true;
    }
    return false;
  }

  private portAt(entry: number): number {
    const { kinds, places } = this.journal;
    if (kinds[entry] !== SENT) return places[entry];
    return this.destinations[(places[entry] << DESTINATION_SHIFT) + DESTINATION_PORT];
  }

  /** Where it came in: it is to come, and to be judged, later. */
  private isOnlyHeld(frame: number): boolean {
    const { kinds, places, before, last, ports } = this.journal;
    const entry = last[frame];
    return (
      entry !== NONE && kinds[entry] === HELD && places[entry] === ports[frame] && before[entry] === NONE
    );
  }

  private isDropped(frame: number): boolean {
    const { kinds, before, last } = this.journal;
    for (let entry = last[frame]; entry !== NONE; entry = before[entry]) if (kinds[entry] >= 0) return true;
    return false;
  }
}
