// Reading the inner frame: VLAN, flow hash, ECN, and what its sender left to a network card. The UDP underlay delivers a
// frame without metadata, but a checksum left undone betrays itself: the field then holds the plain pseudo-header sum.
// Completing it is right even for a valid packet that matches by chance, whose checksum comes out the same again.
import * as counterLayout from "../counters.ts";
import { portCounter } from "../counters.ts";
import * as layout from "../frames.ts";
import type { Tables } from "../tables.ts";

// Constants of this module: V8 folds those into the code, while an imported one is looked up at each use.
const {
  FLAG_ECN_SHIFT,
  FLAG_NEEDS_CSUM,
  FRAME_CSUM_OFFSET,
  FRAME_CSUM_START,
  FRAME_FLAGS,
  FRAME_FLOW,
  FRAME_GSO_TYPE,
  FRAME_LENGTH,
  FRAME_OFFSET,
  FRAME_PORT,
  GSO_NONE,
  GSO_TCPV4,
  GSO_TCPV6,
} = layout;
const { UNFILLED_CHECKSUMS } = counterLayout;

export const ETHERNET_HEADER_BYTES = 14;
export const VLAN_TAG_BYTES = 4;
export const IPV4_HEADER_BYTES = 20;
export const IPV6_HEADER_BYTES = 40;
export const TCP_HEADER_BYTES = 20;
export const UDP_HEADER_BYTES = 8;
export const TCP_CSUM_OFFSET = 16;
const UDP_CSUM_OFFSET = 6;

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_IPV6 = 0x86dd;
const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_VLAN = 0x8100;
export const ETHERTYPE_SERVICE_VLAN = 0x88a8;
/** Those of tags, for who is in no hurry. */
export const VLAN_ETHERTYPES: readonly number[] = [ETHERTYPE_VLAN, ETHERTYPE_SERVICE_VLAN];
export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;
const PROTOCOL_ICMPV6 = 58;
const ND_BYTES = 24;
/** Ports 67 and 68, either way (RFC 2131), and six beside them: whoever reads the frame looks closer. */
const DHCP_PORTS = (64 << 16) | 64;
const DHCP_MASK = ~((7 << 16) | 7);
/** Where clients listen, whatever port a server sends from (RFC 8415 section 7.2). */
export const DHCPV6_CLIENT_PORT = 546;
/** "More fragments" and the fragment offset (RFC 791 section 3.1). */
const FRAGMENT_MASK = 0x3fff;
/** The two lowest bits of a TOS or traffic class (RFC 3168 section 5), and where they stand in an IP header's first word. */
const ECN_MASK = 3;
const ECN_OF_IPV4 = ECN_MASK << 16;
const ECN_OF_IPV6 = ECN_MASK << 20;

/** Reads the inner frames of one arena. */
export interface InnerReader {
  /** Where the Ethernet header and its VLAN tags end, packed with the outermost VLAN ID: `vlan << 16 | bytes`. */
  ethernetHeader(offset: number, length: number): number;
  /**
   * Reads the frame of a row (`at` = its first word): writes its flow hash, its ECN and, where the device told nothing
   * (`infer`), its checksum and segmentation metadata. False if an IP header contradicts the frame's length.
   */
  readInner(at: number, headerBytes: number, infer: boolean): boolean;
}

/** Takes the row (its first word) of a frame that may tell which IP address a host has: ARP, neighbour discovery, DHCP. */
export type SightNote = (at: number) => void;

/** `view` is over the arena that the rows of `frames` point into. */
export function createInnerReader(
  { frames, counters }: Tables,
  view: DataView,
  sight: SightNote = () => {},
): InnerReader {
  function ethernetHeader(offset: number, length: number): number {
    let type = view.getUint16(offset + 12);
    if (type !== ETHERTYPE_VLAN && type !== ETHERTYPE_SERVICE_VLAN) return ETHERNET_HEADER_BYTES;
    if (length < ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES) return ETHERNET_HEADER_BYTES;
    const vlan = view.getUint16(offset + 14) & 0xfff;
    let bytes = ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES;
    type = view.getUint16(offset + 16);
    if (type === ETHERTYPE_VLAN && length >= bytes + VLAN_TAG_BYTES) bytes += VLAN_TAG_BYTES;
    return (vlan << 16) | bytes;
  }

  function readInner(at: number, headerBytes: number, infer: boolean): boolean {
    const offset = frames[at + FRAME_OFFSET];
    const length = frames[at + FRAME_LENGTH];
    const type = view.getUint16(offset + headerBytes - 2);
    if (type === ETHERTYPE_IPV4) return readIpv4(at, offset, length, headerBytes, infer);
    if (type === ETHERTYPE_IPV6) return readIpv6(at, offset, length, headerBytes, infer);
    if (type === ETHERTYPE_ARP) sight(at);
    frames[at + FRAME_FLOW] = mix(
      view.getInt32(offset + 2) ^
        view.getInt32(offset + 8) ^
        (view.getUint16(offset) + view.getUint16(offset + 6)),
    );
    return true;
  }

  function readIpv4(at: number, offset: number, length: number, l3: number, infer: boolean): boolean {
    if (length < l3 + IPV4_HEADER_BYTES) return false;
    const ip = offset + l3;
    // Version 4, header length 4, TOS 8, total length 16.
    const word = view.getInt32(ip);
    const headerBytes = (word >>> 22) & 60;
    const totalBytes = word & 0xffff;
    if (word >>> 28 !== 4 || headerBytes < IPV4_HEADER_BYTES) return false;
    if (totalBytes < headerBytes || l3 + totalBytes > length) return false;
    if ((word & ECN_OF_IPV4) !== 0) rememberEcn(at, word >>> 16);
    const protocol = view.getUint8(ip + 9);
    const source = view.getInt32(ip + 12);
    const target = view.getInt32(ip + 16);
    // A fragment but the first has no ports, so no fragment is hashed by them: all of a datagram take one way.
    const whole = (view.getUint16(ip + 6) & FRAGMENT_MASK) === 0;
    const l4Bytes = totalBytes - headerBytes;
    if (!whole || !hasPorts(protocol, l4Bytes)) {
      frames[at + FRAME_FLOW] = mix(source ^ target ^ protocol);
      return true;
    }
    const ports = view.getInt32(ip + headerBytes);
    if ((ports & DHCP_MASK) === DHCP_PORTS && protocol === PROTOCOL_UDP) sight(at);
    frames[at + FRAME_FLOW] = mix(source ^ target ^ protocol ^ Math.imul(ports, 0x9e3779b1));
    if (infer && l3 + totalBytes === length) {
      const sum =
        (source >>> 16) + (source & 0xffff) + (target >>> 16) + (target & 0xffff) + protocol + l4Bytes;
      inferOffload(at, offset, l3 + headerBytes, protocol, sum, GSO_TCPV4);
    }
    return true;
  }

  function readIpv6(at: number, offset: number, length: number, l3: number, infer: boolean): boolean {
    if (length < l3 + IPV6_HEADER_BYTES) return false;
    const ip = offset + l3;
    const l4Bytes = view.getUint16(ip + 4);
    // Version 4, traffic class 8, flow label 20.
    const word = view.getInt32(ip);
    if (word >>> 28 !== 6 || l3 + IPV6_HEADER_BYTES + l4Bytes > length) return false;
    if ((word & ECN_OF_IPV6) !== 0) rememberEcn(at, word >>> 20);
    const protocol = view.getUint8(ip + 6);
    let hash = protocol;
    for (let word = 8; word < IPV6_HEADER_BYTES; word += 4)
      hash = Math.imul(hash, 31) ^ view.getInt32(ip + word);
    if (!hasPorts(protocol, l4Bytes)) {
      if (protocol === PROTOCOL_ICMPV6 && l4Bytes >= ND_BYTES && isNd(ip)) sight(at);
      frames[at + FRAME_FLOW] = mix(hash);
      return true;
    }
    const ports = view.getInt32(ip + IPV6_HEADER_BYTES);
    if ((ports & 0xffff) === DHCPV6_CLIENT_PORT && protocol === PROTOCOL_UDP) sight(at);
    frames[at + FRAME_FLOW] = mix(hash ^ Math.imul(ports, 0x9e3779b1));
    if (infer && l3 + IPV6_HEADER_BYTES + l4Bytes === length) {
      let sum = protocol + l4Bytes;
      for (let half = 8; half < IPV6_HEADER_BYTES; half += 2) sum += view.getUint16(ip + half);
      inferOffload(at, offset, l3 + IPV6_HEADER_BYTES, protocol, sum, GSO_TCPV6);
    }
    return true;
  }

  /** A neighbour solicitation or advertisement (RFC 4861 section 4), types 135 and 136. */
  function isNd(ip: number): boolean {
    const type = view.getUint8(ip + IPV6_HEADER_BYTES);
    return type === 135 || type === 136;
  }

  function rememberEcn(at: number, tos: number): void {
    frames[at + FRAME_FLAGS] |= (tos & ECN_MASK) << FLAG_ECN_SHIFT;
  }

  /** `sum` is the pseudo-header's, not yet folded; `l4` the transport header's offset in the frame. */
  function inferOffload(
    at: number,
    offset: number,
    l4: number,
    protocol: number,
    sum: number,
    tcpGsoType: number,
  ): void {
    const csumOffset = protocol === PROTOCOL_TCP ? TCP_CSUM_OFFSET : UDP_CSUM_OFFSET;
    sum = (sum & 0xffff) + (sum >>> 16);
    sum = (sum & 0xffff) + (sum >>> 16);
    if (view.getUint16(offset + l4 + csumOffset) !== sum) return;
    counters[portCounter(frames[at + FRAME_PORT]) + UNFILLED_CHECKSUMS]++;
    frames[at + FRAME_FLAGS] |= FLAG_NEEDS_CSUM;
    frames[at + FRAME_CSUM_START] = l4;
    frames[at + FRAME_CSUM_OFFSET] = csumOffset;
    // Whether it is a super-frame is for the way out to say: one that fits is sent as it is.
    if (protocol === PROTOCOL_TCP && frames[at + FRAME_GSO_TYPE] === GSO_NONE)
      frames[at + FRAME_GSO_TYPE] = tcpGsoType;
  }

  return { ethernetHeader, readInner };
}

function hasPorts(protocol: number, l4Bytes: number): boolean {
  return (
    (protocol === PROTOCOL_UDP && l4Bytes >= UDP_HEADER_BYTES) ||
    (protocol === PROTOCOL_TCP && l4Bytes >= TCP_HEADER_BYTES)
  );
}

/** Spreads the bits of a hash; the result is not negative. */
function mix(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return ((hash ^ (hash >>> 13)) >>> 1) & 0x7fffffff;
}
