// A sample of the frames that the bridges receive, by a capture of the data plane. A capture costs the forwarding threads
// something for each frame while it is open, also for those that it passes over. So where there are few frames it is open all
// the time and takes all of them, and where there are many it is open for a tenth of each second and takes some hundreds.
import { setTimeout as wait } from "node:timers/promises";
import type { CapturedFrame, CaptureHandle, Dataplane } from "../../dataplane/spec.ts";
import { VLAN_ETHERTYPES } from "../../dataplane/stages/inner.ts";
import { formatMac } from "../../dataplane/wire/mac.ts";
import type { FrameSource, SampledFrame } from "./talkers.ts";

/** Frames a second up to which all are taken. */
export const ALL_FRAMES_MAX = 2000;
/** How long a capture is open at a time where not all are taken, and how often. */
export const OPEN_MS = 100;
export const CYCLE_MS = 1000;
/** Frames that are wanted of each time. */
const FRAMES_WANTED = 300;
/** Primes: every so many-th frame is taken, and what comes in turns is not to be met at the same turn always. */
const STEPS: readonly number[] = [1, 3, 7, 17, 31, 61, 127, 251, 509, 1021, 2039];
/** Read at a time. More waiting means that traffic has set in since the rate was last seen: the rest is not looked at. */
export const READ_MAX = 2000;
/** That many waiting, there are at least so many a second. */
const SURGE_FRAMES_PER_SECOND = (READ_MAX / OPEN_MS) * 1000;
/** Both addresses and a VLAN tag. */
const SNAPLEN_BYTES = 18;

export interface FrameSampleOptions {
  readonly dataplane: Pick<Dataplane, "capture">;
  /** Frames that all bridges receive a second, as last seen. */
  framesPerSecond(): number;
  readonly sleep?: (ms: number) => Promise<unknown>;
}

export class FrameSample implements FrameSource {
  private readonly options: FrameSampleOptions;
  private readonly sleep: (ms: number) => Promise<unknown>;

  constructor(options: FrameSampleOptions) {
    this.options = options;
    this.sleep = options.sleep ?? ((ms) => wait(ms, undefined, { ref: false }));
  }

  start(onFrame: (frame: SampledFrame) => void): () => void {
    const stopped = new AbortController();
    void this.run(onFrame, stopped.signal);
    return () => stopped.abort();
  }

  private async run(onFrame: (frame: SampledFrame) => void, stopped: AbortSignal): Promise<void> {
    let surging = false;
    while (!stopped.aborted) {
      const frames = Math.max(this.options.framesPerSecond(), surging ? SURGE_FRAMES_PER_SECOND : 0);
      const takesAll = frames <= ALL_FRAMES_MAX;
      const sampleEvery = takesAll ? 1 : stepFor(frames);
      const handle = await this.open(sampleEvery);
      if (handle === null) {
        // As many captures as there may be are open; one ends sooner or later.
        await this.sleep(CYCLE_MS);
        continue;
      }
      const weight = takesAll ? 1 : sampleEvery * (CYCLE_MS / OPEN_MS);
      const take = (frame: CapturedFrame) => {
        const sampled = sampledFrame(frame, weight);
        if (sampled !== null) onFrame(sampled);
      };
      do {
        await this.sleep(OPEN_MS);
        surging = handle.read(READ_MAX, take) === READ_MAX;
      } while (takesAll && !surging && !stopped.aborted && this.options.framesPerSecond() <= ALL_FRAMES_MAX);
      await handle.close().catch(() => undefined);
      if (!takesAll) await this.sleep(CYCLE_MS - OPEN_MS);
    }
  }

  private async open(sampleEvery: number): Promise<CaptureHandle | null> {
    const what = { ports: null, direction: "in", mirror: null, dropsOnly: false, program: null } as const;
    const spec = { ...what, sampleEvery, snaplenBytes: SNAPLEN_BYTES };
    // It rejects only while the data plane ends.
    return this.options.dataplane.capture(spec).catch(() => null);
  }
}

function stepFor(framesPerSecond: number): number {
  const step = (framesPerSecond * OPEN_MS) / 1000 / FRAMES_WANTED;
  return STEPS.find((prime) => prime >= step) ?? STEPS[STEPS.length - 1];
}

/** null for a datagram that never became a frame of a port. */
function sampledFrame({ from, bytes, originalBytes }: CapturedFrame, weight: number): SampledFrame | null {
  if (from === null || bytes.length < 14) return null;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const isTagged = bytes.length >= SNAPLEN_BYTES && VLAN_ETHERTYPES.includes(view.readUInt16BE(12));
  return {
    bridge: from.bridge,
    vlan: isTagged ? view.readUInt16BE(14) & 0xfff : 0,
    source: macAt(view, 6),
    destination: macAt(view, 0),
    bytes: originalBytes,
    weight,
  };
}

function macAt(bytes: Buffer, at: number): string {
  return formatMac(bytes.readUInt16BE(at), bytes.readInt32BE(at + 2));
}
