// The histories of all things of a kind (ports, bridges, mirrors), by name: they come and go with the things. Each sample goes
// through `begin`, one `put` for each thing that there is, and `end`, which lets go of the others.
import { RateTrack } from "./rate-track.ts";
import type { FullSlot, Slots } from "./timeline.ts";

/** How long a sample lasted; null for the very first, from which there is no rate yet. */
export interface SampleTime {
  readonly slot: number;
  readonly seconds: number;
  readonly full: FullSlot | null;
}

export class Tracks {
  private readonly tracks = new Map<string, RateTrack>();
  private readonly seen = new Set<string>();
  private readonly countersCount: number;
  private readonly levelsCount: number;
  private readonly countMax: number;

  constructor(countersCount: number, levelsCount: number, countMax: number) {
    this.countersCount = countersCount;
    this.levelsCount = levelsCount;
    this.countMax = countMax;
  }

  get(key: string): RateTrack | undefined {
    return this.tracks.get(key);
  }

  get count(): number {
    return this.tracks.size;
  }

  begin(): void {
    this.seen.clear();
  }

  /**
   * The values of one thing. One whose counters have fallen is another of the same name, and has no history. What is there for
   * the first time has counted all that it has since the last sample.
   */
  put(key: string, counts: Float64Array, time: SampleTime | null): void {
    this.seen.add(key);
    let track = this.tracks.get(key);
    if (track === undefined || track.hasFallen(counts)) {
      if (track === undefined && this.tracks.size >= this.countMax) return;
      track = new RateTrack(this.countersCount, this.levelsCount);
      this.tracks.set(key, track);
    }
    if (time === null) track.begin(counts);
    else track.advance(time.slot, time.seconds, counts);
  }

  /** Lets go of what is there no longer. */
  end(time: SampleTime | null, times: Slots): void {
    for (const [key, track] of this.tracks) {
      if (!this.seen.has(key)) this.tracks.delete(key);
      else if (time?.full) track.average(time.full, times);
    }
  }
}
