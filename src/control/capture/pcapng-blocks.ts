// Reads the pcapng that the daemon streams: whole blocks from chunks that end anywhere, and what a packet's block says.
import {
  BLOCK_BYTES_MIN,
  Block,
  OPTION_COMMENT,
  OPTION_IF_NAME,
  OPTION_ISB_IFDROP,
} from "../../dataplane/wire/pcapng.ts";

export { Block };

const HEADER_BYTES = 8;
const LENGTH_OFFSET = 4;
const PACKET_HEAD_BYTES = 28;

export interface Packet {
  readonly interfaceNumber: number;
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  readonly bytes: Buffer;
  readonly originalBytes: number;
  readonly comment: string;
}

export class BlockReader {
  private rest = Buffer.alloc(0);

  /** The blocks that are whole now; none from one on that has a length that no block has. */
  push(chunk: Buffer): Buffer[] {
    let bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    const blocks: Buffer[] = [];
    while (bytes.length >= HEADER_BYTES) {
      const length = bytes.readUInt32LE(LENGTH_OFFSET);
      if (length < BLOCK_BYTES_MIN || bytes.length < length) break;
      blocks.push(bytes.subarray(0, length));
      bytes = bytes.subarray(length);
    }
    this.rest = Buffer.from(bytes);
    return blocks;
  }
}

export function blockType(block: Buffer): number {
  return block.readUInt32LE(0);
}

export function readInterfaceName(block: Buffer): string {
  return option(block, 16, OPTION_IF_NAME)?.toString() ?? "";
}

/** Frames that were lost, of a block of statistics. */
export function readLost(block: Buffer): number {
  return Number(option(block, 20, OPTION_ISB_IFDROP)?.readBigUInt64LE() ?? 0n);
}

export function readPacket(block: Buffer): Packet {
  const captured = block.readUInt32LE(20);
  const comment = option(block, PACKET_HEAD_BYTES + ((captured + 3) & ~3), OPTION_COMMENT);
  return {
    interfaceNumber: block.readUInt32LE(8),
    time: (BigInt(block.readUInt32LE(12)) << 32n) | BigInt(block.readUInt32LE(16)),
    bytes: block.subarray(PACKET_HEAD_BYTES, PACKET_HEAD_BYTES + captured),
    originalBytes: block.readUInt32LE(24),
    comment: comment?.toString() ?? "",
  };
}

function option(block: Buffer, from: number, wanted: number): Buffer | null {
  const end = block.length - 4;
  for (let at = from; at + 4 <= end; ) {
    const [code, length] = [block.readUInt16LE(at), block.readUInt16LE(at + 2)];
    if (code === wanted) return block.subarray(at + 4, at + 4 + length);
    if (code === 0) return null;
    at += 4 + ((length + 3) & ~3);
  }
  return null;
}
