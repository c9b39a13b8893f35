// Where a port is more than a trunk of all VLANs. On the way in: which VLAN a frame is in, which its FDB keys then hold, or
// that its port refuses it. On the way out: the frame with the tag that the other port wants. Where that is not the tag it
// came with, it is copied, for its own bytes may not be written (io/ring.ts) and others may want it as it is.
import { Drop } from "../drop-reason.ts";
import type { PacketMemory } from "../frames.ts";
import * as layout from "../frames.ts";
import * as vlanLayout from "../port-vlans.ts";
import type { Tables } from "../tables.ts";
import * as innerLayout from "./inner.ts";

// Constants of this module: V8 folds those into the code, while an imported one is looked up at each use.
const {
  DROPPED_PORT,
  FORM_ROWS,
  FORMS_BYTES,
  FRAME_CSUM_START,
  FRAME_LENGTH,
  FRAME_OFFSET,
  FRAME_PORT,
  FRAME_SHIFT,
  FRAME_SOURCE_KEY,
  FRAME_TARGET_KEY,
  FRAMES_MAX,
} = layout;
const { NO_TAG, REFUSED } = vlanLayout;
const { ETHERNET_HEADER_BYTES, ETHERTYPE_SERVICE_VLAN, ETHERTYPE_VLAN, VLAN_TAG_BYTES } = innerLayout;

const { vlan_refused } = Drop;

const ADDRESSES_BYTES = 12;
const VLAN_ID_MASK = 0xfff;
const KEY_SHIFT = 16;
const KEY_MASK = VLAN_ID_MASK << KEY_SHIFT;
const NONE = -1;

export interface VlanStage {
  /** Other frames stand in the rows: copies made of the last ones are not theirs. */
  begin(): void;
  /** Begins, and puts the frames of a batch into the VLANs of their ports. */
  classify(count: number): void;
  /** The row (its number) that has a frame as it leaves a port: its own, or that of a copy; -1 if the port does not carry its VLAN. */
  rowFor(frame: number, port: number): number;
}

/** `makeRoom` transmits all that waits: no copy is in use after it. */
export function createVlan(tables: Tables, packets: PacketMemory, makeRoom: () => void): VlanStage {
  const { frames, drops, journal, vlans } = tables;
  const { view, bytes, formsAt } = packets;
  /** Of the copies made since everything was last transmitted. */
  let rowsUsed = 0;
  let bytesUsed = 0;
  /** The frame whose copies, without a tag and with another one, the rows below hold. */
  let copied = NONE;
  let untagged = NONE;
  let tagged = NONE;

  function classify(count: number): void {
    startAnew();
    for (let at = 0; at < count << FRAME_SHIFT; at += 1 << FRAME_SHIFT) {
      if (frames[at + FRAME_PORT] !== DROPPED_PORT) classifyOne(at, frames[at + FRAME_PORT]);
    }
  }

  function classifyOne(at: number, port: number): undefined {
    const vid = vlanOf(at);
    const vlan = vlans.classify(port, vid);
    if (vlan === vid) return;
    if (vlan === REFUSED) {
      drops.drop(at, port, vlan_refused);
      return;
    }
    const bits = vlan << KEY_SHIFT;
    frames[at + FRAME_SOURCE_KEY] = (frames[at + FRAME_SOURCE_KEY] & ~KEY_MASK) | bits;
    frames[at + FRAME_TARGET_KEY] = (frames[at + FRAME_TARGET_KEY] & ~KEY_MASK) | bits;
  }

  function rowFor(frame: number, port: number): number {
    const at = frame << FRAME_SHIFT;
    const vlan = vlanOf(at);
    if (!vlans.carries(port, vlan)) return NONE;
    const tag = tagOf(at);
    const wanted = vlans.tagAt(port, vlan, tag);
    if (wanted === tag) return frame;
    if (copied !== frame) forget(frame);
    if (wanted !== NO_TAG) return tagged === NONE ? makeTagged(at, tag, wanted) : tagged;
    return untagged === NONE ? makeUntagged(at) : untagged;
  }

  function forget(frame: number): void {
    copied = frame;
    untagged = NONE;
    tagged = NONE;
  }

  function startAnew(): void {
    forget(NONE);
    rowsUsed = 0;
    bytesUsed = 0;
  }

  function makeUntagged(at: number): number {
    untagged = copy(at, ADDRESSES_BYTES + VLAN_TAG_BYTES, ADDRESSES_BYTES);
    return untagged;
  }

  /** In place of a tag that had only a priority, which stays, or as a new one. */
  function makeTagged(at: number, tag: number, vlan: number): number {
    const control = frames[at + FRAME_OFFSET] + ETHERNET_HEADER_BYTES;
    const priority = tag === NO_TAG ? 0 : view.getUint16(control) & ~VLAN_ID_MASK;
    const rest = tag === NO_TAG ? ADDRESSES_BYTES : ADDRESSES_BYTES + VLAN_TAG_BYTES;
    tagged = copy(at, rest, ADDRESSES_BYTES + VLAN_TAG_BYTES);
    const offset = frames[(tagged << FRAME_SHIFT) + FRAME_OFFSET];
    view.setUint16(offset + ADDRESSES_BYTES, ETHERTYPE_VLAN);
    view.setUint16(offset + ETHERNET_HEADER_BYTES, priority | vlan);
    return tagged;
  }

  /** Copies a frame, what it has from `rest` on to `to`, which is at most a tag further; the row's number. */
  function copy(at: number, rest: number, to: number): number {
    const from = frames[at + FRAME_OFFSET];
    const length = frames[at + FRAME_LENGTH];
    if (rowsUsed === FORM_ROWS || bytesUsed + length + VLAN_TAG_BYTES > FORMS_BYTES) {
      const frame = copied;
      makeRoom();
      startAnew();
      copied = frame;
    }
    const row = FRAMES_MAX + rowsUsed++;
    const copyAt = row << FRAME_SHIFT;
    const offset = formsAt + bytesUsed;
    bytesUsed += length + VLAN_TAG_BYTES;
    bytes.copyWithin(offset, from, from + ADDRESSES_BYTES);
    bytes.copyWithin(offset + to, from + rest, from + length);
    frames.copyWithin(copyAt, at, at + (1 << FRAME_SHIFT));
    if (journal.isOpen) journal.derive(row, at >> FRAME_SHIFT);
    frames[copyAt + FRAME_OFFSET] = offset;
    frames[copyAt + FRAME_LENGTH] = length + to - rest;
    frames[copyAt + FRAME_CSUM_START] += to - rest;
    return row;
  }

  function tagOf(at: number): number {
    if (frames[at + FRAME_LENGTH] < ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES) return NO_TAG;
    const offset = frames[at + FRAME_OFFSET];
    const type = view.getUint16(offset + ADDRESSES_BYTES);
    if (type !== ETHERTYPE_VLAN && type !== ETHERTYPE_SERVICE_VLAN) return NO_TAG;
    return view.getUint16(offset + ETHERNET_HEADER_BYTES) & VLAN_ID_MASK;
  }

  function vlanOf(at: number): number {
    return (frames[at + FRAME_SOURCE_KEY] >>> KEY_SHIFT) & VLAN_ID_MASK;
  }

  return { begin: startAnew, classify, rowFor };
}
