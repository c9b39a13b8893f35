// From the queue to a capture file: every frame is written or counted as refused, and the file says what the queue held.
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  allocateCounters,
  MIRROR_BYTES,
  MIRROR_OUTPUT_DROPS,
  MIRROR_PACKETS,
  MIRROR_QUEUE_DROPS,
  mirrorCounter,
} from "../../src/dataplane/counters.ts";
import { FRAME_LENGTH, FRAME_OFFSET, FRAME_WORDS } from "../../src/dataplane/frames.ts";
import { allocateFrameQueue } from "../../src/dataplane/io/frame-queue.ts";
import { FileOutput, TapOutput } from "../../src/dataplane/io/mirror-output.ts";
import { MirrorWriter } from "../../src/dataplane/io/mirror-queue.ts";
import { PcapngFile } from "../../src/dataplane/io/pcapng-file.ts";
import { WakeUp } from "../../src/dataplane/io/poller.ts";
import { pcapngHeader } from "../../src/dataplane/wire/pcapng.ts";
import { decodeFile, directory } from "./decoder.ts";
import { frame, pattern } from "./packets.ts";

const MIRROR = 2;
const arena = frame({ payload: pattern(65_521) });

function setUp(snaplenBytes: number) {
  const wakeUp = new WakeUp();
  const memory = allocateFrameQueue(wakeUp.fd);
  const counters = new Float64Array(allocateCounters());
  const clock = { seconds: 1_700_000_000, nanoseconds: 0 };
  const writer = new MirrorWriter(memory, snaplenBytes, arena, clock, counters, MIRROR);
  const offer = (length: number): void => {
    const row = new Int32Array(FRAME_WORDS);
    row[FRAME_OFFSET] = 0;
    row[FRAME_LENGTH] = length;
    writer.offer(row, 0, 1);
    clock.nanoseconds += 1000;
  };
  const count = (counter: number): number => counters[mirrorCounter(MIRROR) + counter];
  return { memory, counters, writer, offer, count };
}

test("what was queued stands in the file: lengths, times, bytes; and it is counted", () => {
  const path = join(directory, "output.pcapng");
  const { memory, counters, writer, offer, count } = setUp(0);
  const file = new PcapngFile(path, { header: pcapngHeader("vxswitch", "m", 262_144), append: false }, 0, 1);
  const output = new FileOutput(file, 0, [memory], counters, MIRROR, (error) => expect(error).toBeNull());
  const sizes = [14, 60, 1514, 65_535, ...new Array(600).fill(64)];
  for (const size of sizes) offer(size);
  writer.publish();
  let drained = 0;
  for (let got = output.drain(); got > 0; got = output.drain()) drained += got;
  output.close();
  expect(drained).toBe(sizes.length);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  expect([count(MIRROR_PACKETS), count(MIRROR_BYTES), count(MIRROR_OUTPUT_DROPS)]).toEqual([
    sizes.length,
    total,
    0,
  ]);
  const decoded = decodeFile(path, ["frame.len", "frame.time_epoch", "data.data"]);
  expect(decoded.map((record) => Number(record["frame.len"]))).toEqual(sizes);
  expect(decoded[2]["frame.time_epoch"]).toBe("1700000000.000002000");
  expect(decoded[3]["data.data"]).toBe(pattern(65_521).toString("hex"));
});

test("a snapshot length cuts what is written, not what is told of the frame", () => {
  const path = join(directory, "snapshot.pcapng");
  const { memory, counters, writer, offer, count } = setUp(96);
  const file = new PcapngFile(path, { header: pcapngHeader("vxswitch", "m", 96), append: false }, 0, 1);
  const output = new FileOutput(file, 0, [memory], counters, MIRROR, (error) => expect(error).toBeNull());
  for (const size of [60, 1514]) offer(size);
  writer.publish();
  output.drain();
  output.close();
  expect(decodeFile(path, ["frame.cap_len", "frame.len"]).map((record) => Object.values(record))).toEqual([
    ["60", "60"],
    ["96", "1514"],
  ]);
  expect(count(MIRROR_BYTES)).toBe(60 + 96);
});

test("frames that the file or the TAP refuses are counted as lost, and the next ones are tried", () => {
  const { memory, counters, writer, offer, count } = setUp(0);
  const errors: string[] = [];
  const file = {
    write: () => {
      throw new Error("the disk is full");
    },
    close: () => {},
  } as unknown as PcapngFile;
  const toFile = new FileOutput(file, 0, [memory], counters, MIRROR, (error) => errors.push(error.message));
  for (let i = 0; i < 3; i++) offer(100);
  writer.publish();
  expect([toFile.drain(), toFile.drain()]).toEqual([3, 0]);
  expect(errors).toEqual(["the disk is full"]);
  const toTap = new TapOutput(1_000_000, 1500, [memory], counters, MIRROR);
  for (let i = 0; i < 2; i++) offer(100);
  writer.publish();
  expect(toTap.drain()).toBe(2);
  const counted = [MIRROR_PACKETS, MIRROR_OUTPUT_DROPS, MIRROR_QUEUE_DROPS].map(count);
  expect(counted).toEqual([0, 5, 0]);
});
