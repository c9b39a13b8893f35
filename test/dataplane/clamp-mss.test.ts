// Ports that clamp: what becomes of a TCP SYN, compared byte for byte with one that was made to offer less to begin with.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CLAMPED_BYTES } from "../../src/dataplane/frames.ts";
import { Lab, MTU_BYTES } from "./lab.ts";
import {
  ALICE,
  BOB,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  frame,
  type PacketOptions,
  packet,
  pattern,
} from "./packets.ts";

const SYN = 0x02;
const RST = 0x04;
const ACK = 0x10;
const ENCAPSULATION_BYTES = 50;
const WAY_BYTES = MTU_BYTES - ENCAPSULATION_BYTES;
const NOP = [1];
const UNKNOWN = "02:00:00:00:00:77";
const CLAMPS = { clampMss: true };

function mss(value: number): number[] {
  return [2, 4, value >> 8, value & 255];
}

type Segment = Partial<PacketOptions> & { vlans?: readonly number[]; to?: string };

/** A SYN of Alice's, to Bob unless given; its options are padded with ends of the list. */
function syn(
  options: readonly number[],
  { vlans = [], to = BOB, version = 4, ...rest }: Segment = {},
): Buffer {
  const tcpOptions = Buffer.concat([Buffer.from(options), Buffer.alloc((4 - (options.length % 4)) % 4)]);
  const common = {
    version,
    protocol: "tcp",
    payload: Buffer.alloc(0),
    checksum: "filled",
    flags: SYN,
  } as const;
  const { bytes } = packet({ ...common, tcpOptions, ...rest });
  const type = version === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
  return frame({ from: ALICE, to, vlans, type, payload: bytes });
}

/** Alice is at client1, Bob at client2, in these VLANs; either port clamps or not. */
function newLab(clamping: readonly string[], vlans: readonly number[] = []): Lab {
  const lab = new Lab({
    ports: ["client1", "client2", "tap0"].map((name) => {
      return clamping.includes(name) ? { name, policy: CLAMPS } : name;
    }),
  });
  lab.addStatic("client1", ALICE, vlans[0] ?? 0);
  lab.addStatic("client2", BOB, vlans[0] ?? 0);
  return lab;
}

/** What client2 is sent of a frame from client1. */
function passed(lab: Lab, bytes: Buffer): Buffer {
  lab.receive("client1", bytes);
  const sent = lab.departures();
  expect(sent.map(({ port }) => port)).toEqual(["client2"]);
  return sent[0].bytes;
}

describe.each([
  [4, 40],
  [6, 60],
] as const)("over IPv%i", (version, headers) => {
  const fits = WAY_BYTES - headers;

  test.each(["client1", "client2"])("a SYN from client1 to client2 is clamped if %s clamps", (port) => {
    const lab = newLab([port]);
    expect(passed(lab, syn(mss(1460), { version }))).toEqual(syn(mss(fits), { version }));
    expect(lab.clamped()).toEqual({ [port]: 1 });
  });

  test("a SYN-ACK is clamped, and what offers no more than fits is not", () => {
    const lab = newLab(["client2"]);
    const flags = SYN | ACK;
    expect(passed(lab, syn(mss(1460), { version, flags }))).toEqual(syn(mss(fits), { version, flags }));
    for (const value of [fits, 536, 0]) {
      const bytes = syn(mss(value), { version });
      expect(passed(lab, bytes)).toEqual(bytes);
    }
    expect(lab.clamped()).toEqual({ client2: 1 });
  });

  test.each([[[10]], [[10, 20]]])("tags %j take of what fits, for they are encapsulated as well", (vlans) => {
    const lab = newLab(["client2"], vlans);
    const expected = syn(mss(fits - 4 * vlans.length), { version, vlans });
    expect(passed(lab, syn(mss(1460), { version, vlans }))).toEqual(expected);
  });

  test.each(["client1", "client2"])("the narrower way decides, be it that of %s", (narrow) => {
    const lab = newLab(["client2"]);
    lab.setMtu(narrow, MTU_BYTES - 100);
    expect(passed(lab, syn(mss(1460), { version }))).toEqual(syn(mss(fits - 100), { version }));
  });
});

test("between access ports there is room for the tag of a trunk, which the bridge may have as well", () => {
  const vlan = { mode: "access", tag: 10, trunks: [], innerVlan: "pass" } as const;
  const ports = ["client1", "client2"].map((name) => ({ name, policy: { ...CLAMPS, vlan } }));
  const lab = new Lab({ ports });
  expect(passed(lab, syn(mss(1460)))).toEqual(syn(mss(WAY_BYTES - 44)));
});

test("a checksum that is left to a network card stays the pseudo-header's", () => {
  const left = { checksum: "left" } as const;
  expect(passed(newLab(["client1"]), syn(mss(1460), left))).toEqual(syn(mss(WAY_BYTES - 40), left));
});

test("without a port that clamps, or between others, nothing changes", () => {
  for (const lab of [newLab([]), newLab(["tap0"])]) {
    expect(passed(lab, syn(mss(1460)))).toEqual(syn(mss(1460)));
    expect(lab.clamped()).toEqual({});
  }
});

test("a port that clamps no longer leaves SYNs as they are", () => {
  const lab = newLab(["client1"]);
  lab.setPolicy("client1", {});
  expect(passed(lab, syn(mss(1460)))).toEqual(syn(mss(1460)));
});

test("a SYN that is flooded fits the narrowest of the ways, if one of the ports clamps", () => {
  const lab = newLab(["client2"]);
  lab.setMtu("tap0", MTU_BYTES - 200);
  lab.receive("client1", syn(mss(1460), { to: UNKNOWN }));
  const expected = syn(mss(WAY_BYTES - 240), { to: UNKNOWN });
  expect(lab.departures().map(({ port, bytes }) => [port, bytes.equals(expected)])).toEqual([
    ["client2", true],
    ["tap0", true],
  ]);
  expect(lab.clamped()).toEqual({ client2: 1 });
  const other = newLab([]);
  other.receive("client1", syn(mss(1460), { to: UNKNOWN }));
  expect(other.departures().every(({ bytes }) => bytes.equals(syn(mss(1460), { to: UNKNOWN })))).toBe(true);
});

test("a mirror of what was received shows the SYN as it came, one of what is transmitted as it leaves", () => {
  const lab = newLab(["client2"]);
  lab.setMirrors([
    { name: "in", select: { src: ["client1"] } },
    { name: "out", select: { dst: ["client2"] } },
  ]);
  passed(lab, syn(mss(1460)));
  expect(lab.mirrored("in").map(({ bytes }) => bytes.equals(syn(mss(1460))))).toEqual([true]);
  expect(lab.mirrored("out").map(({ bytes }) => bytes.equals(syn(mss(WAY_BYTES - 40))))).toEqual([true]);
});

describe("it leaves alone", () => {
  const fragment = syn(mss(1460));
  fragment.writeUInt16BE(0x2001, 14 + 6);
  const longHeader = syn(mss(1460));
  longHeader[14 + 20 + 12] = 0xf0;
  const shortHeader = syn(mss(1460));
  shortHeader[14 + 20 + 12] = 0x40;
  const extended = syn(mss(1460), { version: 6 });
  extended[14 + 6] = 0;
  test.each<[string, Buffer]>([
    ["a segment that is no SYN", syn(mss(1460), { flags: ACK })],
    ["a SYN that resets", syn(mss(1460), { flags: SYN | RST })],
    ["a SYN without options", syn([])],
    ["a SYN without MSS", syn([...NOP, 3, 3, 7])],
    ["an MSS behind the end of the list", syn([0, 0, 0, 0, ...mss(1460)])],
    ["an MSS that is too short", syn([2, 3, 5, 1])],
    ["an MSS that is too long", syn([2, 6, 5, 180, 0, 0])],
    ["an option without a length, at the end", syn([...NOP, ...NOP, ...NOP, 2])],
    ["an option of no length", syn([8, 0, 0, 0, ...mss(1460)])],
    ["an option that is longer than the header", syn([8, 200, 0, 0, ...mss(1460)])],
    ["an MSS that ends beyond the header", syn([...NOP, ...NOP, 2, 4])],
    ["a later fragment", fragment],
    ["a TCP header that is longer than the packet", longHeader],
    ["a TCP header that is shorter than one", shortHeader],
    ["a packet with extension headers", extended],
    ["UDP", syn([], { protocol: "udp", payload: Buffer.from(mss(1460)) })],
    ["what is no IP", frame({ from: ALICE, to: BOB })],
  ])("%s", (_, bytes) => {
    const lab = newLab(["client1", "client2"]);
    expect(passed(lab, bytes)).toEqual(bytes);
    expect(lab.clamped()).toEqual({});
  });
});

test("what finds no room in a batch passes as it is", () => {
  const lab = newLab(["client1"]);
  const data = { payload: pattern(1200) };
  const bytes = syn(mss(1460), data);
  const fitting = Math.floor(CLAMPED_BYTES / ((bytes.length + 63) & ~63));
  lab.receive("client1", ...Array.from({ length: fitting + 20 }, () => bytes));
  const expected = syn(mss(WAY_BYTES - 40), data);
  const sent = lab.departures().map((departure) => departure.bytes);
  expect(sent.map((one) => one.equals(expected)).lastIndexOf(true)).toBe(lab.clamped().client1 - 1);
  expect(sent.slice(lab.clamped().client1).every((one) => one.equals(bytes))).toBe(true);
  expect(lab.clamped().client1).toBeGreaterThanOrEqual(fitting);
  expect(lab.clamped().client1).toBeLessThan(fitting + 20);
  expect(sent).toHaveLength(fitting + 20);
});

const option = fc.oneof(
  fc.constant(NOP),
  fc.constant([4, 2]),
  fc.nat(14).map((shift) => [3, 3, shift]),
  fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => [8, 10, ...bytes]),
);

test("wherever the option stands, whatever is beside it, the SYN is as if it had offered less", () => {
  const segment = fc.record({
    version: fc.constantFrom(4 as const, 6 as const),
    checksum: fc.constantFrom("filled" as const, "left" as const),
    payload: fc.nat(64).map((bytes) => pattern(bytes, bytes + 1)),
    sequence: fc.nat(),
    flags: fc.constantFrom(SYN, SYN | ACK, SYN | 0xc0),
    vlans: fc.array(fc.integer({ min: 1, max: 4094 }), { maxLength: 2 }),
  });
  const ipOptions = fc.nat(4).map((words) => Buffer.alloc(words * 4, 1));
  const beside = fc.array(option, { maxLength: 3 });
  fc.assert(
    fc.property(segment, ipOptions, beside, beside, fc.nat(65_535), (of, inIp, before, after, offered) => {
      const fits = WAY_BYTES - 4 * of.vlans.length - (of.version === 4 ? 40 : 60);
      const options = (value: number) => [...before.flat(), ...mss(value), ...after.flat()].slice(0, 40);
      fc.pre(before.flat().length <= 36);
      const segmentOf = (value: number, checksum: "filled" | "left" = of.checksum) =>
        syn(options(value), { ...of, checksum, ...(of.version === 4 && { ipOptions: inIp }) });
      // A checksum that looks like one left undone is filled in on the way out, whatever stands there.
      fc.pre(of.checksum === "left" || !segmentOf(offered).equals(segmentOf(offered, "left")));
      const lab = newLab(["client2"], of.vlans);
      const sent = passed(lab, segmentOf(offered));
      expect(sent.equals(segmentOf(Math.min(offered, fits)))).toBe(true);
    }),
    { numRuns: 300 },
  );
});
