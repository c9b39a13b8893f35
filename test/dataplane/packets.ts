// Builds frames byte by byte, apart from the code under test: Ethernet, VLAN tags, IPv4 and IPv6, TCP and UDP, with
// checksums filled or left to a network card.
import ipaddr from "ipaddr.js";

export const ALICE = "02:00:00:00:00:0a";
export const BOB = "02:00:00:00:00:0b";
export const CAROL = "02:00:00:00:00:0c";
export const BROADCAST = "ff:ff:ff:ff:ff:ff";
export const NOBODY = "00:00:00:00:00:00";

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_IPV6 = 0x86dd;
const ETHERTYPE_VLAN = 0x8100;
/** For local experiments (802 clause 9.2.4): no decoder looks into it. */
const ETHERTYPE_EXPERIMENTAL = 0x88b5;
const PROTOCOL = { tcp: 6, udp: 17 } as const;

export interface FrameOptions {
  readonly from?: string;
  readonly to?: string;
  /** VLAN IDs of the tags, the outermost first. */
  readonly vlans?: readonly number[];
  readonly type?: number;
  readonly payload?: Buffer;
}

/** An Ethernet frame, without FCS. */
export function frame(options: FrameOptions = {}): Buffer {
  const { from = ALICE, to = BOB, vlans = [], type = ETHERTYPE_EXPERIMENTAL } = options;
  const tags = vlans.flatMap((vlan) => [ETHERTYPE_VLAN, vlan]);
  const words = Buffer.from([...tags, type].flatMap((word) => [word >> 8, word & 255]));
  return Buffer.concat([mac(to), mac(from), words, options.payload ?? Buffer.alloc(46)]);
}

/** `02:00:00:00:00:07` for 7. */
export function numberedMac(number: number): string {
  return (0x020000000000 + number)
    .toString(16)
    .padStart(12, "0")
    .replace(/..(?!$)/g, "$&:");
}

function mac(text: string): Buffer {
  return Buffer.from(text.replaceAll(":", ""), "hex");
}

export interface PacketOptions {
  readonly version: 4 | 6;
  readonly protocol: "tcp" | "udp";
  readonly payload: Buffer;
  /** `left`: the field holds the pseudo-header sum, as a sender leaves it to a network card. */
  readonly checksum: "filled" | "left";
  readonly ports?: readonly [number, number];
  /** Type of service or traffic class. */
  readonly tos?: number;
  /** TTL or hop limit. */
  readonly ttl?: number;
  /** Over IPv4, true unless given. */
  readonly df?: boolean;
  /** IPv4 options, a multiple of 4 bytes. */
  readonly ipOptions?: Buffer;
  /** TCP options, a multiple of 4 bytes. */
  readonly tcpOptions?: Buffer;
  readonly sequence?: number;
  readonly flags?: number;
}

export interface Packet {
  /** From the IP header on. */
  readonly bytes: Buffer;
  /** Offsets from the IP header. */
  readonly l4: number;
  readonly payload: number;
}

/** An IP packet with a transport header. */
export function packet(options: PacketOptions): Packet {
  const { version, ipOptions = Buffer.alloc(0) } = options;
  const source = Buffer.from(ipaddr.parse(version === 4 ? "192.168.0.101" : "fd00::101").toByteArray());
  const target = Buffer.from(ipaddr.parse(version === 4 ? "192.168.0.102" : "fd00::102").toByteArray());
  const header = transportHeader(options);
  const transport = Buffer.concat([header, options.payload]);
  const protocol = PROTOCOL[options.protocol];
  const pseudo = onesSum(source) + onesSum(target) + protocol + transport.length;
  const field = options.protocol === "tcp" ? 16 : 6;
  const sum = options.checksum === "left" ? fold(pseudo) : 0xffff - fold(pseudo + onesSum(transport));
  // Zero would mean that there is none, but only to UDP (RFC 768).
  const mangled = options.checksum === "filled" && options.protocol === "udp" && sum === 0;
  transport.writeUInt16BE(mangled ? 0xffff : sum, field);
  const ip =
    version === 4
      ? ipv4Header(source, target, protocol, ipOptions, transport.length, options)
      : ipv6Header(source, target, protocol, transport.length, options);
  return { bytes: Buffer.concat([ip, transport]), l4: ip.length, payload: ip.length + header.length };
}

function transportHeader({ protocol, ports = [40_000, 50_000], payload, ...options }: PacketOptions): Buffer {
  if (protocol === "udp") {
    const udp = Buffer.alloc(8);
    udp.writeUInt16BE(ports[0], 0);
    udp.writeUInt16BE(ports[1], 2);
    udp.writeUInt16BE(8 + payload.length, 4);
    return udp;
  }
  const { tcpOptions = Buffer.alloc(0), sequence = 1000, flags = 0x10 } = options;
  const tcp = Buffer.alloc(20);
  tcp.writeUInt16BE(ports[0], 0);
  tcp.writeUInt16BE(ports[1], 2);
  tcp.writeUInt32BE(sequence, 4);
  tcp.writeUInt32BE(7, 8);
  tcp[12] = ((20 + tcpOptions.length) / 4) << 4;
  tcp[13] = flags;
  tcp.writeUInt16BE(512, 14);
  return Buffer.concat([tcp, tcpOptions]);
}

function ipv4Header(
  source: Buffer,
  target: Buffer,
  protocol: number,
  options: Buffer,
  l4: number,
  { tos = 0, ttl = 64, df = true }: PacketOptions,
): Buffer {
  const ip = Buffer.concat([Buffer.alloc(12), source, target, options]);
  ip[0] = 0x40 | (ip.length / 4);
  ip[1] = tos;
  ip.writeUInt16BE(ip.length + l4, 2);
  ip.writeUInt16BE(0xfffe, 4);
  ip.writeUInt16BE(df ? 0x4000 : 0, 6);
  ip[8] = ttl;
  ip[9] = protocol;
  ip.writeUInt16BE(0xffff - fold(onesSum(ip)), 10);
  return ip;
}

function ipv6Header(
  source: Buffer,
  target: Buffer,
  protocol: number,
  l4: number,
  { tos = 0, ttl = 64 }: PacketOptions,
): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(0x6000 | (tos << 4), 0);
  head.writeUInt16BE(l4, 4);
  head[6] = protocol;
  head[7] = ttl;
  return Buffer.concat([head, source, target]);
}

/** The sum of RFC 1071, word by word, as slowly as it is defined. */
export function onesSum(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i++) sum += i % 2 === 0 ? bytes[i] << 8 : bytes[i];
  return sum;
}

/** Folds such a sum to 16 bits. */
export function fold(sum: number): number {
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  return sum;
}

/** Bytes that differ from one another and from those of other seeds. */
export function pattern(bytes: number, seed = 1): Buffer {
  const out = Buffer.alloc(bytes);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < bytes; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    out[i] = state >>> 24;
  }
  return out;
}

/** A VXLAN header (RFC 7348 section 5) in front of a frame. */
export function vxlan(vni: number, inner: Buffer, flags = 0x08): Buffer {
  const header = Buffer.alloc(8);
  header[0] = flags;
  header.writeUIntBE(vni, 4, 3);
  return Buffer.concat([header, inner]);
}
