// Who talks with whom: frames and bytes of each (bridge, VLAN, source, destination) over the last ten seconds, estimated from a
// sample of the frames. Bounded: each second keeps so many pairs at most and counts the heaviest right (heavy-hitters.ts). The
// frames are asked for only while somebody looks, and until a while later. Time is given from outside.
import { HeavyHitters } from "./heavy-hitters.ts";
import type { TalkersView, TalkerView } from "./talkers-view.ts";

const WINDOW_SECONDS = 10;
/** Pairs that each of those seconds has room for. */
export const PAIRS_MAX = 256;
/** After the last question. */
export const KEEP_MS = 10_000;

/** A frame of the sample. */
export interface SampledFrame {
  readonly bridge: string;
  /** Of the tag that it came with; 0 = untagged. */
  readonly vlan: number;
  readonly source: string;
  readonly destination: string;
  readonly bytes: number;
  /** How many frames it stands for. */
  readonly weight: number;
}

/** Where the frames come from (frame-sample.ts): they come until what it returns is called. */
export interface FrameSource {
  start(onFrame: (frame: SampledFrame) => void): () => void;
}

interface Second {
  /** Which second it is, of the monotonic clock; -1 = none yet. */
  number: number;
  /** Frames of the sample. */
  frames: number;
  readonly pairs: HeavyHitters;
}

export class Talkers {
  private readonly source: FrameSource;
  private readonly now: () => number;
  private readonly seconds: readonly Second[];
  private stopSource: (() => void) | null = null;
  private startedMs = 0;
  private askedMs = 0;

  constructor(source: FrameSource, now: () => number) {
    this.source = source;
    this.now = now;
    this.seconds = Array.from({ length: WINDOW_SECONDS }, () => ({
      number: -1,
      frames: 0,
      pairs: new HeavyHitters(PAIRS_MAX),
    }));
  }

  get isOn(): boolean {
    return this.stopSource !== null;
  }

  /** The heaviest pairs as far as is known by now; the first question starts the sample. */
  ask(limit: number): TalkersView {
    const nowMs = this.now();
    this.askedMs = nowMs;
    if (this.stopSource === null) this.start(nowMs);
    // The second of now is not over yet.
    const windowSeconds = WINDOW_SECONDS - 1 + (nowMs % 1000) / 1000;
    return this.view(Math.min((nowMs - this.startedMs) / 1000, windowSeconds), limit);
  }

  /** Once a second: stops the sample when nobody has asked for a while. */
  tick(): void {
    if (this.now() - this.askedMs > KEEP_MS) this.close();
  }

  close(): void {
    this.stopSource?.();
    this.stopSource = null;
  }

  private start(nowMs: number): void {
    for (const second of this.seconds) begin(second, -1);
    this.startedMs = nowMs;
    this.stopSource = this.source.start((frame) => this.take(frame));
  }

  private take({ bridge, vlan, source, destination, bytes, weight }: SampledFrame): void {
    const number = Math.floor(this.now() / 1000);
    const second = this.seconds[number % WINDOW_SECONDS];
    if (second.number !== number) begin(second, number);
    second.frames++;
    second.pairs.add(`${bridge} ${vlan} ${source} ${destination}`, bytes * weight, weight);
  }

  private view(seconds: number, limit: number): TalkersView {
    const oldest = Math.floor(this.now() / 1000) - WINDOW_SECONDS;
    const sums = new Map<string, { bytes: number; packets: number }>();
    let error = 0;
    let frames = 0;
    for (const { number, pairs, frames: sampled } of this.seconds) {
      if (number <= oldest) continue;
      frames += sampled;
      if (pairs.size === PAIRS_MAX) error += pairs.totalWeight / PAIRS_MAX;
      for (const { key, weight, count } of pairs.all()) {
        const sum = sums.get(key) ?? { bytes: 0, packets: 0 };
        sums.set(key, { bytes: sum.bytes + weight, packets: sum.packets + count });
      }
    }
    const rate = (amount: number) => (seconds > 0 ? Math.round((amount / seconds) * 1000) / 1000 : 0);
    const talkers = Array.from(sums, ([key, { bytes, packets }]): TalkerView => {
      const [bridge, vlan, source, destination] = key.split(" ") as [string, string, string, string];
      return { bridge, vlan: Number(vlan), source, destination, packets: rate(packets), bytes: rate(bytes) };
    });
    talkers.sort((one, other) => other.bytes - one.bytes);
    return {
      seconds: Math.round(seconds * 1000) / 1000,
      sampled_frames: frames,
      talkers: talkers.slice(0, limit),
      bytes_error_max: rate(error),
    };
  }
}

function begin(second: Second, number: number): void {
  second.number = number;
  second.frames = 0;
  second.pairs.clear();
}
