// What the addon would say to a copy that it is asked to transmit, as far as the copy itself tells: whether it fits, and whether
// its metadata do. Nothing is transmitted; for traces.
import { Drop } from "../drop-reason.ts";
import {
  FLAG_NEEDS_CSUM,
  FRAME_FLAGS,
  FRAME_GSO_TYPE,
  FRAME_LENGTH,
  GSO_NONE,
  GSO_UDP_L4,
} from "../frames.ts";
import { native } from "./native.ts";

/** Room for a super-frame cut into segments of any size that a path has. */
const OUT_BYTES = 1 << 20;
const SEGMENTS_MAX = 8192;

/** The drop reason of a copy that leaves as datagrams whose inner frames have at most so many bytes, 0 = none. */
export function checkDatagram(row: Int32Array, bytes: Uint8Array, frameMaxBytes: number): number {
  if (isSuperFrame(row, frameMaxBytes)) return isCut(row, bytes, frameMaxBytes) ? 0 : Drop.too_big;
  if (row[FRAME_LENGTH] > frameMaxBytes) return Drop.too_big;
  return hasChecksum(row, bytes) ? 0 : Drop.offload_invalid;
}

/** The same of one that is written to a TAP, whose host's stack takes super-frames whole. */
export function checkBare(row: Int32Array, bytes: Uint8Array, frameMaxBytes: number): number {
  if (!hasChecksum(row, bytes)) return Drop.offload_invalid;
  return !isSuperFrame(row, frameMaxBytes) || isCut(row, bytes, frameMaxBytes) ? 0 : Drop.offload_invalid;
}

function isSuperFrame(row: Int32Array, frameMaxBytes: number): boolean {
  const type = row[FRAME_GSO_TYPE];
  return type === GSO_UDP_L4 || (type !== GSO_NONE && row[FRAME_LENGTH] > frameMaxBytes);
}

function isCut(row: Int32Array, bytes: Uint8Array, frameMaxBytes: number): boolean {
  return segments(row, bytes, frameMaxBytes) !== -1;
}

function hasChecksum(row: Int32Array, bytes: Uint8Array): boolean {
  if ((row[FRAME_FLAGS] & FLAG_NEEDS_CSUM) === 0) return true;
  const whole = row.slice();
  whole[FRAME_GSO_TYPE] = GSO_NONE;
  return segments(whole, bytes, bytes.length) !== -1;
}

/** -1 if the metadata does not fit. */
function segments(row: Int32Array, bytes: Uint8Array, frameMaxBytes: number): number {
  const lengths = new Int32Array(SEGMENTS_MAX);
  return native().segmentFrame(
    bytes,
    row,
    Math.min(frameMaxBytes, 65_535),
    new Uint8Array(OUT_BYTES),
    lengths,
  );
}
