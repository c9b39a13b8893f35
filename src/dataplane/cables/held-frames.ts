// Frames that a cable holds for a while, of one forwarding thread: their rows, and their bytes in a part of the arena, for
// the slots that they came in are soon another batch's. All memory is taken when this is made. Those on their way in
// and those on their way out wait in a heap each, for they go on at different stages.

import {
  DROPPED_PORT,
  FRAME_LENGTH,
  FRAME_OFFSET,
  FRAME_PORT,
  FRAME_SHIFT,
  FRAME_TARGET,
  FRAME_WORDS,
  HELD_BYTES,
  HELD_FRAMES_MAX,
  type PacketMemory,
  RELEASED_MAX,
} from "../frames.ts";
import type { Cables } from "./cables.ts";
import { DueHeap } from "./due-heap.ts";
import { HeldMemory } from "./held-memory.ts";

export class HeldFrames {
  private readonly rows = new Int32Array(HELD_FRAMES_MAX << FRAME_SHIFT);
  /** By slot: the cable that holds the frame. */
  private readonly holders = new Int32Array(HELD_FRAMES_MAX);
  private readonly heaps = [new DueHeap(HELD_FRAMES_MAX), new DueHeap(HELD_FRAMES_MAX)];
  private readonly freeSlots = new Int32Array(HELD_FRAMES_MAX);
  private freeCount = 0;
  private readonly memory = new HeldMemory(HELD_BYTES);
  /** The slots of the rows that are on their way again. */
  private readonly released = new Int32Array(RELEASED_MAX);
  private releasedCount = 0;
  private readonly cables: Cables;
  private readonly bytes: Uint8Array;
  private readonly heldAt: number;

  constructor({ bytes, heldAt }: PacketMemory, cables: Cables) {
    this.bytes = bytes;
    this.heldAt = heldAt;
    this.cables = cables;
    for (let slot = HELD_FRAMES_MAX - 1; slot >= 0; slot--) this.freeSlots[this.freeCount++] = slot;
  }

  /** Copies the frame of a row (`at` = its first word) until a time; false if there is no room. */
  hold(cable: number, frames: Int32Array, at: number, destination: number, dueUs: number): boolean {
    if (this.freeCount === 0) return false;
    const length = frames[at + FRAME_LENGTH];
    const block = this.memory.take(length);
    if (block < 0) return false;
    const slot = this.freeSlots[--this.freeCount];
    const row = slot << FRAME_SHIFT;
    for (let word = 0; word < FRAME_WORDS; word++) this.rows[row + word] = frames[at + word];
    this.rows[row + FRAME_OFFSET] = this.heldAt + block;
    this.rows[row + FRAME_TARGET] = destination;
    const from = frames[at + FRAME_OFFSET];
    this.bytes.copyWithin(this.heldAt + block, from, from + length);
    this.holders[slot] = cable;
    this.cables.countHeld(cable, 1);
    this.heaps[cable & 1].push(slot, dueUs);
    return true;
  }

  isDue(direction: number, nowUs: number): boolean {
    return this.heaps[direction].isDue(nowUs);
  }

  /** Microseconds until the next frame is due, at most `atMostUs`. */
  untilDueUs(nowUs: number, atMostUs: number): number {
    let us = atMostUs;
    for (const heap of this.heaps) if (heap.count > 0) us = Math.min(us, heap.untilUs(nowUs));
    return Math.max(us, 0);
  }

  /** Writes the rows of frames of one direction that are due by now, as many as a batch takes; returns how many. */
  release(direction: number, frames: Int32Array, nowUs: number): number {
    const heap = this.heaps[direction];
    let count = 0;
    while (count < RELEASED_MAX && heap.isDue(nowUs)) {
      const slot = heap.pop();
      const at = count << FRAME_SHIFT;
      for (let word = 0; word < FRAME_WORDS; word++)
        frames[at + word] = this.rows[(slot << FRAME_SHIFT) + word];
      this.cables.countHeld(this.holders[slot], -1);
      this.released[count++] = slot;
    }
    this.releasedCount = count;
    return count;
  }

  /** What was released has been transmitted: its memory is free. */
  forget(): void {
    for (let i = 0; i < this.releasedCount; i++) this.free(this.released[i]);
    this.releasedCount = 0;
  }

  /**
   * A port goes away. What its cables hold is gone; the number of each is returned, in and out. What came from it and is
   * on another cable stays there, but has no sender any more who could be told that it is too big.
   */
  dropPort(port: number): readonly number[] {
    return this.heaps.map((heap) => {
      const before = heap.count;
      heap.sift((slot) => {
        const row = slot << FRAME_SHIFT;
        if (this.holders[slot] >> 1 !== port) {
          if (this.rows[row + FRAME_PORT] === port) this.rows[row + FRAME_PORT] = DROPPED_PORT;
          return false;
        }
        this.cables.countHeld(this.holders[slot], -1);
        this.free(slot);
        return true;
      });
      return before - heap.count;
    });
  }

  private free(slot: number): void {
    this.memory.give(this.rows[(slot << FRAME_SHIFT) + FRAME_OFFSET] - this.heldAt);
    this.freeSlots[this.freeCount++] = slot;
  }
}
