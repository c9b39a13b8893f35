// All packet memory: one mapped region, seen as one ArrayBuffer and cut into receive slots, a staging area and room for held
// frames. A frame is an integer offset in it. Everything is mapped at start; untouched pages cost nothing.
import {
  ANSWER_BYTES,
  ANSWERS_MAX,
  CLAMPED_BYTES,
  FORMS_BYTES,
  HELD_BYTES,
  NEIGH_ANSWER_BYTES,
  NEIGH_ANSWERS_MAX,
  type PacketMemory,
  SLOT_COUNT,
} from "../frames.ts";
import { RINGS_MAX } from "../limits.ts";
import { native } from "./native.ts";

/**
 * A slot holds the largest UDP datagram (65,507 bytes) or TAP frame. Its size is not a multiple of 4 KiB, so that the
 * first bytes of the slots, which every frame touches, do not all fall into the same sets of the cache.
 */
export const SLOT_BYTES = 65_536 + 4096 + 192;
/** Segments of super-frames are written here on their way out; flushed when full. */
export const STAGING_BYTES = 1 << 20;

/** Records of a receive ring: a power of two (BPF_MAP_TYPE_RINGBUF). */
export const RING_BYTES = 16 << 20;
/** Room for the receive ring of one device; the kernel's memory is laid over it, the records twice (native/ring.c). */
export const RING_ROOM_BYTES = 3 * 65_536 + 2 * RING_BYTES;

const ANSWERS_BYTES = ANSWERS_MAX * ANSWER_BYTES;
const NEIGH_ANSWERS_BYTES = NEIGH_ANSWERS_MAX * NEIGH_ANSWER_BYTES;
const OWN_BYTES =
  ANSWERS_BYTES + NEIGH_ANSWERS_BYTES + CLAMPED_BYTES + FORMS_BYTES + STAGING_BYTES + HELD_BYTES;
/** Of an arena without rings. Rings begin at a whole page, which may be as large as 64 KiB. */
export const ARENA_BYTES = (SLOT_BYTES * SLOT_COUNT + OWN_BYTES + 65_535) & ~65_535;

export interface Arena extends PacketMemory {
  readonly slotBase: number;
  readonly staging: Uint8Array;
  /** Offset of the first ring's room, a whole number of pages; a buffer of a test ends there. */
  readonly ringBase: number;
}

/** Cuts a buffer into slots and staging; tests hand in an ordinary ArrayBuffer. */
export function arenaOver(buffer: ArrayBuffer): Arena {
  const answersAt = SLOT_BYTES * SLOT_COUNT;
  const neighAnswersAt = answersAt + ANSWERS_BYTES;
  const formsAt = neighAnswersAt + NEIGH_ANSWERS_BYTES;
  const clampedAt = formsAt + FORMS_BYTES;
  const stagingAt = clampedAt + CLAMPED_BYTES;
  return {
    bytes: new Uint8Array(buffer),
    view: new DataView(buffer),
    slotBase: 0,
    answersAt,
    neighAnswersAt,
    formsAt,
    clampedAt,
    staging: new Uint8Array(buffer, stagingAt, STAGING_BYTES),
    heldAt: stagingAt + STAGING_BYTES,
    ringBase: ARENA_BYTES,
  };
}

/** Maps the arena; throws when the machine has no memory for it. */
export function mapArena(): Arena {
  return arenaOver(native().arenaMap(ARENA_BYTES + RING_ROOM_BYTES * RINGS_MAX));
}
