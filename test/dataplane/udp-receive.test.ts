// What the UDP underlay receives over loopback, merged by the kernel on the way; and the opening of its sockets.
import { describe, expect, test } from "vitest";
import { parseAddress } from "../../src/dataplane/address.ts";
import { DESTINATION_UDP_PORT } from "../../src/dataplane/destinations.ts";
import {
  FLAG_TRUNCATED,
  FRAME_FLAGS,
  FRAME_GSO_SIZE,
  FRAME_GSO_TYPE,
  FRAME_REMOTE,
  GSO_NONE,
  GSO_UDP_L4,
} from "../../src/dataplane/frames.ts";
import {
  closeUdpSockets,
  openUdpSockets,
  UdpUnderlay,
  udpPathMtu,
} from "../../src/dataplane/io/udp-underlay.ts";
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, frame, packet, pattern, vxlan } from "./packets.ts";
import {
  aim,
  BUFFER_BYTES,
  cleanups,
  type End,
  end,
  HERE,
  receive,
  sized,
  THERE,
  transmit,
  VNI,
} from "./udp-loopback.ts";

describe("receiving", () => {
  function ends(): { sender: End; receiver: End } {
    const sender = end(HERE, 0);
    const port = 12_000 + Math.floor(Math.random() * 10_000);
    const receiver = end(THERE, port);
    aim(sender, 0, { port, mtuBytes: 60_000 });
    return { sender, receiver };
  }

  test.each([
    ["a single datagram", [100]],
    ["equal datagrams", new Array(20).fill(100)],
    ["a train with a shorter end", [700, 700, 700, 99]],
    ["many trains", new Array(500).fill(64)],
    ["trains and single datagrams", [100, 100, 1400, 20, 20, 20, 19, 1000]],
  ])("%s: what the kernel merged is a row for each again", (_, sizes) => {
    const { sender, receiver } = ends();
    const outgoing = sizes.map((size, i) => ({ bytes: sized(size, i + 1) }));
    transmit(sender, outgoing);
    const got = receive(receiver, outgoing.length);
    expect(got.map(({ bytes }) => bytes.toString("hex"))).toEqual(
      outgoing.map(({ bytes }) => vxlan(VNI, bytes).toString("hex")),
    );
    const remote = Array.from(parseAddress(HERE).words);
    for (const { row } of got) {
      expect([row[FRAME_FLAGS], row[FRAME_GSO_TYPE], row[FRAME_GSO_SIZE]]).toEqual([0, GSO_NONE, 0]);
      expect(Array.from(row.subarray(FRAME_REMOTE, FRAME_REMOTE + 4))).toEqual(remote);
    }
  });

  test("the largest datagram fits a slot whole", () => {
    const { sender, receiver } = ends();
    aim(sender, 0, { port: receiverPort(sender), mtuBytes: 65_535 });
    const bytes = sized(64_000);
    transmit(sender, [{ bytes }]);
    const [{ bytes: got, row }] = receive(receiver, 1);
    expect([got.equals(vxlan(VNI, bytes)), row[FRAME_FLAGS] & FLAG_TRUNCATED]).toEqual([true, 0]);
  });

  /** Equal datagrams that merge to one, of which the first one's IP header claims the whole: an inner UDP super-frame. */
  test.each([
    ["IPv4", 4, []],
    ["IPv6", 6, []],
    ["IPv4, tagged", 4, [100]],
    ["IPv6, tagged twice", 6, [100, 200]],
  ] as const)(
    "a datagram that holds a UDP super-frame over %s is one frame, with its segment size",
    (_, version, vlans) => {
      const { sender, receiver } = ends();
      const whole = packet({ version, protocol: "udp", payload: pattern(3000), checksum: "left" }).bytes;
      const type = version === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
      const bytes = frame({ type, vlans, payload: whole });
      // Sent as three equal datagrams; the sender's own VXLAN headers stand in place of some payload bytes.
      const pieceBytes = Math.ceil((bytes.length - 2 * 8) / 3);
      const pieces = [0, 1, 2].map((i) => ({
        bytes: bytes.subarray(i * (pieceBytes + 8), i * (pieceBytes + 8) + pieceBytes),
      }));
      transmit(sender, pieces);
      const got = receive(receiver, 1);
      expect(got.map((one) => one.bytes.length)).toEqual([bytes.length + 8]);
      expect([got[0].row[FRAME_GSO_TYPE], got[0].row[FRAME_GSO_SIZE]]).toEqual([GSO_UDP_L4, pieceBytes + 8]);
    },
  );

  test("an empty socket has nothing, and one that is closed says why", () => {
    const { receiver } = ends();
    expect(receiver.underlay.receive()).toBe(0);
    const EBADF = 9;
    const closed = new UdpUnderlay(
      0,
      { ipv6: false, receiver: 1_000_000, senders: new Int32Array([1_000_000]), ports: new Int32Array(1) },
      receiver.arena,
      receiver.frames,
      receiver.destinations,
    );
    expect(closed.receive()).toBe(-EBADF);
  });

  function receiverPort({ destinations }: End): number {
    return destinations[DESTINATION_UDP_PORT];
  }
});

describe("opening", () => {
  test("a port that is taken, an address that is not ours: the kernel's name for it", () => {
    const port = 22_000 + Math.floor(Math.random() * 2000);
    end(HERE, port);
    expect(() => end(HERE, port)).toThrow(expect.objectContaining({ code: "EADDRINUSE" }));
    expect(() => end("203.0.113.7", port)).toThrow(expect.objectContaining({ code: "EADDRNOTAVAIL" }));
  });

  test("a wildcard beside a specific address is let in for this process only", () => {
    const port = 26_000 + Math.floor(Math.random() * 2000);
    const words = parseAddress(HERE).words;
    const specific = openUdpSockets(false, words, port, BUFFER_BYTES, []);
    cleanups.push(() => closeUdpSockets(specific));
    const any = openUdpSockets(false, parseAddress("0.0.0.0").words, port, BUFFER_BYTES, [specific.receiver]);
    cleanups.push(() => closeUdpSockets(any));
    expect(() => openUdpSockets(false, parseAddress("127.0.0.99").words, port, BUFFER_BYTES, [])).toThrow(
      /bind/,
    );
  });

  test("the path MTU is what the kernel says; 0 where it has no route", () => {
    const LOOPBACK_MTU = 65_535;
    expect(udpPathMtu(false, parseAddress(HERE).words, parseAddress(THERE).words, 4789)).toBe(LOOPBACK_MTU);
    expect(udpPathMtu(false, parseAddress(HERE).words, parseAddress("240.0.0.1").words, 4789)).toBe(0);
  });
});
