// The interpreter of mirror filters against tcpdump, which compiles an expression and, reading a capture file, runs it
// in libpcap's own interpreter; and programs that no compiler would write.
import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  createPacketFilter,
  FILTER_INSTRUCTIONS_MAX,
  programFault,
} from "../../src/dataplane/packet-filter.ts";
import { capture, tool } from "./decoder.ts";
import { ALICE, BOB, BROADCAST, ETHERTYPE_IPV4, ETHERTYPE_IPV6, frame, packet, pattern } from "./packets.ts";

const EXPRESSIONS = [
  "ip",
  "ip6",
  "arp",
  "arp or ip6",
  "vlan",
  "vlan 7",
  "vlan 7 and vlan 9",
  "vlan and tcp port 80",
  "tcp",
  "udp",
  "icmp",
  "icmp6",
  "icmp[icmptype] = icmp-echo",
  "ip6 and tcp",
  "tcp port 80",
  "not tcp port 80",
  "src port 40000",
  "dst port 53 or dst port 443",
  "portrange 50-90",
  "udp portrange 100-60000",
  "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
  "tcp[tcpflags] = tcp-syn",
  "tcp[13] & 0x10 != 0 and tcp[2:2] > 100",
  "host 192.168.0.101",
  "src host 192.168.0.102",
  "net 192.168.0.0/24",
  "dst net 10.0.0.0/8",
  "ip6 host fd00::101",
  "ip6 net fd00::/16",
  "ether host 02:00:00:00:00:0a",
  "ether src 02:00:00:00:00:0b",
  "ether broadcast",
  "ether multicast",
  "greater 200",
  "less 63",
  "greater 100 and less 300",
  "len = 64",
  "ether[12:2] = 0x88b5",
  "ether[0] & 1 = 1",
  "ether[14:4] > 0x80000000",
  "ether[14:4] - ether[18:4] < 0x7fffffff",
  "ether[14] * ether[15] > 10000",
  "ether[14:4] * ether[18:4] > 0x90000000",
  "ether[14:4] / 3 > 0x20000000",
  "ether[14:4] / ether[18] > 0x1000000",
  "ether[14:4] % ether[18] = 1",
  "ether[14:4] % 7 = 3",
  "ether[14:4] << 5 > 0x80000000",
  "ether[14:4] >> 3 >= 0x10000000",
  "ether[14:4] >> ether[18] > 200",
  "ether[14:4] << ether[18] > 200",
  "ether[14] ^ ether[15] > 100",
  "ether[14] | 0x55 = 0x5d or ether[15] & 0xf = 3",
  "-ether[14:4] > 0x80000000",
  "ether[200] > 100",
  "ether[len - 1] > 100",
  "ether[ether[14]] > 100",
  "ip[8] < 65 and ip[0] & 0xf > 5",
  "ip[6:2] & 0x1fff = 0",
  "ip proto 17 or ip6 proto 6",
  "ip6[40:2] = 40000",
];

/** Frames of every kind that the expressions tell apart, and what is left of them when they are cut short. */
function variety(): Buffer[] {
  const packets = ([4, 6] as const).flatMap((version) =>
    (["tcp", "udp"] as const).flatMap((protocol) =>
      [80, 53, 443, 50_000].flatMap((port) =>
        [0x02, 0x10, 0x11].map((flags) => {
          const options = { version, protocol, checksum: "filled", flags } as const;
          const { bytes } = packet({ ...options, ports: [40_000, port], payload: pattern(port % 97, port) });
          return { type: version === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6, payload: bytes };
        }),
      ),
    ),
  );
  const optioned = packet({
    version: 4,
    protocol: "tcp",
    checksum: "filled",
    ipOptions: Buffer.alloc(8, 1),
    ports: [40_000, 80],
    payload: pattern(200),
  });
  packets.push({ type: ETHERTYPE_IPV4, payload: optioned.bytes });
  const fragment = Buffer.from(packets[0].payload);
  fragment.writeUInt16BE(0x2010, 6);
  packets.push({ type: ETHERTYPE_IPV4, payload: fragment });
  for (const [protocol, type] of [
    [1, 8],
    [1, 0],
    [58, 128],
  ]) {
    const payload = Buffer.from(packets[protocol === 1 ? 0 : 30].payload);
    payload[protocol === 1 ? 9 : 6] = protocol;
    payload[protocol === 1 ? 20 : 40] = type;
    packets.push({ type: protocol === 1 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6, payload });
  }
  packets.push({ type: 0x0806, payload: pattern(28, 5) });
  const whole = packets.flatMap((options) =>
    [[], [7], [7, 9], [8]].map((vlans) => frame({ ...options, vlans })),
  );
  const noise = Array.from({ length: 60 }, (_, i) =>
    frame({ from: i % 2 ? ALICE : BOB, payload: pattern(i * 7, i) }),
  );
  const groups = [BROADCAST, "01:00:5e:00:00:01"].map((to) => frame({ to }));
  const cut = whole.filter((_, i) => i % 5 === 0).map((bytes, i) => bytes.subarray(0, 14 + ((i * 11) % 50)));
  return [...whole, ...noise, ...groups, ...cut];
}

function compile(expression: string): number[] {
  const words = tool("tcpdump", ["-ddd", "-y", "EN10MB", "--", expression]).trim().split(/\s+/);
  return words.slice(1).map(Number);
}

/** Positions of the frames that tcpdump lets pass: it writes them out, each with its own microsecond. */
function judged(file: Buffer, expression: string): number[] {
  // As root it would give up its privileges first, for which some systems have no user.
  const asRoot = process.getuid?.() === 0 ? ["-Z", "root"] : [];
  const options = { input: file, maxBuffer: 1 << 28, stdio: ["pipe", "pipe", "ignore"] as const };
  const out = execFileSync("tcpdump", [...asRoot, "-r", "-", "-w", "-", "--", expression], {
    ...options,
    stdio: [...options.stdio],
  });
  const positions: number[] = [];
  for (let at = 24; at < out.length; at += 16 + out.readUInt32LE(at + 8))
    positions.push(out.readUInt32LE(at + 4));
  return positions;
}

/** The same by the interpreter under test, the frames standing close together in one arena. */
function passed(frames: readonly Buffer[], program: readonly number[]): number[] {
  const arena = Buffer.concat(frames);
  const passes = createPacketFilter(program, new DataView(arena.buffer, arena.byteOffset, arena.length));
  let offset = 0;
  return frames.flatMap((bytes, i) => {
    const passed = passes(offset, bytes.length);
    offset += bytes.length;
    return passed ? [i] : [];
  });
}

describe("expressions", () => {
  const frames = variety();
  const file = capture(frames);

  test.each(EXPRESSIONS)("%s", (expression) => {
    expect(passed(frames, compile(expression))).toEqual(judged(file, expression));
  });

  test("most of them let some frames pass and others not, so that the comparison says something", () => {
    const counts = EXPRESSIONS.map((expression) => passed(frames, compile(expression)).length);
    const telling = counts.filter((count) => count > 0 && count < frames.length);
    expect(telling.length).toBeGreaterThan(0.9 * EXPRESSIONS.length);
  });

  test("any bytes, whatever their length", () => {
    const programs = EXPRESSIONS.map((expression) => compile(expression));
    const bytes = fc.uint8Array({ minLength: 14, maxLength: 120 }).map((array) => Buffer.from(array));
    const typed = fc.tuple(bytes, fc.constantFrom(0x0800, 0x86dd, 0x8100, 0x0806)).map(([buffer, type]) => {
      buffer.writeUInt16BE(type, 12);
      return buffer;
    });
    const batch = fc.array(fc.oneof(bytes, typed), { minLength: 40, maxLength: 80, size: "max" });
    fc.assert(
      fc.property(batch, fc.nat(EXPRESSIONS.length - 1), (frames, chosen) => {
        expect(passed(frames, programs[chosen])).toEqual(judged(capture(frames), EXPRESSIONS[chosen]));
      }),
      { numRuns: 60 },
    );
  });
});

describe("programs", () => {
  const ACCEPT = [0x06, 0, 0, 1];
  const MALFORMED: readonly [what: string, program: readonly number[], fault: string][] = [
    ["of no instruction", [], "0 instructions, 4096 at most"],
    ["with half an instruction", [6, 0, 0], "an instruction is not whole"],
    [
      "that are too long",
      new Array(FILTER_INSTRUCTIONS_MAX + 1).fill(ACCEPT).flat(),
      "4097 instructions, 4096 at most",
    ],
    ["that run on", [0x00, 0, 0, 1], "the last instruction does not return"],
    ["of unknown instructions", [0x99, 0, 0, 0, ...ACCEPT], "instruction 0: not known"],
    ["of numbers that are none", [0x00, 0, 0, Number.NaN, ...ACCEPT], "instruction 0: not known"],
    ["that jump behind their end", [0x15, 0, 1, 5, ...ACCEPT], "instruction 0: jumps out of the program"],
    [
      "that jump far behind it",
      [0x05, 0, 0, 0x7fffffff, ...ACCEPT],
      "instruction 0: jumps out of the program",
    ],
    ["that jump back", [0x05, 0, 0, 0xffffffff, ...ACCEPT], "instruction 0: jumps backward"],
    ["that store beyond the memory", [0x02, 0, 0, 16, ...ACCEPT], "instruction 0: beyond the scratch memory"],
    ["that load beyond the memory", [0x61, 0, 0, 16, ...ACCEPT], "instruction 0: beyond the scratch memory"],
    ["that divide by zero", [0x34, 0, 0, 0, ...ACCEPT], "instruction 0: divides by zero"],
  ];

  test.each(MALFORMED)("%s are refused", (_, program, fault) => {
    expect(programFault(program)).toBe(fault);
    expect(() => createPacketFilter(program, new DataView(new ArrayBuffer(0)))).toThrow(fault);
  });

  test("one of the largest size runs to its end", () => {
    const program = [
      ...new Array(FILTER_INSTRUCTIONS_MAX - 2).fill([0x04, 0, 0, 1]).flat(),
      0x16,
      0,
      0,
      0,
      ...ACCEPT,
    ];
    expect([programFault(program), passed([Buffer.alloc(14)], program)]).toEqual(["", [0]]);
  });

  test("whatever passes the check ends and stays within its frame", () => {
    const code = fc.oneof(
      fc.integer({ min: 0, max: 255 }),
      fc.constantFrom(0x20, 0x28, 0x40, 0x48, 0xb1, 0x15, 0x05),
    );
    const k = fc.oneof(fc.nat(20), fc.constantFrom(0x7fffffff, 0x80000000, 0xfffff000, 0xffffffff));
    const instruction = fc.tuple(code, fc.nat(3), fc.nat(3), k);
    const program = fc
      .array(instruction, { minLength: 1, maxLength: 12 })
      .map((list) => [...list.flat(), ...ACCEPT]);
    const frame = Buffer.alloc(20, 0xff);
    fc.assert(
      fc.property(program, (words) => {
        fc.pre(programFault(words) === "");
        // The arena ends with the frame: a step beyond would throw.
        expect(passed([frame], words).length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 2000, maxSkipsPerRun: 10_000 },
    );
  });
});
