// The history of one thing: counters in, rates a second out, in both resolutions of the timeline; what is no counter but a level
// (entries of a table) is kept as it is. Memory is taken when the thing appears (4 bytes a value and slot) and goes with it.
// Where there was no such thing, the value is NaN.
import { COARSE_SLOTS, FINE_SLOTS, type FullSlot, type Slots } from "./timeline.ts";

export class RateTrack {
  /** Counters and levels as last seen. */
  readonly counts: Float64Array;
  /** Rates and levels of the last sample; NaN before there are two. */
  readonly latest: Float64Array;
  private readonly fine: Float32Array;
  private readonly coarse: Float32Array;
  private readonly countersCount: number;

  /** Its values are so many counters, and behind them so many levels. */
  constructor(countersCount: number, levelsCount = 0) {
    const count = countersCount + levelsCount;
    this.countersCount = countersCount;
    this.counts = new Float64Array(count);
    this.latest = new Float64Array(count).fill(Number.NaN);
    this.fine = new Float32Array(count * FINE_SLOTS).fill(Number.NaN);
    this.coarse = new Float32Array(count * COARSE_SLOTS).fill(Number.NaN);
  }

  /** True if counters have fallen: they are of another thing of the same name. */
  hasFallen(counts: Float64Array): boolean {
    for (let i = 0; i < this.countersCount; i++) if (counts[i] < this.counts[i]) return true;
    return false;
  }

  /** What the counters are at the beginning, without a rate. */
  begin(counts: Float64Array): void {
    this.counts.set(counts);
  }

  /** Writes the rates since the last sample. */
  advance(slot: number, seconds: number, counts: Float64Array): void {
    for (let i = 0; i < this.counts.length; i++) {
      const value = i < this.countersCount ? (counts[i] - this.counts[i]) / seconds : counts[i];
      this.latest[i] = value;
      this.fine[i * FINE_SLOTS + slot] = value;
    }
    this.counts.set(counts);
  }

  /** Writes the averages that a slot of the hour is made of. */
  average({ slot, fineSlots }: FullSlot, times: Slots): void {
    this.mean(fineSlots, times).forEach((value, i) => {
      this.coarse[i * COARSE_SLOTS + slot] = value;
    });
  }

  /** The averages over these slots, as far as the thing was there. */
  mean(slots: readonly number[], times: Slots): Float64Array {
    return this.counts.map((_, i) => {
      let total = 0;
      let seconds = 0;
      for (const slot of slots) {
        const value = this.fine[i * FINE_SLOTS + slot];
        if (Number.isNaN(value)) continue;
        total += value * times.seconds[slot];
        seconds += times.seconds[slot];
      }
      return seconds > 0 ? total / seconds : Number.NaN;
    });
  }

  /** One of its values in these slots, as sampled. */
  fineValues(index: number, slots: readonly number[]): number[] {
    return slots.map((slot) => this.fine[index * FINE_SLOTS + slot]);
  }

  /** One of its values in these slots of the hour. */
  coarseValues(index: number, slots: readonly number[]): number[] {
    return slots.map((slot) => this.coarse[index * COARSE_SLOTS + slot]);
  }
}
