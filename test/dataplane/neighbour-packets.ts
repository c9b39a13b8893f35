// Builds ARP and neighbour discovery frames byte by byte, apart from the code under test.
import ipaddr from "ipaddr.js";
import { BROADCAST, ETHERTYPE_IPV6, fold, frame, onesSum } from "./packets.ts";

const ETHERTYPE_ARP = 0x0806;

export interface ArpOptions {
  readonly operation?: 1 | 2;
  readonly from: string;
  /** Of the Ethernet frame; broadcast unless given. */
  readonly to?: string;
  /** Addresses of who sends, and who is asked for. */
  readonly sender: string;
  readonly target: string;
  /** Where the sender claims to be; `from` unless given. */
  readonly senderMac?: string;
  readonly vlans?: readonly number[];
}

export function arp({ operation = 1, from, to = BROADCAST, vlans = [], ...rest }: ArpOptions): Buffer {
  const header = Buffer.from([0, 1, 8, 0, 6, 4, 0, operation]);
  const targetMac = operation === 1 ? Buffer.alloc(6) : mac(to);
  const ends = [mac(rest.senderMac ?? from), ip(rest.sender), targetMac, ip(rest.target)];
  return frame({ from, to, vlans, type: ETHERTYPE_ARP, payload: Buffer.concat([header, ...ends]) });
}

export interface NdOptions {
  readonly from: string;
  readonly to?: string;
  readonly source: string;
  readonly destination?: string;
  readonly target: string;
  /** In the option; `from` unless given, null = no option. */
  readonly link?: string | null;
  readonly vlans?: readonly number[];
}

/** To the group of the target's last 24 bits unless told otherwise (RFC 4291 section 2.7.1). */
export function solicitation({ from, source, target, ...rest }: NdOptions): Buffer {
  const last = ip(target).subarray(13);
  const { to = `33:33:ff:${hex(last)}`, destination = groupOf(last), link = from, vlans = [] } = rest;
  return nd({ type: 135, flags: 0, kind: 1, from, to, source, destination, target, link, vlans });
}

export function advertisement(
  options: NdOptions & { to: string; destination: string; router?: boolean },
): Buffer {
  const { from, link = from, vlans = [], router = false, ...rest } = options;
  return nd({ type: 136, flags: router ? 0xe0 : 0x60, kind: 2, from, link, vlans, ...rest });
}

interface Nd extends Required<NdOptions> {
  readonly type: number;
  readonly flags: number;
  readonly kind: number;
}

function nd({ type, flags, kind, from, to, source, destination, target, link, vlans }: Nd): Buffer {
  const option = link === null ? Buffer.alloc(0) : Buffer.concat([Buffer.from([kind, 1]), mac(link)]);
  const icmp = Buffer.concat([Buffer.from([type, 0, 0, 0, flags, 0, 0, 0]), ip(target), option]);
  const ends = Buffer.concat([ip(source), ip(destination)]);
  icmp.writeUInt16BE(0xffff - fold(onesSum(ends) + icmp.length + 58 + onesSum(icmp)), 2);
  const header = Buffer.from([0x60, 0, 0, 0, 0, icmp.length, 58, 255]);
  return frame({ from, to, vlans, type: ETHERTYPE_IPV6, payload: Buffer.concat([header, ends, icmp]) });
}

function groupOf(last: Buffer): string {
  return `ff02::1:ff${last.toString("hex", 0, 1)}:${last.toString("hex", 1)}`;
}

function ip(text: string): Buffer {
  return Buffer.from(ipaddr.parse(text).toByteArray());
}

function mac(text: string): Buffer {
  return Buffer.from(text.replaceAll(":", ""), "hex");
}

function hex(bytes: Buffer): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}
