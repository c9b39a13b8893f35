// Just enough of pcapng to count what a mirror has written so far, where no tool that reads such files is at hand.
// https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html
import { existsSync, readFileSync } from "node:fs";

//   0        4             8
//   ├ type ──┼ total length ┼ body … ┼ total length ┤   little endian, as the switch writes it
const BLOCK_HEADER_BYTES = 8;
const BLOCK_BYTES_MIN = 12;
const LENGTH_OFFSET = 4;
const ENHANCED_PACKET_BLOCK = 6;

/** The frames in a pcapng file; a file that is not there yet holds none, and half a block at its end is not counted. */
export function countFrames(path: string): number {
  if (!existsSync(path)) return 0;
  const file = readFileSync(path);
  let count = 0;
  let offset = 0;
  while (offset + BLOCK_HEADER_BYTES <= file.length) {
    const bytes = file.readUInt32LE(offset + LENGTH_OFFSET);
    if (bytes < BLOCK_BYTES_MIN || offset + bytes > file.length) break;
    if (file.readUInt32LE(offset) === ENHANCED_PACKET_BLOCK) count += 1;
    offset += bytes;
  }
  return count;
}
