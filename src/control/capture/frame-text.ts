// Who sends to whom in a frame, in a few words for a line of text: "192.168.0.1 > 192.168.0.2 icmp", or its MAC addresses
// and EtherType. For more there is Wireshark.
import { formatAddress } from "../../dataplane/address.ts";
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, VLAN_ETHERTYPES } from "../../dataplane/stages/inner.ts";
import { formatMac } from "../../dataplane/wire/mac.ts";

const MACS_BYTES = 12;
const ETHERTYPES: Readonly<Record<number, string>> = { 2048: "ip", 2054: "arp", 34525: "ip6" };
const PROTOCOLS: Readonly<Record<number, string>> = {
  1: "icmp",
  2: "igmp",
  6: "tcp",
  17: "udp",
  58: "icmp6",
};

/** Of a frame from its Ethernet header on, which may be cut short. */
export function frameText(bytes: Uint8Array): string {
  if (bytes.length < MACS_BYTES + 2) return `${bytes.length} bytes`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = MACS_BYTES;
  let vlan = "";
  while (VLAN_ETHERTYPES.includes(view.getUint16(at)) && at + 6 <= bytes.length) {
    vlan += ` vlan ${view.getUint16(at + 2) & 0xfff}`;
    at += 4;
  }
  const type = view.getUint16(at);
  const packet = bytes.subarray(at + 2);
  const inner =
    type === ETHERTYPE_IPV4 ? ipv4Words(packet) : type === ETHERTYPE_IPV6 ? ipv6Words(packet) : null;
  if (inner !== null) return inner + vlan;
  const typeText = ETHERTYPES[type] ?? `type 0x${type.toString(16).padStart(4, "0")}`;
  return `${macText(view, 6)} > ${macText(view, 0)} ${typeText}${vlan}`;
}

function ipv4Words(packet: Uint8Array): string | null {
  if (packet.length < 20) return null;
  const address = (at: number): string => packet.subarray(at, at + 4).join(".");
  return `${address(12)} > ${address(16)} ${protocolText(packet[9]!)}`;
}

function ipv6Words(packet: Uint8Array): string | null {
  if (packet.length < 40) return null;
  const address = (at: number): string => formatAddress(new Int32Array(packet.slice(at, at + 16).buffer));
  return `${address(8)} > ${address(24)} ${protocolText(packet[6]!)}`;
}

function protocolText(number: number): string {
  return PROTOCOLS[number] ?? `protocol ${number}`;
}

function macText(view: DataView, at: number): string {
  return formatMac(view.getUint16(at), view.getInt32(at + 2));
}
