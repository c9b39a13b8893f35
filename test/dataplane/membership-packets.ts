// Builds IGMP and MLD messages, PIM hellos and packets to groups byte by byte, apart from the code under test.
import ipaddr from "ipaddr.js";
import { ALICE, ETHERTYPE_IPV4, ETHERTYPE_IPV6, fold, frame, onesSum } from "./packets.ts";

const IGMP = 2;
const ICMPV6 = 58;
const PIM = 103;
/** For experiments (RFC 3692): no decoder looks into it. */
const EXPERIMENT = 253;
const ROUTER_ALERT_IPV4 = Buffer.from([148, 4, 0, 0]);
const ROUTER_ALERT_IPV6 = Buffer.from([ICMPV6, 0, 5, 2, 0, 0, 1, 0]);

/** Type of a record (RFC 3376 section 4.2.12), the group, and how many senders it names. */
export type Record = readonly [type: number, group: string, sources?: number];

export interface MessageOptions {
  readonly from?: string;
  /** IP address of the sender; one of the link unless given. */
  readonly source?: string;
  readonly vlans?: readonly number[];
  readonly ttl?: number;
}

/** A message about one group, by its IGMP type (17 query, 18 and 22 reports, 23 leave), to where such ones go. */
export function igmp(type: number, group: string, options: MessageOptions = {}): Buffer {
  const to = { 17: group === "0.0.0.0" ? "224.0.0.1" : group, 23: "224.0.0.2" }[type] ?? group;
  return message(to, Buffer.concat([Buffer.from([type, 0, 0, 0]), ip(group)]), IGMP, options);
}

export function igmpv3(records: readonly Record[], options: MessageOptions = {}): Buffer {
  return message("224.0.0.22", Buffer.concat([Buffer.from([0x22, 0, 0, 0]), list(records)]), IGMP, options);
}

/** By the MLD type: 130 query, 131 report, 132 done. */
export function mld(type: number, group: string, options: MessageOptions = {}): Buffer {
  const to = { 130: group === "::" ? "ff02::1" : group, 132: "ff02::2" }[type] ?? group;
  const bytes = Buffer.concat([Buffer.from([type, 0, 0, 0, 0, 0, 0, 0]), ip(group)]);
  return message(to, bytes, ICMPV6, options);
}

export function mldv2(records: readonly Record[], options: MessageOptions = {}): Buffer {
  return message("ff02::16", Buffer.concat([Buffer.from([143, 0, 0, 0]), list(records)]), ICMPV6, options);
}

export function pimHello(to: "224.0.0.13" | "ff02::d", options: MessageOptions = {}): Buffer {
  return message(to, Buffer.from([0x20, 0, 0, 0, 0, 1, 0, 2, 0, 105]), PIM, options);
}

/** A packet to a group (or what is taken for one), from beyond the link. */
export function toGroup(to: string, options: MessageOptions & { readonly mac?: string } = {}): Buffer {
  return packet(to, Buffer.alloc(8), EXPERIMENT, { ttl: 9, ...options });
}

function list(records: readonly Record[]): Buffer {
  const each = records.map(([type, group, sources = 0]) => {
    const senders = ip(group.includes(":") ? "fd00::9" : "10.0.0.9");
    return Buffer.concat([
      Buffer.from([type, 0, sources >> 8, sources & 255]),
      ip(group),
      ...Array(sources).fill(senders),
    ]);
  });
  return Buffer.concat([Buffer.from([0, 0, records.length >> 8, records.length & 255]), ...each]);
}

/** With its checksum, which stands in the third and fourth byte of all of them. */
function message(to: string, bytes: Buffer, protocol: number, options: MessageOptions): Buffer {
  const isIpv6 = to.includes(":");
  const source = options.source ?? (isIpv6 ? "fe80::1" : "192.168.0.1");
  const pseudo = isIpv6 ? onesSum(Buffer.concat([ip(source), ip(to)])) + bytes.length + protocol : 0;
  bytes.writeUInt16BE(0xffff - fold(pseudo + onesSum(bytes)), 2);
  return packet(to, bytes, protocol, { ...options, source });
}

function packet(
  to: string,
  payload: Buffer,
  protocol: number,
  { from = ALICE, vlans = [], ttl = 1, ...options }: MessageOptions & { readonly mac?: string },
): Buffer {
  const isIpv6 = to.includes(":");
  const { source = isIpv6 ? "fd00::1" : "192.168.0.1", mac = groupMac(to) } = options;
  const header = isIpv6 ? ipv6(payload, protocol, ttl) : ipv4(payload, protocol, ttl);
  const ends = Buffer.concat([ip(source), ip(to)]);
  const type = isIpv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
  if (isIpv6) {
    const alert = protocol === ICMPV6 ? ROUTER_ALERT_IPV6 : Buffer.alloc(0);
    return frame({ from, to: mac, vlans, type, payload: Buffer.concat([header, ends, alert, payload]) });
  }
  const whole = Buffer.concat([header, ends, ROUTER_ALERT_IPV4]);
  whole.writeUInt16BE(0xffff - fold(onesSum(whole)), 10);
  return frame({ from, to: mac, vlans, type, payload: Buffer.concat([whole, payload]) });
}

function ipv4(payload: Buffer, protocol: number, ttl: number): Buffer {
  const header = Buffer.from([0x46, 0, 0, 0, 0, 0, 0, 0, ttl, protocol, 0, 0]);
  header.writeUInt16BE(24 + payload.length, 2);
  return header;
}

function ipv6(payload: Buffer, protocol: number, ttl: number): Buffer {
  const bytes = payload.length + (protocol === ICMPV6 ? ROUTER_ALERT_IPV6.length : 0);
  return Buffer.from([0x60, 0, 0, 0, bytes >> 8, bytes & 255, protocol === ICMPV6 ? 0 : protocol, ttl]);
}

/** RFC 1112 section 6.4, RFC 2464 section 7. */
function groupMac(group: string): string {
  const bytes = ip(group);
  if (bytes.length === 16) return `33:33:${hex(bytes.subarray(12))}`;
  return `01:00:5e:${hex(Buffer.from([bytes[1] & 127, bytes[2], bytes[3]]))}`;
}

function ip(text: string): Buffer {
  return Buffer.from(ipaddr.parse(text).toByteArray());
}

function hex(bytes: Buffer): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}
