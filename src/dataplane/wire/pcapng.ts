// The pcapng file format (draft-ietf-opsawg-pcapng): blocks of type, length, body, length; one section, one interface,
// a block for each frame. Little endian, timestamps in microseconds.

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const LINKTYPE_ETHERNET = 1;
const OPTION_END = 0;
const OPTION_IF_NAME = 2;
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
    block(SECTION_HEADER, Buffer.concat([section, options(OPTION_SHB_USERAPPL, application)])),
    block(INTERFACE_DESCRIPTION, Buffer.concat([description, options(OPTION_IF_NAME, interfaceName)])),
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
  microseconds: number,
  capturedBytes: number,
  originalBytes: number,
): number {
  const blockBytes = packetBlockBytes(capturedBytes);
  const time = seconds * 1e6 + microseconds;
  out.writeUInt32LE(ENHANCED_PACKET, at);
  out.writeUInt32LE(blockBytes, at + 4);
  out.writeUInt32LE(0, at + 8);
  out.writeUInt32LE(Math.floor(time / 2 ** 32), at + 12);
  out.writeUInt32LE(time % 2 ** 32, at + 16);
  out.writeUInt32LE(capturedBytes, at + 20);
  out.writeUInt32LE(originalBytes, at + 24);
  out.fill(0, at + 28 + capturedBytes, at + 28 + padded(capturedBytes));
  out.writeUInt32LE(blockBytes, at + blockBytes - 4);
  return at + 28;
}

function padded(bytes: number): number {
  return (bytes + 3) & ~3;
}

function options(code: number, text: string): Buffer {
  const value = Buffer.from(text, "utf8");
  const out = Buffer.alloc(4 + padded(value.length) + 4);
  out.writeUInt16LE(code, 0);
  out.writeUInt16LE(value.length, 2);
  value.copy(out, 4);
  out.writeUInt16LE(OPTION_END, out.length - 4);
  return out;
}

function block(type: number, body: Buffer): Buffer {
  const out = Buffer.alloc(12 + body.length);
  out.writeUInt32LE(type, 0);
  out.writeUInt32LE(out.length, 4);
  body.copy(out, 8);
  out.writeUInt32LE(out.length, out.length - 4);
  return out;
}
