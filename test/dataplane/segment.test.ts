// What the addon does in place of a network card, as tshark reads it: super-frames cut into segments whose checksums,
// lengths, sequence numbers and flags are right, and whose payloads together are the original.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  FLAG_NEEDS_CSUM,
  FRAME_CSUM_OFFSET,
  FRAME_CSUM_START,
  FRAME_FLAGS,
  FRAME_GSO_SIZE,
  FRAME_GSO_TYPE,
  FRAME_WORDS,
  GSO_TCPV4,
  GSO_TCPV6,
  GSO_UDP_L4,
} from "../../src/dataplane/frames.ts";
import { native } from "../../src/dataplane/io/native.ts";
import { type Decoded, decode } from "./decoder.ts";
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, frame, packet, pattern } from "./packets.ts";

const ETHERNET_BYTES = 14;
const [FIN, PSH, ACK, CWR] = [0x01, 0x08, 0x10, 0x80];
/** All but SYN and RST, which bear no super-frame. */
const FLAGS_ALL = 0xf9;
const METADATA_MISFIT = -1;
const NO_ROOM = -2;

interface Case {
  readonly version: 4 | 6;
  readonly protocol: "tcp" | "udp";
  readonly payloadBytes: number;
  /** Payload bytes a segment; 0 = not known, the frame's bound decides. */
  readonly gsoBytes: number;
  readonly frameMaxBytes: number;
  readonly vlans: readonly number[];
  readonly optionBytes: number;
  readonly flags: number;
  readonly sequence: number;
}

const PLAIN: Case = {
  version: 4,
  protocol: "tcp",
  payloadBytes: 10_000,
  gsoBytes: 0,
  frameMaxBytes: 1464,
  vlans: [],
  optionBytes: 0,
  flags: ACK,
  sequence: 1000,
};

interface Prepared {
  readonly bytes: Buffer;
  readonly row: Int32Array;
  readonly payload: Buffer;
  readonly headerBytes: number;
}

/** The super-frame of a case, checksum left undone. */
function prepare(of: Case, seed = 1): Prepared {
  const payload = pattern(of.payloadBytes, seed);
  const options = Buffer.alloc(of.optionBytes, 1);
  const inner = packet({
    ...of,
    payload,
    checksum: "left",
    ipOptions: of.version === 4 ? options : Buffer.alloc(0),
    tcpOptions: options,
  });
  const type = of.version === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
  const bytes = frame({ type, vlans: of.vlans, payload: inner.bytes });
  const l3 = ETHERNET_BYTES + 4 * of.vlans.length;
  const row = new Int32Array(FRAME_WORDS);
  row[FRAME_FLAGS] = FLAG_NEEDS_CSUM;
  row[FRAME_GSO_TYPE] = of.protocol === "udp" ? GSO_UDP_L4 : of.version === 4 ? GSO_TCPV4 : GSO_TCPV6;
  row[FRAME_GSO_SIZE] = of.gsoBytes;
  row[FRAME_CSUM_START] = l3 + inner.l4;
  row[FRAME_CSUM_OFFSET] = of.protocol === "udp" ? 6 : 16;
  return { bytes, row, payload, headerBytes: l3 + inner.payload };
}

function segments({ bytes, row }: Prepared, frameMaxBytes: number): Buffer[] {
  const out = Buffer.alloc(1 << 22);
  const lengths = new Int32Array(65_536);
  const count = native().segmentFrame(bytes, row, frameMaxBytes, out, lengths);
  let at = 0;
  return Array.from(lengths.subarray(0, Math.max(0, count)), (length) => {
    at += length;
    return out.subarray(at - length, at);
  });
}

const FIELDS = [
  "frame.len",
  "ip.checksum.status",
  "ip.len",
  "ip.id",
  "ipv6.plen",
  "tcp.checksum.status",
  "tcp.seq",
  "tcp.len",
  "tcp.flags",
  "tcp.payload",
  "udp.checksum.status",
  "udp.length",
  "udp.payload",
];

/** Cuts every case, has all segments decoded at once, and holds each case against what came of it. */
function check(cases: readonly Case[]): void {
  const prepared = cases.map((of, i) => prepare(of, i + 1));
  const cut = prepared.map((super_, i) => segments(super_, cases[i].frameMaxBytes));
  const decoded = decode(cut.flat(), FIELDS);
  expect(decoded).toHaveLength(cut.flat().length);
  cases.forEach((of, i) => {
    expectCase(of, prepared[i], cut[i], decoded.splice(0, cut[i].length));
  });
}

function expectCase(of: Case, { payload, headerBytes }: Prepared, cut: Buffer[], decoded: Decoded[]): void {
  const what = JSON.stringify(of);
  const room = of.frameMaxBytes - headerBytes;
  const step = of.gsoBytes > 0 ? Math.min(of.gsoBytes, room) : room;
  expect(cut.length, what).toBe(Math.ceil(payload.length / step));
  decoded.forEach((segment, i) => {
    const bytes = i + 1 < cut.length ? step : payload.length - step * (cut.length - 1);
    expect(cut[i].length, what).toBeLessThanOrEqual(of.frameMaxBytes);
    expectLengths(of, segment, headerBytes, bytes, what);
    expectSums(of, segment, what);
    if (of.protocol === "tcp") expectTcp(of, segment, i, cut.length, i * step, what);
    if (of.version === 4) expect(Number(segment["ip.id"]), what).toBe((0xfffe + i) & 0xffff);
  });
  const joined = decoded.map((segment) => segment[`${of.protocol}.payload`].replaceAll(":", "")).join("");
  expect(joined === payload.toString("hex"), `payload of ${what}`).toBe(true);
}

function expectLengths(of: Case, segment: Decoded, headerBytes: number, bytes: number, what: string): void {
  const l3 = ETHERNET_BYTES + 4 * of.vlans.length;
  expect(Number(segment["frame.len"]), what).toBe(headerBytes + bytes);
  if (of.version === 4) expect(Number(segment["ip.len"]), what).toBe(headerBytes + bytes - l3);
  else expect(Number(segment["ipv6.plen"]), what).toBe(headerBytes + bytes - l3 - 40);
  if (of.protocol === "udp") expect(Number(segment["udp.length"]), what).toBe(8 + bytes);
  else expect(Number(segment["tcp.len"]), what).toBe(bytes);
}

/** 1 = verified and good. */
function expectSums(of: Case, segment: Decoded, what: string): void {
  expect(segment[`${of.protocol}.checksum.status`], what).toBe("1");
  if (of.version === 4) expect(segment["ip.checksum.status"], what).toBe("1");
}

/** The ends belong to the last segment, the congestion signal to the first, all else to each. */
function expectTcp(of: Case, segment: Decoded, i: number, count: number, at: number, what: string): void {
  expect(Number(segment["tcp.seq"]), what).toBe((of.sequence + at) % 2 ** 32);
  let flags = of.flags;
  if (i + 1 < count) flags &= ~(FIN | PSH);
  if (i > 0) flags &= ~CWR;
  expect(Number(segment["tcp.flags"]) & 0xff, what).toBe(flags);
}

describe("a super-frame", () => {
  test("is cut right for TCP and UDP over IPv4 and IPv6, tagged or not, with options, in odd sizes", () => {
    const cases: Case[] = [];
    for (const version of [4, 6] as const) {
      for (const vlans of [[], [100], [100, 200]]) {
        for (const payloadBytes of [1, 1399, 1400, 1401, 2801, 64_000]) {
          const common = { ...PLAIN, version, vlans, payloadBytes, sequence: 0xfffffc00 };
          cases.push({ ...common, gsoBytes: 1400, optionBytes: 12, frameMaxBytes: 9000 });
          cases.push({ ...common, flags: FLAGS_ALL });
          cases.push({ ...common, protocol: "udp", gsoBytes: 1001, optionBytes: 40 });
        }
      }
    }
    check(cases);
  });

  test("is cut right whatever its sizes, flags and tags", () => {
    const case_ = fc
      .record({
        version: fc.constantFrom(4 as const, 6 as const),
        protocol: fc.constantFrom("tcp" as const, "udp" as const),
        payloadBytes: fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 1, max: 64_000 })),
        gsoBytes: fc.oneof(fc.constant(0), fc.integer({ min: 300, max: 2000 })),
        frameMaxBytes: fc.integer({ min: 700, max: 9000 }),
        vlans: fc.array(fc.integer({ min: 1, max: 4094 }), { maxLength: 2 }),
        optionBytes: fc.nat(10).map((words) => words * 4),
        flags: fc.nat(255).map((flags) => flags & FLAGS_ALL),
        sequence: fc.nat(0xffffffff),
      })
      // A datagram's size is a message boundary: it is never cut finer than it was.
      .map((of) =>
        of.protocol === "udp" ? { ...of, gsoBytes: (of.gsoBytes % 500) + 1 + 80, optionBytes: 0 } : of,
      );
    const seed = Date.now();
    try {
      check(fc.sample(case_, { numRuns: 150, seed }));
    } catch (error) {
      (error as Error).message += `\nseed ${seed}`;
      throw error;
    }
  });

  test("of TCP whose segments are larger than the way out is cut finer", () => {
    check([{ ...PLAIN, gsoBytes: 8000 }]);
  });
});

describe("a frame that is no super-frame", () => {
  test("gets its checksum filled, and stays as it is without that wish", () => {
    const plain = (version: 4 | 6, protocol: "tcp" | "udp", payloadBytes: number): Buffer => {
      const prepared = prepare({ ...PLAIN, version, protocol, payloadBytes }, payloadBytes);
      prepared.row[FRAME_GSO_TYPE] = 0;
      const [whole, ...more] = segments(prepared, 1464);
      expect(more).toHaveLength(0);
      return whole;
    };
    const frames = [0, 1, 2, 3, 15, 16, 17, 1399, 9000].flatMap((bytes) =>
      ([4, 6] as const).flatMap((version) => [plain(version, "tcp", bytes), plain(version, "udp", bytes)]),
    );
    const decoded = decode(frames, ["tcp.checksum.status", "udp.checksum.status"]);
    expect(decoded.map((fields) => Object.values(fields).join(""))).toEqual(frames.map(() => "1"));
    const untouched = prepare(PLAIN);
    untouched.row.fill(0);
    expect(segments(untouched, 1464)[0].equals(untouched.bytes)).toBe(true);
  });

  test.each([
    ["tcp", 16],
    ["udp", 6],
  ] as const)("of %s gets the checksum that the slow way yields, zero included", (protocol, field) => {
    const payload = Buffer.alloc(62, 0xff).fill(0, 0, 2);
    const { bytes, payload: at, l4 } = packet({ ...PLAIN, protocol, payload, checksum: "filled" });
    const left = frame({
      type: ETHERTYPE_IPV4,
      payload: packet({ ...PLAIN, protocol, payload, checksum: "left" }).bytes,
    });
    const sum = 0xffff - bytes.readUInt16BE(l4 + field);
    const { row } = prepare({ ...PLAIN, protocol });
    const cut = Int32Array.from(row);
    cut[FRAME_GSO_SIZE] = 1000;
    row[FRAME_GSO_TYPE] = 0;
    const [lengths, out] = [new Int32Array(1), Buffer.alloc(200)];
    const wrong: number[] = [];
    for (let word = 0; word <= 0xffff; word++) {
      left.writeUInt16BE(word, ETHERNET_BYTES + at);
      const slow = 0xffff - (((sum + word) % 0x10000) + (sum + word > 0xffff ? 1 : 0));
      for (const how of [row, cut]) {
        native().segmentFrame(left, how, 1464, out, lengths);
        const fast = out.readUInt16BE(ETHERNET_BYTES + l4 + field);
        if (fast !== (slow === 0 && protocol === "udp" ? 0xffff : slow)) wrong.push(word);
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe("metadata that does not fit the frame", () => {
  test.each<[string, Partial<Record<number, number>>, Partial<Case>?]>([
    ["a checksum behind the frame", { [FRAME_CSUM_START]: 20_000 }],
    ["a checksum that ends behind the frame", { [FRAME_CSUM_START]: 10_052, [FRAME_CSUM_OFFSET]: 16 }],
    ["a negative checksum offset", { [FRAME_CSUM_OFFSET]: -1 }],
    ["a checksum within the Ethernet header", { [FRAME_CSUM_START]: 13 }],
    ["a transport header that does not follow the IP header", { [FRAME_CSUM_START]: 38 }],
    ["TCP for what is UDP", { [FRAME_GSO_TYPE]: GSO_UDP_L4, [FRAME_GSO_SIZE]: 1000 }],
    ["UDP for what is TCP", { [FRAME_GSO_TYPE]: GSO_TCPV4 }, { protocol: "udp" }],
    ["UDP segments of unknown size", { [FRAME_GSO_SIZE]: 0 }, { protocol: "udp" }],
    ["UDP segments larger than the way out", { [FRAME_GSO_SIZE]: 1500 }, { protocol: "udp" }],
    ["no payload", {}, { payloadBytes: 0 }],
  ])("%s is refused", (_, words, of = {}) => {
    const prepared = prepare({ ...PLAIN, ...of });
    for (const [word, value] of Object.entries(words)) prepared.row[Number(word)] = value as number;
    const out = Buffer.alloc(1 << 17);
    expect(native().segmentFrame(prepared.bytes, prepared.row, 1464, out, new Int32Array(1000))).toBe(
      METADATA_MISFIT,
    );
  });

  test("headers alone that fill the way out are refused", () => {
    const prepared = prepare(PLAIN);
    const out = Buffer.alloc(1 << 17);
    const lengths = new Int32Array(20_000);
    expect(native().segmentFrame(prepared.bytes, prepared.row, 54, out, lengths)).toBe(METADATA_MISFIT);
    expect(native().segmentFrame(prepared.bytes, prepared.row, 55, Buffer.alloc(1 << 20), lengths)).toBe(
      10_000,
    );
  });

  test("too little room for the segments or their lengths is told", () => {
    const { bytes, row } = prepare(PLAIN);
    const lengths = new Int32Array(100);
    expect(native().segmentFrame(bytes, row, 1464, Buffer.alloc(5000), lengths)).toBe(NO_ROOM);
    expect(native().segmentFrame(bytes, row, 1464, Buffer.alloc(20_000), new Int32Array(3))).toBe(NO_ROOM);
  });

  test("random metadata is refused or obeyed, within the frame's bounds", () => {
    const { bytes } = prepare(PLAIN);
    const number = fc.oneof(fc.nat(100), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }));
    fc.assert(
      fc.property(
        fc.array(number, { minLength: 16, maxLength: 16 }),
        fc.nat(65_535),
        fc.nat(bytes.length),
        (row, max, length) => {
          const out = Buffer.alloc(1 << 16);
          const count = native().segmentFrame(
            bytes.subarray(0, length),
            Int32Array.from(row),
            max,
            out,
            new Int32Array(64),
          );
          expect(count).toBeGreaterThanOrEqual(NO_ROOM);
          expect(count).toBeLessThanOrEqual(64);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
