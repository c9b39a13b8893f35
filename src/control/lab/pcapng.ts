// Counts what a mirror has written so far, where no tool that reads such files is at hand.
import { existsSync, readFileSync } from "node:fs";
import { Block, BlockReader, blockType } from "../capture/pcapng-blocks.ts";

/** The frames in a pcapng file; a file that is not there yet holds none, and half a block at its end is not counted. */
export function countFrames(path: string): number {
  if (!existsSync(path)) return 0;
  const blocks = new BlockReader().push(readFileSync(path));
  return blocks.filter((block) => blockType(block) === Block.packet).length;
}
