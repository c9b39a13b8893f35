// Explicit congestion notification (RFC 6040): what an outer header tells reaches the inner one, by sockets as by a ring
// (ring-receive.test.ts), and the inner bits stand in the outer header.
import { describe, expect, test } from "vitest";
import { FLAG_BAD_ECN, FLAG_ECN_SHIFT, FRAME_FLAGS } from "../../src/dataplane/frames.ts";
import { decode } from "./decoder.ts";
import { Lab } from "./lab.ts";
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, frame, packet, pattern } from "./packets.ts";
import { aim, type End, end, HERE, receive, sized, THERE, transmit } from "./udp-loopback.ts";

const [NOT_ECT, ECT_1, ECT_0, CE] = [0, 1, 2, 3];
const CODEPOINTS = [NOT_ECT, ECT_1, ECT_0, CE];

/** RFC 6040 figure 4: by inner and outer codepoint, null = drop. */
const OUTGOING: Record<number, Record<number, number | null>> = {
  [NOT_ECT]: { [NOT_ECT]: NOT_ECT, [ECT_0]: NOT_ECT, [ECT_1]: NOT_ECT, [CE]: null },
  [ECT_0]: { [NOT_ECT]: ECT_0, [ECT_0]: ECT_0, [ECT_1]: ECT_1, [CE]: CE },
  [ECT_1]: { [NOT_ECT]: ECT_1, [ECT_0]: ECT_1, [ECT_1]: ECT_1, [CE]: CE },
  [CE]: { [NOT_ECT]: CE, [ECT_0]: CE, [ECT_1]: CE, [CE]: CE },
};

function inner(version: 4 | 6, ecn: number, vlans: readonly number[] = [], seed = 1): Buffer {
  const payload = packet({
    version,
    protocol: "udp",
    payload: pattern(100, seed),
    checksum: "filled",
    tos: 0xb8 | ecn,
  });
  return frame({ type: version === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6, vlans, payload: payload.bytes });
}

/** Two ends whose outer headers are over this version. */
function ends(version: 4 | 6): { sender: End; receiver: End } {
  const [here, there] = version === 4 ? [HERE, THERE] : ["::1", "::1"];
  const sender = end(here, 0);
  const port = 34_000 + Math.floor(Math.random() * 10_000);
  const receiver = end(there, port);
  aim(sender, 0, { address: there, port, mtuBytes: 60_000 });
  return { sender, receiver };
}

/** As if the forwarder had read this codepoint. */
const told = (ecn: number) => ({ [FRAME_FLAGS]: ecn << FLAG_ECN_SHIFT });

describe.each([
  ["IPv4", 4, []],
  ["IPv6", 6, []],
  ["IPv4, tagged twice", 4, [7, 8]],
  ["IPv6, tagged", 6, [7]],
] as const)("of an inner packet over %s", (_, version, vlans) => {
  test.each([4, 6] as const)("each codepoint of an outer header over IPv%d does what it must", (outer) => {
    const { sender, receiver } = ends(outer);
    const cases = CODEPOINTS.flatMap((outside) => CODEPOINTS.map((inside) => ({ outside, inside })));
    const outgoing = cases.map(({ outside, inside }, i) => {
      return { bytes: inner(version, inside, vlans, i + 1), row: told(outside), flow: i };
    });
    expect(transmit(sender, outgoing)).toEqual(cases.map(() => ""));
    const got = receive(receiver, cases.length);
    expect(got).toHaveLength(cases.length);
    for (const [i, { outside, inside }] of cases.entries()) {
      const ecn = OUTGOING[inside][outside];
      // A frame that is to be dropped stays as it is.
      const wanted = inner(version, ecn ?? inside, vlans, i + 1);
      const found = got.find(({ bytes }) => bytes.subarray(8).equals(wanted));
      expect(found?.row[FRAME_FLAGS], `inner ${inside}, outer ${outside}`).toBe(
        ecn === null ? FLAG_BAD_ECN : 0,
      );
    }
  });
});

test("the checksum of an inner IPv4 header that was marked is right, whatever it was", () => {
  const { sender, receiver } = ends(4);
  const outgoing = Array.from({ length: 200 }, (_, i) => {
    const bytes = inner(4, ECT_0);
    // Every identification has another checksum.
    const identification = (i * 331) & 0xffff;
    const sum = bytes.readUInt16BE(24) + 0xfffe - identification;
    bytes.writeUInt16BE(identification, 18);
    bytes.writeUInt16BE((sum & 0xffff) + (sum >>> 16), 24);
    return { bytes, row: told(CE) };
  });
  transmit(sender, outgoing);
  const got = receive(receiver, outgoing.length).map(({ bytes }) => bytes.subarray(8));
  expect(got).toHaveLength(outgoing.length);
  const decoded = decode(got, ["ip.checksum.status", "ip.dsfield.ecn", "ip.dsfield.dscp"]);
  expect(new Set(decoded.map((row) => Object.values(row).join()))).toEqual(new Set(["1,3,46"]));
});

test("a train has one outer header, so frames with different codepoints never share one", () => {
  const { sender, receiver } = ends(4);
  const outgoing = Array.from({ length: 64 }, (_, i) => {
    return { bytes: inner(4, ECT_0, [], i + 1), row: told(i % 3 === 0 ? CE : ECT_0) };
  });
  transmit(sender, outgoing);
  const got = receive(receiver, outgoing.length).map(({ bytes }) => bytes.subarray(8).toString("hex"));
  const wanted = outgoing.map((_, i) => inner(4, i % 3 === 0 ? CE : ECT_0, [], i + 1).toString("hex"));
  expect(got.sort()).toEqual(wanted.sort());
});

test("frames that carry no IP, or not a whole header, pass an outer header that tells of congestion", () => {
  const { sender, receiver } = ends(4);
  const cut = [22, 33, 34].map((bytes) => inner(4, ECT_0).subarray(0, bytes));
  const outgoing = [sized(60), ...cut, inner(6, ECT_0).subarray(0, 53)].map((bytes) => {
    return { bytes, row: told(CE) };
  });
  transmit(sender, outgoing);
  const got = receive(receiver, outgoing.length);
  expect(got.map(({ row }) => row[FRAME_FLAGS])).toEqual(outgoing.map(() => 0));
});

describe("in the switch", () => {
  test.each([4, 6] as const)("the codepoint of an inner IPv%d header goes with the frame", (version) => {
    const lab = new Lab({ ports: ["tap0", "client1", "client2"] });
    for (const port of ["client1", "tap0"]) {
      for (const ecn of CODEPOINTS) {
        lab.receive(port, inner(version, ecn));
        const flags = lab.departures().map(({ row }) => (row[FRAME_FLAGS] >> FLAG_ECN_SHIFT) & 3);
        expect(flags).toEqual([ecn, ecn]);
      }
    }
  });

  test("a frame that the outer header forbids is dropped as ecn_invalid, at its port", () => {
    const lab = new Lab({ ports: ["tap0", "client1"] });
    const remote = lab.remoteOf("client1");
    const header = Buffer.from("0800000000100400", "hex");
    const bytes = Buffer.concat([header, inner(4, NOT_ECT)]);
    lab.receiveRaw("underlay0", { bytes, remote, row: { [FRAME_FLAGS]: FLAG_BAD_ECN } });
    expect(lab.drops()).toEqual({ client1: { ecn_invalid: 1 } });
    expect(lab.sent()).toEqual({});
  });
});
