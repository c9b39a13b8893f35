// ICMP errors about a packet that is too big for its way: RFC 792 with the MTU of RFC 1191 section 4, RFC 4443 section 3.2.
// Both have the addresses of the packet turned round. Not for the path of every frame.
import { complement, sumOfWords } from "./checksum.ts";

/** A packet in memory, from its IP header on. */
export interface Packet {
  readonly view: DataView;
  readonly offset: number;
  readonly length: number;
}

const IPV4_HEADER_BYTES = 20;
const IPV6_HEADER_BYTES = 40;
const ICMP_HEADER_BYTES = 8;
const PROTOCOL_ICMP = 1;
const PROTOCOL_ICMPV6 = 58;
const HOP_LIMIT = 64;
/** RFC 1812 section 4.3.2.3: what an error about an IPv4 packet may fill. */
const IPV4_ERROR_BYTES_MAX = 576;
/** RFC 4443 section 2.4 (c), and the smallest MTU of IPv6 (RFC 8200 section 5). */
const IPV6_ERROR_BYTES_MAX = 1280;
const IPV4_MTU_MIN = 68;
const DONT_FRAGMENT = 0x4000;
const FRAGMENT_OFFSET = 0x1fff;
/** Destination unreachable, source quench, redirect, time exceeded, parameter problem: errors that none is sent about. */
const ICMP_ERRORS = [3, 4, 5, 11, 12];

/** The most that an answer fills, IP header included. */
export const ICMP_ERROR_BYTES_MAX = IPV6_ERROR_BYTES_MAX;

/**
 * Writes "fragmentation needed" about an IPv4 packet to `to`, with the MTU that would fit; returns its bytes. 0 if none is
 * due (RFC 1122 section 3.2.2): it is no IPv4 packet, may be fragmented, is a later fragment, an ICMP error, or comes
 * from nobody.
 */
export function writeIcmpv4TooBig({ view, offset, length }: Packet, mtuBytes: number, to: number): number {
  if (length < IPV4_HEADER_BYTES || view.getUint8(offset) >> 4 !== 4 || mtuBytes < IPV4_MTU_MIN) return 0;
  const fragment = view.getUint16(offset + 6);
  if ((fragment & DONT_FRAGMENT) === 0 || (fragment & FRAGMENT_OFFSET) !== 0) return 0;
  if (!isIpv4Host(view.getUint8(offset + 12)) || !isIpv4Host(view.getUint8(offset + 16))) return 0;
  const payload = offset + (view.getUint8(offset) & 15) * 4;
  if (view.getUint8(offset + 9) === PROTOCOL_ICMP && ICMP_ERRORS.includes(view.getUint8(payload))) return 0;
  const quoted = Math.min(length, IPV4_ERROR_BYTES_MAX - IPV4_HEADER_BYTES - ICMP_HEADER_BYTES);
  const icmp = to + IPV4_HEADER_BYTES;
  const total = IPV4_HEADER_BYTES + ICMP_HEADER_BYTES + quoted;
  view.setUint32(to, (0x45 << 24) | total);
  view.setUint32(to + 4, DONT_FRAGMENT);
  view.setUint32(to + 8, (HOP_LIMIT << 24) | (PROTOCOL_ICMP << 16));
  view.setUint32(to + 12, view.getUint32(offset + 16));
  view.setUint32(to + 16, view.getUint32(offset + 12));
  view.setUint16(to + 10, complement(sumOfWords(view, to, IPV4_HEADER_BYTES)));
  view.setUint32(icmp, (3 << 24) | (4 << 16));
  view.setUint32(icmp + 4, Math.min(mtuBytes, 0xffff));
  copy(view, offset, icmp + ICMP_HEADER_BYTES, quoted);
  view.setUint16(icmp + 2, complement(sumOfWords(view, icmp, ICMP_HEADER_BYTES + quoted)));
  return total;
}

/**
 * Writes "packet too big" about an IPv6 packet to `to`, with the MTU that would fit; returns its bytes. 0 if none is due
 * (RFC 4443 section 2.4): it is no IPv6 packet, an ICMPv6 error, or comes from nobody; or the MTU is below what IPv6 needs.
 */
export function writeIcmpv6TooBig({ view, offset, length }: Packet, mtuBytes: number, to: number): number {
  if (length < IPV6_HEADER_BYTES || view.getUint8(offset) >> 4 !== 6 || mtuBytes < IPV6_ERROR_BYTES_MAX)
    return 0;
  const source = offset + 8;
  const isUnspecified = [0, 4, 8, 12].every((byte) => view.getUint32(source + byte) === 0);
  if (isUnspecified || view.getUint8(source) === 0xff || view.getUint8(source + 16) === 0xff) return 0;
  const isIcmp = view.getUint8(offset + 6) === PROTOCOL_ICMPV6 && length > IPV6_HEADER_BYTES;
  if (isIcmp && view.getUint8(offset + IPV6_HEADER_BYTES) < 128) return 0;
  const quoted = Math.min(length, IPV6_ERROR_BYTES_MAX - IPV6_HEADER_BYTES - ICMP_HEADER_BYTES);
  const icmp = to + IPV6_HEADER_BYTES;
  const icmpBytes = ICMP_HEADER_BYTES + quoted;
  view.setUint32(to, 6 << 28);
  view.setUint32(to + 4, (icmpBytes << 16) | (PROTOCOL_ICMPV6 << 8) | HOP_LIMIT);
  copy(view, source + 16, to + 8, 16);
  copy(view, source, to + 24, 16);
  view.setUint32(icmp, 2 << 24);
  view.setUint32(icmp + 4, mtuBytes);
  copy(view, offset, icmp + ICMP_HEADER_BYTES, quoted);
  const pseudoHeader = sumOfWords(view, to + 8, 32, icmpBytes + PROTOCOL_ICMPV6);
  view.setUint16(icmp + 2, complement(sumOfWords(view, icmp, icmpBytes, pseudoHeader)));
  return IPV6_HEADER_BYTES + icmpBytes;
}

/** By its first byte: not this network, not the host itself, no group, no broadcast. */
function isIpv4Host(firstByte: number): boolean {
  return firstByte !== 0 && firstByte !== 127 && firstByte < 224;
}

function copy(view: DataView, from: number, to: number, bytes: number): void {
  for (let byte = 0; byte < bytes; byte++) view.setUint8(to + byte, view.getUint8(from + byte));
}
