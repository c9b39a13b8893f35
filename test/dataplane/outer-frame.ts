// Datagrams as they stand on the wire, from the outer Ethernet header on: sound ones, and any that a sender, a network or
// an attacker may make of them. Built apart from the code under test.
import ipaddr from "ipaddr.js";
import { fold, onesSum } from "./packets.ts";

const ETHERNET_BYTES_MIN = 60;
const UDP = 17;
const DESTINATION_OPTIONS = 60;
const FRAGMENT_HEADER = 44;
/** An identification that no other datagram of the sender has for long. */
let identification = 0x4000;

export interface OuterFrame {
  readonly macs: { readonly from: string; readonly to: string };
  readonly from: string;
  readonly to: string;
  readonly port: number;
  /** From the VXLAN header on. */
  readonly payload: Buffer;
  /** Type of service or traffic class. */
  readonly tos?: number;
  /** `none` writes zero. */
  readonly udpChecksum?: "right" | "wrong" | "none";
  readonly ipChecksum?: "right" | "wrong";
  /** Added to what the UDP header ought to say. */
  readonly udpLengthError?: number;
  /** Added to what the IP header ought to say. */
  readonly ipLengthError?: number;
  /** In the IP packet, behind the UDP datagram. */
  readonly rest?: Buffer;
  /** In the frame, behind the IP packet. */
  readonly trailer?: Buffer;
  /** IPv4: four options that mean nothing. IPv6: an extension header of the same kind. */
  readonly options?: boolean;
  /** The number of the 802.1Q tag, 0 being that of priority alone. */
  readonly vlan?: number;
}

/** The frame, padded as a network card would. */
export function outerFrame(options: OuterFrame): Buffer {
  const ip = options.from.includes(":") ? ipv6(options, datagram(options)) : ipv4(options, datagram(options));
  return ethernet(options, ip);
}

/** The same datagram in two fragments, of which the second has all but the first `bytes`. */
export function fragments(options: OuterFrame, bytes: number): Buffer[] {
  const udp = datagram(options);
  const parts = [udp.subarray(0, bytes), udp.subarray(bytes)];
  identification += 1;
  return parts.map((part, index) => {
    const at = { offset: index * bytes, more: index === 0 };
    const ip = options.from.includes(":") ? ipv6(options, part, at) : ipv4(options, part, at);
    return ethernet(options, ip);
  });
}

function ethernet({ macs, from, vlan, trailer }: OuterFrame, ip: Buffer): Buffer {
  const tag = vlan === undefined ? [] : [0x81, 0, vlan >> 8, vlan & 255];
  const type = from.includes(":") ? [0x86, 0xdd] : [0x08, 0];
  const frame = Buffer.concat([
    mac(macs.to),
    mac(macs.from),
    Buffer.from([...tag, ...type]),
    ip,
    trailer ?? Buffer.alloc(0),
  ]);
  const padding = Math.max(0, ETHERNET_BYTES_MIN - frame.length);
  return Buffer.concat([frame, Buffer.alloc(padding, 0xaa)]);
}

interface Fragment {
  readonly offset: number;
  readonly more: boolean;
}

function ipv4(options: OuterFrame, l4: Buffer, fragment?: Fragment): Buffer {
  const words = options.options ? Buffer.alloc(4, 1) : Buffer.alloc(0);
  const ip = Buffer.concat([Buffer.alloc(12), address(options.from), address(options.to), words]);
  const rest = options.rest ?? Buffer.alloc(0);
  ip[0] = 0x40 | (ip.length / 4);
  ip[1] = options.tos ?? 0;
  ip.writeUInt16BE(ip.length + l4.length + rest.length + (options.ipLengthError ?? 0), 2);
  ip.writeUInt16BE(identification, 4);
  ip.writeUInt16BE(fragment ? (fragment.more ? 0x2000 : 0) | (fragment.offset / 8) : 0x4000, 6);
  ip[8] = 64;
  ip[9] = UDP;
  const sum = 0xffff - fold(onesSum(ip));
  ip.writeUInt16BE(options.ipChecksum === "wrong" ? sum ^ 0x0101 : sum, 10);
  return Buffer.concat([ip, l4, rest]);
}

function ipv6(options: OuterFrame, l4: Buffer, fragment?: Fragment): Buffer {
  const headers: Buffer[] = [];
  let next = UDP;
  if (options.options) {
    headers.unshift(Buffer.from([next, 0, 1, 4, 0, 0, 0, 0]));
    next = DESTINATION_OPTIONS;
  }
  if (fragment) {
    const place = fragment.offset | Number(fragment.more);
    headers.unshift(
      Buffer.from([next, 0, place >> 8, place & 255, 0, 0, identification >> 8, identification & 255]),
    );
    next = FRAGMENT_HEADER;
  }
  const payload = Buffer.concat([...headers, l4, options.rest ?? Buffer.alloc(0)]);
  const head = Buffer.alloc(8);
  head.writeUInt16BE(0x6000 | ((options.tos ?? 0) << 4), 0);
  head.writeUInt16BE(payload.length + (options.ipLengthError ?? 0), 4);
  head[6] = next;
  head[7] = 64;
  return Buffer.concat([head, address(options.from), address(options.to), payload]);
}

function datagram(options: OuterFrame): Buffer {
  const { payload, port, udpLengthError = 0, udpChecksum = "none" } = options;
  const udp = Buffer.concat([Buffer.alloc(8), payload]);
  udp.writeUInt16BE(50_000, 0);
  udp.writeUInt16BE(port, 2);
  udp.writeUInt16BE(udp.length + udpLengthError, 4);
  if (udpChecksum === "none") return udp;
  const pseudo = onesSum(address(options.from)) + onesSum(address(options.to)) + UDP + udp.length;
  const sum = 0xffff - fold(pseudo + onesSum(udp)) || 0xffff;
  udp.writeUInt16BE(udpChecksum === "wrong" ? sum ^ 0x0101 || 0x0202 : sum, 6);
  return udp;
}

function mac(text: string): Buffer {
  return Buffer.from(text.replaceAll(":", ""), "hex");
}

function address(text: string): Buffer {
  return Buffer.from(ipaddr.parse(text).toByteArray());
}
