// Stage 3, learn, and stage 4, look up: two passes over the batch. Frames of one batch arrived together: what any of them
// taught serves all. Where the FDB is too large for the caches, a pass before them touches every slot that they will
// search, in a loop so short that the processor waits for many of them at a time instead of one after the other.
import type { Bridge } from "../bridge.ts";
import * as destinationLayout from "../destinations.ts";
import { Drop } from "../drop-reason.ts";
import type { Fdb } from "../fdb/fdb.ts";
import * as layout from "../frames.ts";
import * as policy from "../policy.ts";
import type { Tables } from "../tables.ts";
import { isMulticast } from "../wire/mac.ts";

// Constants of this module: V8 folds those into the code, while an imported one is looked up at each use.
const {
  DROPPED_PORT,
  FLOOD,
  FRAME_PORT,
  FRAME_SHIFT,
  FRAME_SOURCE,
  FRAME_SOURCE_KEY,
  FRAME_SOURCE_LOW,
  FRAME_TARGET,
  FRAME_TARGET_KEY,
  FRAME_TARGET_LOW,
} = layout;

const { DESTINATION_PORT, DESTINATION_SHIFT } = destinationLayout;
const { POLICY_ISOLATED, POLICY_LOCKED, POLICY_MANY_ENDS, POLICY_NO_LEARNING } = policy;

const { static_moved, split_horizon, isolated, locked } = Drop;

export interface LearnStages {
  /** Fetches the FDB slots of the batch from memory; pays only if an FDB is large. */
  touch(count: number): number;
  /** Notes where each source address is; a frame that may not come from there is dropped, but may be mirrored. */
  learn(count: number, nowSeconds: number): void;
  /** Writes each frame's target. */
  lookUp(count: number): void;
}

export function createLearn(tables: Tables): LearnStages {
  const { frames, drops, destinations, bridges, portBridge, portPolicy } = tables;
  /** Of no meaning; it keeps the fetching from being optimised away. */
  let fetched = 0;

  function touch(count: number): number {
    for (let at = 0; at < count << FRAME_SHIFT; at += 1 << FRAME_SHIFT) {
      const port = frames[at + FRAME_PORT];
      if (port === DROPPED_PORT) continue;
      const fdb = fdbOf(port);
      fetched ^= fdb.touch(frames[at + FRAME_SOURCE_KEY], frames[at + FRAME_SOURCE_LOW]);
      fetched ^= fdb.touch(frames[at + FRAME_TARGET_KEY], frames[at + FRAME_TARGET_LOW]);
    }
    return fetched;
  }

  function learn(count: number, nowSeconds: number): void {
    let runPort = DROPPED_PORT;
    let fdb: Fdb | null = null;
    let isUsual = true;
    for (let at = 0; at < count << FRAME_SHIFT; at += 1 << FRAME_SHIFT) {
      const port = frames[at + FRAME_PORT];
      if (port === DROPPED_PORT) continue;
      if (port !== runPort) {
        fdb = fdbOf(port);
        isUsual = (portPolicy[port] & (POLICY_LOCKED | POLICY_NO_LEARNING)) === 0;
        runPort = port;
      }
      if (!isUsual) {
        learnUnusual(at, port, fdb as Fdb, nowSeconds);
        continue;
      }
      const key = frames[at + FRAME_SOURCE_KEY];
      const low = frames[at + FRAME_SOURCE_LOW];
      if (!(fdb as Fdb).learn(key, low, frames[at + FRAME_SOURCE], nowSeconds))
        drops.drop(at, port, static_moved);
    }
  }

  /** At a port that learns nothing, or takes in known addresses alone. */
  function learnUnusual(at: number, port: number, fdb: Fdb, nowSeconds: number): void {
    const key = frames[at + FRAME_SOURCE_KEY];
    const low = frames[at + FRAME_SOURCE_LOW];
    const source = frames[at + FRAME_SOURCE];
    const bits = portPolicy[port];
    if ((bits & POLICY_LOCKED) !== 0 && fdb.lookUp(key, low) !== source) {
      drops.drop(at, port, locked);
      return;
    }
    const learns = (bits & POLICY_NO_LEARNING) === 0;
    const permitted = learns ? fdb.learn(key, low, source, nowSeconds) : fdb.permits(key, low, source);
    if (!permitted) drops.drop(at, port, static_moved);
  }

  function lookUp(count: number): void {
    let runPort = DROPPED_PORT;
    let fdb: Fdb | null = null;
    let barred = 0;
    for (let at = 0; at < count << FRAME_SHIFT; at += 1 << FRAME_SHIFT) {
      const port = frames[at + FRAME_PORT];
      if (port === DROPPED_PORT) continue;
      const key = frames[at + FRAME_TARGET_KEY];
      if (isMulticast(key)) {
        frames[at + FRAME_TARGET] = FLOOD;
        continue;
      }
      if (port !== runPort) {
        fdb = fdbOf(port);
        barred = portPolicy[port] & (POLICY_ISOLATED | POLICY_MANY_ENDS);
        runPort = port;
      }
      const target = (fdb as Fdb).lookUp(key, frames[at + FRAME_TARGET_LOW]);
      frames[at + FRAME_TARGET] = target;
      if (target === frames[at + FRAME_SOURCE]) drops.drop(at, port, split_horizon);
      else if (barred !== 0 && target !== FLOOD) bar(at, port, target);
    }
  }

  /** Drops what may not go to a destination, the port being isolated or one with several. */
  function bar(at: number, port: number, destination: number): void {
    const to = destinations[(destination << DESTINATION_SHIFT) + DESTINATION_PORT];
    if (to === port) drops.drop(at, port, split_horizon);
    else if ((portPolicy[port] & portPolicy[to] & POLICY_ISOLATED) !== 0) drops.drop(at, port, isolated);
  }

  function fdbOf(port: number): Fdb {
    return (bridges[portBridge[port]] as Bridge).fdb;
  }

  return { touch, learn, lookUp };
}
