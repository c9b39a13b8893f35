// Mirrors: which frames they select. Where selected frames go is a sink's business (src/dataplane/io/mirror-queue.ts).
// A port holds one bit for each mirror that watches what it receives or transmits; a frame gathers the bits on its way
// and is offered to each mirror once, whatever matched.
import * as layout from "./frames.ts";
import { createPacketFilter, type PacketFilter } from "./packet-filter.ts";

// Constants of this module: V8 folds those into the code, while an imported one is looked up at each use.
const { FRAME_LENGTH, FRAME_OFFSET } = layout;

/** Takes the frames that a mirror selects. */
export interface MirrorSink {
  /** Takes the frame of a row (`at` = its first word) that entered at `port`; counts it if there is no room. */
  offer(frames: Int32Array, at: number, port: number): void;
  /** The batch is over: everything offered must be copied now, before its slots are used again. */
  publish(): void;
}

/** Which frames of the ports that it watches a mirror wants. */
export interface MirrorSelection {
  /** 0 = untagged; empty = all. */
  readonly vlans: readonly number[];
  /** Of those, the frames that this program passes (packet-filter.ts); null = all. */
  readonly program: readonly number[] | null;
  /** Of those, every so many-th; 1 = all. */
  readonly sampleEvery: number;
}

export class Mirror {
  readonly sink: MirrorSink;
  /** One byte a VLAN ID, 0 being untagged; null = all. */
  private readonly vlans: Uint8Array | null;
  private readonly passes: PacketFilter | null;
  private readonly sampleEvery: number;
  /** Frames passed over since the last one of the sample. */
  private passedOver: number;

  /** Frames are in the arena that `view` sees. `before` is the same mirror until now: its sample goes on. */
  constructor(sink: MirrorSink, selection: MirrorSelection, view: DataView, before: Mirror | null) {
    const { vlans, program, sampleEvery } = selection;
    this.sink = sink;
    this.vlans = vlans.length === 0 ? null : new Uint8Array(4096);
    for (const vlan of vlans) (this.vlans as Uint8Array)[vlan] = 1;
    this.passes = program === null ? null : createPacketFilter(program, view);
    this.sampleEvery = sampleEvery;
    this.passedOver = before?.passedOver ?? 0;
  }

  /** Whether the frame of a row is for the output. To be asked once a frame: it counts for the sample. */
  selects(frames: Int32Array, at: number, vlan: number): boolean {
    if (this.vlans !== null && this.vlans[vlan] !== 1) return false;
    if (this.passes !== null && !this.passes(frames[at + FRAME_OFFSET], frames[at + FRAME_LENGTH]))
      return false;
    return this.sampleEvery === 1 || this.isOfSample();
  }

  /** By counting and not by chance, so that an experiment can be repeated. */
  private isOfSample(): boolean {
    this.passedOver++;
    if (this.passedOver < this.sampleEvery) return false;
    this.passedOver = 0;
    return true;
  }
}
