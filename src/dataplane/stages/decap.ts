// Stage 1, decap: validate the VXLAN header; (socket, remote, VNI) -> ingress port and the destination index of the
// sender. What fails is dropped under the underlay's name, for it belongs to no port.

import * as counterLayout from "../counters.ts";
import { portCounter } from "../counters.ts";
import * as destinationLayout from "../destinations.ts";
import { Drop } from "../drop-reason.ts";
import * as layout from "../frames.ts";
import { NOWHERE } from "../ingress-table.ts";
import type { Tables } from "../tables.ts";
import * as vxlanLayout from "../wire/vxlan.ts";
import * as innerLayout from "./inner.ts";

// Constants of this module: V8 folds those into the code, while an imported one is looked up at each use.
const { RX_BYTES, RX_PACKETS, UNDERLAY_PORT } = counterLayout;
const { DESTINATION_OPTIONS, DESTINATION_SHIFT, OUTER_GBP, OUTER_UDP6_ZERO_CSUM_RX } = destinationLayout;
const {
  DROPPED_PORT,
  FLAG_BAD_OUTER,
  FLAG_GBP,
  FLAG_GBP_BITS_SHIFT,
  FLAG_GBP_POLICY_SHIFT,
  FLAG_TRUNCATED,
  FLAG_ZERO_CSUM6,
  FRAME_FLAGS,
  FRAME_LENGTH,
  FRAME_OFFSET,
  FRAME_PORT,
  FRAME_REMOTE,
  FRAME_SHIFT,
  FRAME_SOURCE,
  FRAME_VTEP,
} = layout;
const { GBP_BITS, GBP_BITS_SHIFT, VXLAN_FLAG_VNI, VXLAN_HEADER_BYTES } = vxlanLayout;
/** In the first word of the VXLAN header. */
const VNI_IS_VALID = VXLAN_FLAG_VNI << 24;
const { ETHERNET_HEADER_BYTES } = innerLayout;

const { vxlan_short, vxlan_flags, vtep_unknown, vtep_unadmitted, vni_unknown } = Drop;
const { datagram_truncated, outer_malformed } = Drop;
const UNDERLAY = portCounter(UNDERLAY_PORT);

/** Returns the stage: rows of VXLAN datagrams become rows of inner frames, or are marked as dropped. */
export function createDecap(tables: Tables, view: DataView): (count: number) => void {
  const { frames, counters, destinations, drops, ingress, newcomers, deviceFallback } = tables;

  function decap(count: number): void {
    let bytes = 0;
    for (let at = 0; at < count << FRAME_SHIFT; at += 1 << FRAME_SHIFT) {
      bytes += frames[at + FRAME_LENGTH];
      frames[at + FRAME_PORT] = DROPPED_PORT;
      decapOne(at);
    }
    counters[UNDERLAY + RX_PACKETS] += count;
    counters[UNDERLAY + RX_BYTES] += bytes;
  }

  function decapOne(at: number): undefined {
    const device = frames[at + FRAME_VTEP];
    const offset = frames[at + FRAME_OFFSET];
    const length = frames[at + FRAME_LENGTH];
    const flags = frames[at + FRAME_FLAGS];
    if ((flags & (FLAG_TRUNCATED | FLAG_BAD_OUTER)) !== 0)
      return drop(at, flags & FLAG_TRUNCATED ? datagram_truncated : outer_malformed);
    if (length < VXLAN_HEADER_BYTES + ETHERNET_HEADER_BYTES) return drop(at, vxlan_short);
    // All other flags and the reserved bits are ignored on receipt (RFC 7348 section 5), but for a group policy's.
    const header = view.getInt32(offset);
    if ((header & VNI_IS_VALID) === 0) return drop(at, vxlan_flags);
    const vni = view.getInt32(offset + 4) >>> 8;
    let row = ingress.lookUp(device, vni, frames, at);
    if (row < 0) row = ingress.lookUp(deviceFallback[device], vni, frames, at);
    if (row < 0) row = strangersRow(device, vni, at);
    if (row < 0) return;
    if ((flags & FLAG_ZERO_CSUM6) !== 0 && !has(row, OUTER_UDP6_ZERO_CSUM_RX))
      return drop(at, outer_malformed);
    // G is the sign.
    if (header < 0 && has(row, OUTER_GBP)) frames[at + FRAME_FLAGS] = flags | policyOf(header);
    frames[at + FRAME_OFFSET] = offset + VXLAN_HEADER_BYTES;
    frames[at + FRAME_LENGTH] = length - VXLAN_HEADER_BYTES;
    frames[at + FRAME_PORT] = ingress.portAt(row);
    frames[at + FRAME_SOURCE] = ingress.destinationAt(row);
  }

  /** Whether the port of an ingress row has an option. */
  function has(row: number, option: number): boolean {
    const options = destinations[(ingress.destinationAt(row) << DESTINATION_SHIFT) + DESTINATION_OPTIONS];
    return (options & option) !== 0;
  }

  /** The row of a port that takes in VTEPs it does not know; -1 if there is none, or it takes them in only once it knows them. */
  function strangersRow(device: number, vni: number, at: number): number {
    let row = ingress.anyone(device, vni);
    if (row < 0) row = ingress.anyone(deviceFallback[device], vni);
    if (row < 0) {
      drop(at, knowsRemote(device, at) ? vni_unknown : vtep_unknown);
      return -1;
    }
    newcomers.note(ingress.portAt(row), frames, at + FRAME_REMOTE);
    if (ingress.destinationAt(row) !== NOWHERE) return row;
    drop(at, vtep_unadmitted);
    return -1;
  }

  function knowsRemote(device: number, at: number): boolean {
    return ingress.knowsRemote(device, frames, at) || ingress.knowsRemote(deviceFallback[device], frames, at);
  }

  /** The row stays marked as dropped. */
  function drop(at: number, reason: number): undefined {
    drops.dropCopy(at, UNDERLAY_PORT, reason);
  }

  return decap;
}

/** The policy in a VXLAN header as flags of the frame. */
function policyOf(header: number): number {
  const bits = ((header >>> GBP_BITS_SHIFT) & GBP_BITS) << FLAG_GBP_BITS_SHIFT;
  return FLAG_GBP | bits | (header << FLAG_GBP_POLICY_SHIFT);
}
