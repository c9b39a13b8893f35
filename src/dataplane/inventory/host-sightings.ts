// What a frame says of a host's IP address: ARP, neighbour discovery or DHCP, read from the copy that a forwarding thread
// has made of its first bytes. In the control thread: slow is fine, wrong is not.
import { formatAddress } from "../address.ts";
import {
  DHCPV6_CLIENT_PORT,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  IPV4_HEADER_BYTES,
  IPV6_HEADER_BYTES,
  PROTOCOL_UDP,
  UDP_HEADER_BYTES,
  VLAN_ETHERTYPES,
} from "../stages/inner.ts";
import { ARP, createNeighbourReader, NO_MESSAGE } from "../wire/arp-nd.ts";
import { readDhcp } from "../wire/dhcp.ts";
import { readDhcpv6 } from "../wire/dhcpv6.ts";

export type SightedBy = "arp" | "nd" | "dhcp";

export interface Sighting {
  readonly macHigh: number;
  readonly macLow: number;
  /** null = only the name is told. */
  readonly address: string | null;
  readonly hostName: string | null;
  readonly by: SightedBy;
}

const DHCP_SERVER_PORT = 67;
const DHCP_CLIENT_PORT = 68;

/** Reads a frame of which `toldBytes` of `bytes` are there; null if it tells nothing. */
export function readSighting(
  view: DataView,
  offset: number,
  bytes: number,
  toldBytes: number,
): Sighting | null {
  const isTagged = VLAN_ETHERTYPES.includes(view.getUint16(offset + 12));
  const headerBytes = isTagged ? 18 : 14;
  // The FDB does not tell stations behind two tags apart by both.
  if (isTagged && VLAN_ETHERTYPES.includes(view.getUint16(offset + 16))) return null;
  const type = view.getUint16(offset + headerBytes - 2);
  if (type === ETHERTYPE_IPV4) return readDhcpFrame(view, offset, headerBytes, toldBytes);
  if (type === ETHERTYPE_IPV6 && view.getUint8(offset + headerBytes + 6) === PROTOCOL_UDP)
    return readDhcpv6Frame(view, offset, headerBytes, toldBytes);
  return toldBytes < bytes ? null : readNeighbour(view, offset, bytes, headerBytes);
}

function readNeighbour(view: DataView, offset: number, bytes: number, headerBytes: number): Sighting | null {
  const { message, read } = createNeighbourReader(view);
  const kind = read(offset, bytes, headerBytes);
  if (kind === NO_MESSAGE || message.ownedAt === 0) return null;
  const sender = { macHigh: view.getUint16(offset + 6), macLow: view.getInt32(offset + 8), hostName: null };
  const at = message.ownedAt;
  if (kind === ARP) return { ...sender, by: "arp", address: ipv4(view.getInt32(at)) };
  return { ...sender, by: "nd", address: ipv6(view, at) };
}

function readDhcpFrame(view: DataView, offset: number, headerBytes: number, told: number): Sighting | null {
  const ip = offset + headerBytes;
  if (view.getUint8(ip + 9) !== PROTOCOL_UDP) return null;
  const udp = ip + Math.max(IPV4_HEADER_BYTES, (view.getUint8(ip) & 15) << 2);
  const payload = udp + UDP_HEADER_BYTES;
  const end = offset + told;
  if (payload > end) return null;
  const [from, to] = [view.getUint16(udp), view.getUint16(udp + 2)];
  const isDhcp = [from, to].every((port) => port === DHCP_SERVER_PORT || port === DHCP_CLIENT_PORT);
  const payloadBytes = view.getUint16(udp + 4) - UDP_HEADER_BYTES;
  const message = isDhcp ? readDhcp(view, payload, Math.min(payloadBytes, end - payload)) : null;
  if (message === null) return null;
  const { isAck, macHigh, macLow, hostName } = message;
  // A client speaks for itself alone; a server, or a relay, of others.
  if (!isAck && (macHigh !== view.getUint16(offset + 6) || macLow !== view.getInt32(offset + 8))) return null;
  const address = message.address === 0 ? null : ipv4(message.address);
  if (address === null && hostName === null) return null;
  return { macHigh, macLow, address, hostName, by: "dhcp" };
}

/** Whom a frame is sent to says best who the client is: its DUID may be made from another of its network cards. */
function readDhcpv6Frame(view: DataView, offset: number, headerBytes: number, told: number): Sighting | null {
  const udp = offset + headerBytes + IPV6_HEADER_BYTES;
  const payload = udp + UDP_HEADER_BYTES;
  const isToGroup = (view.getUint8(offset) & 1) === 1;
  if (payload > offset + told || isToGroup || view.getUint16(udp + 2) !== DHCPV6_CLIENT_PORT) return null;
  const payloadBytes = view.getUint16(udp + 4) - UDP_HEADER_BYTES;
  const at = payload + payloadBytes > offset + told ? 0 : readDhcpv6(view, payload, payloadBytes);
  if (at === 0) return null;
  const client = { macHigh: view.getUint16(offset), macLow: view.getInt32(offset + 2), hostName: null };
  return { ...client, address: ipv6(view, at), by: "dhcp" };
}

function ipv6(view: DataView, at: number): string {
  const address = Uint8Array.from({ length: 16 }, (_, byte) => view.getUint8(at + byte));
  return formatAddress(new Int32Array(address.buffer));
}

function ipv4(word: number): string {
  return [24, 16, 8, 0].map((shift) => (word >>> shift) & 255).join(".");
}
