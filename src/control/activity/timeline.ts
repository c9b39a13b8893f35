// When samples were taken: the time axis that the histories of all things share, in two resolutions. The last minutes are kept
// as they were sampled, the hour in averages; both are rings of fixed size, and a slot knows how long it lasted, for timers
// are late now and then.

/** Slots as sampled: five minutes at one a second. */
export const FINE_SLOTS = 300;
/** Slots of ten seconds each: the hour. */
export const COARSE_SLOTS = 360;
/** A slot of the hour is full when it lasts so long: ten samples, of which a timer may have been early. */
const COARSE_SECONDS = 9.5;

/** A ring of slots of time. */
export class Slots {
  readonly count: number;
  /** When each ended, of the monotonic clock. */
  readonly endMs: Float64Array;
  /** How long each lasted. */
  readonly seconds: Float64Array;
  private next = 0;
  private used = 0;

  constructor(count: number) {
    this.count = count;
    this.endMs = new Float64Array(count);
    this.seconds = new Float64Array(count);
  }

  /** Takes the oldest slot for a new one; returns its index. */
  add(endMs: number, seconds: number): number {
    const slot = this.next;
    this.endMs[slot] = endMs;
    this.seconds[slot] = seconds;
    this.next = (slot + 1) % this.count;
    this.used = Math.min(this.used + 1, this.count);
    return slot;
  }

  /** Those that ended after `sinceMs`, oldest first. */
  since(sinceMs: number): number[] {
    const slots = this.newest(this.used);
    return slots.filter((slot) => this.endMs[slot] > sinceMs);
  }

  /** The last so many, oldest first. */
  newest(wanted: number): number[] {
    const count = Math.min(wanted, this.used);
    return Array.from({ length: count }, (_, i) => (this.next - count + i + this.count) % this.count);
  }
}

/** A slot of the hour that is full, and what it is the average of. */
export interface FullSlot {
  readonly slot: number;
  readonly fineSlots: readonly number[];
}

export class Timeline {
  readonly fine = new Slots(FINE_SLOTS);
  readonly coarse = new Slots(COARSE_SLOTS);
  private waiting = 0;
  private waitingSeconds = 0;

  /** One more sample: its slot, and that of the hour if this one fills it. */
  add(endMs: number, seconds: number): { readonly slot: number; readonly full: FullSlot | null } {
    const slot = this.fine.add(endMs, seconds);
    this.waiting += 1;
    this.waitingSeconds += seconds;
    if (this.waitingSeconds < COARSE_SECONDS && this.waiting < FINE_SLOTS) return { slot, full: null };
    const fineSlots = this.fine.newest(this.waiting);
    const full = { slot: this.coarse.add(endMs, this.waitingSeconds), fineSlots };
    this.waiting = 0;
    this.waitingSeconds = 0;
    return { slot, full };
  }
}
