// A VXLAN datagram in a frame of the underlay's: Ethernet, IPv4 or IPv6, UDP, VXLAN. What a capture at the network card of a VTEP
// has, and `vxswitch trace` asks about as who receives it would see it.
import ipaddr from "ipaddr.js";
import {
  ETHERNET_HEADER_BYTES,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  IPV4_HEADER_BYTES,
  IPV6_HEADER_BYTES,
  PROTOCOL_UDP,
  UDP_HEADER_BYTES,
  VLAN_ETHERTYPES,
  VLAN_TAG_BYTES,
} from "../../dataplane/stages/inner.ts";
import { VXLAN_FLAG_VNI, VXLAN_HEADER_BYTES } from "../../dataplane/wire/vxlan.ts";

/** Of a packet cut into fragments: more of them, or an offset. */
const IPV4_FRAGMENT_BITS = 0x3fff;

export interface VxlanDatagram {
  /** The VTEP that sends it. */
  readonly remote: string;
  readonly vni: number;
  /** The inner frame. */
  readonly frame: Buffer;
}

interface IpPacket {
  readonly protocol: number;
  readonly source: Buffer;
  readonly payload: Buffer;
}

/** The datagram to a UDP port that a frame is; null if it is none, or only a fragment of one. */
export function vxlanDatagramIn(bytes: Buffer, dstport: number): VxlanDatagram | null {
  const packet = packetIn(bytes);
  if (packet?.protocol !== PROTOCOL_UDP) return null;
  const { payload, source } = packet;
  if (payload.length < UDP_HEADER_BYTES + VXLAN_HEADER_BYTES || payload.readUInt16BE(2) !== dstport)
    return null;
  const vxlan = payload.subarray(UDP_HEADER_BYTES);
  if ((vxlan[0]! & VXLAN_FLAG_VNI) === 0) return null;
  return {
    remote: ipaddr.fromByteArray(Array.from(source)).toString(),
    vni: vxlan.readUIntBE(4, 3),
    frame: vxlan.subarray(VXLAN_HEADER_BYTES),
  };
}

/** Without the padding of a short frame. */
function packetIn(bytes: Buffer): IpPacket | null {
  let at = ETHERNET_HEADER_BYTES;
  const typeAt = (): number => (bytes.length < at ? 0 : bytes.readUInt16BE(at - 2));
  while (VLAN_ETHERTYPES.includes(typeAt())) at += VLAN_TAG_BYTES;
  const ip = bytes.subarray(at);
  if (typeAt() === ETHERTYPE_IPV4) return ipv4In(ip);
  return typeAt() === ETHERTYPE_IPV6 ? ipv6In(ip) : null;
}

function ipv4In(ip: Buffer): IpPacket | null {
  if (ip.length < IPV4_HEADER_BYTES || (ip.readUInt16BE(6) & IPV4_FRAGMENT_BITS) !== 0) return null;
  const payload = ip.subarray((ip[0]! & 15) * 4, ip.readUInt16BE(2));
  return { protocol: ip[9]!, source: ip.subarray(12, 16), payload };
}

function ipv6In(ip: Buffer): IpPacket | null {
  if (ip.length < IPV6_HEADER_BYTES) return null;
  const payload = ip.subarray(IPV6_HEADER_BYTES, IPV6_HEADER_BYTES + ip.readUInt16BE(4));
  return { protocol: ip[6]!, source: ip.subarray(8, 24), payload };
}
