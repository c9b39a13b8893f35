// Between look up and deliver, where a port clamps: a TCP SYN that offers larger segments than fit the way there, or back, is
// made to offer those that do (RFC 9293 section 3.7.1), as netfilter's TCPMSS target does it with --clamp-mss-to-pmtu. It is
// copied into a part of the arena of its own and changed there: the memory of a receive ring is read-only, and mirrors of
// what was received show it as it came. What is fragmented, has IPv6 extension headers, no MSS option or a malformed
// option stays as it is; without the option, hosts send segments that fit anywhere.
import type { Bridge } from "../bridge.ts";
import * as counterLayout from "../counters.ts";
import { portCounter } from "../counters.ts";
import * as destinationLayout from "../destinations.ts";
import type { PacketMemory } from "../frames.ts";
import * as layout from "../frames.ts";
import * as policy from "../policy.ts";
import type { Tables } from "../tables.ts";
import { complement } from "../wire/checksum.ts";
import * as inner from "./inner.ts";
import { createInnerReader } from "./inner.ts";

// Constants of this module: V8 folds those into the code, while an imported one is looked up at each use.
const { MSS_CLAMPED } = counterLayout;
const { DESTINATION_MTU, DESTINATION_OVERHEAD, DESTINATION_PORT, DESTINATION_SHIFT } = destinationLayout;
const {
  CLAMPED_BYTES,
  DROPPED_PORT,
  FLAG_NEEDS_CSUM,
  FLOOD,
  FRAME_FLAGS,
  FRAME_LENGTH,
  FRAME_OFFSET,
  FRAME_PORT,
  FRAME_SHIFT,
  FRAME_SOURCE,
  FRAME_SOURCE_KEY,
  FRAME_TARGET,
} = layout;
const { POLICY_CLAMP_MSS } = policy;
const {
  ETHERNET_HEADER_BYTES,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  IPV4_HEADER_BYTES,
  IPV6_HEADER_BYTES,
  PROTOCOL_TCP,
  TCP_CSUM_OFFSET,
  TCP_HEADER_BYTES,
  VLAN_TAG_BYTES,
} = inner;

const FRAGMENT_OFFSET = 0x1fff;
const SYN = 0x02;
const RST = 0x04;
const OPTION_END = 0;
const OPTION_NOP = 1;
const OPTION_MSS = 2;
const OPTION_MSS_BYTES = 4;
const WIDEST = 0xffff;

/** Returns the stage, for the first `count` rows; those inspected are known to hold what their IP headers claim. */
export function createClampMss(tables: Tables, packets: PacketMemory): (count: number) => void {
  const { frames, counters, destinations, bridges, portBridge, portPolicy } = tables;
  const { bytes, view, clampedAt } = packets;
  const { ethernetHeader } = createInnerReader(tables, view);
  const end = clampedAt + CLAMPED_BYTES;
  /** Where the next copy of this batch stands. */
  let room = clampedAt;

  function clamp(count: number): void {
    room = clampedAt;
    for (let at = 0; at < count << FRAME_SHIFT; at += 1 << FRAME_SHIFT) {
      const port = frames[at + FRAME_PORT];
      if (port === DROPPED_PORT) continue;
      const target = frames[at + FRAME_TARGET];
      if (target !== FLOOD && !isClamped(port) && !isClamped(portOf(target))) continue;
      const headerBytes = ethernetHeader(frames[at + FRAME_OFFSET], frames[at + FRAME_LENGTH]) & 0xffff;
      const tcp = synAt(frames[at + FRAME_OFFSET], headerBytes);
      if (tcp >= 0) clampSyn(at, port, headerBytes, tcp);
    }
  }

  /** Where the TCP header of a SYN begins, in the frame; -1 if the frame is none. */
  function synAt(offset: number, headerBytes: number): number {
    const ip = offset + headerBytes;
    const type = view.getUint16(ip - 2);
    let tcp = headerBytes;
    let tcpBytes = 0;
    if (type === ETHERTYPE_IPV4) {
      if (view.getUint8(ip + 9) !== PROTOCOL_TCP || (view.getUint16(ip + 6) & FRAGMENT_OFFSET) !== 0)
        return -1;
      const ipBytes = (view.getUint8(ip) & 15) << 2;
      tcp += ipBytes;
      tcpBytes = view.getUint16(ip + 2) - ipBytes;
    } else if (type === ETHERTYPE_IPV6) {
      if (view.getUint8(ip + 6) !== PROTOCOL_TCP) return -1;
      tcp += IPV6_HEADER_BYTES;
      tcpBytes = view.getUint16(ip + 4);
    }
    if (tcpBytes < TCP_HEADER_BYTES || (view.getUint8(offset + tcp + 13) & (SYN | RST)) !== SYN) return -1;
    return tcpHeaderBytes(offset + tcp) <= tcpBytes ? tcp : -1;
  }

  function clampSyn(at: number, port: number, headerBytes: number, tcp: number): void {
    const offset = frames[at + FRAME_OFFSET];
    const mss = mssAt(offset + tcp);
    if (mss < 0) return;
    const target = frames[at + FRAME_TARGET];
    const clamping = target === FLOOD ? clampingPort(port) : isClamped(port) ? port : portOf(target);
    if (clamping === DROPPED_PORT) return;
    const wayBytes = Math.min(
      widthOf(frames[at + FRAME_SOURCE]),
      target === FLOOD ? narrowestOfFlood(port) : widthOf(target),
    );
    const isIpv4 = view.getUint16(offset + headerBytes - 2) === ETHERTYPE_IPV4;
    const ipBytes = isIpv4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
    const fits = wayBytes - tagBytes(at, headerBytes) - ipBytes - TCP_HEADER_BYTES;
    if (fits <= 0 || fits >= view.getUint16(offset + tcp + mss) || !moveIntoRoom(at)) return;
    lower(frames[at + FRAME_OFFSET] + tcp, mss, fits, (frames[at + FRAME_FLAGS] & FLAG_NEEDS_CSUM) === 0);
    counters[portCounter(clamping) + MSS_CLAMPED]++;
  }

  /** What tags take: those that it has; in a VLAN at least one, with which a port may send it, or the answers. */
  function tagBytes(at: number, headerBytes: number): number {
    const isInVlan = ((frames[at + FRAME_SOURCE_KEY] >>> 16) & 0xfff) !== 0;
    return Math.max(headerBytes - ETHERNET_HEADER_BYTES, isInVlan ? VLAN_TAG_BYTES : 0);
  }

  /** Of the TCP header at an offset, where the value of its MSS option is; -1 if there is none, or an option is malformed. */
  function mssAt(tcp: number): number {
    const headerBytes = tcpHeaderBytes(tcp);
    for (let option = TCP_HEADER_BYTES; option < headerBytes; ) {
      const kind = view.getUint8(tcp + option);
      if (kind === OPTION_END) return -1;
      if (kind === OPTION_NOP) {
        option++;
        continue;
      }
      if (option + 1 === headerBytes) return -1;
      const length = view.getUint8(tcp + option + 1);
      if (length < 2 || option + length > headerBytes) return -1;
      if (kind === OPTION_MSS) return length === OPTION_MSS_BYTES ? option + 2 : -1;
      option += length;
    }
    return -1;
  }

  function tcpHeaderBytes(tcp: number): number {
    return (view.getUint8(tcp + 12) >> 4) << 2;
  }

  /** Copies the frame of a row to where it may be written; false where the batch has filled that. */
  function moveIntoRoom(at: number): boolean {
    const offset = frames[at + FRAME_OFFSET];
    const length = frames[at + FRAME_LENGTH];
    if (room + length > end) return false;
    bytes.copyWithin(room, offset, offset + length);
    frames[at + FRAME_OFFSET] = room;
    room += (length + 63) & ~63;
    return true;
  }

  /** `isSummed`: the checksum covers the segment, and is updated (RFC 1624, equation 3); else it is but the pseudo-header's. */
  function lower(tcp: number, mss: number, value: number, isSummed: boolean): void {
    const before = view.getUint16(tcp + mss);
    view.setUint16(tcp + mss, value);
    if (!isSummed) return;
    const swaps = mss % 2 !== 0;
    const removed = ~(swaps ? swap(before) : before) & 0xffff;
    const sum = (~view.getUint16(tcp + TCP_CSUM_OFFSET) & 0xffff) + removed + (swaps ? swap(value) : value);
    view.setUint16(tcp + TCP_CSUM_OFFSET, complement(sum));
  }

  /** For whose sake a flooded SYN is clamped: the port it came from, or the first that it goes to; DROPPED_PORT = nobody's. */
  function clampingPort(port: number): number {
    if (isClamped(port)) return port;
    const { flood, floodCount } = bridges[portBridge[port]] as Bridge;
    for (let i = 0; i < floodCount; i++) {
      if (portOf(flood[i]) !== port && isClamped(portOf(flood[i]))) return portOf(flood[i]);
    }
    return DROPPED_PORT;
  }

  /** All copies are the same bytes, which have to fit everywhere. */
  function narrowestOfFlood(port: number): number {
    const { flood, floodCount } = bridges[portBridge[port]] as Bridge;
    let narrowest = WIDEST;
    for (let i = 0; i < floodCount; i++) {
      if (portOf(flood[i]) !== port) narrowest = Math.min(narrowest, widthOf(flood[i]));
    }
    return narrowest;
  }

  /** Bytes of an inner IP packet that fit the way to a destination, were it not tagged. */
  function widthOf(destination: number): number {
    const row = destination << DESTINATION_SHIFT;
    return destinations[row + DESTINATION_MTU] - destinations[row + DESTINATION_OVERHEAD];
  }

  function isClamped(port: number): boolean {
    return (portPolicy[port] & POLICY_CLAMP_MSS) !== 0;
  }

  function portOf(destination: number): number {
    return destinations[(destination << DESTINATION_SHIFT) + DESTINATION_PORT];
  }

  return clamp;
}

/** A word whose bytes stand in two words of the sum. */
function swap(word: number): number {
  return ((word & 0xff) << 8) | (word >>> 8);
}
