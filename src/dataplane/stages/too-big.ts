// After transmit: who sent a frame that does not fit the way to its destination is told so, and sends smaller ones from then
// on (RFC 1191, RFC 8201). As the kernel's vxlan does, the answer has the addresses of the frame turned round, as if its
// destination had sent it. It takes the dropped frame's row; its bytes stand in a part of the arena kept for answers.
import * as counterLayout from "../counters.ts";
import { portCounter } from "../counters.ts";
import * as destinationLayout from "../destinations.ts";
import type { PacketMemory } from "../frames.ts";
import * as layout from "../frames.ts";
import type { Tables } from "../tables.ts";
import { writeIcmpv4TooBig, writeIcmpv6TooBig } from "../wire/icmp.ts";
import { isMulticast } from "../wire/mac.ts";
import type { AnsweringStage } from "./answers.ts";
import { createInnerReader, ETHERNET_HEADER_BYTES } from "./inner.ts";

const { TOO_BIG_REPLIES } = counterLayout;
const { DESTINATION_MTU, DESTINATION_OVERHEAD, DESTINATION_SHIFT } = destinationLayout;
const {
  ANSWER_BYTES,
  ANSWERS_MAX,
  DROPPED_PORT,
  FRAME_FLAGS,
  FRAME_GSO_TYPE,
  FRAME_LENGTH,
  FRAME_OFFSET,
  FRAME_PORT,
  FRAME_SHIFT,
  FRAME_TARGET_KEY,
  GSO_NONE,
} = layout;

/** Of one forwarding thread; the kernel's own limit is as high (net.ipv4.icmp_msgs_per_sec, burst aside). */
const ANSWERS_A_SECOND_MAX = 1000;

/** In the name of the destination that a frame did not reach. */
export interface TooBigStage extends AnsweringStage {
  /** A copy of a frame (its row's number) did not fit the way to a destination. */
  note(frame: number, destination: number): void;
  /** Once a second. */
  tick(): void;
}

export function createTooBig(tables: Tables, { view, answersAt }: PacketMemory): TooBigStage {
  const { frames, counters, destinations } = tables;
  const { ethernetHeader } = createInnerReader(tables, view);
  const notedFrames = new Int32Array(ANSWERS_MAX);
  const notedDestinations = new Int32Array(ANSWERS_MAX);
  let count = 0;
  let left = ANSWERS_A_SECOND_MAX;

  /** Of a frame with several such copies, the first. */
  function note(frame: number, destination: number): void {
    if (count === ANSWERS_MAX || (count > 0 && notedFrames[count - 1] === frame)) return;
    // The port that it came from went away while a cable held it.
    if (frames[(frame << FRAME_SHIFT) + FRAME_PORT] === DROPPED_PORT) return;
    notedFrames[count] = frame;
    notedDestinations[count++] = destination;
  }

  function answer(i: number): number {
    const at = notedFrames[i] << FRAME_SHIFT;
    const length = left > 0 ? write(at, notedDestinations[i], answersAt + i * ANSWER_BYTES) : 0;
    if (length === 0) return -1;
    left--;
    counters[portCounter(frames[at + FRAME_PORT]) + TOO_BIG_REPLIES]++;
    frames[at + FRAME_OFFSET] = answersAt + i * ANSWER_BYTES;
    frames[at + FRAME_LENGTH] = length;
    frames[at + FRAME_FLAGS] = 0;
    frames[at + FRAME_GSO_TYPE] = GSO_NONE;
    return notedFrames[i];
  }

  /** Writes the answer to the frame of a row; returns its length, 0 if none is due. */
  function write(at: number, destination: number, to: number): number {
    if (isMulticast(frames[at + FRAME_TARGET_KEY])) return 0;
    const [offset, length] = [frames[at + FRAME_OFFSET], frames[at + FRAME_LENGTH]];
    const headerBytes = ethernetHeader(offset, length) & 0xffff;
    const row = destination << DESTINATION_SHIFT;
    const tagBytes = headerBytes - ETHERNET_HEADER_BYTES;
    const mtuBytes =
      destinations[row + DESTINATION_MTU] - destinations[row + DESTINATION_OVERHEAD] - tagBytes;
    const from = { view, offset: offset + headerBytes, length: length - headerBytes };
    const packetBytes =
      writeIcmpv4TooBig(from, mtuBytes, to + headerBytes) ||
      writeIcmpv6TooBig(from, mtuBytes, to + headerBytes);
    if (packetBytes === 0) return 0;
    // The two addresses change places; tags and type stay.
    for (let byte = 0; byte < headerBytes; byte++)
      view.setUint8(to + byte, view.getUint8(offset + (byte < 12 ? (byte + 6) % 12 : byte)));
    return headerBytes + packetBytes;
  }

  return {
    note,
    noted: () => count,
    answer,
    speaker: (i) => notedDestinations[i],
    clear() {
      count = 0;
    },
    tick() {
      left = ANSWERS_A_SECOND_MAX;
    },
  };
}
