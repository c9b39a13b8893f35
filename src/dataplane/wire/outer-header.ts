// The outer headers of a path, built once and completed for each frame by native/outer-header.h, which tells what is left
// open. All fields are in network byte order:
//
//    IPv4   Ethernet 14 | IP 20 | UDP 8 | VXLAN 8 = 50      IPv6   Ethernet 14 | IP 40 | UDP 8 | VXLAN 8 = 70
import type { Address } from "../address.ts";
import { fold, sumOfWords } from "./checksum.ts";
import { OVERHEAD_IPV4_BYTES, OVERHEAD_IPV6_BYTES, VXLAN_FLAG_VNI, VXLAN_HEADER_BYTES } from "./vxlan.ts";

/** Ethernet instead of the inner Ethernet header, which is what an MTU leaves out: the sums are the same. */
export const OUTER_IPV4_BYTES = OVERHEAD_IPV4_BYTES;
export const OUTER_IPV6_BYTES = OVERHEAD_IPV6_BYTES;
/** Rounded up to whole words. */
export const OUTER_BYTES_MAX = 72;

const ETHERNET_BYTES = 14;
const UDP_HEADER_BYTES = 8;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const IPV4_BYTES = 20;
const IPV4_VERSION_AND_LENGTH = 0x45;
/** A VTEP must not fragment (RFC 7348 section 4.3). */
const IPV4_DONT_FRAGMENT = 0x40;
const IPV6_VERSION_WORD = 0x6000;
const IPV6_ADDRESSES_BYTES = 32;
const PROTOCOL_UDP = 17;

export interface OuterHeader {
  /** Six bytes each. */
  readonly localMac: Uint8Array;
  readonly remoteMac: Uint8Array;
  readonly source: Address;
  readonly remote: Address;
  readonly udpPort: number;
  readonly vni: number;
  /** TTL or hop limit. */
  readonly ttl: number;
  /** Type of service or traffic class. */
  readonly tos: number;
}

/** Writes the headers to `out` (OUTER_BYTES_MAX bytes, zeroed behind them) and returns their length. */
export function writeOuterHeader(out: Uint8Array, header: OuterHeader): number {
  const ipv6 = header.remote.ipv6;
  const length = ipv6 ? OUTER_IPV6_BYTES : OUTER_IPV4_BYTES;
  const view = new DataView(out.buffer, out.byteOffset, OUTER_BYTES_MAX);
  out.fill(0, 0, OUTER_BYTES_MAX);
  out.set(header.remoteMac, 0);
  out.set(header.localMac, 6);
  view.setUint16(12, ipv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
  if (ipv6) writeIpv6(out, view, header);
  else writeIpv4(out, view, header);
  const vxlan = length - VXLAN_HEADER_BYTES;
  const udp = vxlan - UDP_HEADER_BYTES;
  view.setUint16(udp + 2, header.udpPort);
  // Over IPv4 there is none: zero (RFC 7348 section 5).
  if (ipv6)
    view.setUint16(
      udp + 6,
      fold(sumOfWords(view, udp - IPV6_ADDRESSES_BYTES, IPV6_ADDRESSES_BYTES, PROTOCOL_UDP)),
    );
  out[vxlan] = VXLAN_FLAG_VNI;
  view.setUint32(vxlan + 4, header.vni * 256);
  return length;
}

function writeIpv4(out: Uint8Array, view: DataView, { source, remote, ttl, tos }: OuterHeader): void {
  const ip = ETHERNET_BYTES;
  out[ip] = IPV4_VERSION_AND_LENGTH;
  out[ip + 1] = tos;
  out[ip + 6] = IPV4_DONT_FRAGMENT;
  out[ip + 8] = ttl;
  out[ip + 9] = PROTOCOL_UDP;
  out.set(bytesOf(source).subarray(12), ip + 12);
  out.set(bytesOf(remote).subarray(12), ip + 16);
  view.setUint16(ip + 10, fold(sumOfWords(view, ip, IPV4_BYTES)));
}

function writeIpv6(out: Uint8Array, view: DataView, { source, remote, ttl, tos }: OuterHeader): void {
  const ip = ETHERNET_BYTES;
  view.setUint16(ip, IPV6_VERSION_WORD | (tos << 4));
  out[ip + 6] = PROTOCOL_UDP;
  out[ip + 7] = ttl;
  out.set(bytesOf(source), ip + 8);
  out.set(bytesOf(remote), ip + 24);
}

function bytesOf({ words }: Address): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, 16);
}
