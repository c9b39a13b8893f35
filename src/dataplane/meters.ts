// Token buckets that bound what a port sends into the switch, in memory that all forwarding threads share: a rate is the
// port's, whichever thread takes its frames in. A bucket may be overdrawn by the one frame that empties it, so that a
// super-frame larger than the burst still passes, at the rate.
//
//   port    | bits      | frames    | floods    | links     |
//   bucket  | rate | burst | tokens | since |
//   links   | in   | out   | -      | -     |
//
// A token is a bit, or a thousandth of a frame: then `rate` tokens a millisecond are kbit/s, or frames a second. The
// threads take and add tokens by atomic operations, without a lock; who moves `since` on adds what has come meanwhile. A
// link is the time at which an impaired cable of the port (cables/cables.ts) has sent all that it was given, at its rate.
import { PORTS_MAX } from "./limits.ts";
import type { PortPolicy } from "./policy.ts";

const BUCKET_WORDS = 4;
const RATE = 0;
const BURST = 1;
const TOKENS = 2;
/** Microseconds of the loop's clock, which wraps. */
const SINCE = 3;

/** Buckets of a port, as word offsets. */
const BITS = 0;
const FRAMES = 1 * BUCKET_WORDS;
const FLOODS = 2 * BUCKET_WORDS;
const LINKS = 3 * BUCKET_WORDS;
const PORT_SHIFT = 4;

const FRAME_TOKENS = 1000;
const REFILL_EVERY_US = 1000;

/** Those of Open vSwitch. */
const KBIT_BURST_DEFAULT = 8000;
const KPKTS_BURST_DEFAULT = 16;

export type MetersMemory = SharedArrayBuffer;

/** Buckets of all ports, none of which bounds anything yet. */
export function allocateMeters(): MetersMemory {
  return new SharedArrayBuffer((PORTS_MAX << PORT_SHIFT) * Int32Array.BYTES_PER_ELEMENT);
}

export class Meters {
  private readonly words: Int32Array;
  /** The loop's clock, microseconds that wrap. */
  private nowUs = 0;

  constructor(memory: MetersMemory) {
    this.words = new Int32Array(memory);
  }

  /** Tells the time, in each turn of the loop. */
  setTime(nowUs: number): void {
    this.nowUs = nowUs;
  }

  /** What a port may send from now on. A bucket whose bounds change begins full. */
  configure(port: number, policy: PortPolicy): void {
    const at = port << PORT_SHIFT;
    const kbitBurst = policy.policingKbitBurst || KBIT_BURST_DEFAULT;
    const kpktsBurst = policy.policingKpktsBurst || KPKTS_BURST_DEFAULT;
    this.bound(at + BITS, policy.policingKbitPerSecond, kbitBurst * 1000);
    this.bound(at + FRAMES, policy.policingKpktsPerSecond * 1000, kpktsBurst * 1000 * FRAME_TOKENS);
    this.bound(at + FLOODS, policy.stormFramesPerSecond, policy.stormFramesPerSecond * FRAME_TOKENS);
  }

  /** Adds what has come since the last time: before a run of frames of the port, and now and then, for the clock wraps. */
  refill(port: number): void {
    const at = port << PORT_SHIFT;
    this.refillBucket(at + BITS);
    this.refillBucket(at + FRAMES);
    this.refillBucket(at + FLOODS);
  }

  /** Whether a port may send one more frame of so many bytes; if so, it is accounted for. */
  take(port: number, bytes: number): boolean {
    const at = port << PORT_SHIFT;
    if (this.isEmpty(at + BITS) || this.isEmpty(at + FRAMES)) return false;
    this.draw(at + BITS, bytes << 3);
    this.draw(at + FRAMES, FRAME_TOKENS);
    return true;
  }

  /** The same for a frame that is to be flooded. */
  takeFlood(port: number): boolean {
    const at = (port << PORT_SHIFT) + FLOODS;
    if (this.isEmpty(at)) return false;
    this.draw(at, FRAME_TOKENS);
    return true;
  }

  /** What is left in the buckets of a port, null where it has none; frames to be flooded have one of their own. */
  levels(port: number): {
    readonly bits: number | null;
    readonly frames: number | null;
    readonly floods: number | null;
  } {
    const at = port << PORT_SHIFT;
    const level = (bucket: number, tokens: number): number | null =>
      this.words[at + bucket + RATE] === 0
        ? null
        : Math.floor(Atomics.load(this.words, at + bucket + TOKENS) / tokens);
    return { bits: level(BITS, 1), frames: level(FRAMES, FRAME_TOKENS), floods: level(FLOODS, FRAME_TOKENS) };
  }

  /**
   * A cable is given a frame that it takes `us` to send: when it will have done so, in us from now; -1, and the frame is not
   * accounted for, if that is later than `atMostUs`.
   */
  send(cable: number, us: number, atMostUs: number): number {
    const { words, nowUs } = this;
    const at = linkOf(cable);
    for (;;) {
      const freeAt = Atomics.load(words, at);
      const sentUs = Math.max(0, (freeAt - nowUs) | 0) + us;
      if (sentUs > atMostUs) return -1;
      if (Atomics.compareExchange(words, at, freeAt, (nowUs + sentUs) | 0) === freeAt) return sentUs;
    }
  }

  /** A cable has sent everything. */
  freeLink(cable: number): void {
    Atomics.store(this.words, linkOf(cable), this.nowUs);
  }

  /** A cable that has long sent everything is free as of now, before the clock wraps. */
  refreshLink(cable: number): void {
    const freeAt = Atomics.load(this.words, linkOf(cable));
    if (((freeAt - this.nowUs) | 0) < 0)
      Atomics.compareExchange(this.words, linkOf(cable), freeAt, this.nowUs);
  }

  private bound(at: number, rate: number, burst: number): void {
    const { words } = this;
    if (words[at + RATE] === rate && words[at + BURST] === burst) return;
    words[at + RATE] = rate;
    words[at + BURST] = burst;
    Atomics.store(words, at + SINCE, this.nowUs);
    Atomics.store(words, at + TOKENS, burst);
  }

  /** A bucket without a rate stays as it is. */
  private draw(at: number, tokens: number): void {
    if (this.words[at + RATE] !== 0) Atomics.sub(this.words, at + TOKENS, tokens);
  }

  private isEmpty(at: number): boolean {
    return this.words[at + RATE] !== 0 && Atomics.load(this.words, at + TOKENS) <= 0;
  }

  private refillBucket(at: number): void {
    const { words, nowUs } = this;
    const rate = words[at + RATE];
    if (rate === 0) return;
    const since = Atomics.load(words, at + SINCE);
    // Another thread's clock may be ahead.
    const elapsedUs = (nowUs - since) | 0;
    if (elapsedUs < REFILL_EVERY_US) return;
    const burst = words[at + BURST];
    const gained = Math.min(burst, Math.floor((rate * elapsedUs) / 1000));
    if (gained === 0) return;
    // Time that makes no whole token is left for the next look.
    const until = gained < burst ? (since + Math.round((gained * 1000) / rate)) | 0 : nowUs;
    if (Atomics.compareExchange(words, at + SINCE, since, until) !== since) return;
    const tokens = Atomics.add(words, at + TOKENS, gained) + gained;
    if (tokens > burst) Atomics.sub(words, at + TOKENS, tokens - burst);
  }
}

function linkOf(cable: number): number {
  return ((cable >> 1) << PORT_SHIFT) + LINKS + (cable & 1);
}
