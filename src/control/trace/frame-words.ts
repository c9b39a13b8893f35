// A frame described in words, `src MAC dst MAC vlan N type ipv4 …`, built byte by byte: what an operator asks about without having
// captured it. Checksums are right, and what is not said is as usual.
import ipaddr from "ipaddr.js";
import { ETHERTYPE_VLAN } from "../../dataplane/stages/inner.ts";
import { FRAME_BYTES_MAX } from "../../dataplane/trace/answer.ts";
import { complement, sumOfWords } from "../../dataplane/wire/checksum.ts";
import { Refusal } from "../refusal.ts";

/** Those that have a name here. */
export const ETHERTYPES: Readonly<Record<string, number>> = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd };
/** For local experiments (802 clause 9.2.4), where nothing is said of what is inside. */
const ETHERTYPE_EXPERIMENTAL = 0x88b5;
export const PROTOCOLS: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, icmp6: 58 };
/** Without the FCS (802.3 clause 4.2.3.3). */
const FRAME_BYTES_USUAL = 60;

/** The words of a frame with what their values are. */
export const FRAME_WORDS: Readonly<Record<string, string>> = {
  src: "MAC",
  dst: "MAC, broadcast unless given",
  vlan: "N, the ID of a tag",
  type: "arp, ipv4, ipv6 or a number such as 0x88cc",
  sip: "IP address of the sender",
  dip: "IP address of who is addressed, or asked for",
  proto: "icmp, tcp or udp",
  sport: "N",
  dport: "N",
  length: "N, the bytes of the frame",
};

export type FrameWords = Readonly<Record<string, string>>;

/** The frame that the words describe; throws a Refusal. */
export function frameOfWords(words: FrameWords): Buffer {
  if (words.src === undefined) throw new Refusal("say whom the frame is from: src MAC");
  const tag =
    words.vlan === undefined ? Buffer.alloc(0) : shorts(ETHERTYPE_VLAN, numberOf("vlan", words.vlan, 4094));
  const type = typeOf(words);
  const head = Buffer.concat([
    macOf("dst", words.dst ?? "ff:ff:ff:ff:ff:ff"),
    macOf("src", words.src),
    tag,
    shorts(type),
  ]);
  const wanted = words.length === undefined ? null : numberOf("length", words.length, FRAME_BYTES_MAX);
  const frame = Buffer.concat([head, payloadOf(words, type, (wanted ?? 0) - head.length)]);
  if (wanted !== null && wanted < frame.length)
    throw new Refusal(`length ${wanted} is too short: what the words describe takes ${frame.length} bytes`);
  const padding = Math.max(0, (wanted ?? FRAME_BYTES_USUAL) - frame.length);
  return Buffer.concat([frame, Buffer.alloc(padding)]);
}

function typeOf({ type, sip, dip, proto, sport, dport }: FrameWords): number {
  if (type !== undefined)
    return ETHERTYPES[type] ?? numberOf("type", type, 0xffff, "arp, ipv4, ipv6 or a number");
  const address = sip ?? dip;
  if (address !== undefined)
    return addressOf("sip", address).kind() === "ipv6" ? ETHERTYPES.ipv6! : ETHERTYPES.ipv4!;
  return (proto ?? sport ?? dport) === undefined ? ETHERTYPE_EXPERIMENTAL : ETHERTYPES.ipv4!;
}

/** `bytes` is how long it should be at least. */
function payloadOf(words: FrameWords, type: number, bytes: number): Buffer {
  if (type === ETHERTYPES.arp) return arp(words);
  if (type === ETHERTYPES.ipv4) return ipv4(words, bytes);
  if (type === ETHERTYPES.ipv6) return ipv6(words, bytes);
  for (const word of ["sip", "dip", "proto", "sport", "dport"])
    if (words[word] !== undefined) throw new Refusal(`${word} is of IP and ARP, and the type is another one`);
  return Buffer.alloc(0);
}

/** Who has `dip`? */
function arp(words: FrameWords): Buffer {
  const request = Buffer.from("0001080006040001", "hex");
  const [source, target] = addresses(words, "ipv4", "0.0.0.0");
  return Buffer.concat([request, macOf("src", words.src!), source, Buffer.alloc(6), target]);
}

function ipv4(words: FrameWords, bytes: number): Buffer {
  const [source, target] = addresses(words, "ipv4", "0.0.0.0");
  const protocol = protocolOf(words, PROTOCOLS.icmp!);
  const transport = transportOf(words, protocol, bytes - 20, source, target);
  const header = Buffer.concat([Buffer.from("4500000000004000400000" + "00", "hex"), source, target]);
  header.writeUInt16BE(header.length + transport.length, 2);
  header[9] = protocol;
  header.writeUInt16BE(checksum(header), 10);
  return Buffer.concat([header, transport]);
}

function ipv6(words: FrameWords, bytes: number): Buffer {
  const [source, target] = addresses(words, "ipv6", "::");
  const protocol = protocolOf(words, PROTOCOLS.icmp6!);
  const transport = transportOf(words, protocol, bytes - 40, source, target);
  const header = Buffer.from("6000000000000040", "hex");
  header.writeUInt16BE(transport.length, 4);
  header[6] = protocol;
  return Buffer.concat([header, source, target, transport]);
}

function protocolOf({ proto, sport, dport }: FrameWords, icmp: number): number {
  if (proto === undefined) return (sport ?? dport) === undefined ? icmp : PROTOCOLS.udp!;
  if (proto === "icmp") return icmp;
  return PROTOCOLS[proto] ?? numberOf("proto", proto, 255, "icmp, tcp, udp or a number");
}

function transportOf(
  words: FrameWords,
  protocol: number,
  bytes: number,
  source: Buffer,
  target: Buffer,
): Buffer {
  const ports = shorts(portOf("sport", words, 49_152), portOf("dport", words, 9));
  const headers: Readonly<Record<number, [Buffer, number]>> = {
    [PROTOCOLS.icmp!]: [Buffer.from("0800000000010001", "hex"), 2],
    [PROTOCOLS.icmp6!]: [Buffer.from("8000000000010001", "hex"), 2],
    [PROTOCOLS.udp!]: [Buffer.concat([ports, Buffer.alloc(4)]), 6],
    [PROTOCOLS.tcp!]: [Buffer.concat([ports, Buffer.from("00000001000000005010ffff00000000", "hex")]), 16],
  };
  const [header, checksumAt] = headers[protocol] ?? [Buffer.alloc(0), -1];
  const all = Buffer.concat([header, Buffer.alloc(Math.max(0, bytes - header.length))]);
  if (protocol === PROTOCOLS.udp) all.writeUInt16BE(all.length, 4);
  if (checksumAt < 0) return all;
  const pseudo = protocol === PROTOCOLS.icmp ? [] : [source, target, shorts(0, protocol, 0, all.length)];
  all.writeUInt16BE(checksum(Buffer.concat([...pseudo, all])) || 0xffff, checksumAt);
  return all;
}

function checksum(bytes: Buffer): number {
  return complement(sumOfWords(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length));
}

function addresses({ sip, dip }: FrameWords, kind: "ipv4" | "ipv6", none: string): [Buffer, Buffer] {
  const [source, target] = [addressOf("sip", sip ?? none), addressOf("dip", dip ?? none)];
  for (const [word, address] of [
    ["sip", source],
    ["dip", target],
  ] as const)
    if (address.kind() !== kind)
      throw new Refusal(`${word} ${address} is not of the type of the frame, ${kind}`);
  return [Buffer.from(source.toByteArray()), Buffer.from(target.toByteArray())];
}

/** Throws a Refusal if a text is none. */
export function addressOf(word: string, text: string): ipaddr.IPv4 | ipaddr.IPv6 {
  if (ipaddr.isValid(text)) return ipaddr.parse(text);
  throw new Refusal(`${word}: expected an IP address, got ${JSON.stringify(text)}`);
}

function macOf(word: string, text: string): Buffer {
  if (/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text)) return Buffer.from(text.replace(/[:-]/g, ""), "hex");
  throw new Refusal(`${word}: expected a MAC address such as 02:00:00:00:00:01, got ${JSON.stringify(text)}`);
}

function portOf(word: string, words: FrameWords, usual: number): number {
  return words[word] === undefined ? usual : numberOf(word, words[word], 65_535);
}

/** From zero; throws a Refusal if a text is none, or too large. */
export function numberOf(word: string, text: string, max: number, expected = "a whole number"): number {
  const number = /^(\d+|0x[0-9a-f]+)$/i.test(text) ? Number(text) : Number.NaN;
  if (number <= max) return number;
  throw new Refusal(`${word}: expected ${expected} up to ${max}, got ${JSON.stringify(text)}`);
}

function shorts(...values: number[]): Buffer {
  return Buffer.from(values.flatMap((value) => [value >> 8, value & 255]));
}
