// What the UDP underlay transmits, as a kernel socket on loopback gets it: trains, single frames, super-frames.
import { describe, expect, test } from "vitest";
import {
  COPIES_MAX,
  FLAG_NEEDS_CSUM,
  FRAME_CSUM_OFFSET,
  FRAME_CSUM_START,
  FRAME_FLAGS,
  FRAME_GSO_SIZE,
  FRAME_GSO_TYPE,
  GSO_TCPV4,
  GSO_UDP_L4,
  TransmitList,
} from "../../src/dataplane/frames.ts";
import { decode } from "./decoder.ts";
import { ETHERTYPE_IPV4, frame, packet, pattern, vxlan } from "./packets.ts";
import {
  aim,
  type Datagram,
  end,
  fan,
  HERE,
  hex,
  Listener,
  type Outgoing,
  pair,
  sized,
  THERE,
  transmit,
  VNI,
} from "./udp-loopback.ts";

describe("transmitting", () => {
  test.each([
    ["one frame", [100]],
    ["equal frames", new Array(10).fill(100)],
    ["equal frames and a shorter last one", [200, 200, 200, 60]],
    ["a longer frame after shorter ones", [60, 60, 200, 200]],
    ["frames of all sizes", Array.from({ length: 100 }, (_, i) => 14 + ((i * 37) % 1400))],
    ["more equal frames than a train takes", new Array(300).fill(64)],
    ["more bytes than a train takes", new Array(150).fill(1464)],
  ])("%s arrive one by one, whole and in order", async (_, sizes) => {
    const { sender, listener } = await pair();
    const outgoing = sizes.map((size, i) => ({ bytes: sized(size, i + 1) }));
    expect(transmit(sender, outgoing)).toEqual(sizes.map(() => ""));
    const got = await listener.all(sizes.length);
    expect(got).toHaveLength(sizes.length);
    got.forEach(({ bytes }, i) => {
      expect(bytes.equals(vxlan(VNI, outgoing[i].bytes))).toBe(true);
    });
  });

  test("as many copies as a call takes arrive, whatever their sizes", async () => {
    const { sender, listeners } = await fan(8);
    for (const size of [(): number => 64, (i: number): number => 64 + (i % 2) * 50]) {
      const outgoing = Array.from({ length: COPIES_MAX }, (_, i) => {
        return { bytes: sized(size(i), i + 1), destination: i >> 7 };
      });
      expect(transmit(sender, outgoing).every((result) => result === "")).toBe(true);
      for (const [i, listener] of listeners.entries()) {
        const sent = outgoing.slice(i << 7, (i + 1) << 7);
        expect(hex(await listener.all(sent.length))).toEqual(
          sent.map(({ bytes }) => vxlan(VNI, bytes).toString("hex")),
        );
      }
    }
  });

  test.each([1, 4100, 0xffffff])(
    "VNI %d stands in the header, and all other bits of it are zero",
    async (vni) => {
      const { sender, listener } = await pair();
      aim(sender, 0, { port: listener.port, vni });
      transmit(sender, [{ bytes: sized(60) }, { bytes: sized(60) }]);
      const header = Buffer.alloc(8);
      header[0] = 0x08;
      header.writeUIntBE(vni, 4, 3);
      const got = await listener.all(2);
      expect(got.map(({ bytes }) => bytes.toString("hex", 0, 8))).toEqual(
        [header, header].map((h) => h.toString("hex")),
      );
    },
  );

  test("a flow keeps its source port, of 49152-65535; many flows use many ports", async () => {
    const { sender, listener } = await pair();
    const outgoing = Array.from({ length: 256 }, (_, i) => ({ bytes: sized(64, i + 1), flow: i % 64 }));
    transmit(sender, outgoing);
    const portsOfFlow = new Map<number, Set<number>>();
    for (const { bytes, from } of await listener.all(outgoing.length)) {
      expect(from.address).toBe(HERE);
      expect(from.port).toBeGreaterThanOrEqual(49_152);
      const flow = outgoing.findIndex((sent) => sent.bytes.equals(bytes.subarray(8))) % 64;
      portsOfFlow.set(flow, (portsOfFlow.get(flow) ?? new Set()).add(from.port));
    }
    expect(portsOfFlow.size).toBe(64);
    for (const ports of portsOfFlow.values()) expect(ports.size).toBe(1);
    expect(new Set(Array.from(portsOfFlow.values(), ([port]) => port)).size).toBeGreaterThanOrEqual(8);
  });

  test("frames of several flows and destinations in one batch: each flow stays in order, none goes astray", async () => {
    const { sender, listeners } = await fan(3);
    const outgoing = Array.from({ length: 900 }, (_, i) => {
      return { bytes: sized(64 + (i % 3), i + 1), flow: (i * 7) % 5, destination: i % listeners.length };
    });
    transmit(sender, outgoing);
    for (const [i, listener] of listeners.entries()) {
      const got = await listener.all(outgoing.length / listeners.length);
      const sent = outgoing.filter(({ destination }) => destination === i);
      expect(got).toHaveLength(sent.length);
      for (let flow = 0; flow < 5; flow++) {
        const wanted = sent.filter((one) => one.flow === flow).map(({ bytes }) => vxlan(VNI, bytes));
        const hexes = new Set(wanted.map((bytes) => bytes.toString("hex")));
        const ofFlow = got.filter(({ bytes }) => hexes.has(bytes.toString("hex")));
        expect(ofFlow.map(({ bytes }) => bytes.toString("hex"))).toEqual(
          wanted.map((bytes) => bytes.toString("hex")),
        );
      }
    }
  });

  test("one frame to several destinations is a copy for each", async () => {
    const { sender, listener } = await pair();
    aim(sender, 1, { port: listener.port, vni: 7 });
    const list = new TransmitList();
    const bytes = sized(300);
    sender.arena.bytes.set(bytes, 0);
    sender.frames.set([0, bytes.length]);
    for (const destination of [0, 1, 0]) list.push(0, destination);
    expect(sender.underlay.transmit(list)).toBe(0);
    const got = (await listener.all(3)).map((datagram) => datagram.bytes.readUIntBE(4, 3));
    expect(got.sort()).toEqual([7, VNI, VNI].sort());
  });

  test("frames reach an IPv6 VTEP as they reach an IPv4 one", async () => {
    const sender = end("::1", 0);
    const listener = await Listener.open("::1");
    aim(sender, 0, { address: "::1", port: listener.port });
    const outgoing = [200, 200, 200, 100, 1430].map((size, i) => ({ bytes: sized(size, i + 1) }));
    expect(transmit(sender, outgoing)).toEqual(["", "", "", "", ""]);
    const got = await listener.all(outgoing.length);
    expect(got.map(({ bytes }) => bytes.toString("hex"))).toEqual(
      outgoing.map(({ bytes }) => vxlan(VNI, bytes).toString("hex")),
    );
  });

  test.each([
    ["IPv4", HERE, THERE, 1464],
    ["IPv6", "::1", "::1", 1444],
  ])("over %s a frame fits the path or is dropped as too big, to the byte", async (_, from, to, largest) => {
    const sender = end(from, 0);
    const listener = await Listener.open(to);
    aim(sender, 0, { address: to, port: listener.port, mtuBytes: 1500 });
    expect(transmit(sender, [{ bytes: sized(largest) }, { bytes: sized(largest + 1) }])).toEqual([
      "",
      "too_big",
    ]);
    expect((await listener.all(1)).map(({ bytes }) => bytes.length)).toEqual([largest + 8]);
  });

  test("a destination without a route is unreachable; the others get theirs", async () => {
    const { sender, listener } = await pair();
    aim(sender, 1, { address: "240.0.0.1", port: 4789 });
    const outgoing = [0, 1, 0, 1].map((destination) => ({ bytes: sized(64), destination }));
    const results = transmit(sender, outgoing);
    expect([results[0], results[2]]).toEqual(["", ""]);
    expect(["unreachable", "transmit_failed"]).toContain(results[1]);
    expect(await listener.all(2)).toHaveLength(2);
  });
});

describe("super-frames", () => {
  /** A frame over IPv4 whose checksum is left undone, and its row. */
  function superFrame(
    protocol: "tcp" | "udp",
    payloadBytes: number,
    words: Record<number, number> = {},
  ): Required<Pick<Outgoing, "bytes" | "row">> {
    const whole = packet({ version: 4, protocol, payload: pattern(payloadBytes), checksum: "left" });
    const row = {
      [FRAME_FLAGS]: FLAG_NEEDS_CSUM,
      [FRAME_GSO_TYPE]: GSO_TCPV4,
      [FRAME_CSUM_START]: 14 + whole.l4,
      [FRAME_CSUM_OFFSET]: protocol === "tcp" ? 16 : 6,
      ...words,
    };
    return { bytes: frame({ type: ETHERTYPE_IPV4, payload: whole.bytes }), row };
  }

  function inner(datagrams: readonly Datagram[]): Buffer[] {
    return datagrams.map(({ bytes }) => bytes.subarray(8));
  }

  const TCP_FIELDS = ["ip.checksum.status", "tcp.checksum.status", "tcp.seq", "tcp.len"];

  test("of TCP are cut to the path MTU, and the kernel gets good segments", async () => {
    const { sender, listeners } = await fan(8);
    const { bytes, row } = superFrame("tcp", 60_000);
    // Enough of them that the staging area is flushed in between.
    const outgoing = Array.from({ length: 24 }, (_, i) => ({ bytes, row, flow: i, destination: i % 8 }));
    expect(transmit(sender, outgoing).every((result) => result === "")).toBe(true);
    const segments = 3 * Math.ceil(60_000 / (1464 - 54));
    const got = (await Promise.all(listeners.map((listener) => listener.all(segments)))).flat();
    expect(got).toHaveLength(8 * segments);
    expect(Math.max(...got.map((datagram) => datagram.bytes.length))).toBe(1500 - 28);
    const decoded = decode(inner(got), TCP_FIELDS);
    const status = decoded.map((segment) => segment["ip.checksum.status"] + segment["tcp.checksum.status"]);
    expect(status).toEqual(got.map(() => "11"));
    expect(decoded.reduce((sum, segment) => sum + Number(segment["tcp.len"]), 0)).toBe(24 * 60_000);
  });

  test("of UDP become the datagrams that they are made of, whatever would fit", async () => {
    const { sender, listener } = await pair();
    const { bytes, row } = superFrame("udp", 3100, { [FRAME_GSO_TYPE]: GSO_UDP_L4, [FRAME_GSO_SIZE]: 500 });
    aim(sender, 0, { port: listener.port, mtuBytes: 9000 });
    expect(transmit(sender, [{ bytes, row }])).toEqual([""]);
    const decoded = decode(inner(await listener.all(7)), [
      "udp.length",
      "udp.checksum.status",
      "udp.payload",
    ]);
    expect(decoded.map((segment) => Number(segment["udp.length"]) - 8)).toEqual([
      500, 500, 500, 500, 500, 500, 100,
    ]);
    expect(decoded.every((segment) => segment["udp.checksum.status"] === "1")).toBe(true);
    expect(decoded.map((segment) => segment["udp.payload"]).join("")).toBe(pattern(3100).toString("hex"));
  });

  test("that fit the path leave whole, their checksum filled", async () => {
    const { sender, listener } = await pair();
    aim(sender, 0, { port: listener.port, mtuBytes: 9000 });
    const { bytes, row } = superFrame("tcp", 8000, { [FRAME_GSO_SIZE]: 1400 });
    transmit(sender, [{ bytes, row }]);
    const [segment, ...more] = decode(inner(await listener.all(1)), TCP_FIELDS);
    expect(more).toHaveLength(0);
    expect([segment["tcp.len"], segment["tcp.checksum.status"]]).toEqual(["8000", "1"]);
  });

  test("whose metadata lies are dropped and take no other frame along", async () => {
    const { sender, listener } = await pair();
    const lie = { [FRAME_FLAGS]: FLAG_NEEDS_CSUM, [FRAME_CSUM_START]: 60_000, [FRAME_CSUM_OFFSET]: 16 };
    const outgoing = [
      { bytes: sized(100) },
      { bytes: sized(100), row: lie },
      { bytes: sized(5000), row: { ...lie, [FRAME_GSO_TYPE]: GSO_TCPV4 } },
      { bytes: sized(100), row: { ...lie, [FRAME_GSO_TYPE]: GSO_UDP_L4 } },
      { bytes: sized(100) },
    ];
    const results = transmit(sender, outgoing);
    expect([results[0], results[1], results[4]]).toEqual(["", "offload_invalid", ""]);
    expect(results.slice(2, 4).every((result) => result !== "")).toBe(true);
    expect(await listener.all(2)).toHaveLength(2);
  });
});
