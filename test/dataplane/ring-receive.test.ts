// The reading of a receive ring, over memory that the test fills as the kernel would: what becomes a row, in which order,
// and when records go back. The ring with a kernel behind it is tested in test/kernel.
import { beforeEach, describe, expect, test } from "vitest";
import { parseAddress } from "../../src/dataplane/address.ts";
import {
  FLAG_BAD_ECN,
  FLAG_BAD_OUTER,
  FLAG_TRUNCATED,
  FLAG_ZERO_CSUM6,
  FRAME_FLAGS,
  FRAME_GSO_SIZE,
  FRAME_GSO_TYPE,
  FRAME_LENGTH,
  FRAME_OFFSET,
  FRAME_REMOTE,
  FRAME_VTEP,
  FRAME_WORDS,
  GSO_NONE,
  GSO_UDP_L4,
} from "../../src/dataplane/frames.ts";
import { native } from "../../src/dataplane/io/native.ts";
import { VTEP_ADDRESS, VTEP_DEVICE, VTEP_PORT, VTEP_WORDS } from "../../src/dataplane/vteps.ts";
import { outerFrame } from "./outer-frame.ts";
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, fold, frame, onesSum, packet, pattern, vxlan } from "./packets.ts";

const RING_BYTES = 8192;
/** A ring's room (native/ring.c). */
const [READER_AT, WRITER_AT] = [65_536, 131_072];
const RECORDS_AT = WRITER_AT + 4096;
const ROOM_BYTES = 3 * 65_536 + 2 * RING_BYTES;
/** Behind the ring: room for copies, as little as the addon takes. */
const COPIES_BYTES = 65_600;
const FRAME_AT = 14;
const BUSY = 2 ** 31;
const DISCARDED = 2 ** 30;
const CHECKED = 2 ** 31;
const NO_FD = 1_000_000;
const VTEP = 7;
const REMOTE = "10.0.0.1";
const LOCAL = "10.0.0.2";
const PORT = 4789;
const MACS = { from: "02:00:00:00:00:01", to: "02:00:00:00:00:02" };
/** As many as one frame may hold. */
const ROWS_OF_A_SLOT = 128;

let arena: Buffer;
let ring: Int32Array;
let frames: Int32Array;
let vteps: Int32Array;
beforeEach(() => {
  arena = Buffer.from(new ArrayBuffer(ROOM_BYTES + COPIES_BYTES));
  ring = Int32Array.of(NO_FD, NO_FD, 0, 0, RING_BYTES, 0);
  frames = new Int32Array(4 * ROWS_OF_A_SLOT * FRAME_WORDS);
  vteps = new Int32Array(2 * VTEP_WORDS);
  vteps.set(parseAddress(LOCAL).words, VTEP_WORDS + VTEP_ADDRESS);
  vteps[VTEP_WORDS + VTEP_PORT] = PORT;
  vteps[VTEP_WORDS + VTEP_DEVICE] = VTEP;
});

test.each([0, 2 ** 32 - 4096])(
  "from %d on, records become rows, round and round, and go back with the next call",
  (start) => {
    startAt(start);
    for (let turn = 0; turn < 60; turn++) {
      const payloads = [0, 1, 2].map((i) =>
        vxlan(turn, frame({ payload: Buffer.alloc(46 + 17 * turn + i) })),
      );
      const before = writer();
      for (const payload of payloads) put(datagram(payload));
      expect(receive()).toEqual(payloads.map((payload) => payload.toString("hex")));
      expect(reader()).toBe(before);
      expect(receive()).toEqual([]);
      expect(reader()).toBe(writer());
    }
    expect(writer()).toBeGreaterThan(start + 10 * RING_BYTES);
  },
);

test("a batch takes no more records than it is told, and the rest is still there", () => {
  const payloads = [0, 1, 2, 3].map((vni) => vxlan(vni, frame()));
  for (const payload of payloads) put(datagram(payload));
  expect(receive(3)).toHaveLength(3);
  expect(receive(3)).toEqual([payloads[3].toString("hex")]);
});

test("nothing behind a record that is being written is read, and all of it once it is", () => {
  const payloads = [0, 1, 2].map((vni) => vxlan(vni, frame()));
  put(datagram(payloads[0]));
  const second = put(datagram(payloads[1]), { header: BUSY });
  put(datagram(payloads[2]));
  expect(receive()).toEqual([payloads[0].toString("hex")]);
  expect(receive()).toEqual([]);
  setHeader(second, 0);
  expect(receive()).toEqual([payloads[1].toString("hex"), payloads[2].toString("hex")]);
});

test("a record that was discarded is passed by", () => {
  put(datagram(vxlan(1, frame())), { header: DISCARDED });
  put(datagram(vxlan(2, frame())));
  expect(receive()).toEqual([vxlan(2, frame()).toString("hex")]);
});

test("a thread that begins anew goes on behind what the one before has read", () => {
  put(datagram(vxlan(1, frame())));
  expect(receive()).toHaveLength(1);
  put(datagram(vxlan(2, frame())));
  const words = Int32Array.from(ring);
  ring = words;
  expect(receive()).toEqual([vxlan(2, frame()).toString("hex")]);
});

test("a row names the sender and the socket of the VTEP", () => {
  put(datagram(vxlan(1, frame())));
  receive();
  expect(frames.slice(FRAME_REMOTE, FRAME_REMOTE + 4)).toEqual(parseAddress(REMOTE).words);
  expect(frames[FRAME_VTEP]).toBe(VTEP);
});

test("what is for no VTEP of ours becomes no row", () => {
  put(datagram(vxlan(1, frame()), { to: "10.0.0.3" }));
  put(datagram(vxlan(1, frame()), { port: PORT + 1 }));
  expect(receive()).toEqual([]);
});

test.each([
  ["beyond its record", (record: number) => record - FRAME_AT + 1],
  ["of 2^31 - 1", () => 2 ** 31 - 1],
])("a frame with a length %s is passed by", (_, length) => {
  put(datagram(vxlan(1, frame())), { length });
  put(datagram(vxlan(2, frame())));
  expect(receive()).toEqual([vxlan(2, frame()).toString("hex")]);
});

test("a train becomes a row for each datagram", () => {
  const datagrams = Array.from({ length: 5 }, (_, i) => vxlan(i, frame()));
  datagrams.push(vxlan(5, frame()).subarray(0, 30));
  put(train(Buffer.concat(datagrams)), { gsoBytes: datagrams[0].length });
  expect(receive()).toEqual(datagrams.map((payload) => payload.toString("hex")));
});

test("a train of IP packets becomes a row for each, for none is as long as the whole", () => {
  const datagrams = Array.from({ length: 5 }, (_, i) =>
    vxlan(1, inner("udp", 4, pattern(100, i + 1), "filled")),
  );
  put(train(Buffer.concat(datagrams)), { gsoBytes: datagrams[0].length });
  expect(receive()).toEqual(datagrams.map((payload) => payload.toString("hex")));
});

test.each([
  ["udp", 4, GSO_UDP_L4],
  ["udp", 6, GSO_UDP_L4],
  // That TCP is one is found out with its checksum (stages/inner.ts).
  ["tcp", 4, GSO_NONE],
  ["tcp", 6, GSO_NONE],
] as const)(
  "an inner super-frame of %s over IPv%d stays whole, with the length of its segments",
  (protocol, version, type) => {
    const payload = vxlan(1, inner(protocol, version, pattern(4000), "left"));
    put(datagram(payload), { gsoBytes: 1000 });
    expect(receive()).toEqual([payload.toString("hex")]);
    expect([frames[FRAME_GSO_TYPE], frames[FRAME_GSO_SIZE]]).toEqual([type, 1000]);
  },
);

test("a train has room for as many datagrams as the kernel allows, and waits until there is", () => {
  const payload = Buffer.alloc(ROWS_OF_A_SLOT * 14, 0x55);
  for (let count = 0; count < 4; count++) put(train(payload), { gsoBytes: 14 });
  expect(receive()).toHaveLength(4 * ROWS_OF_A_SLOT);
  expect(receive()).toEqual([]);
  for (let count = 0; count < 4; count++) put(train(payload), { gsoBytes: 14 });
  frames = frames.subarray(0, (2 * ROWS_OF_A_SLOT - 1) * FRAME_WORDS);
  for (let count = 0; count < 4; count++) expect(receive()).toHaveLength(ROWS_OF_A_SLOT);
});

test("of a train with more datagrams than there is room for, the last row stands for the rest and is truncated", () => {
  put(train(Buffer.alloc(2000, 0x55)), { gsoBytes: 1 });
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
  put(datagram(vxlan(1, frame()), change));
  expect(receive()).toEqual([""]);
  expect(frames[FRAME_FLAGS]).toBe(FLAG_BAD_OUTER);
});

test("what the device has checked is not checked again", () => {
  put(datagram(vxlan(1, frame()), { udpChecksum: "wrong" }), { checked: true });
  expect(receive()).toEqual([vxlan(1, frame()).toString("hex")]);
});

test("over IPv6 a datagram without a UDP checksum is told as such, whatever the device says", () => {
  const ends = { from: "fd00::1", to: "fd00::2" };
  vteps.set(parseAddress(ends.to).words, VTEP_ADDRESS);
  vteps[VTEP_PORT] = PORT;
  put(datagram(vxlan(1, frame()), { ...ends, udpChecksum: "right" }));
  put(datagram(vxlan(2, frame()), { ...ends, udpChecksum: "none" }));
  put(datagram(vxlan(3, frame()), { ...ends, udpChecksum: "none" }), { checked: true });
  put(train(Buffer.concat([4, 5].map((vni) => vxlan(vni, frame()))), { ...ends, udpChecksum: "none" }), {
    gsoBytes: vxlan(4, frame()).length,
  });
  expect(receive()).toEqual([1, 2, 3, 4, 5].map((vni) => vxlan(vni, frame()).toString("hex")));
  const flags = [0, 1, 2, 3, 4].map((row) => frames[row * FRAME_WORDS + FRAME_FLAGS]);
  expect(flags).toEqual([0, FLAG_ZERO_CSUM6, FLAG_ZERO_CSUM6, FLAG_ZERO_CSUM6, FLAG_ZERO_CSUM6]);
});

describe.each([
  ["10.0.0.1", LOCAL],
  ["fd00::1", "fd00::2"],
])("congestion in an outer header of %s", (from, to) => {
  const [NOT_ECT, ECT_0, CE] = [0, 2, 3];
  const packets = (ecn: number) => [1, 2, 3].map((seed) => vxlan(1, withEcn(ecn, pattern(100, seed))));
  beforeEach(() => {
    vteps.set(parseAddress(to).words, VTEP_ADDRESS);
    vteps[VTEP_PORT] = PORT;
  });

  function putTrain(datagrams: readonly Buffer[], tos: number): void {
    const bytes = train(Buffer.concat(datagrams), { from, to, tos, udpChecksum: "right" });
    put(bytes, { gsoBytes: datagrams[0].length });
  }

  test("reaches each packet of a train, in a copy: the record stays as it is", () => {
    const record = arena.subarray(RECORDS_AT, RECORDS_AT + RING_BYTES);
    putTrain(packets(ECT_0), CE);
    const before = Buffer.from(record);
    expect(receive()).toEqual(packets(CE).map((payload) => payload.toString("hex")));
    expect(record.equals(before)).toBe(true);
    expect(frames[FRAME_OFFSET]).toBeGreaterThanOrEqual(ROOM_BYTES);
  });

  test("forbids packets of a sender that would not hear of it", () => {
    putTrain(packets(NOT_ECT), CE);
    expect(receive()).toHaveLength(3);
    const flags = [0, 1, 2].map((row) => frames[row * FRAME_WORDS + FRAME_FLAGS]);
    expect(flags).toEqual([FLAG_BAD_ECN, FLAG_BAD_ECN, FLAG_BAD_ECN]);
  });

  test("is none if only the sender's capability is told: nothing is copied", () => {
    putTrain(packets(ECT_0), ECT_0);
    expect(receive()).toEqual(packets(ECT_0).map((payload) => payload.toString("hex")));
    expect(frames[FRAME_OFFSET]).toBeLessThan(ROOM_BYTES);
  });

  test("waits for the next batch where there is no room for one more copy", () => {
    putTrain(packets(ECT_0), CE);
    putTrain(packets(ECT_0), CE);
    const wanted = packets(CE).map((payload) => payload.toString("hex"));
    expect([receive(), receive(), receive()]).toEqual([wanted, wanted, []]);
  });
});

test("an odd number of bytes has the same checksum here and there", () => {
  const payloads = [1, 2, 3].map((bytes) => vxlan(1, frame({ payload: Buffer.alloc(46 + bytes, 0xfe) })));
  for (const payload of payloads) put(datagram(payload, { udpChecksum: "right" }));
  expect(receive()).toEqual(payloads.map((payload) => payload.toString("hex")));
});

test("an outer checksum that is left to a network card is right", () => {
  const bytes = datagram(vxlan(1, frame()));
  setOuterChecksum(bytes, fold(pseudoSum(bytes)));
  put(bytes);
  expect(receive()).toEqual([vxlan(1, frame()).toString("hex")]);
});

describeInner((name, frameOf) => {
  test(`an outer checksum made for the inner one to be filled in is right: ${name}`, () => {
    const payload = vxlan(1, frameOf("left"));
    const bytes = datagram(payload);
    // As if the inner checksum were there already.
    const filled = datagram(vxlan(1, frameOf("filled")), { udpChecksum: "right" });
    setOuterChecksum(bytes, filled.readUInt16BE(40));
    put(bytes);
    // And one that is only nearly so.
    setOuterChecksum(bytes, filled.readUInt16BE(40) ^ 0x0100);
    put(bytes);
    expect(receive()).toEqual([payload.toString("hex"), ""]);
  });

  test(`an outer checksum over an inner one left undone, as it stands, is right: ${name}`, () => {
    const payload = vxlan(1, frameOf("left"));
    put(datagram(payload, { udpChecksum: "right" }));
    expect(receive()).toEqual([payload.toString("hex")]);
  });
});

type InnerChecksum = "filled" | "left";

function describeInner(body: (name: string, frameOf: (checksum: InnerChecksum) => Buffer) => void): void {
  for (const protocol of ["tcp", "udp"] as const)
    for (const version of [4, 6] as const)
      for (const vlans of [[], [7], [7, 8]])
        for (const bytes of [33, 600])
          body(`${bytes} bytes of ${protocol} over IPv${version} behind ${vlans.length} tags`, (checksum) =>
            inner(protocol, version, pattern(bytes), checksum, vlans),
          );
}

function withEcn(tos: number, payload: Buffer): Buffer {
  return frame({
    type: ETHERTYPE_IPV4,
    payload: packet({ version: 4, protocol: "udp", payload, checksum: "filled", tos }).bytes,
  });
}

function inner(
  protocol: "tcp" | "udp",
  version: 4 | 6,
  payload: Buffer,
  checksum: InnerChecksum,
  vlans: readonly number[] = [],
): Buffer {
  const type = version === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
  return frame({ type, vlans, payload: packet({ version, protocol, payload, checksum }).bytes });
}

function datagram(payload: Buffer, change: Partial<Parameters<typeof outerFrame>[0]> = {}): Buffer {
  return outerFrame({ macs: MACS, from: REMOTE, to: LOCAL, port: PORT, payload, ...change });
}

/** The same: a train's outer headers cover the whole. */
const train = datagram;

/** Over IPv4: of addresses, protocol and length. */
function pseudoSum(bytes: Buffer): number {
  return onesSum(bytes.subarray(26, 34)) + 17 + bytes.readUInt16BE(38);
}

function setOuterChecksum(bytes: Buffer, sum: number): void {
  bytes.writeUInt16BE(sum, 40);
}

interface RecordOptions {
  /** Bits of the kernel's header beside the length. */
  readonly header?: number;
  /** Of the frame, by the bytes of the record. */
  readonly length?: (record: number) => number;
  readonly checked?: boolean;
  /** Of each datagram of a train. */
  readonly gsoBytes?: number;
}

/** Both copies of the ring's memory. */
function inBoth(position: number, write: (at: number) => void): void {
  const at = RECORDS_AT + (position % RING_BYTES);
  write(at);
  write(at < RECORDS_AT + RING_BYTES ? at + RING_BYTES : at - RING_BYTES);
}

/** Writes a record as the kernel would; returns its position. */
function put(bytes: Buffer, options: RecordOptions = {}): number {
  const { header = 0, gsoBytes = 0, checked = false } = options;
  const position = writer();
  const record = Math.ceil((FRAME_AT + bytes.length) / 64) * 64;
  if (position + record - reader() > RING_BYTES) throw new Error("the ring is full");
  const length = options.length?.(record) ?? bytes.length;
  const image = Buffer.alloc(record);
  image.writeUInt32LE((header + record - 8) >>> 0, 0);
  image.writeUInt32LE((length + (checked ? CHECKED : 0)) >>> 0, 8);
  image.writeUInt16LE(gsoBytes, 12);
  bytes.copy(image, FRAME_AT);
  for (let i = 0; i < record; i++) inBoth(position + i, (at) => arena.writeUInt8(image[i], at));
  arena.writeBigUInt64LE(BigInt(position + record), WRITER_AT);
  return position;
}

function setHeader(position: number, bits: number): void {
  inBoth(position, (at) => arena.writeUInt32LE(bits + (arena.readUInt32LE(at) & 0x3fff_ffff), at));
}

function startAt(position: number): void {
  arena.writeBigUInt64LE(BigInt(position), READER_AT);
  arena.writeBigUInt64LE(BigInt(position), WRITER_AT);
  ring[5] = position | 0;
}

function reader(): number {
  return Number(arena.readBigUInt64LE(READER_AT));
}

function writer(): number {
  return Number(arena.readBigUInt64LE(WRITER_AT));
}

/** The bytes of each row. */
function receive(recordsMax = 64): string[] {
  const rows = native().ringReceive(ring, arena, frames, vteps, recordsMax, ROOM_BYTES, COPIES_BYTES);
  return Array.from({ length: rows }, (_, row) => {
    const offset = frames[row * FRAME_WORDS + FRAME_OFFSET];
    return arena.subarray(offset, offset + frames[row * FRAME_WORDS + FRAME_LENGTH]).toString("hex");
  });
}
