// What a capture gets: every frame of the ports that it watches, once, as it was received, with all that became of it.
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseAddress } from "../../src/dataplane/address.ts";
import { FRAME_REMOTE, FRAME_SHIFT } from "../../src/dataplane/frames.ts";
import { allocateCaptureLoss, CaptureReader, CaptureWriter } from "../../src/dataplane/io/capture-queue.ts";
import { allocateFrameQueue } from "../../src/dataplane/io/frame-queue.ts";
import { HELD, Journal, MIRRORED, SENT } from "../../src/dataplane/journal.ts";
import type { PortPolicy } from "../../src/dataplane/policy.ts";
import { OPEN_VLAN } from "../../src/dataplane/port-vlans.ts";
import { Lab } from "./lab.ts";
import { arp } from "./neighbour-packets.ts";
import { ALICE, BOB, BROADCAST, CAROL, frame, numberedMac, vxlan } from "./packets.ts";

/** Ports and destinations have the numbers 1, 2, 3. */
const PORTS = { ports: ["tap0", "client1", "client2"] };

test("a frame comes with the port that it came in at and every port that it left by", () => {
  const lab = new Lab(PORTS);
  const capture = lab.capture(null);
  lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
  lab.receive("client2", frame({ from: BOB, to: ALICE }));
  expect(capture.taken.map(({ port, fates }) => [port, fates])).toEqual([
    [2, ["to 1", "to 3"]],
    [3, ["to 2"]],
  ]);
});

test("a frame that is dropped comes with the reason and the port", () => {
  const lab = new Lab(PORTS);
  const capture = lab.capture(null);
  lab.receive("client1", frame({ from: ALICE, to: BROADCAST }), frame({ from: BROADCAST }));
  lab.receive("client1", frame({ from: BOB, to: ALICE }));
  lab.refuse("client2", "too_big");
  lab.receive("tap0", frame({ from: CAROL, to: BROADCAST }));
  expect(capture.taken.map(({ fates }) => fates)).toEqual([
    ["to 1", "to 3"],
    ["source_mac_invalid@2"],
    ["split_horizon@2"],
    ["too_big@2", "too_big@3"],
  ]);
});

test("a datagram that no port takes comes from its VXLAN header on", () => {
  const lab = new Lab(PORTS);
  const capture = lab.capture(null, { dropsOnly: true });
  const bytes = vxlan(4100, frame());
  lab.receiveDatagram("203.0.113.9", bytes);
  expect(capture.taken).toEqual([{ port: 0, bytes, fates: ["vtep_unknown@0"] }]);
});

test("who watches one direction of a port gets that alone", () => {
  const lab = new Lab(PORTS);
  lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
  lab.receive("client2", frame({ from: BOB, to: BROADCAST }));
  const watched = (ports: { in?: string[]; out?: string[] }): number[] => {
    const capture = lab.capture(ports);
    lab.receive("client1", frame({ from: ALICE, to: BOB }));
    lab.receive("client2", frame({ from: BOB, to: ALICE }));
    lab.receive("tap0", frame({ from: CAROL, to: BOB }));
    return capture.taken.map(({ port }) => port);
  };
  expect(watched({ in: ["client1"] })).toEqual([2]);
  expect(watched({ out: ["client1"] })).toEqual([3]);
  expect(watched({ in: ["client1"], out: ["client1"] })).toEqual([2, 3]);
});

test("what a mirror takes can be watched, and nothing else then", () => {
  const lab = new Lab(PORTS);
  lab.setMirrors([{ name: "m", select: { src: ["client1"] } }]);
  const capture = lab.capture({ mirrors: 1 });
  lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
  lab.receive("client2", frame({ from: BOB, to: ALICE }));
  expect(capture.taken.map(({ fates }) => fates)).toEqual([["mirror 0", "to 1", "to 3"]]);
});

test("a frame in another form is the frame that it was made from, with the bytes that came in", () => {
  const lab = new Lab({ ports: [{ name: "tap0", policy: accessTo(7) }, "client1", "client2"] });
  const capture = lab.capture(null);
  const bytes = frame({ from: ALICE, to: BROADCAST });
  lab.receive("tap0", bytes);
  expect(capture.taken).toEqual([{ port: 1, bytes, fates: ["to 2", "to 3"] }]);
});

test("a frame that a cable holds comes when the cable lets it go", () => {
  const lab = new Lab(PORTS);
  lab.impair("client1", { delayUs: 1000 }, null);
  const capture = lab.capture(null);
  lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
  expect(capture.taken).toEqual([]);
  lab.passUs(2000);
  expect(capture.taken.map(({ port, fates }) => [port, fates])).toEqual([[2, ["to 1", "to 3"]]]);
});

test("a copy that waits in the cable of a port is said to be held there", () => {
  const lab = new Lab(PORTS);
  lab.impair("client2", null, { delayUs: 1000 });
  const capture = lab.capture(null);
  lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
  lab.passUs(2000);
  expect(capture.taken.map(({ fates }) => fates)).toEqual(
    [["to 1", "held 3"].sort()].map((fates) => fates.reverse()),
  );
});

test("an answer of the switch's own is a frame from the station that it speaks for", () => {
  const lab = new Lab({
    ports: ["tap0", { name: "client1", policy: { neighSuppress: true } }, "client2"],
  });
  lab.receive("client1", arp({ from: BOB, sender: "10.9.0.2", target: "10.9.0.9" }));
  const capture = lab.capture(null);
  lab.receive("client2", arp({ from: ALICE, sender: "10.9.0.1", target: "10.9.0.2" }));
  const answer = capture.taken.find(({ port }) => port === 2);
  expect(answer?.fates).toEqual(["to 3"]);
});

test("every so many-th frame is a sample, counted over batches", () => {
  const lab = new Lab(PORTS);
  const capture = lab.capture(null, { sampleEvery: 4 });
  for (let i = 0; i < 10; i++)
    lab.receive("client1", frame({ from: numberedMac(i) }), frame({ from: ALICE }));
  expect(capture.taken).toHaveLength(5);
});

test("all frames of any traffic come once, and what they became is what the counters say", () => {
  const port = fc.constantFrom("tap0", "client1", "client2");
  const mac = fc.constantFrom(ALICE, BOB, CAROL, BROADCAST);
  const batch = fc.record({ at: port, frames: fc.array(fc.tuple(mac, mac), { minLength: 1, maxLength: 8 }) });
  fc.assert(
    fc.property(fc.array(batch, { minLength: 1, maxLength: 30 }), (batches) => {
      const lab = new Lab(PORTS);
      const capture = lab.capture(null);
      for (const { at, frames } of batches)
        lab.receive(at, ...frames.map(([from, to]) => frame({ from, to })));
      expect(capture.taken).toHaveLength(batches.flatMap(({ frames }) => frames).length);
      const fates = capture.taken.flatMap((taken) => taken.fates);
      const sent = Object.values(lab.sent()).reduce((sum, count) => sum + count, 0);
      const drops = Object.values(lab.drops()).flatMap((reasons) => Object.values(reasons));
      expect(fates.filter((fate) => fate.startsWith("to "))).toHaveLength(sent);
      expect(fates.filter((fate) => fate.includes("@"))).toHaveLength(
        drops.reduce((sum, count) => sum + count, 0),
      );
    }),
    { numRuns: 50 },
  );
});

test("the queue hands over frame, time, sender and fates; what has no room is counted", () => {
  const frames = new Int32Array(4 << FRAME_SHIFT);
  const journal = new Journal(frames);
  const arena = Buffer.alloc(200_000, "frame ");
  const output = { queue: allocateFrameQueue(-1), loss: allocateCaptureLoss(), snaplenBytes: 100 };
  const writer = new CaptureWriter(output, arena, { seconds: 1_800_000_000, nanoseconds: 999_999_999 });
  frames.set(parseAddress("203.0.113.9").words, FRAME_REMOTE);
  journal.begin(1);
  journal.offsets[0] = 6;
  journal.lengths[0] = 130;
  journal.mirrored(0, 3);
  for (let destination = 0; destination < 100; destination++) journal.sent(0, destination);
  journal.held(0, 9);
  let written = 0;
  while (new Float64Array(output.loss)[0] === 0) {
    writer.offer(journal, frames, 0);
    written++;
  }
  writer.publish();
  const taken: unknown[] = [];
  const reader = new CaptureReader(output.queue);
  const first = { count: 0 };
  reader.read(1, ({ bytes, sender, entries, ...rest }) => {
    first.count++;
    expect(Buffer.from(bytes).equals(arena.subarray(6, 106))).toBe(true);
    expect(sender).toEqual(parseAddress("203.0.113.9").words);
    expect(entries.slice(0, 2)).toEqual([
      { kind: MIRRORED, place: 3 },
      { kind: SENT, place: 0 },
    ]);
    expect(entries.some(({ kind }) => kind === HELD)).toBe(false);
    expect(rest).toMatchObject({
      originalBytes: 130,
      seconds: 1_800_000_000,
      nanoseconds: 999_999_999,
      hasMore: true,
    });
  });
  reader.read(Number.POSITIVE_INFINITY, ({ entries }) => taken.push(entries.length));
  expect([first.count, taken.length]).toEqual([1, written - 2]);
});

function accessTo(tag: number): Partial<PortPolicy> {
  return { vlan: { ...OPEN_VLAN, mode: "access", tag } };
}
