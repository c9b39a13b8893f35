// UDP checksums of the outer headers: which datagrams have one, and which without are taken in (RFC 6935).
import { describe, expect, test } from "vitest";
import {
  DESTINATION_OPTIONS,
  OUTER_UDP_CSUM,
  OUTER_UDP6_ZERO_CSUM,
  OUTER_UDP6_ZERO_CSUM_RX,
} from "../../src/dataplane/destinations.ts";
import { FLAG_ZERO_CSUM6, FRAME_FLAGS } from "../../src/dataplane/frames.ts";
import { takeZeroChecksums } from "../../src/dataplane/io/udp-underlay.ts";
import { outerBits, PLAIN_OUTER } from "../../src/dataplane/outer-options.ts";
import { Lab } from "./lab.ts";
import { frame, vxlan } from "./packets.ts";
import { aim, type End, end, receive, sized, transmit, VNI } from "./udp-loopback.ts";

describe("over IPv6 by the UDP sockets", () => {
  const ALL = [100, 100, 100, 60, 900];

  function ends(options: number): { sender: End; receiver: End } {
    const sender = end("::1", 0);
    const port = 45_000 + Math.floor(Math.random() * 4000);
    const receiver = end("::1", port);
    aim(sender, 0, { address: "::1", port, mtuBytes: 9000 });
    sender.destinations[DESTINATION_OPTIONS] = options;
    return { sender, receiver };
  }

  test("a port that says so sends none, one frame a datagram, and all arrive where they are taken", () => {
    const { sender, receiver } = ends(OUTER_UDP6_ZERO_CSUM);
    takeZeroChecksums(receiver.sockets, true);
    const outgoing = ALL.map((bytes, i) => ({ bytes: sized(bytes, i + 1) }));
    expect(transmit(sender, outgoing)).toEqual(ALL.map(() => ""));
    const got = receive(receiver, ALL.length).map(({ bytes }) => bytes.toString("hex"));
    expect(got).toEqual(outgoing.map(({ bytes }) => vxlan(VNI, bytes).toString("hex")));
  });

  test("the kernel drops them where they are not taken, and again once they are no longer", () => {
    const { sender, receiver } = ends(OUTER_UDP6_ZERO_CSUM);
    const send = () => {
      transmit(sender, [{ bytes: sized(100) }]);
      // With a checksum: what comes tells that the one before has been looked at.
      sender.destinations[DESTINATION_OPTIONS] = 0;
      transmit(sender, [{ bytes: sized(200) }]);
      sender.destinations[DESTINATION_OPTIONS] = OUTER_UDP6_ZERO_CSUM;
    };
    const lengths = (count: number) => receive(receiver, count).map(({ bytes }) => bytes.length - 8);
    send();
    expect(lengths(1)).toEqual([200]);
    takeZeroChecksums(receiver.sockets, true);
    send();
    expect(lengths(2)).toEqual([100, 200]);
    takeZeroChecksums(receiver.sockets, false);
    send();
    expect(lengths(1)).toEqual([200]);
  });
});

test("a datagram without one, of a ring, is for ports that take it alone", () => {
  const lab = new Lab({ ports: ["tap0", "client1", "client2"] });
  lab.setOptions("client2", OUTER_UDP6_ZERO_CSUM_RX);
  const bytes = vxlan(VNI, frame());
  const row = { [FRAME_FLAGS]: FLAG_ZERO_CSUM6 };
  lab.receiveRaw("underlay0", { bytes, row, remote: lab.remoteOf("client1") });
  expect([lab.sent(), lab.drops()]).toEqual([{}, { underlay: { outer_malformed: 1 } }]);
  lab.receiveRaw("underlay0", { bytes, row, remote: lab.remoteOf("client2") });
  expect([lab.sent(), lab.drops()]).toEqual([{ tap0: 1, client1: 1 }, {}]);
});

test("each family has the options that are its own", () => {
  const all = { ...PLAIN_OUTER, udpCsum: true, udp6ZeroCsumTx: true, udp6ZeroCsumRx: true } as const;
  expect(outerBits(all, false)).toBe(OUTER_UDP_CSUM);
  expect(outerBits(all, true)).toBe(OUTER_UDP6_ZERO_CSUM | OUTER_UDP6_ZERO_CSUM_RX);
  expect([outerBits(PLAIN_OUTER, false), outerBits(PLAIN_OUTER, true)]).toEqual([0, 0]);
});
