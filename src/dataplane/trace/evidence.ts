// What a replica shows after its frame has passed: its counters began at zero, so whatever is counted was this frame's. The code
// that forwards is not asked while it works, and need not know that it is traced.
import {
  BRIDGE_COUNTERS,
  bridgeCounter,
  DROPS,
  MSS_CLAMPED,
  portCounter,
  RX_PACKETS,
  UNDERLAY_PORT,
} from "../counters.ts";
import { DESTINATION_PORT, DESTINATION_SHIFT } from "../destinations.ts";
import { DROP_REASONS, type DropReasonName } from "../drop-reason.ts";
import { Fdb, type FdbEntry } from "../fdb/fdb.ts";
import {
  FLOOD,
  FRAME_PORT,
  FRAME_SOURCE,
  FRAME_SOURCE_KEY,
  FRAME_SOURCE_LOW,
  FRAME_TARGET,
  FRAME_TARGET_KEY,
  FRAME_TARGET_LOW,
} from "../frames.ts";
import { PORTS_MAX } from "../limits.ts";
import type { Image } from "./image.ts";
import type { Replica, TracedCopy } from "./replica.ts";

/** A copy that was dropped before a device was asked: all that is known of it is its port. */
export interface LostCopy {
  readonly port: number;
  readonly reason: DropReasonName;
}

export interface Evidence {
  /** Where the frame came in, null if it belongs to no port. */
  readonly port: number | null;
  /** The destination of who sent it. */
  readonly source: number;
  /** Of the frame as a whole. */
  readonly drop: { readonly port: number; readonly reason: DropReasonName } | null;
  readonly copies: readonly TracedCopy[];
  readonly lost: readonly LostCopy[];
  readonly answers: readonly TracedCopy[];
  /** Mirrors that got the frame, or an answer to it, once each. */
  readonly mirrors: readonly number[];
  readonly isClamped: boolean;
  /** The look-up found nobody; of a frame that came so far. */
  readonly isFlooded: boolean;
  /** Of its bridge, by BRIDGE_COUNTERS' names. */
  readonly bridgeCounts: readonly number[];
  /** Addresses with their VLAN, as the FDB has them. */
  readonly keys: {
    readonly source: number;
    readonly sourceLow: number;
    readonly target: number;
    readonly targetLow: number;
  };
  /** Of the source and of the target, before the frame came. */
  readonly sourceEntry: FdbEntry | null;
  readonly targetEntry: FdbEntry | null;
}

/** Reads a replica whose frame has passed; `image` is the state before. */
export function readEvidence(replica: Replica<never>, image: Image): Evidence {
  const { tables } = replica.engine;
  const { frames, counters, destinations, portBridge } = tables;
  const port = receivedAt(counters);
  const source = frames[FRAME_SOURCE];
  const keys = {
    source: frames[FRAME_SOURCE_KEY],
    sourceLow: frames[FRAME_SOURCE_LOW],
    target: frames[FRAME_TARGET_KEY],
    targetLow: frames[FRAME_TARGET_LOW],
  };
  const copies = replica.copies.filter(({ row }) => row[FRAME_PORT] === port);
  const bridge = port === null ? -1 : portBridge[port];
  const memory = image.fdbs.get(bridge);
  const before = memory && new Fdb(memory, destinations, new Float64Array(0));
  const isCounted = (at: number): boolean => counters[at] > 0;
  const unexplained = unexplainedOf(dropsIn(counters), replica.copies, destinations);
  return {
    port,
    source,
    drop:
      copies.length > 0 ? null : (unexplained.find(({ port: at }) => at === (port ?? UNDERLAY_PORT)) ?? null),
    copies,
    lost: lostOf(unexplained, port),
    answers: replica.copies.filter(({ row }) => row[FRAME_PORT] !== port),
    mirrors: Array.from(new Set(replica.offers.map(({ mirror }) => mirror))),
    isClamped: Array.from({ length: PORTS_MAX }, (_, at) => portCounter(at) + MSS_CLAMPED).some(isCounted),
    isFlooded: frames[FRAME_TARGET] === FLOOD,
    bridgeCounts: Array.from({ length: BRIDGE_COUNTERS }, (_, i) =>
      bridge < 0 ? 0 : counters[bridgeCounter(bridge) + i],
    ),
    keys,
    sourceEntry: before?.entryOf(keys.source, keys.sourceLow) ?? null,
    targetEntry: before?.entryOf(keys.target, keys.targetLow) ?? null,
  };
}

function receivedAt(counters: Float64Array): number | null {
  for (let port = UNDERLAY_PORT + 1; port < PORTS_MAX; port++)
    if (counters[portCounter(port) + RX_PACKETS] > 0) return port;
  return null;
}

interface CountedDrop extends LostCopy {
  readonly count: number;
}

function dropsIn(counters: Float64Array): CountedDrop[] {
  const drops: CountedDrop[] = [];
  for (let port = 0; port < PORTS_MAX; port++) {
    DROP_REASONS.forEach(({ name: reason }, index) => {
      const count = counters[portCounter(port) + DROPS + index];
      if (count > 0) drops.push({ port, reason, count });
    });
  }
  return drops;
}

/** Without those of copies and answers that a device has refused, which are told with these. */
function unexplainedOf(
  drops: readonly CountedDrop[],
  copies: readonly TracedCopy[],
  destinations: Int32Array,
): CountedDrop[] {
  const refused = (port: number, reason: string): number =>
    copies.filter(
      ({ destination, refusal }) =>
        refusal > 0 &&
        DROP_REASONS[refusal].name === reason &&
        destinations[(destination << DESTINATION_SHIFT) + DESTINATION_PORT] === port,
    ).length;
  return drops
    .map(({ port, reason, count }) => ({ port, reason, count: count - refused(port, reason) }))
    .filter(({ count }) => count > 0);
}

/** What was dropped at other ports than where the frame came in. */
function lostOf(drops: readonly CountedDrop[], ingress: number | null): LostCopy[] {
  return drops
    .filter(({ port }) => port !== UNDERLAY_PORT && port !== ingress)
    .flatMap(({ port, reason, count }) => Array.from({ length: count }, () => ({ port, reason })));
}
