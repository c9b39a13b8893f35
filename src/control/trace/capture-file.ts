// The Ethernet frames of a capture file, pcap (draft-ietf-opsawg-pcap) or pcapng (draft-ietf-opsawg-pcapng): as many as are
// wanted, from a file of bounded size. Whatever is damaged or not Ethernet gets a sentence.
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { Refusal } from "../refusal.ts";

export const CAPTURE_BYTES_MAX = 64 << 20;
const LINKTYPE_ETHERNET = 1;
const PCAP_MAGIC = { micro: 0xa1b2c3d4, nano: 0xa1b23c4d };
const PCAP_HEADER_BYTES = 24;
const PCAP_RECORD_BYTES = 16;
const BYTE_ORDER = 0x1a2b3c4d;
const BLOCK = { section: 0x0a0d0d0a, interface: 1, simple: 3, enhanced: 6 };

export interface CapturedFrame {
  /** Counted from 1, as tcpdump and Wireshark do. */
  readonly number: number;
  readonly bytes: Buffer;
}

/** `count` frames from number `first` on; throws a Refusal. */
export function readCaptureFile(path: string, first: number, count: number): CapturedFrame[] {
  const frames: CapturedFrame[] = [];
  let number = 0;
  for (const packet of packetsOf(path, readBytes(path))) {
    number++;
    if (number < first) continue;
    if (packet.linkType !== LINKTYPE_ETHERNET)
      throw new Refusal(
        `frame ${number} of ${path} is of link type ${packet.linkType}: expected Ethernet (1)`,
      );
    if (packet.bytes.length < packet.originalBytes) {
      const kept = `${packet.bytes.length} of ${packet.originalBytes} bytes`;
      throw new Refusal(`frame ${number} of ${path} has only ${kept}: capture it whole (tcpdump -s 0)`);
    }
    frames.push({ number, bytes: packet.bytes });
    if (frames.length === count) return frames;
  }
  if (frames.length > 0) return frames;
  throw new Refusal(
    number === 0 ? `${path} holds no frames` : `${path} has ${number} frames: there is no number ${first}`,
  );
}

interface Packet {
  readonly linkType: number;
  readonly bytes: Buffer;
  readonly originalBytes: number;
}

function readBytes(path: string): Buffer {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    throw new Refusal(`${path} cannot be read: ${(error as Error).message}`);
  }
  try {
    const { size } = fstatSync(fd);
    if (size > CAPTURE_BYTES_MAX)
      throw new Refusal(
        `${path} has ${size} bytes: ${CAPTURE_BYTES_MAX} at most (tcpdump -r ${path} -c N -w FILE cuts it)`,
      );
    const bytes = Buffer.alloc(size);
    return bytes.subarray(0, readSync(fd, bytes, 0, size, 0));
  } finally {
    closeSync(fd);
  }
}

function packetsOf(path: string, bytes: Buffer): Iterable<Packet> {
  if (bytes.length >= 2 && bytes.readUInt16BE(0) === 0x1f8b)
    throw new Refusal(`${path} is compressed: gunzip it first`);
  if (bytes.length >= 4) {
    if (bytes.readUInt32BE(0) === BLOCK.section) return pcapngPackets(path, bytes);
    const magics = Object.values(PCAP_MAGIC);
    if (magics.includes(bytes.readUInt32LE(0))) return pcapPackets(path, new Words(bytes, true));
    if (magics.includes(bytes.readUInt32BE(0))) return pcapPackets(path, new Words(bytes, false));
  }
  throw new Refusal(`${path} is no capture file: expected pcap or pcapng`);
}

/** Numbers in the byte order of who wrote them. */
class Words {
  readonly bytes: Buffer;
  private readonly isLittle: boolean;

  constructor(bytes: Buffer, isLittle: boolean) {
    this.bytes = bytes;
    this.isLittle = isLittle;
  }

  u16(at: number): number {
    return this.isLittle ? this.bytes.readUInt16LE(at) : this.bytes.readUInt16BE(at);
  }

  u32(at: number): number {
    return this.isLittle ? this.bytes.readUInt32LE(at) : this.bytes.readUInt32BE(at);
  }
}

function* pcapPackets(path: string, words: Words): Generator<Packet> {
  const { bytes } = words;
  if (bytes.length < PCAP_HEADER_BYTES) throw cutOff(path);
  const linkType = words.u32(20) & 0xffff;
  for (let at = PCAP_HEADER_BYTES; at < bytes.length; ) {
    if (at + PCAP_RECORD_BYTES > bytes.length) throw cutOff(path);
    const [captured, originalBytes] = [words.u32(at + 8), words.u32(at + 12)];
    const start = at + PCAP_RECORD_BYTES;
    if (start + captured > bytes.length) throw cutOff(path);
    yield { linkType, bytes: bytes.subarray(start, start + captured), originalBytes };
    at = start + captured;
  }
}

function* pcapngPackets(path: string, bytes: Buffer): Generator<Packet> {
  let words = new Words(bytes, true);
  let linkTypes: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (at + 12 > bytes.length) throw cutOff(path);
    if (bytes.readUInt32BE(at) === BLOCK.section) {
      words = new Words(bytes, bytes.readUInt32LE(at + 8) === BYTE_ORDER);
      if (words.u32(at + 8) !== BYTE_ORDER) throw damaged(path, at);
      linkTypes = [];
    }
    const [type, length] = [words.u32(at), words.u32(at + 4)];
    if (length < 12 || length % 4 !== 0) throw damaged(path, at);
    if (at + length > bytes.length) throw cutOff(path);
    if (type === BLOCK.interface && length >= 20) linkTypes.push(words.u16(at + 8));
    const packet = packetIn(words, at, length, type, linkTypes);
    if (packet === "damaged") throw damaged(path, at);
    if (packet !== null) yield packet;
    at += length;
  }
}

/** null = a block of another kind. */
function packetIn(
  words: Words,
  at: number,
  length: number,
  type: number,
  linkTypes: readonly number[],
): Packet | "damaged" | null {
  if (type !== BLOCK.enhanced && type !== BLOCK.simple) return null;
  const isSimple = type === BLOCK.simple;
  const [headBytes, lengthAt] = isSimple ? [12, at + 8] : [28, at + 20];
  if (length < headBytes + 4) return "damaged";
  const linkType = linkTypes[isSimple ? 0 : words.u32(at + 8)];
  const room = length - headBytes - 4;
  const originalBytes = words.u32(isSimple ? lengthAt : at + 24);
  const captured = isSimple ? Math.min(originalBytes, room) : words.u32(lengthAt);
  if (linkType === undefined || captured > room) return "damaged";
  const start = at + headBytes;
  return { linkType, bytes: words.bytes.subarray(start, start + captured), originalBytes };
}

function cutOff(path: string): Refusal {
  return new Refusal(`${path} ends in the middle of a frame or a block: the capture was cut off`);
}

function damaged(path: string, at: number): Refusal {
  return new Refusal(`${path} is damaged: the block at byte ${at} contradicts itself`);
}
