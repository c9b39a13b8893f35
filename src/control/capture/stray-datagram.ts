// A datagram that no port took is known from its VXLAN header on. With headers put before it as it had them, as far as they
// are known, whoever decodes packets recognizes it: from its sender, to nobody, UDP port 4789.
import { parseAddress, wildcard } from "../../dataplane/address.ts";
import { complement } from "../../dataplane/wire/checksum.ts";
import { OUTER_BYTES_MAX, writeOuterHeader } from "../../dataplane/wire/outer-header.ts";
import { VXLAN_HEADER_BYTES } from "../../dataplane/wire/vxlan.ts";

const ETHERNET_BYTES = 14;
const UDP_HEADER_BYTES = 8;
const VXLAN_UDP_PORT = 4789;
const TTL = 64;
const NO_MAC = new Uint8Array(6);

/** Ethernet, IP and UDP headers for so many bytes from `sender`. */
export function headersBefore(sender: string, datagramBytes: number): Uint8Array {
  const source = parseAddress(sender);
  const out = new Uint8Array(OUTER_BYTES_MAX);
  const written = writeOuterHeader(out, {
    localMac: NO_MAC,
    remoteMac: NO_MAC,
    source,
    remote: wildcard(source.ipv6),
    udpPort: VXLAN_UDP_PORT,
    vni: 0,
    ttl: TTL,
    tos: 0,
  });
  const headers = out.subarray(0, written - VXLAN_HEADER_BYTES);
  const view = new DataView(headers.buffer, 0, headers.length);
  const udp = headers.length - UDP_HEADER_BYTES;
  const udpBytes = UDP_HEADER_BYTES + datagramBytes;
  view.setUint16(udp + 4, udpBytes);
  view.setUint16(udp + 6, 0);
  if (source.ipv6) view.setUint16(ETHERNET_BYTES + 4, udpBytes);
  else completeIpv4(view, udp - ETHERNET_BYTES + udpBytes);
  return headers;
}

/** The checksum is prepared but for the length. */
function completeIpv4(view: DataView, totalBytes: number): void {
  const ip = ETHERNET_BYTES;
  view.setUint16(ip + 2, totalBytes);
  view.setUint16(ip + 10, complement(view.getUint16(ip + 10) + totalBytes));
}
