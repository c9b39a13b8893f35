// Stage 2, inspect: count the frame at its port, check it, read its addresses into FDB keys, its flow and its offloads.

import * as counterLayout from "../counters.ts";
import { portCounter } from "../counters.ts";
import { Drop } from "../drop-reason.ts";
import { fdbKey } from "../fdb/fdb.ts";
import * as layout from "../frames.ts";
import type { Tables } from "../tables.ts";
import { isMulticast } from "../wire/mac.ts";
import * as innerLayout from "./inner.ts";
import { createInnerReader, type SightNote } from "./inner.ts";

// Constants of this module: V8 folds those into the code, while an imported one is looked up at each use.
const { RX_BYTES, RX_PACKETS } = counterLayout;
const {
  DROPPED_PORT,
  FLAG_BAD_ECN,
  FLAG_BAD_OFFLOAD,
  FRAME_FLAGS,
  FRAME_LENGTH,
  FRAME_OFFSET,
  FRAME_PORT,
  FRAME_SHIFT,
  FRAME_SOURCE_KEY,
  FRAME_SOURCE_LOW,
  FRAME_TARGET_KEY,
  FRAME_TARGET_LOW,
} = layout;
const { ETHERNET_HEADER_BYTES } = innerLayout;

const { ecn_invalid, inner_malformed, offload_invalid, source_mac_invalid } = Drop;

/** Returns the stage. `infer`: the device told nothing about offloads, so the headers must. `sight` as in readers. */
export function createInspect(
  tables: Tables,
  view: DataView,
  sight: SightNote,
): (count: number, infer: boolean) => void {
  const { frames, counters, drops } = tables;
  const { ethernetHeader, readInner } = createInnerReader(tables, view, sight);

  /** Neighbours mostly came in at one port: they are summed up before they are counted. */
  function inspect(count: number, infer: boolean): void {
    let runPort = DROPPED_PORT;
    let packets = 0;
    let bytes = 0;
    for (let at = 0; at < count << FRAME_SHIFT; at += 1 << FRAME_SHIFT) {
      const port = frames[at + FRAME_PORT];
      if (port === DROPPED_PORT) continue;
      if (port !== runPort) {
        countReceived(runPort, packets, bytes);
        runPort = port;
        packets = 0;
        bytes = 0;
      }
      packets++;
      bytes += frames[at + FRAME_LENGTH];
      inspectOne(at, infer);
    }
    countReceived(runPort, packets, bytes);
  }

  function countReceived(port: number, packets: number, bytes: number): void {
    if (packets === 0) return;
    counters[portCounter(port) + RX_PACKETS] += packets;
    counters[portCounter(port) + RX_BYTES] += bytes;
  }

  function inspectOne(at: number, infer: boolean): undefined {
    const offset = frames[at + FRAME_OFFSET];
    const length = frames[at + FRAME_LENGTH];
    if (length < ETHERNET_HEADER_BYTES) return drop(at, inner_malformed);
    const flags = frames[at + FRAME_FLAGS];
    if ((flags & (FLAG_BAD_OFFLOAD | FLAG_BAD_ECN)) !== 0)
      return drop(at, flags & FLAG_BAD_ECN ? ecn_invalid : offload_invalid);
    const header = ethernetHeader(offset, length);
    if (!readInner(at, header & 0xffff, infer)) return drop(at, inner_malformed);
    const high = view.getUint16(offset + 6);
    const low = view.getInt32(offset + 8);
    if (isMulticast(high) || (high | low) === 0) return drop(at, source_mac_invalid);
    const vlan = header >>> 16;
    frames[at + FRAME_SOURCE_KEY] = fdbKey(vlan, high);
    frames[at + FRAME_SOURCE_LOW] = low;
    frames[at + FRAME_TARGET_KEY] = fdbKey(vlan, view.getUint16(offset));
    frames[at + FRAME_TARGET_LOW] = view.getInt32(offset + 2);
  }

  function drop(at: number, reason: number): undefined {
    drops.drop(at, frames[at + FRAME_PORT], reason);
  }

  return inspect;
}
