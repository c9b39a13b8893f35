// Checksums that a sender left undone: found in a frame without metadata, and filled so that tshark calls them good.
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  FLAG_NEEDS_CSUM,
  FRAME_CSUM_OFFSET,
  FRAME_CSUM_START,
  FRAME_FLAGS,
  FRAME_FLOW,
  FRAME_GSO_TYPE,
  GSO_NONE,
  GSO_TCPV4,
  GSO_TCPV6,
} from "../../src/dataplane/frames.ts";
import { native } from "../../src/dataplane/io/native.ts";
import { decode } from "./decoder.ts";
import { Lab } from "./lab.ts";
import {
  BROADCAST,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  frame,
  type PacketOptions,
  packet,
  pattern,
} from "./packets.ts";

const LEFT: PacketOptions = { version: 4, protocol: "tcp", payload: pattern(100), checksum: "left" };
const STATUS = ["tcp.checksum.status", "udp.checksum.status"];

interface Seen {
  readonly bytes: Buffer;
  readonly row: Int32Array;
}

/** The frames as the engine hands them to the way out, with what it found out about them. */
function passed(frames: readonly Buffer[], from = "client1"): Seen[] {
  const lab = new Lab({ ports: ["client1", "tap0", "tap1"] });
  lab.receive(from, ...frames);
  return lab.departures().filter(({ port }) => port === "tap1");
}

function ethernet(options: PacketOptions, vlans: readonly number[] = []): Buffer {
  const type = options.version === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
  return frame({ to: BROADCAST, type, vlans, payload: packet(options).bytes });
}

function needsChecksum({ row }: Seen): boolean {
  return (row[FRAME_FLAGS] & FLAG_NEEDS_CSUM) !== 0;
}

/** What the addon makes of a frame that leaves alone. */
function filled({ bytes, row }: Seen): Buffer {
  const out = Buffer.alloc(bytes.length);
  const alone = Int32Array.from(row);
  alone[FRAME_GSO_TYPE] = GSO_NONE;
  expect(native().segmentFrame(bytes, alone, 65_535, out, new Int32Array(1))).toBe(1);
  return out;
}

const random = fc.record({
  version: fc.constantFrom(4 as const, 6 as const),
  protocol: fc.constantFrom("tcp" as const, "udp" as const),
  payload: fc.tuple(fc.nat(2000), fc.nat()).map(([bytes, seed]) => pattern(bytes, seed)),
  ports: fc.tuple(fc.integer({ min: 40_000, max: 65_535 }), fc.integer({ min: 40_000, max: 65_535 })),
  ipOptions: fc.nat(10).map((words) => Buffer.alloc(words * 4, 1)),
  tcpOptions: fc.nat(10).map((words) => Buffer.alloc(words * 4, 1)),
});
const tags = fc.array(fc.integer({ min: 1, max: 4094 }), { maxLength: 2 });

test("a checksum left undone is found, and filled it is good; a good one is left alone", () => {
  const seed = Date.now();
  const cases = fc.sample(fc.tuple(random, tags), { numRuns: 300, seed });
  const left = passed(cases.map(([of, vlans]) => ethernet({ ...of, checksum: "left" }, vlans)));
  const good = passed(cases.map(([of, vlans]) => ethernet({ ...of, checksum: "filled" }, vlans)));
  expect(left.every(needsChecksum), `seed ${seed}`).toBe(true);
  const status = decode(left.map(filled), STATUS).map((fields) => Object.values(fields).join(""));
  expect(status, `seed ${seed}`).toEqual(cases.map(() => "1"));
  // Where a good one looks like one left undone, filling it changes nothing.
  for (const seen of good) expect(filled(seen).equals(seen.bytes), `seed ${seed}`).toBe(true);
  expect(good.filter(needsChecksum).length, `seed ${seed}`).toBeLessThan(3);
});

test.each([
  ["TCP over IPv4", LEFT, [], GSO_TCPV4, 34, 16],
  ["TCP over IPv6", { ...LEFT, version: 6 as const }, [], GSO_TCPV6, 54, 16],
  ["UDP over IPv4", { ...LEFT, protocol: "udp" as const }, [], GSO_NONE, 34, 6],
  ["tagged twice", LEFT, [5, 6], GSO_TCPV4, 42, 16],
  ["IPv4 options", { ...LEFT, ipOptions: Buffer.alloc(8, 1) }, [], GSO_TCPV4, 42, 16],
] as const)(
  "%s: where the checksum begins and stands is told",
  (_, options, vlans, gsoType, start, offset) => {
    const [{ row }] = passed([ethernet(options, vlans)]);
    expect([row[FRAME_GSO_TYPE], row[FRAME_CSUM_START], row[FRAME_CSUM_OFFSET]]).toEqual([
      gsoType,
      start,
      offset,
    ]);
  },
);

test("a UDP checksum of zero means none was made: nothing is filled", () => {
  const bytes = ethernet({ ...LEFT, protocol: "udp" });
  bytes.writeUInt16BE(0, 34 + 6);
  expect(passed([bytes]).map(needsChecksum)).toEqual([false]);
});

test.each([
  ["a fragment", (bytes: Buffer) => bytes.writeUInt16BE(0x2000, 14 + 6)],
  ["a later fragment", (bytes: Buffer) => bytes.writeUInt16BE(0x00ff, 14 + 6)],
  ["another protocol", (bytes: Buffer) => bytes.writeUInt8(132, 14 + 9)],
])("%s has no checksum to fill", (_, change) => {
  const bytes = ethernet(LEFT);
  change(bytes);
  expect(passed([bytes]).map(needsChecksum)).toEqual([false]);
});

test("what a TAP tells is believed: nothing is inferred beside it", () => {
  const [{ row }] = passed([ethernet(LEFT)], "tap0");
  expect([row[FRAME_FLAGS], row[FRAME_GSO_TYPE]]).toEqual([0, GSO_NONE]);
});

test("frames with a checksum left undone are counted at the port that they came from, by which way ever", () => {
  const lab = new Lab({ ports: ["client1", "client2", "tap0"] });
  const good = ethernet({ ...LEFT, checksum: "filled" });
  lab.receive("client1", good, ethernet(LEFT), good);
  expect(lab.unfilled()).toEqual({ client1: 1 });
  lab.receive("client2", good);
  lab.receive("tap0", ethernet(LEFT));
  expect(lab.unfilled()).toEqual({ client1: 1 });
  lab.receive("client2", ethernet({ ...LEFT, version: 6, protocol: "udp" }), ethernet(LEFT));
  expect(lab.unfilled()).toEqual({ client1: 1, client2: 2 });
});

test("the flow's hash is the same for all of a flow, and spreads over many flows", () => {
  const flow = (port: number, payload: Buffer): Buffer =>
    ethernet({ ...LEFT, ports: [port, 50_000], payload });
  const same = passed([flow(40_000, pattern(10)), flow(40_000, pattern(1000, 7))]).map(
    ({ row }) => row[FRAME_FLOW],
  );
  expect(same[0]).toBe(same[1]);
  const hashes = passed(Array.from({ length: 1000 }, (_, i) => flow(40_000 + i, pattern(10)))).map(
    ({ row }) => row[FRAME_FLOW],
  );
  expect(new Set(hashes).size).toBeGreaterThan(990);
  for (const sockets of [2, 3, 8, 16]) {
    const counts = new Array(sockets).fill(0);
    for (const hash of hashes) counts[hash % sockets]++;
    for (const count of counts) expect(count).toBeGreaterThan(1000 / sockets / 2);
  }
});

test("all fragments of a datagram are one flow, whether they show its ports or not", () => {
  const fragment = (offset: number): Buffer => {
    const bytes = ethernet({
      ...LEFT,
      protocol: "udp",
      payload: pattern(100, offset + 1),
      ports: [offset, 9],
    });
    bytes.writeUInt16BE(offset, 14 + 6);
    return bytes;
  };
  const flows = passed([fragment(0x2000), fragment(0x2010), fragment(0x0020)]).map(
    ({ row }) => row[FRAME_FLOW],
  );
  expect(new Set(flows).size).toBe(1);
});
