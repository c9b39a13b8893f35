// The edges of the lab's switch: devices and mirror outputs made of arrays, over one arena.
import { expect } from "vitest";
import { parseAddress } from "../../src/dataplane/address.ts";
import type { CaptureSink } from "../../src/dataplane/capture.ts";
import type { Device } from "../../src/dataplane/device.ts";
import { DROP_REASONS, Drop, type DropReasonName } from "../../src/dataplane/drop-reason.ts";
import {
  COPIES_MAX,
  COPY_DESTINATION,
  COPY_FRAME,
  COPY_RESULT,
  COPY_SHIFT,
  FRAME_FLAGS,
  FRAME_LENGTH,
  FRAME_OFFSET,
  FRAME_REMOTE,
  FRAME_SHIFT,
  FRAME_VTEP,
  FRAME_WORDS,
  FRAMES_MAX,
  type TransmitList,
} from "../../src/dataplane/frames.ts";
import { ARENA_BYTES, arenaOver } from "../../src/dataplane/io/arena.ts";
import { HELD, type Journal, SENT } from "../../src/dataplane/journal.ts";
import type { MirrorSink } from "../../src/dataplane/mirror.ts";
import type { Tables } from "../../src/dataplane/tables.ts";

/** Shared by all labs of a file: what a frame leaves behind in it is what real slots hold, too. */
export const arena = arenaOver(new ArrayBuffer(ARENA_BYTES));

/** Words of a frame row that a device may fill in, and where the datagram came from. */
export interface Arrival {
  readonly bytes: Buffer;
  readonly remote?: string;
  /** Word index → value. */
  readonly row?: Readonly<Record<number, number>>;
}

/** One underlay socket or TAP, made of arrays. */
export class MemoryDevice implements Device {
  readonly fd = -1;
  readonly encapsulated: boolean;
  readonly tellsOffloads: boolean;
  readonly spins = false;
  readonly index: number;
  /** What has been transmitted: destination, bytes, row. */
  readonly departures: { destination: number; bytes: Buffer; row: Int32Array }[] = [];
  /** Copies that this device refuses, and why. */
  refuses: (bytes: Buffer) => DropReasonName | null = () => null;
  largestTransmitCount = 0;
  private waiting: Arrival[] = [];
  private frames = new Int32Array(0);

  constructor(index: number, encapsulated: boolean) {
    this.index = index;
    this.encapsulated = encapsulated;
    this.tellsOffloads = !encapsulated;
  }

  attach(tables: Tables): this {
    this.frames = tables.frames;
    return this;
  }

  arrive(arrivals: readonly Arrival[]): void {
    this.waiting.push(...arrivals);
  }

  receive(): number {
    let offset = arena.slotBase;
    let count = 0;
    for (const { bytes, remote, row } of this.waiting.splice(0, FRAMES_MAX)) {
      const at = count++ << FRAME_SHIFT;
      arena.bytes.set(bytes, offset);
      this.frames.fill(0, at, at + FRAME_WORDS);
      this.frames[at + FRAME_OFFSET] = offset;
      this.frames[at + FRAME_LENGTH] = bytes.length;
      this.frames[at + FRAME_VTEP] = this.index;
      if (remote !== undefined) this.frames.set(parseAddress(remote).words, at + FRAME_REMOTE);
      for (const [word, value] of Object.entries(row ?? {})) this.frames[at + Number(word)] = value;
      offset += (bytes.length + 63) & ~63;
    }
    return count;
  }

  transmit(list: TransmitList): number {
    expect(list.count).toBeLessThanOrEqual(COPIES_MAX);
    this.largestTransmitCount = Math.max(this.largestTransmitCount, list.count);
    let failed = 0;
    for (let i = 0; i < list.count; i++) {
      const at = i << COPY_SHIFT;
      const row = list.copies[at + COPY_FRAME] << FRAME_SHIFT;
      const offset = this.frames[row + FRAME_OFFSET];
      const bytes = Buffer.from(arena.bytes.subarray(offset, offset + this.frames[row + FRAME_LENGTH]));
      const refusal = this.refuses(bytes);
      list.copies[at + COPY_RESULT] = refusal === null ? 0 : -Drop[refusal];
      if (refusal !== null) {
        failed++;
        continue;
      }
      const destination = list.copies[at + COPY_DESTINATION];
      this.departures.push({ destination, bytes, row: this.frames.slice(row, row + FRAME_WORDS) });
    }
    return failed;
  }
}

/** Takes the bytes only when the batch is over, as the real one does. */
export class MemorySink implements MirrorSink {
  readonly taken: { port: number; bytes: Buffer; flags: number }[] = [];
  private readonly offered: { port: number; offset: number; length: number; flags: number }[] = [];

  offer(frames: Int32Array, at: number, port: number): void {
    const [offset, length, flags] = [FRAME_OFFSET, FRAME_LENGTH, FRAME_FLAGS].map(
      (word) => frames[at + word],
    );
    this.offered.push({ port, offset, length, flags });
  }

  publish(): void {
    for (const { port, offset, length, flags } of this.offered.splice(0)) {
      this.taken.push({ port, flags, bytes: Buffer.from(arena.bytes.subarray(offset, offset + length)) });
    }
  }
}

/** Captured frames, each with what became of it: `to N` (a destination), a drop reason and `@` its port, or the kind. */
export class MemoryCapture implements CaptureSink {
  readonly taken: { port: number; bytes: Buffer; fates: string[] }[] = [];
  private offered: { port: number; offset: number; length: number; fates: string[] }[] = [];

  offer(journal: Journal, _frames: Int32Array, frame: number): void {
    const fates: string[] = [];
    for (let entry = journal.last[frame]; entry >= 0; entry = journal.before[entry])
      fates.unshift(fateText(journal.kinds[entry], journal.places[entry]));
    const { ports, offsets, lengths } = journal;
    this.offered.push({ port: ports[frame], offset: offsets[frame], length: lengths[frame], fates });
  }

  publish(): void {
    for (const { port, offset, length, fates } of this.offered.splice(0))
      this.taken.push({ port, fates, bytes: Buffer.from(arena.bytes.subarray(offset, offset + length)) });
  }
}

function fateText(kind: number, place: number): string {
  if (kind >= 0) return `${DROP_REASONS[kind].name}@${place}`;
  return `${kind === SENT ? "to" : kind === HELD ? "held" : "mirror"} ${place}`;
}
