// The reading of a receive ring, over memory that the test fills as the kernel would: what becomes a row, in which order,
// and when slots go back. The ring with a kernel behind it is tested in test/kernel.
import { beforeEach, expect, test } from "vitest";
import { parseAddress } from "../../src/dataplane/address.ts";
import {
  FLAG_BAD_OUTER,
  FLAG_TRUNCATED,
  FRAME_FLAGS,
  FRAME_LENGTH,
  FRAME_OFFSET,
  FRAME_REMOTE,
  FRAME_VTEP,
  FRAME_WORDS,
  GSO_UDP_L4,
} from "../../src/dataplane/frames.ts";
import { native } from "../../src/dataplane/io/native.ts";
import { VTEP_ADDRESS, VTEP_DEVICE, VTEP_PORT, VTEP_WORDS } from "../../src/dataplane/vteps.ts";
import { outerFrame } from "./outer-frame.ts";
import { frame, vxlan } from "./packets.ts";

const SLOT_BYTES = 4096;
const BLOCK_BYTES = 8192;
const BLOCKS = 2;
const SLOTS = (BLOCK_BYTES / SLOT_BYTES) * BLOCKS;
const ARENA_BYTES = BLOCK_BYTES * (BLOCKS + 1);
const JUMBO_BASE = BLOCK_BYTES * BLOCKS;
const ETHERNET_AT = 78;
const VNET_AT = ETHERNET_AT - 10;
const OUTER_BYTES = 42;
const NO_FD = 1_000_000;
const VTEP = 7;
const REMOTE = "10.0.0.1";
const LOCAL = "10.0.0.2";
const PORT = 4789;
/** TP_STATUS_KERNEL, TP_STATUS_USER, TP_STATUS_COPY (packet(7)). */
const [OF_KERNEL, OF_USER, COPY] = [0, 1, 2];
const MACS = { from: "02:00:00:00:00:01", to: "02:00:00:00:00:02" };
/** As many as one frame may hold. */
const ROWS_OF_A_SLOT = 128;

let arena: Buffer;
let ring: Int32Array;
let frames: Int32Array;
let vteps: Int32Array;
beforeEach(() => {
  arena = Buffer.from(new ArrayBuffer(ARENA_BYTES));
  ring = Int32Array.of(NO_FD, 0, SLOT_BYTES, BLOCK_BYTES, BLOCKS, 0, 0);
  frames = new Int32Array(4 * ROWS_OF_A_SLOT * FRAME_WORDS);
  vteps = new Int32Array(2 * VTEP_WORDS);
  vteps.set(parseAddress(LOCAL).words, VTEP_WORDS + VTEP_ADDRESS);
  vteps[VTEP_WORDS + VTEP_PORT] = PORT;
  vteps[VTEP_WORDS + VTEP_DEVICE] = VTEP;
});

test("slots become rows in their order, round and round, and go back with the next call", () => {
  for (let first = 0; first < 3 * SLOTS; first += 3) {
    const payloads = [0, 1, 2].map((i) => vxlan(first + i, frame()));
    for (const [i, payload] of payloads.entries()) put((first + i) % SLOTS, datagram(payload));
    expect(receive()).toEqual(payloads.map((payload) => payload.toString("hex")));
    for (let i = 0; i < 3; i++) expect(statusOf((first + i) % SLOTS)).toBe(OF_USER);
    expect(receive()).toEqual([]);
    for (let i = 0; i < SLOTS; i++) expect(statusOf(i)).toBe(OF_KERNEL);
  }
});

test("a batch takes no more slots than it is told, and the rest is still there", () => {
  const payloads = [0, 1, 2, 3].map((vni) => vxlan(vni, frame()));
  for (const [i, payload] of payloads.entries()) put(i, datagram(payload));
  expect(receive(3)).toHaveLength(3);
  expect(receive(3)).toEqual([payloads[3].toString("hex")]);
});

test("a row names the sender and the socket of the VTEP", () => {
  put(0, datagram(vxlan(1, frame())));
  receive();
  expect(frames.slice(FRAME_REMOTE, FRAME_REMOTE + 4)).toEqual(parseAddress(REMOTE).words);
  expect(frames[FRAME_VTEP]).toBe(VTEP);
});

test("what is for no VTEP of ours becomes no row", () => {
  put(0, datagram(vxlan(1, frame()), { to: "10.0.0.3" }));
  put(1, datagram(vxlan(1, frame()), { port: PORT + 1 }));
  expect(receive()).toEqual([]);
});

test.each([
  ["a frame cut short", 60],
  ["one cut in its headers", OUTER_BYTES],
])("%s is told as truncated", (_, bytes) => {
  const whole = datagram(vxlan(1, frame()));
  put(0, whole.subarray(0, bytes), { length: whole.length });
  expect(receive()).toEqual([""]);
  expect(frames[FRAME_FLAGS]).toBe(FLAG_TRUNCATED);
});

test("a frame that ought to wait whole on the socket and does not is truncated", () => {
  const whole = datagram(vxlan(1, frame()));
  put(0, whole.subarray(0, 60), { length: whole.length, status: OF_USER | COPY });
  expect(receive()).toEqual([""]);
  expect(frames[FRAME_FLAGS]).toBe(FLAG_TRUNCATED);
});

test.each([
  ["beyond its slot", SLOT_BYTES - ETHERNET_AT + 1],
  ["just below 2^32", 2 ** 32 - ETHERNET_AT],
  ["of 2^32 - 1", 2 ** 32 - 1],
])("a slot with a length %s is passed by", (_, bytes) => {
  put(0, datagram(vxlan(1, frame())), { stored: bytes, length: bytes });
  put(1, datagram(vxlan(2, frame())));
  expect(receive()).toEqual([vxlan(2, frame()).toString("hex")]);
});

test.each([0, 34])("a train becomes a row for each datagram (checksum at %d)", (checksumAt) => {
  const datagrams = Array.from({ length: 5 }, (_, i) => vxlan(i, frame()));
  datagrams.push(vxlan(5, frame()).subarray(0, 30));
  put(0, train(Buffer.concat(datagrams)), { gsoBytes: datagrams[0].length, checksumAt });
  expect(receive()).toEqual(datagrams.map((payload) => payload.toString("hex")));
});

test("a train has room for as many datagrams as the kernel allows, and waits until there is", () => {
  const payload = Buffer.alloc(ROWS_OF_A_SLOT * 20, 0x55);
  for (let slot = 0; slot < 4; slot++) put(slot, train(payload), { gsoBytes: 20 });
  expect(receive()).toHaveLength(4 * ROWS_OF_A_SLOT);
  expect(receive()).toEqual([]);
  for (let slot = 0; slot < 4; slot++) put(slot, train(payload), { gsoBytes: 20 });
  frames = frames.subarray(0, (2 * ROWS_OF_A_SLOT - 1) * FRAME_WORDS);
  for (let slot = 0; slot < 4; slot++) expect(receive()).toHaveLength(ROWS_OF_A_SLOT);
});

test("of a train with more datagrams than there is room for, the last row stands for the rest and is truncated", () => {
  put(0, train(Buffer.alloc(2000, 0x55)), { gsoBytes: 1 });
  frames = frames.subarray(0, ROWS_OF_A_SLOT * FRAME_WORDS);
  expect(receive()).toHaveLength(ROWS_OF_A_SLOT);
  const flags = Array.from({ length: ROWS_OF_A_SLOT }, (_, row) => frames[row * FRAME_WORDS + FRAME_FLAGS]);
  expect(flags).toEqual([...Array(ROWS_OF_A_SLOT - 1).fill(0), FLAG_TRUNCATED]);
});

test.each([
  ["an IP packet longer than its frame", { ipLengthError: 1 }],
  ["a wrong IP checksum", { ipChecksum: "wrong" }],
  ["a wrong UDP checksum", { udpChecksum: "wrong" }],
  ["a UDP length beyond its packet", { udpLengthError: 1 }],
] as const)("%s is told as such", (_, change) => {
  put(0, datagram(vxlan(1, frame()), change));
  expect(receive()).toEqual([""]);
  expect(frames[FRAME_FLAGS]).toBe(FLAG_BAD_OUTER);
});

test("over IPv6 a datagram must have a UDP checksum", () => {
  const ends = { from: "fd00::1", to: "fd00::2" };
  vteps.set(parseAddress(ends.to).words, VTEP_ADDRESS);
  vteps[VTEP_PORT] = PORT;
  put(0, datagram(vxlan(1, frame()), { ...ends, udpChecksum: "right" }));
  put(1, datagram(vxlan(2, frame()), { ...ends, udpChecksum: "none" }));
  expect(receive()).toEqual([vxlan(1, frame()).toString("hex"), ""]);
  expect([frames[FRAME_FLAGS], frames[FRAME_WORDS + FRAME_FLAGS]]).toEqual([0, FLAG_BAD_OUTER]);
});

test("an odd number of bytes has the same checksum here and there", () => {
  const payloads = [1, 2, 3].map((bytes) => vxlan(1, frame({ payload: Buffer.alloc(46 + bytes, 0xfe) })));
  for (const [i, payload] of payloads.entries()) put(i, datagram(payload, { udpChecksum: "right" }));
  expect(receive()).toEqual(payloads.map((payload) => payload.toString("hex")));
});

function datagram(payload: Buffer, change: Partial<Parameters<typeof outerFrame>[0]> = {}): Buffer {
  return outerFrame({ macs: MACS, from: REMOTE, to: LOCAL, port: PORT, payload, ...change });
}

/** The same: a train's outer headers cover the whole. */
const train = datagram;

interface SlotOptions {
  readonly status?: number;
  /** Bytes of the frame, of which the slot may hold less. */
  readonly length?: number;
  readonly stored?: number;
  /** Of each datagram of a train. */
  readonly gsoBytes?: number;
  readonly checksumAt?: number;
}

/** Fills a slot as the kernel would. */
function put(slot: number, bytes: Buffer, options: SlotOptions = {}): void {
  const {
    stored = bytes.length,
    length = bytes.length,
    status = OF_USER,
    gsoBytes,
    checksumAt = 0,
  } = options;
  const at = slot * SLOT_BYTES;
  bytes.copy(arena, at + ETHERNET_AT);
  arena.fill(0, at + VNET_AT, at + ETHERNET_AT);
  if (gsoBytes !== undefined) {
    arena[at + VNET_AT] = Number(checksumAt > 0);
    arena[at + VNET_AT + 1] = GSO_UDP_L4;
    arena.writeUInt16LE(gsoBytes, at + VNET_AT + 4);
    arena.writeUInt16LE(checksumAt, at + VNET_AT + 6);
  }
  arena.writeUInt32LE(length, at + 4);
  arena.writeUInt32LE(stored, at + 8);
  arena.writeUInt16LE(ETHERNET_AT, at + 12);
  arena.writeUInt32LE(status, at);
}

function statusOf(slot: number): number {
  return arena.readUInt32LE(slot * SLOT_BYTES);
}

/** The bytes of each row. */
function receive(slotsMax = 64): string[] {
  const rows = native().ringReceive(ring, arena, frames, vteps, JUMBO_BASE, 4096, 1, slotsMax);
  return Array.from({ length: rows }, (_, row) => {
    const offset = frames[row * FRAME_WORDS + FRAME_OFFSET];
    return arena.subarray(offset, offset + frames[row * FRAME_WORDS + FRAME_LENGTH]).toString("hex");
  });
}
