// `vxswitch trace`: what it reads a frame from, what it asks the daemon, and what it says to a frame that is none.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createClient } from "../../src/control/cli/client.ts";
import { Refusal } from "../../src/control/refusal.ts";
import { readCaptureFile } from "../../src/control/trace/capture-file.ts";
import { FRAME_WORDS, frameOfWords } from "../../src/control/trace/frame-words.ts";
import { bytesOfHex } from "../../src/control/trace/hex.ts";
import { vxlanDatagramIn } from "../../src/control/trace/vxlan-datagram.ts";
import { frame, vxlan } from "../dataplane/packets.ts";
import { Harness } from "./harness.ts";

const [ALICE, BOB] = ["02:00:00:00:00:0a", "02:00:00:00:00:0b"];

let harness: Harness;
beforeEach(() => {
  harness = new Harness();
});
afterEach(() => harness[Symbol.asyncDispose]());

/** A little-endian pcap file. */
function pcap(frames: readonly Buffer[], { linkType = 1, originalBytes = 0, big = false } = {}): Buffer {
  const words = (...values: number[]): Buffer => {
    const out = Buffer.alloc(values.length * 4);
    for (const [i, value] of values.entries()) {
      if (big) out.writeUInt32BE(value, i * 4);
      else out.writeUInt32LE(value, i * 4);
    }
    return out;
  };
  const head = words(0xa1b2c3d4, big ? 0x20004 : 0x40002, 0, 0, 65_535, linkType);
  const records = frames.flatMap((bytes) => [
    words(0, 0, bytes.length, originalBytes || bytes.length),
    bytes,
  ]);
  return Buffer.concat([head, ...records]);
}

/** A pcapng file: section, interface, a block for each frame. */
function pcapng(frames: readonly Buffer[]): Buffer {
  const block = (type: number, body: Buffer): Buffer => {
    const padded = Buffer.concat([body, Buffer.alloc(-body.length & 3)]);
    const out = Buffer.alloc(8);
    out.writeUInt32LE(type, 0);
    out.writeUInt32LE(padded.length + 12, 4);
    return Buffer.concat([out, padded, out.subarray(4)]);
  };
  const section = Buffer.from("4d3c2b1a01000000ffffffffffffffff", "hex");
  const packets = frames.map((bytes) => {
    const head = Buffer.alloc(20);
    head.writeUInt32LE(bytes.length, 12);
    head.writeUInt32LE(bytes.length, 16);
    return block(6, Buffer.concat([head, bytes]));
  });
  return Buffer.concat([
    block(0x0a0d0d0a, section),
    block(1, Buffer.from("0100000000000000", "hex")),
    ...packets,
  ]);
}

function file(name: string, bytes: Buffer): string {
  const path = join(harness.directory, name);
  writeFileSync(path, bytes);
  return path;
}

const FRAMES = [Buffer.alloc(60, 1), Buffer.alloc(61, 2), Buffer.alloc(1514, 3)];

describe("a capture file", () => {
  test.each([
    ["pcap", pcap(FRAMES)],
    ["pcap of the other byte order", pcap(FRAMES, { big: true })],
    ["pcapng", pcapng(FRAMES)],
  ])("as %s gives its frames, from a number on and so many", (_, bytes) => {
    const path = file("capture", bytes);
    expect(readCaptureFile(path, 1, 10)).toEqual(FRAMES.map((frame, i) => ({ number: i + 1, bytes: frame })));
    expect(readCaptureFile(path, 2, 1)).toEqual([{ number: 2, bytes: FRAMES[1] }]);
    expect(() => readCaptureFile(path, 4, 1)).toThrow("has 3 frames: there is no number 4");
  });

  test.each([
    ["nothing", Buffer.alloc(0), "is no capture file: expected pcap or pcapng"],
    ["text", Buffer.from("hello, world"), "is no capture file"],
    ["gzip", Buffer.from("1f8b0800", "hex"), "is compressed: gunzip it first"],
    ["no frames", pcap([]), "holds no frames"],
    ["a half frame", pcap(FRAMES).subarray(0, 70), "ends in the middle of a frame"],
    ["a half block", pcapng(FRAMES).subarray(0, 70), "ends in the middle of a frame or a block"],
    ["another link", pcap(FRAMES, { linkType: 113 }), "frame 1 of "],
    ["a snaplen", pcap(FRAMES, { originalBytes: 9000 }), "has only 60 of 9000 bytes: capture it whole"],
  ])("of %s gets a sentence", (_, bytes, sentence) => {
    expect(() => readCaptureFile(file("capture", bytes), 1, 1)).toThrow(sentence);
    expect(() => readCaptureFile(file("capture", bytes), 1, 1)).toThrow(Refusal);
  });

  test("with any bytes changed gives frames or a sentence, and nothing else", () => {
    const originals = [pcap(FRAMES), pcapng(FRAMES)];
    const change = fc.record({ of: fc.nat(1), at: fc.nat(200), to: fc.nat(255), length: fc.nat(1800) });
    fc.assert(
      fc.property(change, ({ of, at, to, length }) => {
        const bytes = Buffer.from(originals[of]!).subarray(0, length + 1);
        if (at < bytes.length) bytes[at] = to;
        try {
          readCaptureFile(file("changed", bytes), 1, 5);
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal);
        }
      }),
    );
  });
});

/** A frame in the outer headers of a VTEP. */
function datagram(
  inner: Buffer,
  { remote = "10.0.0.9", vni = 7, vlans = [] as number[], dstport = 4789 } = {},
): Buffer {
  const udp = Buffer.concat([Buffer.alloc(8), vxlan(vni, inner)]);
  udp.writeUInt16BE(dstport, 2);
  udp.writeUInt16BE(udp.length, 4);
  const source = Buffer.from(ipaddr.parse(remote).toByteArray());
  const isIpv6 = source.length === 16;
  const head = Buffer.from(isIpv6 ? "6000000000001140" : "450000000000000040110000", "hex");
  head.writeUInt16BE(udp.length + (isIpv6 ? 0 : 20), isIpv6 ? 4 : 2);
  const payload = Buffer.concat([head, source, source, udp]);
  return frame({ vlans, type: isIpv6 ? 0x86dd : 0x0800, payload });
}

describe("a datagram of the underlay's", () => {
  const whole = datagram(FRAMES[0]!);

  test("is read with its sender and VNI, and without what pads its frame", () => {
    const padded = Buffer.concat([whole, Buffer.alloc(6, 0xee)]);
    expect(vxlanDatagramIn(padded, 4789)).toEqual({ remote: "10.0.0.9", vni: 7, frame: FRAMES[0] });
  });

  test.each<[string, Buffer]>([
    ["a fragment", Buffer.from(whole).fill(0x20, 20, 21)],
    ["TCP", Buffer.from(whole).fill(6, 23, 24)],
    ["one without the I flag", Buffer.from(whole).fill(0, 42, 43)],
    ["an inner frame", FRAMES[0]!],
  ])("is not %s", (_, bytes) => {
    expect(vxlanDatagramIn(bytes, 4789)).toBeNull();
  });

  test("cut off anywhere is a shorter one or none, and never an error", () => {
    for (const bytes of [whole, datagram(FRAMES[0]!, { remote: "fd00::9", vlans: [7] })])
      for (let length = 0; length < bytes.length; length++) {
        const { frame = Buffer.alloc(0) } = vxlanDatagramIn(bytes.subarray(0, length), 4789) ?? {};
        expect(frame).toEqual(FRAMES[0]!.subarray(0, frame.length));
      }
  });
});

describe("a frame in words", () => {
  const HAS_TSHARK = spawnSync("tshark", ["--version"]).status === 0;
  if (!HAS_TSHARK) console.warn("NOT TESTED: frames of words by a decoder; tshark is not installed");

  test.skipIf(!HAS_TSHARK)("is what its words say, to a decoder that checks its checksums", () => {
    const base = { src: ALICE, dst: BOB };
    const frames = [
      {
        ...base,
        vlan: "7",
        sip: "10.0.0.1",
        dip: "10.0.0.2",
        proto: "tcp",
        sport: "5",
        dport: "6",
        length: "90",
      },
      { ...base, sip: "fd00::1", dip: "fd00::2", proto: "udp", dport: "53" },
      { ...base, sip: "10.0.0.1", dip: "10.0.0.2", length: "61" },
      { ...base, sip: "fd00::1", dip: "fd00::2" },
      { src: ALICE, type: "arp", sip: "10.0.0.1", dip: "10.0.0.2" },
    ].map(frameOfWords);
    const checks = ["ip", "tcp", "udp"].flatMap((layer) => ["-o", `${layer}.check_checksum:TRUE`]);
    const fields = [
      "frame.len",
      "vlan.id",
      "tcp.dstport",
      "udp.dstport",
      "arp.dst.proto_ipv4",
      "_ws.expert.message",
    ];
    const args = ["-r", file("frames.pcap", pcap(frames)), ...checks, "-T", "fields", "-E", "separator=,"];
    const { stdout } = spawnSync("tshark", [...args, ...fields.flatMap((name) => ["-e", name])], {
      encoding: "utf8",
    });
    const rows = stdout.trimEnd().split("\n");
    expect(rows.map((row) => row.split(",").slice(0, 5).join())).toEqual([
      "90,7,6,,",
      "62,,,53,",
      "61,,,,",
      "62,,,,",
      "60,,,,10.0.0.2",
    ]);
    expect(stdout).not.toMatch(/bad|incorrect|should be|malformed/i);
  });

  test.each<[Record<string, string>, string]>([
    [{}, "say whom the frame is from: src MAC"],
    [{ src: "02:00" }, "src: expected a MAC address such as 02:00:00:00:00:01"],
    [{ src: ALICE, vlan: "4095" }, "vlan: expected a whole number up to 4094"],
    [{ src: ALICE, sip: "10.0.0" + ".x" }, "sip: expected an IP address"],
    [{ src: ALICE, sip: "10.0.0.1", dip: "fd00::1" }, "dip fd00::1 is not of the type of the frame, ipv4"],
    [{ src: ALICE, type: "0x88cc", dport: "5" }, "dport is of IP and ARP"],
    [{ src: ALICE, sip: "10.0.0.1", length: "20" }, "length 20 is too short"],
    [{ src: ALICE, length: "99999" }, "length: expected a whole number up to 65499"],
  ])("%o gets a sentence", (words, sentence) => {
    expect(() => frameOfWords(words)).toThrow(sentence);
  });

  test("has a word for each value, and the manual none beside them", () => {
    expect(Object.keys(FRAME_WORDS)).toHaveLength(10);
  });
});

test("digits are read as they are copied, and an odd one is found", () => {
  expect(bytesOfHex("0x02:00 00-0a\n0B")).toEqual(Uint8Array.of(2, 0, 0, 10, 11));
  expect(() => bytesOfHex("020")).toThrow("got 3 digits: one is missing");
  expect(() => bytesOfHex("02zz")).toThrow('got "z" as digit 3');
});

describe("the command", () => {
  beforeEach(() => harness.start());

  test("prints a line a step and the verdict, or all of it for programs", async () => {
    const words = ["trace", "in", "client1", "src", ALICE, "dst", BOB, "vlan", "10"];
    const { code, out } = await harness.run(...words);
    expect([code, out]).toEqual([
      0,
      "look up   not known: to be flooded\n=>        leaves by client2 (10.122.3.152)\n",
    ]);
    const frame = `02000000000b02000000000a8100000a88b5${"00".repeat(42)}`;
    expect(harness.dataplane.traced).toEqual([{ bridge: "br0", port: "client1", remote: null, frame }]);
    const [answer] = JSON.parse((await harness.run(...words, "--json")).out) as Record<string, unknown>[];
    expect(answer).toMatchObject({ nr: null, port: "client1", drop: null, mirrors: ["m0"] });
    expect(answer).toMatchObject({ copies: [{ port: "client2", source_port: 50_000, drop: null }] });
  });

  test("asks for a datagram by who sends it, and for each frame of a capture in turn", async () => {
    await harness.run("trace", "from", "10.0.0.9", "vni", "7", "-x", "00".repeat(14));
    expect(harness.dataplane.traced[0]).toMatchObject({
      port: null,
      remote: "10.0.0.9",
      vni: 7,
      dstport: 4789,
    });
    const path = file("frames.pcapng", pcapng(FRAMES));
    const { out } = await harness.run("trace", "in", "br0/client2", "--pcap", path, "--nr", "2", "-c", "5");
    expect(out.match(/^frame \d+$/gm)).toEqual(["frame 2", "frame 3"]);
  });

  test("asks about the datagrams of an underlay's capture as from who sends them, and passes by what is none", async () => {
    const arp = frameOfWords({ src: ALICE, type: "arp", sip: "10.0.0.1", dip: "10.0.0.2" });
    const frames = [
      datagram(FRAMES[0]!),
      arp,
      datagram(FRAMES[2]!, { remote: "fd00::9", vni: 8, vlans: [7] }),
    ];
    const path = file("underlay.pcap", pcap(frames));
    const { code, out, err } = await harness.run("trace", "--pcap", path);
    expect([code, err]).toEqual([
      0,
      `vxswitch: ${path}: what is no VXLAN datagram to UDP port 4789 is passed by (number 2)\n`,
    ]);
    expect(out.match(/^frame \d+$/gm)).toEqual(["frame 1", "frame 3"]);
    expect(harness.dataplane.traced).toEqual([
      { port: null, remote: "10.0.0.9", vni: 7, dstport: 4789, frame: FRAMES[0]!.toString("hex") },
      { port: null, remote: "fd00::9", vni: 8, dstport: 4789, frame: FRAMES[2]!.toString("hex") },
    ]);
  });

  test("asks about a datagram as about a frame where the words say where it comes in, and says that it does", async () => {
    const path = file("underlay.pcap", pcap([FRAMES[0]!, datagram(FRAMES[1]!)]));
    const { code, err } = await harness.run("trace", "in", "client1", "--pcap", path);
    expect(code).toBe(0);
    expect(err).toContain("is traced as an inner frame, as the words have it (number 2): leave out where");
    const sent = [FRAMES[0]!, datagram(FRAMES[1]!)].map((bytes) => bytes.toString("hex"));
    expect(harness.dataplane.traced).toMatchObject(sent.map((frame) => ({ port: "client1", frame })));
  });

  test("finds no datagrams to another port, and says so", async () => {
    const path = file("underlay.pcap", pcap([datagram(FRAMES[0]!, { dstport: 8472 })]));
    const { code, err } = await harness.run("trace", "--pcap", path);
    expect(code).toBe(1);
    expect(err).toContain("has no VXLAN datagram to UDP port 4789 (number 1), which would tell where");
    expect((await harness.run("trace", "--pcap", path, "dstport", "8472")).code).toBe(0);
    expect(harness.dataplane.traced).toMatchObject([{ remote: "10.0.0.9", dstport: 8472 }]);
  });

  test.each([
    [["-x", "00".repeat(14)], "say where the frame comes in: in PORT, or from ADDRESS vni N"],
    [["from", "10.0.0.9", "-x", "00".repeat(14)], "say where the frame comes in"],
    [["in", "client1", "vni", "7", "-x", "00".repeat(14)], "a port has its VNI"],
    [["in", "client1", "-x", "0011"], "2 bytes are no Ethernet frame"],
    [["in", "client1", "-x", "001"], "one is missing"],
    [["in", "client1"], "say what the frame is"],
    [["in", "client1", "src", ALICE, "-x", "00"], "the frame is given twice: by --hex and by src"],
    [["in", "client1", "--pcap", "x", "-x", "00"], "the frame is given twice: by --hex and by --pcap"],
    [["in", "client1", "src", "02:00"], "src: expected a MAC address"],
    [["in", "client1", "on", "x"], '"on" is no word of a trace; they are in, from, vni, dstport, src'],
    [["in"], "in lacks its value: PORT, or BRIDGE/PORT"],
    [["in", "client1", "in", "client2"], "in is given twice"],
    [["from", "here", "vni", "1", "-x", "00"], 'from: expected an IP address, got "here"'],
    [["from", "10.0.0.9", "vni", "1", "dstport", "0", "src", ALICE], "dstport: there is no UDP port 0"],
  ])("%o is wrong usage, said in a sentence, and the switch is not asked", async (words, sentence) => {
    const { code, err } = await harness.run("trace", ...words);
    expect([code, harness.dataplane.traced]).toEqual([2, []]);
    expect(err).toContain("error: ");
    expect(err).toContain(sentence);
  });

  test.each([
    [
      ["in", "nobody", "-x", "00".repeat(14)],
      "there is no port nobody; the ports are br0/client1, br0/client2, br0/br0",
    ],
    [["in", "client1", "--pcap", "/nowhere/at.pcap"], "/nowhere/at.pcap cannot be read"],
  ])("%o is refused in a sentence", async (words, sentence) => {
    const { code, err } = await harness.run("trace", ...words);
    expect(code).toBe(1);
    expect(err).toContain(`vxswitch: ${sentence}`);
  });

  test.each([
    [
      { frame: "00" },
      "say where the frame comes in: in PORT, or from ADDRESS vni N; the ports are br0/client1",
    ],
    [{ port: "client1", vni: 7, frame: "00" }, "a port has its VNI"],
    [{ remote: "here", vni: 7, frame: "00" }, 'expected an IP address to come from, got "here"'],
    [{ port: "client1", frame: "0g" }, 'expected hexadecimal digits, got "g" as digit 2'],
    [{ port: "client1", frame: "0011" }, "2 bytes are no Ethernet frame"],
    [{ port: "client1" }, "the body of the request is not what is expected"],
  ])("whose request is not a command's, %o, is refused by the switch itself", async (body, sentence) => {
    const asked = createClient(harness.socket).ask("POST", "/v1/trace", body);
    await expect(asked).rejects.toThrow(sentence);
  });
});
