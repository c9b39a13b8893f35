// Mirroring, in two halves: what a port received is offered before anything can still drop it, what a port transmits
// when its copy is queued. A frame is offered to each mirror once, whatever matched.
import * as layout from "../frames.ts";
import type { Tables } from "../tables.ts";

// Constants of this module: V8 folds those into the code, while an imported one is looked up at each use.
const { DROPPED_PORT, FRAME_PORT, FRAME_SHIFT, FRAME_SOURCE_KEY } = layout;

export interface MirrorStage {
  /** Offers the valid frames of the batch to the mirrors that watch what their port receives. */
  received(count: number): void;
  /** Offers one frame to the mirrors in `selected` (a bit each) that the receiving side has not served already. */
  transmitted(at: number, selected: number): void;
  /** Offers one frame to these mirrors, whoever has seen it before. */
  offer(at: number, selected: number): void;
  /** Everything offered is copied; the slots are free again. */
  publish(): void;
}

export function createMirror(tables: Tables): MirrorStage {
  const { frames, journal, receiveMirrors, mirrors } = tables;
  /** Mirrors that were offered a frame of this batch, one bit each. */
  let touched = 0;

  function received(count: number): void {
    for (let at = 0; at < count << FRAME_SHIFT; at += 1 << FRAME_SHIFT) {
      const port = frames[at + FRAME_PORT];
      if (port !== DROPPED_PORT && receiveMirrors[port] !== 0) offer(at, receiveMirrors[port]);
    }
  }

  function transmitted(at: number, selected: number): void {
    const rest = selected & ~receiveMirrors[frames[at + FRAME_PORT]];
    if (rest !== 0) offer(at, rest);
  }

  function offer(at: number, selected: number): void {
    const vlan = (frames[at + FRAME_SOURCE_KEY] >>> 16) & 0xfff;
    for (let rest = selected; rest !== 0; rest &= rest - 1) {
      const index = lowestBit(rest);
      const mirror = mirrors[index];
      if (mirror === null || !mirror.selects(frames, at, vlan)) continue;
      mirror.sink.offer(frames, at, frames[at + FRAME_PORT]);
      touched |= 1 << index;
      if (journal.isOpen) journal.mirrored(at >> FRAME_SHIFT, index);
    }
  }

  function publish(): void {
    for (; touched !== 0; touched &= touched - 1) mirrors[lowestBit(touched)]?.sink.publish();
  }

  return { received, transmitted, offer, publish };
}

/** Number of the lowest bit that is set. */
function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
