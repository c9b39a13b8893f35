// What a sender hears whose frame does not fit the way to its destination, read by tshark.
import { describe, expect, test } from "vitest";
import { decode } from "./decoder.ts";
import { Lab, MTU_BYTES } from "./lab.ts";
import {
  ALICE,
  BOB,
  BROADCAST,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  frame,
  onesSum,
  packet,
  pattern,
} from "./packets.ts";

/** What client2 cannot be sent, client1 can: each has an underlay of its own. */
const LAB = {
  ports: [{ name: "client1", underlay: "underlay1" }, "client2", "tap0"],
  underlays: { underlay0: "", underlay1: "" },
};
const TYPES = { 4: ETHERTYPE_IPV4, 6: ETHERTYPE_IPV6 };
/** Inside an outer IPv4 packet: IP, UDP, VXLAN, Ethernet. */
const INNER_MTU_BYTES = MTU_BYTES - 50;

/** A UDP packet of Alice's to Bob, larger than his way is wide; `change` alters the packet, whose header checksum is then wrong. */
function large(
  version: 4 | 6,
  options: { vlans?: number[]; to?: string; change?: (ip: Buffer) => void } = {},
) {
  const { bytes } = packet({ version, protocol: "udp", payload: pattern(1400), checksum: "filled" });
  options.change?.(bytes);
  const { vlans = [], to = BOB } = options;
  return frame({ from: ALICE, to, vlans, type: TYPES[version], payload: bytes });
}

/** A lab in which Bob is known at client2, whose way is too narrow for everything. */
function narrowLab(): Lab {
  const lab = new Lab(LAB);
  lab.receive(
    "client2",
    frame({ from: BOB, to: BROADCAST }),
    frame({ from: BOB, to: BROADCAST, vlans: [10] }),
  );
  lab.sent();
  lab.refuse("client2", "too_big");
  return lab;
}

describe.each([4, 6] as const)("about an IPv%i packet", (version) => {
  const ip = version === 4 ? "ip" : "ipv6";
  const icmp = version === 4 ? "icmp" : "icmpv6";

  test.each([
    ["", []],
    ["tagged ", [10]],
  ])("a %sanswer comes as from its destination, with the MTU that fits and valid checksums", (_, vlans) => {
    const lab = narrowLab();
    const sent = large(version, { vlans });
    lab.receive("client1", sent);
    const [answer, ...others] = lab.departures();
    expect([answer.port, others]).toEqual(["client1", []]);
    const ends = [`${ip}.src`, `${ip}.dst`];
    const fields = ["eth.src", "eth.dst", "vlan.id", ...ends, `${icmp}.type`, `${icmp}.code`, `${icmp}.mtu`];
    const checks = [`${icmp}.checksum.status`, ...(version === 4 ? ["ip.checksum.status"] : [])];
    const [decoded] = decode([answer.bytes], [...fields, ...checks]);
    const [from, to] = version === 4 ? ["192.168.0.102", "192.168.0.101"] : ["fd00::102", "fd00::101"];
    const outermost = Object.fromEntries(
      Object.entries(decoded).map(([key, value]) => [key, value.split(",")[0]]),
    );
    expect(outermost).toMatchObject({
      "eth.src": BOB,
      "eth.dst": ALICE,
      "vlan.id": vlans.join(),
      [`${ip}.src`]: from,
      [`${ip}.dst`]: to,
      [`${icmp}.type`]: version === 4 ? "3" : "2",
      [`${icmp}.code`]: version === 4 ? "4" : "0",
      [`${icmp}.mtu`]: String(INNER_MTU_BYTES - 4 * vlans.length),
    });
    for (const check of checks) expect(outermost[check], check).toBe("1");
    const headerBytes = 14 + 4 * vlans.length;
    const quoted = answer.bytes.subarray(headerBytes + (version === 4 ? 28 : 48));
    expect(sent.subarray(headerBytes, headerBytes + quoted.length)).toEqual(quoted);
    expect(answer.bytes.length - headerBytes).toBe(version === 4 ? 576 : 1280);
    expect(lab.drops()).toEqual({ client2: { too_big: 1 } });
  });

  test("that may reach several ports, of which some are too narrow, one answer is sent", () => {
    const lab = new Lab(LAB);
    lab.refuse("client2", "too_big");
    lab.receive("client1", large(version));
    expect(lab.sent()).toEqual({ client1: 1, tap0: 1 });
    lab.drops();
  });

  test("none is sent if it went to a group", () => {
    const lab = narrowLab();
    lab.receive("client1", large(version, { to: BROADCAST }));
    expect(lab.sent()).toEqual({ tap0: 1 });
    lab.drops();
  });
});

describe("none is sent", () => {
  const ipv4 = (change: (ip: Buffer) => void) => large(4, { change });
  const ipv6 = (change: (ip: Buffer) => void) => large(6, { change });
  const CASES: readonly [string, Buffer][] = [
    ["a frame that is no IP", frame({ from: ALICE, to: BOB, payload: pattern(1400) })],
    ["an IPv4 packet that may be fragmented", ipv4((ip) => ip.writeUInt16BE(0, 6))],
    ["a later IPv4 fragment", ipv4((ip) => ip.writeUInt16BE(0x4001, 6))],
    ["an ICMP error", ipv4((ip) => ip.fill(1, 9, 10).fill(11, 20, 21))],
    ["an IPv4 packet from nobody", ipv4((ip) => ip.fill(0, 12, 16))],
    ["an IPv4 packet to a group", ipv4((ip) => ip.fill(239, 16, 17))],
    ["an ICMPv6 error", ipv6((ip) => ip.fill(58, 6, 7).fill(1, 40, 41))],
    ["an IPv6 packet from nobody", ipv6((ip) => ip.fill(0, 8, 24))],
    ["an IPv6 packet to a group", ipv6((ip) => ip.fill(0xff, 24, 25))],
  ];
  test.each(CASES)("about %s", (_, bytes) => {
    const lab = narrowLab();
    lab.receive("client1", bytes);
    expect(lab.sent()).toEqual({});
    expect(lab.drops()).toEqual({ client2: { too_big: 1 } });
  });
});

test("an echo request is no error, and is answered", () => {
  const lab = narrowLab();
  lab.receive("client1", large(4, { change: (ip) => ip.fill(1, 9, 10).fill(8, 20, 21) }));
  lab.receive("client1", large(6, { change: (ip) => ip.fill(58, 6, 7).fill(128, 40, 41) }));
  expect(lab.sent()).toEqual({ client1: 2 });
  lab.drops();
});

test("answers are bounded in number for a second; the frames are dropped and counted all the same", () => {
  const lab = narrowLab();
  for (let batch = 0; batch < 150; batch++)
    lab.receive("client1", ...Array.from({ length: 10 }, () => large(4)));
  expect(lab.sent()).toEqual({ client1: 1000 });
  expect(lab.drops()).toEqual({ client2: { too_big: 1500 } });
  lab.tick(1);
  lab.receive("client1", large(4));
  expect(lab.sent()).toEqual({ client1: 1 });
  lab.drops();
});

test("a mirror of all sees the frame and the answer to it, each once", () => {
  const lab = narrowLab();
  lab.setMirrors([{ name: "m0", select: "all" }]);
  lab.receive("client1", large(4));
  const [answer] = lab.departures();
  expect(lab.mirrored("m0").map(({ port, bytes }) => [port, onesSum(bytes)])).toEqual([
    ["client1", onesSum(large(4))],
    ["client2", onesSum(answer.bytes)],
  ]);
  lab.drops();
});
