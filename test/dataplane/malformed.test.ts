// Datagrams that are not what they should be: each is counted under its reason, none is forwarded, none teaches anything.
import { describe, expect, test } from "vitest";
import type { DropReasonName } from "../../src/dataplane/drop-reason.ts";
import { FLAG_BAD_OFFLOAD, FLAG_TRUNCATED, FRAME_FLAGS } from "../../src/dataplane/frames.ts";
import { Lab } from "./lab.ts";
import {
  ALICE,
  BOB,
  BROADCAST,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  frame,
  NOBODY,
  packet,
  pattern,
  vxlan,
} from "./packets.ts";

const VNI = 4100;
const PORTS = { ports: ["tap0", "client1", "client2"] };
const TAGS: readonly (readonly number[])[] = [[], [100], [100, 200]];

const UDP4 = packet({ version: 4, protocol: "udp", payload: pattern(100), checksum: "filled" }).bytes;
const UDP6 = packet({ version: 6, protocol: "udp", payload: pattern(100), checksum: "filled" }).bytes;

describe("the VXLAN header", () => {
  test.each<[string, Buffer, DropReasonName]>([
    ["nothing at all", Buffer.alloc(0), "vxlan_short"],
    ["half a VXLAN header", vxlan(VNI, frame()).subarray(0, 4), "vxlan_short"],
    ["a VXLAN header alone", vxlan(VNI, Buffer.alloc(0)), "vxlan_short"],
    ["a byte less than an Ethernet header", vxlan(VNI, frame()).subarray(0, 8 + 13), "vxlan_short"],
    ["no I flag", vxlan(VNI, frame(), 0x00), "vxlan_flags"],
    ["every flag but I", vxlan(VNI, frame(), 0xf7), "vxlan_flags"],
    ["text", Buffer.from("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"), "vxlan_flags"],
  ])("%s", (_, datagram, reason) => {
    const lab = new Lab(PORTS);
    lab.receiveDatagram(lab.remoteOf("client1"), datagram);
    expect(lab.drops()).toEqual({ underlay: { [reason]: 1 } });
    expect(lab.sent()).toEqual({});
    expect(lab.fdb()).toEqual([]);
  });

  test.each([
    ["all flags", (datagram: Buffer) => datagram.fill(0xff, 0, 1)],
    ["the group policy extension's bits", (datagram: Buffer) => datagram.fill(0x88, 0, 1)],
    ["the 24 reserved bits", (datagram: Buffer) => datagram.fill(0xff, 1, 4)],
    ["the 8 reserved bits behind the VNI", (datagram: Buffer) => datagram.fill(0xff, 7, 8)],
  ])("%s may be set: they are ignored on receipt", (_, set) => {
    const lab = new Lab(PORTS);
    lab.receiveDatagram(lab.remoteOf("client1"), set(vxlan(VNI, frame({ to: BROADCAST }))));
    expect(lab.sent()).toEqual({ tap0: 1, client2: 1 });
  });

  test("the smallest frame is an Ethernet header alone", () => {
    const lab = new Lab(PORTS);
    lab.receive("client1", frame({ to: BROADCAST, payload: Buffer.alloc(0) }));
    expect(lab.sent()).toEqual({ tap0: 1, client2: 1 });
  });

  test("a datagram that was larger than its slot", () => {
    const lab = new Lab(PORTS);
    const row = { [FRAME_FLAGS]: FLAG_TRUNCATED };
    lab.receiveRaw("underlay0", { bytes: vxlan(VNI, frame()), remote: lab.remoteOf("client1"), row });
    expect(lab.drops()).toEqual({ underlay: { datagram_truncated: 1 } });
  });
});

describe("the inner frame", () => {
  test.each<[string, string, DropReasonName | null]>([
    ["zero", NOBODY, "source_mac_invalid"],
    ["broadcast", BROADCAST, "source_mac_invalid"],
    ["multicast", "01:00:5e:00:00:01", "source_mac_invalid"],
    ["locally administered multicast", "03:00:00:00:00:01", "source_mac_invalid"],
    ["zero but for its last bit", "00:00:00:00:00:01", null],
    ["zero but for its first byte", "02:00:00:00:00:00", null],
    ["zero but for the sign bit of its low word", "00:00:80:00:00:00", null],
  ])("with a source address that is %s", (_, from, reason) => {
    const lab = new Lab(PORTS);
    lab.receive("client1", frame({ from, to: BOB }));
    expect(lab.drops()).toEqual(reason === null ? {} : { client1: { [reason]: 1 } });
    expect(lab.fdb()).toEqual(reason === null ? [`0 ${from} client1`] : []);
  });

  const lies: [string, number, Buffer][] = [
    ["IPv4: a byte longer than the frame", ETHERTYPE_IPV4, altered(UDP4, 2, [0, UDP4.length + 1])],
    ["IPv4: 65,535 bytes", ETHERTYPE_IPV4, altered(UDP4, 2, [0xff, 0xff])],
    ["IPv4: shorter than its header", ETHERTYPE_IPV4, altered(UDP4, 2, [0, 19])],
    ["IPv4: a total length of 0", ETHERTYPE_IPV4, altered(UDP4, 2, [0, 0])],
    ["IPv4: a header of 16 bytes", ETHERTYPE_IPV4, altered(UDP4, 0, [0x44])],
    ["IPv4: a header of 0 bytes", ETHERTYPE_IPV4, altered(UDP4, 0, [0x40])],
    ["IPv4: a header beyond the packet", ETHERTYPE_IPV4, altered(UDP4.subarray(0, 40), 0, [0x4f, 0, 0, 40])],
    ["IPv4: version 6", ETHERTYPE_IPV4, altered(UDP4, 0, [0x65])],
    ["IPv4: cut off within the header", ETHERTYPE_IPV4, UDP4.subarray(0, 19)],
    ["IPv4: no byte of the header", ETHERTYPE_IPV4, Buffer.alloc(0)],
    ["IPv6: a byte longer than the frame", ETHERTYPE_IPV6, altered(UDP6, 4, [0, UDP6.length - 40 + 1])],
    ["IPv6: 65,535 bytes", ETHERTYPE_IPV6, altered(UDP6, 4, [0xff, 0xff])],
    ["IPv6: version 4", ETHERTYPE_IPV6, altered(UDP6, 0, [0x45])],
    ["IPv6: cut off within the header", ETHERTYPE_IPV6, UDP6.subarray(0, 39)],
  ];
  const tagged = lies.flatMap(([what, type, payload]) =>
    TAGS.map((vlans): [string, Buffer] => [
      `${what}, ${vlans.length} tags`,
      frame({ from: ALICE, to: BOB, type, payload, vlans }),
    ]),
  );

  test.each(tagged)("%s", (_, bytes) => {
    const lab = new Lab(PORTS);
    lab.receive("client1", bytes);
    lab.receive("tap0", bytes);
    expect(lab.drops()).toEqual({ client1: { inner_malformed: 1 }, tap0: { inner_malformed: 1 } });
    expect(lab.sent()).toEqual({});
    expect(lab.fdb()).toEqual([]);
  });

  const odd: [string, Buffer][] = [
    ["IPv4 with bytes behind it (Ethernet padding)", frame({ type: ETHERTYPE_IPV4, payload: padded(UDP4) })],
    ["IPv6 with bytes behind it", frame({ type: ETHERTYPE_IPV6, payload: padded(UDP6) })],
    ["a VLAN tag that is cut off", frame({ type: 0x8100, payload: Buffer.from([0, 5, 8]) })],
    ["a VLAN tag and nothing behind it", frame({ type: 0x8100, payload: Buffer.from([0, 0, 8, 6]) })],
    ["an Ethernet header and no payload", frame({ payload: Buffer.alloc(0) })],
    ["802.3 with a length in place of a type", frame({ type: 46 })],
  ];

  test.each(odd)("%s is none of a switch's business", (_, bytes) => {
    const lab = new Lab(PORTS);
    lab.receive("client1", bytes);
    const sent = lab.departures();
    expect(sent.map(({ port }) => port).sort()).toEqual(["client2", "tap0"]);
    for (const departure of sent) expect(departure.bytes.equals(bytes)).toBe(true);
  });

  test("a TAP's metadata that does not fit the frame", () => {
    const lab = new Lab(PORTS);
    lab.receiveRaw("tap0", { bytes: frame(), row: { [FRAME_FLAGS]: FLAG_BAD_OFFLOAD } });
    expect(lab.drops()).toEqual({ tap0: { offload_invalid: 1 } });
    expect(lab.fdb()).toEqual([]);
  });
});

function altered(bytes: Buffer, at: number, values: readonly number[]): Buffer {
  const copy = Buffer.from(bytes);
  copy.set(values, at);
  return copy;
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(6)]);
}
