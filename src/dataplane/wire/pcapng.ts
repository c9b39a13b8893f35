// The pcapng file format (draft-ietf-opsawg-pcapng): blocks of type, length, body, length; one section, one interface,
// a block for each frame. Little endian, timestamps in nanoseconds.

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const LINKTYPE_ETHERNET = 1;
const OPTION_END = 0;
const OPTION_HEADER_BYTES = 4;
const OPTION_IF_NAME = 2;
const OPTION_IF_TSRESOL = 9;
/** Negative power of ten. */
const NANOSECONDS = Buffer.from([9]);
const NANOSECONDS_A_SECOND = 1e9;
const OPTION_SHB_USERAPPL = 4;

/** Bytes of a packet block beside the frame and its padding. */
const PACKET_OVERHEAD_BYTES = 32;

/** The blocks that open a file: section header and interface. */
export function pcapngHeader(application: string, interfaceName: string, snaplenBytes: number): Buffer {
  const section = Buffer.alloc(16);
  section.writeUInt32LE(BYTE_ORDER_MAGIC, 0);
  section.writeUInt16LE(1, 4);
  // Length of the section: not known.
  section.fill(0xff, 8, 16);
  const description = Buffer.alloc(8);
  description.writeUInt16LE(LINKTYPE_ETHERNET, 0);
  description.writeUInt32LE(snaplenBytes, 4);
  return Buffer.concat([
    block(SECTION_HEADER, Buffer.concat([section, options([OPTION_SHB_USERAPPL, Buffer.from(application)])])),
    block(
      INTERFACE_DESCRIPTION,
      Buffer.concat([
        description,
        options([OPTION_IF_NAME, Buffer.from(interfaceName)], [OPTION_IF_TSRESOL, NANOSECONDS]),
      ]),
    ),
  ]);
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
  out.writeUInt32LE(ENHANCED_PACKET, at);
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
  const out = Buffer.alloc(12 + body.length);
  out.writeUInt32LE(type, 0);
  out.writeUInt32LE(out.length, 4);
  body.copy(out, 8);
  out.writeUInt32LE(out.length, out.length - 4);
  return out;
}
