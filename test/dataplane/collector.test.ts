// From the queue of a mirror to a collector on loopback: what arrives is VXLAN around packets as they stand on a wire. What
// ERSPAN looks like there, test/kernel/collector.test.ts sees; here, that nothing is lost uncounted.
import { describe, expect, test } from "vitest";
import { parseAddress } from "../../src/dataplane/address.ts";
import {
  allocateCounters,
  MIRROR_BYTES,
  MIRROR_OUTPUT_DROPS,
  MIRROR_PACKETS,
  mirrorCounter,
} from "../../src/dataplane/counters.ts";
import {
  allocateOneDestination,
  DESTINATION_ADDRESS,
  DESTINATION_MTU,
  DESTINATION_UDP_PORT,
  DESTINATION_VNI,
} from "../../src/dataplane/destinations.ts";
import {
  FLAG_NEEDS_CSUM,
  FRAME_CSUM_OFFSET,
  FRAME_CSUM_START,
  FRAME_FLAGS,
  FRAME_FLOW,
  FRAME_GSO_TYPE,
  FRAME_LENGTH,
  FRAME_OFFSET,
  FRAME_WORDS,
  GSO_TCPV4,
} from "../../src/dataplane/frames.ts";
import { explainCollector } from "../../src/dataplane/inventory/explain.ts";
import { ErspanOutput, openErspan, VxlanOutput } from "../../src/dataplane/io/collector.ts";
import { allocateFrameQueue } from "../../src/dataplane/io/frame-queue.ts";
import { MirrorWriter } from "../../src/dataplane/io/mirror-queue.ts";
import { WakeUp } from "../../src/dataplane/io/poller.ts";
import { closeUdpSenders, openUdpSenders } from "../../src/dataplane/io/udp-underlay.ts";
import { SystemError } from "../../src/dataplane/system-error.ts";
import { allocateErspan, ERSPAN_MTU, ERSPAN_SEQUENCE } from "../../src/dataplane/wire/erspan.ts";
import { decode } from "./decoder.ts";
import { outerFrame } from "./outer-frame.ts";
import { ALICE, BOB, ETHERTYPE_IPV4, frame, packet, pattern, vxlan } from "./packets.ts";
import {
  BUFFER_BYTES,
  cleanups,
  type Datagram,
  HERE,
  hex,
  Listener,
  sized,
  THERE,
  VNI,
} from "./udp-loopback.ts";

const MIRROR = 3;
const MTU_BYTES = 1500;
const NO_FD = 1_000_000;

/** A queue and its writing end over an arena of the frames that are offered. */
function queue(snaplenBytes: number) {
  const wakeUp = new WakeUp();
  cleanups.push(() => wakeUp.close());
  const memory = allocateFrameQueue(wakeUp.fd);
  const counters = new Float64Array(allocateCounters());
  const offer = (bytes: Buffer, extra: Record<number, number> = {}): void => {
    const clock = { seconds: 0, nanoseconds: 0 };
    const writer = new MirrorWriter(memory, snaplenBytes, bytes, clock, counters, MIRROR);
    const row = new Int32Array(FRAME_WORDS);
    row[FRAME_OFFSET] = 0;
    row[FRAME_LENGTH] = bytes.length;
    for (const [word, value] of Object.entries(extra)) row[Number(word)] = value;
    writer.offer(row, 0, 1);
    writer.publish();
  };
  const counted = () =>
    [MIRROR_PACKETS, MIRROR_BYTES, MIRROR_OUTPUT_DROPS].map(
      (counter) => counters[mirrorCounter(MIRROR) + counter],
    );
  return { memory, counters, offer, counted };
}

async function toVxlan(snaplenBytes = 0) {
  const { memory, counters, offer, counted } = queue(snaplenBytes);
  const listener = await Listener.open();
  const destinations = allocateOneDestination();
  const row = new Int32Array(destinations);
  row.set(parseAddress(THERE).words, DESTINATION_ADDRESS);
  row[DESTINATION_UDP_PORT] = listener.port;
  row[DESTINATION_VNI] = VNI;
  row[DESTINATION_MTU] = MTU_BYTES;
  const senders = openUdpSenders(false, parseAddress(HERE).words, BUFFER_BYTES);
  cleanups.push(() => closeUdpSenders(senders));
  return {
    output: new VxlanOutput(senders, false, destinations, [memory], counters, MIRROR),
    listener,
    offer,
    counted,
  };
}

function asOnWire({ bytes }: Datagram): Buffer {
  return outerFrame({ macs: { from: ALICE, to: BOB }, from: HERE, to: THERE, port: 4789, payload: bytes });
}

describe("to a VXLAN collector", () => {
  test("each frame arrives behind its VNI, whole and in order, by the source port of its flow", async () => {
    const { output, listener, offer, counted } = await toVxlan();
    const frames = Array.from({ length: 300 }, (_, i) => sized(14 + ((i * 37) % 1400), i + 1));
    for (const bytes of frames) offer(bytes, { [FRAME_FLOW]: 5 });
    while (output.drain() > 0);
    const got = await listener.all(frames.length);
    expect(hex(got)).toEqual(frames.map((bytes) => vxlan(VNI, bytes).toString("hex")));
    expect(new Set(got.map(({ from }) => from.port)).size).toBe(1);
    expect(counted()).toEqual([300, frames.reduce((sum, { length }) => sum + length, 0), 0]);
  });

  test("a super-frame arrives as packets that fit the path, with checksums that are right", async () => {
    const { output, listener, offer, counted } = await toVxlan();
    const payload = pattern(20_000);
    const { bytes, l4 } = packet({ version: 4, protocol: "tcp", payload, checksum: "left" });
    const offloads = { [FRAME_FLAGS]: FLAG_NEEDS_CSUM, [FRAME_GSO_TYPE]: GSO_TCPV4 };
    const start = { [FRAME_CSUM_START]: 14 + l4, [FRAME_CSUM_OFFSET]: 16 };
    offer(frame({ type: ETHERTYPE_IPV4, payload: bytes }), { ...offloads, ...start });
    output.drain();
    const got = await listener.all(Math.ceil(payload.length / 1410));
    const decoded = decode(got.map(asOnWire), ["vxlan.vni", "ip.len", "tcp.checksum.status", "tcp.payload"]);
    expect(decoded.map((row) => row["tcp.payload"]).join("")).toBe(payload.toString("hex"));
    for (const row of decoded) {
      expect([row["vxlan.vni"], row["tcp.checksum.status"]]).toEqual([String(VNI), "1"]);
      expect(Number(row["ip.len"].split(",")[0])).toBeLessThanOrEqual(MTU_BYTES);
    }
    expect(counted()[0]).toBe(1);
  });

  test("what does not fit the path is refused and counted; with a snaplen it fits", async () => {
    const whole = await toVxlan();
    for (const size of [1464, 1465, 100]) whole.offer(sized(size));
    whole.output.drain();
    expect((await whole.listener.all(2)).map(({ bytes }) => bytes.length - 8)).toEqual([1464, 100]);
    expect(whole.counted()).toEqual([2, 1564, 1]);
    const cut = await toVxlan(64);
    cut.offer(sized(9000, 7));
    cut.output.drain();
    expect(hex(await cut.listener.all(1))).toEqual([
      vxlan(VNI, sized(9000, 7).subarray(0, 64)).toString("hex"),
    ]);
    expect(cut.counted()).toEqual([1, 64, 0]);
  });
});

describe("to an ERSPAN collector", () => {
  test("what no socket takes is counted, and the sequence tells the collector of it", () => {
    const { memory, counters, offer, counted } = queue(0);
    const tunnel = allocateErspan();
    const row = new Int32Array(tunnel);
    row[ERSPAN_MTU] = MTU_BYTES;
    row[ERSPAN_SEQUENCE] = -2;
    const output = new ErspanOutput(NO_FD, tunnel, [memory], counters, MIRROR);
    for (const size of [60, 1464, 1465, 100]) offer(sized(size));
    expect([output.drain(), output.drain()]).toEqual([4, 0]);
    expect(counted()).toEqual([0, 0, 4]);
    // Modulo 2^32; the one that was too long for the path never became a datagram.
    expect(row[ERSPAN_SEQUENCE]).toBe(1);
  });

  test("a socket at an address that this host does not have is refused with the remedy", () => {
    const elsewhere = () => openErspan(parseAddress("192.0.2.1").words, BUFFER_BYTES);
    expect(elsewhere).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/EADDRNOTAVAIL|EPERM/) }),
    );
    expect(explainCollector(new SystemError("", "EADDRNOTAVAIL"), "192.0.2.1")).toBe(
      "no interface of this host has the address 192.0.2.1: 'ip address' lists them; correct 'local' or leave it out",
    );
    expect(explainCollector(new SystemError("", "EPERM"), null)).toBe(
      "ERSPAN needs the capability CAP_NET_RAW: run as root, or with 'AmbientCapabilities=CAP_NET_RAW' in a systemd unit",
    );
    expect(explainCollector(new SystemError("socket: no buffers", "ENOBUFS"), null)).toBe(
      "its socket cannot be opened: socket: no buffers",
    );
  });
});
