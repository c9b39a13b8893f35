// The queue between forwarding and a mirror's output against an array: through many rounds of the ring, full and empty.
import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import { allocateCounters, MIRROR_QUEUE_DROPS, mirrorCounter } from "../../src/dataplane/counters.ts";
import {
  FLAG_NEEDS_CSUM,
  FLAG_TRUNCATED,
  FRAME_CSUM_OFFSET,
  FRAME_CSUM_START,
  FRAME_FLAGS,
  FRAME_GSO_SIZE,
  FRAME_GSO_TYPE,
  FRAME_LENGTH,
  FRAME_OFFSET,
  FRAME_SHIFT,
  FRAME_WORDS,
  GSO_NONE,
  GSO_TCPV4,
} from "../../src/dataplane/frames.ts";
import {
  allocateFrameQueue,
  type FrameQueueMemory,
  FrameQueueReader,
  QUEUE_BYTES,
  queuedBytes,
  RECORD_NANOSECONDS,
  RECORD_ORIGINAL_BYTES,
  RECORD_PORT,
  RECORD_SECONDS,
} from "../../src/dataplane/io/frame-queue.ts";
import { MirrorWriter } from "../../src/dataplane/io/mirror-queue.ts";
import { Poller, WakeUp } from "../../src/dataplane/io/poller.ts";
import { pattern } from "./packets.ts";

const MIRROR = 5;
const ROW_BYTES = 64;
const arena = pattern(70_000, 42);

let wakeUps: WakeUp[] = [];
afterEach(() => {
  for (const wakeUp of wakeUps) wakeUp.close();
  wakeUps = [];
});

interface Ends {
  readonly memory: FrameQueueMemory;
  readonly writer: MirrorWriter;
  readonly reader: FrameQueueReader;
  readonly clock: { seconds: number; nanoseconds: number };
  readonly wakeUp: WakeUp;
  drops(): number;
}

function queue(snaplenBytes = 0): Ends {
  const wakeUp = new WakeUp();
  wakeUps.push(wakeUp);
  const memory = allocateFrameQueue(wakeUp.fd);
  const counters = new Float64Array(allocateCounters());
  const clock = { seconds: 0, nanoseconds: 0 };
  const writer = new MirrorWriter(memory, snaplenBytes, arena, clock, counters, MIRROR);
  const drops = (): number => counters[mirrorCounter(MIRROR) + MIRROR_QUEUE_DROPS];
  return { memory, writer, reader: new FrameQueueReader(memory), clock, wakeUp, drops };
}

/** A frame row over the arena; `extra` are further words. */
function row(offset: number, length: number, extra: Record<number, number> = {}): Int32Array {
  const words = new Int32Array(FRAME_WORDS);
  words[FRAME_OFFSET] = offset;
  words[FRAME_LENGTH] = length;
  for (const [word, value] of Object.entries(extra)) words[Number(word)] = value;
  return words;
}

function bytesOf(reader: FrameQueueReader, record: number): Uint8Array {
  const at = record << FRAME_SHIFT;
  const from = reader.words[at + FRAME_OFFSET];
  return reader.bytes.subarray(from, from + reader.words[at + FRAME_LENGTH]);
}

const length = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 14, max: 1514 }) },
  { weight: 3, arbitrary: fc.integer({ min: 60_000, max: 65_535 }) },
  { weight: 1, arbitrary: fc.constantFrom(63, 64, 65, 128) },
);
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ offer: fc.array(length, { maxLength: 40, size: "max" }) }) },
  { weight: 2, arbitrary: fc.record({ take: fc.nat(60) }) },
);

test("what comes out is what an array queue of the same bound holds, byte for byte, and the rest is counted", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 80, size: "max" }), (steps) => {
      const { writer, reader, drops } = queue();
      const model: { port: number; offset: number; length: number }[] = [];
      let ticket = 0;
      let lost = 0;
      for (const step of steps) {
        if ("offer" in step) {
          for (const length of step.offer) {
            const [port, offset, before] = [ticket++, (ticket * 61) % 4000, drops()];
            writer.offer(row(offset, length), 0, port);
            if (drops() === before) model.push({ port, offset, length });
            // It may only be refused when there is little room: not for as much as the largest record and a filler.
            else expect(waitingBytes(model) + 2 * 65_600).toBeGreaterThan(QUEUE_BYTES);
            lost += drops() - before;
          }
          writer.publish();
          continue;
        }
        for (const { port, offset, length } of model.splice(0, step.take)) {
          const record = reader.next();
          expect(record).toBeGreaterThanOrEqual(0);
          expect(reader.words[(record << FRAME_SHIFT) + RECORD_PORT]).toBe(port);
          expect(arena.subarray(offset, offset + length).equals(bytesOf(reader, record))).toBe(true);
        }
        if (model.length === 0) expect(reader.next()).toBe(-1);
        reader.release();
      }
      expect(ticket - lost).toBeLessThanOrEqual(ticket);
    }),
    { numRuns: 25 },
  );
});

test("the queue holds as many bytes as it says, then loses and counts, then goes on where it was", () => {
  const { memory, writer, reader, drops } = queue();
  const recordsMax = QUEUE_BYTES / (ROW_BYTES + 64);
  for (let i = 0; i < recordsMax + 10; i++) writer.offer(row(i % 1000, 64), 0, i);
  writer.publish();
  expect(drops()).toBe(10);
  expect(queuedBytes(memory)).toBe(QUEUE_BYTES);
  for (let i = 0; i < 3; i++) expect(portOf(reader, reader.next())).toBe(i);
  reader.release();
  for (let i = 0; i < 5; i++) writer.offer(row(7, 64), 0, 50_000 + i);
  writer.publish();
  expect(drops()).toBe(12);
  const ports: number[] = [];
  for (let record = reader.next(); record >= 0; record = reader.next()) ports.push(portOf(reader, record));
  expect(ports).toHaveLength(recordsMax);
  expect([ports[0], ...ports.slice(-3)]).toEqual([3, 50_000, 50_001, 50_002]);
});

test("positions pass 2^31 and 2^32 and nothing is lost", () => {
  const { memory, drops } = queue();
  const control = new Int32Array(memory.control);
  for (const start of [0x7fffffff & ~(QUEUE_BYTES - 1), 0xffffffff & ~(QUEUE_BYTES - 1)]) {
    control.fill(start, 0, 2);
    const counters = new Float64Array(allocateCounters());
    const clock = { seconds: 0, nanoseconds: 0 };
    const writer = new MirrorWriter(memory, 0, arena, clock, counters, MIRROR);
    const reader = new FrameQueueReader(memory);
    for (let i = 0; i < 200; i++) {
      writer.offer(row(i, 65_000), 0, i);
      writer.publish();
      const record = reader.next();
      expect(portOf(reader, record)).toBe(i);
      expect(arena.subarray(i, i + 65_000).equals(bytesOf(reader, record))).toBe(true);
      reader.release();
    }
    expect(reader.next()).toBe(-1);
  }
  expect(drops()).toBe(0);
});

test("nothing is seen before the batch is published", () => {
  const { writer, reader } = queue();
  writer.offer(row(0, 100), 0, 1);
  expect(reader.next()).toBe(-1);
  writer.publish();
  expect(reader.next()).toBeGreaterThanOrEqual(0);
});

test("a record says when, how long the frame was, and what is left to do with it", () => {
  const { writer, reader, clock } = queue();
  Object.assign(clock, { seconds: 1_700_000_000, nanoseconds: 999_999_999 });
  const offloads = {
    [FRAME_FLAGS]: FLAG_NEEDS_CSUM | FLAG_TRUNCATED,
    [FRAME_GSO_TYPE]: GSO_TCPV4,
    [FRAME_GSO_SIZE]: 1400,
    [FRAME_CSUM_START]: 34,
    [FRAME_CSUM_OFFSET]: 16,
  };
  writer.offer(row(0, 5000, offloads), 0, 1);
  writer.publish();
  const at = reader.next() << FRAME_SHIFT;
  const word = (index: number): number => reader.words[at + index];
  expect([word(RECORD_SECONDS), word(RECORD_NANOSECONDS)]).toEqual([1_700_000_000, 999_999_999]);
  expect([word(FRAME_LENGTH), word(RECORD_ORIGINAL_BYTES)]).toEqual([5000, 5000]);
  expect([word(FRAME_FLAGS), word(FRAME_GSO_TYPE), word(FRAME_GSO_SIZE)]).toEqual([
    FLAG_NEEDS_CSUM,
    GSO_TCPV4,
    1400,
  ]);
  expect([word(FRAME_CSUM_START), word(FRAME_CSUM_OFFSET)]).toEqual([34, 16]);
});

test("a frame cut to the snapshot length keeps its own length, and nobody is asked to finish it", () => {
  const { writer, reader } = queue(96);
  writer.offer(row(0, 5000, { [FRAME_FLAGS]: FLAG_NEEDS_CSUM, [FRAME_GSO_TYPE]: GSO_TCPV4 }), 0, 1);
  writer.offer(row(10, 96, { [FRAME_FLAGS]: FLAG_NEEDS_CSUM }), 0, 1);
  writer.publish();
  const [cut, whole] = [reader.next(), reader.next()].map((record) => record << FRAME_SHIFT);
  expect([reader.words[cut + FRAME_LENGTH], reader.words[cut + RECORD_ORIGINAL_BYTES]]).toEqual([96, 5000]);
  expect([reader.words[cut + FRAME_FLAGS], reader.words[cut + FRAME_GSO_TYPE]]).toEqual([0, GSO_NONE]);
  expect(reader.words[whole + FRAME_FLAGS]).toBe(FLAG_NEEDS_CSUM);
});

test("a reader that sleeps is woken once; one that has not looked yet does not fall asleep", () => {
  const { writer, reader, wakeUp } = queue();
  const poller = new Poller([wakeUp.fd]);
  expect(reader.sleep()).toBe(true);
  expect(poller.wait(0)).toBe(0);
  writer.offer(row(0, 64), 0, 1);
  writer.publish();
  expect(poller.wait(0)).toBe(1);
  wakeUp.clear();
  writer.offer(row(0, 64), 0, 2);
  writer.publish();
  expect(poller.wait(0)).toBe(0);
  expect(reader.sleep()).toBe(false);
  while (reader.next() >= 0);
  expect(reader.sleep()).toBe(true);
});

test("a writer and a reader that start anew go on where their predecessors stopped", () => {
  const { memory, writer, reader } = queue();
  for (let i = 0; i < 3; i++) writer.offer(row(0, 64), 0, i);
  writer.publish();
  reader.next();
  reader.release();
  reader.next();
  // Not released: the one that crashed may not have written it out.
  const counters = new Float64Array(allocateCounters());
  const second = new MirrorWriter(memory, 0, arena, { seconds: 0, nanoseconds: 0 }, counters, MIRROR);
  second.offer(row(0, 64), 0, 3);
  second.publish();
  const successor = new FrameQueueReader(memory);
  expect([1, 2, 3].map(() => portOf(successor, successor.next()))).toEqual([1, 2, 3]);
});

function portOf(reader: FrameQueueReader, record: number): number {
  return reader.words[(record << FRAME_SHIFT) + RECORD_PORT];
}

function waitingBytes(frames: readonly { length: number }[]): number {
  return frames.reduce((sum, { length }) => sum + ROW_BYTES + ((length + 63) & ~63), 0);
}
