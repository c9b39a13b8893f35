// The cables of the ports, one for each direction, and what becomes of the next frame on an impaired one. Each decision
// (lost? twice? past the delay? how long?) has a generator of its own, xorshift32 [Marsaglia 2003], which moves on once a
// frame that comes so far: so the same frames meet the same fate, and the n-th is lost whatever else is configured.
import { isDeepStrictEqual } from "node:util";
import { IMPAIR_HELD, portCounter } from "../counters.ts";
import { PORTS_MAX } from "../limits.ts";
import type { Meters } from "../meters.ts";
import { type Impairment, scatter } from "./impairment.ts";

export const CABLE_IN = 0;
export const CABLE_OUT = 1;
const CABLES_MAX = PORTS_MAX << 1;

/** Words of a cable. A frame is chosen where the draw is not above the threshold, so -1 chooses none. */
const LOSS = 0;
const DUPLICATE = 1;
const REORDER = 2;
const DELAY_US = 3;
const JITTER_US = 4;
/** 0 = the cable is not impaired. */
const LIMIT = 5;
/** Frames held now. */
const HELD = 6;
/** The states of four generators. */
const GENERATORS = 8;
const CABLE_SHIFT = 4;

const LOSS_GENERATOR = GENERATORS;
const DUPLICATE_GENERATOR = GENERATORS + 1;
const REORDER_GENERATOR = GENERATORS + 2;
const JITTER_GENERATOR = GENERATORS + 3;
const GENERATOR_COUNT = 4;

/** Draws are below. */
const DRAWS = 2 ** 31;

/** How far behind its rate a cable may be; the loop's clock tells times apart that are half an hour away. */
const BACKLOG_US_MAX = 600_000_000;

/** The cable of a port in a direction. */
export function cableOf(port: number, direction: number): number {
  return (port << 1) | direction;
}

export class Cables {
  private readonly words = new Int32Array(CABLES_MAX << CABLE_SHIFT);
  /** What a byte takes at the cable's rate; 0 = nothing. */
  private readonly usPerByte = new Float64Array(CABLES_MAX);
  /** Of what the frames so far took, the part that made no whole microsecond. */
  private readonly carryUs = new Float64Array(CABLES_MAX);
  private readonly impairments = new Map<number, Impairment>();
  private readonly counters: Float64Array;
  private readonly meters: Meters;
  private readonly worker: number;

  /** `worker` is the forwarding thread's number: each draws for itself. */
  constructor(counters: Float64Array, meters: Meters, worker: number) {
    this.counters = counters;
    this.meters = meters;
    this.worker = worker;
    // What a thread held that crashed is gone.
    for (let port = 0; port < PORTS_MAX; port++) counters[portCounter(port) + IMPAIR_HELD] = 0;
  }

  get areImpaired(): boolean {
    return this.impairments.size > 0;
  }

  /** Impairs a cable, or no longer (null). Where nothing changes, the generators go on where they are. */
  configure(cable: number, impairment: Impairment | null): void {
    const before = this.impairments.get(cable) ?? null;
    if (isDeepStrictEqual(before, impairment)) return;
    const { words } = this;
    const at = cable << CABLE_SHIFT;
    if (impairment === null) {
      this.impairments.delete(cable);
      words[at + LIMIT] = 0;
      return;
    }
    this.impairments.set(cable, impairment);
    words[at + LOSS] = thresholdOf(impairment.lossPercent);
    words[at + DUPLICATE] = thresholdOf(impairment.duplicatePercent);
    words[at + REORDER] = thresholdOf(impairment.reorderPercent);
    words[at + DELAY_US] = impairment.delayUs;
    words[at + JITTER_US] = impairment.jitterUs;
    words[at + LIMIT] = impairment.limitFrames;
    this.seedGenerators(cable, impairment.seed);
    const { rateBitsPerSecond } = impairment;
    if (rateBitsPerSecond > 0 && before?.rateBitsPerSecond !== rateBitsPerSecond) this.meters.freeLink(cable);
    this.usPerByte[cable] = rateBitsPerSecond > 0 ? 8e6 / rateBitsPerSecond : 0;
    this.carryUs[cable] = 0;
  }

  isImpaired(cable: number): boolean {
    return this.words[(cable << CABLE_SHIFT) + LIMIT] !== 0;
  }

  /** Whether the next frame is lost. */
  loses(cable: number): boolean {
    return this.chooses(cable, LOSS, LOSS_GENERATOR);
  }

  /** Whether the next frame comes twice. */
  duplicates(cable: number): boolean {
    return this.chooses(cable, DUPLICATE, DUPLICATE_GENERATOR);
  }

  /** How long the next frame takes, in us from now; -1 if there is no room for it, or it would be too long. */
  takesUs(cable: number, bytes: number): number {
    const { words } = this;
    const at = cable << CABLE_SHIFT;
    const delayUs = words[at + DELAY_US];
    if (delayUs === 0 && this.usPerByte[cable] === 0) return 0;
    const sentUs = this.hasRoom(cable) ? this.sentAfterUs(cable, bytes) : -1;
    if (sentUs < 0) return -1;
    if (delayUs === 0 || this.chooses(cable, REORDER, REORDER_GENERATOR)) return sentUs;
    const jitterUs = words[at + JITTER_US];
    if (jitterUs === 0) return sentUs + delayUs;
    const more = Math.floor((this.draw(at + JITTER_GENERATOR) * (2 * jitterUs + 1)) / DRAWS);
    return sentUs + delayUs - jitterUs + more;
  }

  hasRoom(cable: number): boolean {
    const at = cable << CABLE_SHIFT;
    return this.words[at + HELD] < this.words[at + LIMIT];
  }

  /** A frame of the cable is held from now on (1), or no longer (-1). */
  countHeld(cable: number, change: number): void {
    this.words[(cable << CABLE_SHIFT) + HELD] += change;
    this.counters[portCounter(cable >> 1) + IMPAIR_HELD] += change;
  }

  /** Once a second, for the clock wraps. */
  tick(): void {
    for (const cable of this.impairments.keys())
      if (this.usPerByte[cable] > 0) this.meters.refreshLink(cable);
  }

  /** When the last bit of the next frame has been sent at the cable's rate. */
  private sentAfterUs(cable: number, bytes: number): number {
    const usPerByte = this.usPerByte[cable];
    if (usPerByte === 0) return 0;
    const exactUs = bytes * usPerByte + this.carryUs[cable];
    const wholeUs = Math.floor(exactUs);
    const sentUs = this.meters.send(cable, wholeUs, BACKLOG_US_MAX);
    if (sentUs >= 0) this.carryUs[cable] = exactUs - wholeUs;
    return sentUs;
  }

  private chooses(cable: number, threshold: number, generator: number): boolean {
    const at = cable << CABLE_SHIFT;
    return this.words[at + threshold] >= 0 && this.draw(at + generator) <= this.words[at + threshold];
  }

  /** The next number of a generator, 0 to 2^31 - 1. */
  private draw(generator: number): number {
    let state = this.words[generator];
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.words[generator] = state;
    return state >>> 1;
  }

  private seedGenerators(cable: number, seed: number): void {
    for (let i = 0; i < GENERATOR_COUNT; i++) {
      const stream = ((this.worker << 1) | (cable & 1)) * GENERATOR_COUNT + i;
      // xorshift never leaves zero.
      this.words[(cable << CABLE_SHIFT) + GENERATORS + i] = scatter(seed ^ scatter(stream + 1)) || 1;
    }
  }
}

function thresholdOf(percent: number): number {
  return Math.round((percent / 100) * DRAWS) - 1;
}
