// The pcapng file format (draft-ietf-opsawg-pcapng): blocks of type, length, body, length; one section, its interfaces,
// a block for each frame. Little endian, timestamps in nanoseconds.

/** Types of blocks. */
export const Block = { section: 0x0a0d0d0a, interface: 1, statistics: 5, packet: 6 } as const;
/** Type, length, and the length again at the end. */
export const BLOCK_BYTES_MIN = 12;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const LINKTYPE_ETHERNET = 1;
const OPTION_END = 0;
const OPTION_HEADER_BYTES = 4;
export const OPTION_COMMENT = 1;
export const OPTION_IF_NAME = 2;
const OPTION_EPB_FLAGS = 2;
const OPTION_ISB_IFRECV = 4;
export const OPTION_ISB_IFDROP = 5;
/** Longer ones the length field cannot tell. */
const OPTION_BYTES_MAX = 0xffff;
/** Of the flags, the direction. */
const INBOUND = Buffer.from([1, 0, 0, 0]);
const OPTION_IF_TSRESOL = 9;
/** The header says how much of a frame is kept at most; this stands for "all". */
export const SNAPLEN_ALL = 262_144;
/** Negative power of ten. */
const NANOSECONDS = Buffer.from([9]);
const NANOSECONDS_A_SECOND = 1e9;
const OPTION_SHB_USERAPPL = 4;

/** Bytes of a packet block beside the frame and its padding. */
const PACKET_OVERHEAD_BYTES = 32;

/** The blocks that open a file of one interface. */
export function pcapngHeader(application: string, interfaceName: string, snaplenBytes: number): Buffer {
  return Buffer.concat([sectionHeader(application), interfaceDescription(interfaceName, snaplenBytes)]);
}

/** The block that opens a section. */
export function sectionHeader(application: string): Buffer {
  const section = Buffer.alloc(16);
  section.writeUInt32LE(BYTE_ORDER_MAGIC, 0);
  section.writeUInt16LE(1, 4);
  // Length of the section: not known.
  section.fill(0xff, 8, 16);
  const written = options([OPTION_SHB_USERAPPL, Buffer.from(application)]);
  return block(Block.section, Buffer.concat([section, written]));
}

/** Interfaces of a section have numbers in the order in which they are described. */
export function interfaceDescription(name: string, snaplenBytes: number): Buffer {
  const description = Buffer.alloc(8);
  description.writeUInt16LE(LINKTYPE_ETHERNET, 0);
  description.writeUInt32LE(snaplenBytes, 4);
  const written = options([OPTION_IF_NAME, Buffer.from(name)], [OPTION_IF_TSRESOL, NANOSECONDS]);
  return block(Block.interface, Buffer.concat([description, written]));
}

export interface Time {
  readonly seconds: number;
  readonly nanoseconds: number;
}

export interface CommentedPacket extends Time {
  readonly interfaceNumber: number;
  /** One piece or several, put together. */
  readonly bytes: readonly Uint8Array[];
  readonly originalBytes: number;
  readonly comment: string;
}

/** A packet block with a comment, of a frame that its interface received. */
export function commentedPacket(packet: CommentedPacket): Buffer {
  const bytes = Buffer.concat(packet.bytes);
  const head = Buffer.alloc(20);
  head.writeUInt32LE(packet.interfaceNumber, 0);
  writeTime(head, 4, packet.seconds, packet.nanoseconds);
  head.writeUInt32LE(bytes.length, 12);
  head.writeUInt32LE(packet.originalBytes, 16);
  const padding = Buffer.alloc(padded(bytes.length) - bytes.length);
  const comment = Buffer.from(packet.comment).subarray(0, OPTION_BYTES_MAX);
  const said = options([OPTION_COMMENT, comment], [OPTION_EPB_FLAGS, INBOUND]);
  return block(Block.packet, Buffer.concat([head, bytes, padding, said]));
}

/** What an interface received until `time`, and how much of that was lost. */
export function interfaceStatistics(
  interfaceNumber: number,
  time: Time,
  received: number,
  lost: number,
): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt32LE(interfaceNumber, 0);
  writeTime(head, 4, time.seconds, time.nanoseconds);
  const said = options([OPTION_ISB_IFRECV, count64(received)], [OPTION_ISB_IFDROP, count64(lost)]);
  return block(Block.statistics, Buffer.concat([head, said]));
}

function count64(count: number): Buffer {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt(count));
  return out;
}

/** Bytes that `writePacket` takes for a frame of which `capturedBytes` are kept. */
export function packetBlockBytes(capturedBytes: number): number {
  return PACKET_OVERHEAD_BYTES + padded(capturedBytes);
}

/** Writes a packet block's head and tail at `at` and returns where the frame's bytes belong. */
export function writePacket(
  out: Buffer,
  at: number,
  seconds: number,
  nanoseconds: number,
  capturedBytes: number,
  originalBytes: number,
): number {
  const blockBytes = packetBlockBytes(capturedBytes);
  out.writeUInt32LE(Block.packet, at);
  out.writeUInt32LE(blockBytes, at + 4);
  out.writeUInt32LE(0, at + 8);
  writeTime(out, at + 12, seconds, nanoseconds);
  out.writeUInt32LE(capturedBytes, at + 20);
  out.writeUInt32LE(originalBytes, at + 24);
  out.fill(0, at + 28 + capturedBytes, at + 28 + padded(capturedBytes));
  out.writeUInt32LE(blockBytes, at + blockBytes - 4);
  return at + 28;
}

/** 64 bits of nanoseconds, the upper half first. A double holds only 53: the seconds are multiplied in two parts. */
function writeTime(out: Buffer, at: number, seconds: number, nanoseconds: number): void {
  const upper = (seconds >>> 16) * NANOSECONDS_A_SECOND;
  const lower = (upper % 2 ** 16) * 2 ** 16 + (seconds & 0xffff) * NANOSECONDS_A_SECOND + nanoseconds;
  out.writeUInt32LE(Math.floor(upper / 2 ** 16) + Math.floor(lower / 2 ** 32), at);
  out.writeUInt32LE(lower % 2 ** 32, at + 4);
}

function padded(bytes: number): number {
  return (bytes + 3) & ~3;
}

function options(...list: readonly (readonly [code: number, value: Buffer])[]): Buffer {
  const each = list.map(([code, value]) => {
    const out = Buffer.alloc(OPTION_HEADER_BYTES + padded(value.length));
    out.writeUInt16LE(code, 0);
    out.writeUInt16LE(value.length, 2);
    value.copy(out, OPTION_HEADER_BYTES);
    return out;
  });
  return Buffer.concat([...each, Buffer.alloc(OPTION_HEADER_BYTES, OPTION_END)]);
}

function block(type: number, body: Buffer): Buffer {
  const out = Buffer.alloc(BLOCK_BYTES_MIN + body.length);
  out.writeUInt32LE(type, 0);
  out.writeUInt32LE(out.length, 4);
  body.copy(out, 8);
  out.writeUInt32LE(out.length, out.length - 4);
  return out;
}
