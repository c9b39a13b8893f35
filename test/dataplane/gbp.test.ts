// Group policies in the VXLAN header (draft-smith-vxlan-group-policy): they go along between ports that have them, and
// nowhere else.
import { expect, test } from "vitest";
import { DESTINATION_OPTIONS, OUTER_GBP } from "../../src/dataplane/destinations.ts";
import {
  FLAG_NEEDS_CSUM,
  FRAME_CSUM_OFFSET,
  FRAME_CSUM_START,
  FRAME_FLAGS,
  FRAME_GSO_TYPE,
  GSO_TCPV4,
} from "../../src/dataplane/frames.ts";
import { Lab } from "./lab.ts";
import { ETHERTYPE_IPV4, frame, packet, pattern, vxlan } from "./packets.ts";
import { pair, sized, transmit, VNI } from "./udp-loopback.ts";

/** A datagram with this first word of the VXLAN header. */
function datagram(word: number): Buffer {
  const bytes = vxlan(VNI, frame());
  bytes.writeUInt32BE(word, 0);
  return bytes;
}

/** The flags of a frame that came to a port, and left for another one. */
function flagsOf(word: number, options: number): number {
  const lab = new Lab({ ports: ["client1", "client2"] });
  lab.setOptions("client1", options);
  lab.receiveRaw("underlay0", { bytes: datagram(word), remote: lab.remoteOf("client1") });
  const [{ row }] = lab.departures();
  return row[FRAME_FLAGS];
}

/** The first word of the VXLAN header that a frame with these flags leaves with. */
async function wordOf(flags: number, options: number): Promise<number> {
  const { sender, listener } = await pair();
  sender.destinations[DESTINATION_OPTIONS] = options;
  expect(transmit(sender, [{ bytes: sized(60), row: { [FRAME_FLAGS]: flags } }])).toEqual([""]);
  const [{ bytes }] = await listener.all(1);
  return bytes.readUInt32BE(0);
}

test.each([
  ["with a policy", 0x8800_1234, 0x8800_1234],
  ["with the highest policy, applied, not to be learnt from", 0x8848_ffff, 0x8848_ffff],
  ["with policy 0", 0x8800_0000, 0x8800_0000],
  ["without G", 0x0800_1234, 0x0800_0000],
  ["with every bit", 0xffff_ffff, 0x8848_ffff],
])("a datagram %s (%i) leaves as one with the bits of the policy alone", async (_, word, wanted) => {
  expect(await wordOf(flagsOf(word, OUTER_GBP), OUTER_GBP)).toBe(wanted);
});

test("a policy is ignored on receipt at a port without, and stays behind at its way out", async () => {
  expect(flagsOf(0x8848_ffff, 0)).toBe(0);
  expect(await wordOf(flagsOf(0x8848_ffff, OUTER_GBP), 0)).toBe(0x0800_0000);
});

test("each frame of a train, and each segment of a super-frame, has its own", async () => {
  const { sender, listener } = await pair();
  sender.destinations[DESTINATION_OPTIONS] = OUTER_GBP;
  const flags = (policy: number) => flagsOf((0x8800_0000 + policy) >>> 0, OUTER_GBP);
  const whole = packet({ version: 4, protocol: "tcp", payload: pattern(3000), checksum: "left" });
  const row = {
    [FRAME_FLAGS]: flags(9) | FLAG_NEEDS_CSUM,
    [FRAME_GSO_TYPE]: GSO_TCPV4,
    [FRAME_CSUM_START]: 14 + whole.l4,
    [FRAME_CSUM_OFFSET]: 16,
  };
  const small = [1, 2, 0xfffe].map((policy) => ({ bytes: sized(60), row: { [FRAME_FLAGS]: flags(policy) } }));
  transmit(sender, [...small, { bytes: frame({ type: ETHERTYPE_IPV4, payload: whole.bytes }), row }]);
  const words = (await listener.all(6)).map(({ bytes }) => bytes.readUInt16BE(2));
  expect(words).toEqual([1, 2, 0xfffe, 9, 9, 9]);
});
