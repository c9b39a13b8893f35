// Which frames a mirror gets: by the port that received them, the port that transmitted them, by VLAN, each once.
import { expect, test } from "vitest";
import { Lab } from "./lab.ts";
import { ALICE, BOB, BROADCAST, CAROL, frame, NOBODY } from "./packets.ts";

const PORTS = { ports: ["tap0", "client1", "client2"] };

test("a mirror of a source port gets what that port receives, and nothing else", () => {
  const lab = new Lab(PORTS);
  lab.setMirrors([{ name: "m", select: { src: ["client1"] } }]);
  const bytes = frame({ from: ALICE, to: BOB });
  lab.receive("client1", bytes);
  lab.receive("client2", frame({ from: BOB, to: ALICE }));
  lab.receive("tap0", frame({ from: CAROL, to: BROADCAST }));
  const [taken, ...more] = lab.mirrored("m");
  expect(more).toEqual([]);
  expect([taken.port, taken.bytes.equals(bytes)]).toEqual(["client1", true]);
});

test("a mirror of a destination port gets what that port transmits, floods included", () => {
  const lab = new Lab(PORTS);
  lab.setMirrors([{ name: "m", select: { dst: ["client1"] } }]);
  lab.receive("client2", frame({ from: BOB, to: BROADCAST }));
  lab.receive("client1", frame({ from: ALICE, to: BOB }));
  lab.receive("tap0", frame({ from: CAROL, to: ALICE }));
  expect(lab.mirrored("m").map(({ port }) => port)).toEqual(["client2", "tap0"]);
});

test("a mirror of everything gets every frame once, flooded or not", () => {
  const lab = new Lab(PORTS);
  lab.setMirrors([{ name: "m", select: "all" }]);
  lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
  lab.receive("client2", frame({ from: BOB, to: ALICE }));
  expect(lab.mirrored("m").map(({ port }) => port)).toEqual(["client1", "client2"]);
});

test("a frame that matches by its source and by several destinations is mirrored once", () => {
  const lab = new Lab(PORTS);
  const all = ["tap0", "client1", "client2"];
  lab.setMirrors([{ name: "m", select: { src: all, dst: all } }]);
  lab.receive("client1", frame({ from: ALICE, to: BROADCAST }), frame({ from: ALICE, to: BOB }));
  expect(lab.mirrored("m")).toHaveLength(2);
});

test("each mirror gets its own frames, whatever the others select", () => {
  const lab = new Lab(PORTS);
  lab.setMirrors([
    { name: "all", select: "all" },
    { name: "from1", select: { src: ["client1"] } },
    { name: "to1", select: { dst: ["client1"] } },
    { name: "vlan7", select: "all", vlans: [7] },
  ]);
  lab.receive("client1", frame({ from: ALICE, to: BROADCAST, vlans: [7] }));
  lab.receive("client2", frame({ from: BOB, to: BROADCAST }));
  lab.receive("tap0", frame({ from: CAROL, to: BROADCAST, vlans: [7] }));
  const counts = ["all", "from1", "to1", "vlan7"].map((name) => lab.mirrored(name).length);
  expect(counts).toEqual([3, 1, 2, 2]);
});

test("a mirror of VLANs takes those alone; VLAN 0 is what bears no tag", () => {
  const lab = new Lab(PORTS);
  lab.setMirrors([
    { name: "tagged", select: "all", vlans: [7, 4095] },
    { name: "untagged", select: "all", vlans: [0] },
  ]);
  const vlans = [[], [7], [8], [4095], [0x2007], [8, 7]];
  lab.receive("client1", ...vlans.map((tags) => frame({ from: ALICE, to: BROADCAST, vlans: tags })));
  expect(lab.mirrored("tagged")).toHaveLength(3);
  expect(lab.mirrored("untagged")).toHaveLength(1);
});

test("a frame that goes nowhere is mirrored where it was received", () => {
  const lab = new Lab(PORTS);
  lab.setMirrors([{ name: "m", select: { src: ["client1"] } }]);
  lab.addStatic("client2", CAROL);
  lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
  lab.receive("client1", frame({ from: BOB, to: ALICE }));
  lab.receive("client1", frame({ from: CAROL, to: BROADCAST }));
  expect(lab.drops()).toEqual({ client1: { split_horizon: 1, static_moved: 1 } });
  expect(lab.mirrored("m")).toHaveLength(3);
});

test("what is malformed or from nobody reaches no mirror", () => {
  const lab = new Lab(PORTS);
  lab.setMirrors([{ name: "m", select: "all" }]);
  lab.receive("client1", frame({ from: NOBODY }), frame({ type: 0x0800, payload: Buffer.alloc(5) }));
  lab.receiveDatagram(lab.remoteOf("client1"), Buffer.alloc(60));
  expect(lab.mirrored("m")).toHaveLength(0);
});

test("what a port that is down would have transmitted is not mirrored as transmitted", () => {
  const lab = new Lab(PORTS);
  lab.setMirrors([{ name: "m", select: { dst: ["client2"] } }]);
  lab.bringDown("client2");
  lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
  expect(lab.mirrored("m")).toHaveLength(0);
});

test("a whole batch is mirrored in the order in which it came", () => {
  const lab = new Lab(PORTS);
  lab.setMirrors([{ name: "m", select: "all" }]);
  const frames = Array.from({ length: 3000 }, (_, i) =>
    frame({ from: ALICE, to: i % 2 ? BOB : BROADCAST, payload: Buffer.from([i >> 8, i & 255]) }),
  );
  lab.receive("client1", ...frames);
  expect(lab.mirrored("m").map(({ bytes }) => bytes.readUInt16BE(14))).toEqual(frames.map((_, i) => i));
});

test("mirrors that are replaced stop at once; those that stay go on", () => {
  const lab = new Lab(PORTS);
  lab.setMirrors([
    { name: "stays", select: "all" },
    { name: "goes", select: "all" },
  ]);
  lab.receive("client1", frame({ to: BROADCAST }));
  lab.setMirrors([{ name: "stays", select: "all" }]);
  lab.receive("client1", frame({ to: BROADCAST }));
  expect([lab.mirrored("stays").length, lab.mirrored("goes").length]).toEqual([2, 1]);
});

test("a filter sees the frame as it is, tag and all, and the sample is taken of what passes it", () => {
  const lab = new Lab(PORTS);
  // ether[14] = 7, as tcpdump compiles it.
  const program = [48, 0, 0, 14, 21, 0, 1, 7, 6, 0, 0, 262_144, 6, 0, 0, 0];
  lab.setMirrors([
    { name: "passed", select: "all", program },
    { name: "half", select: { src: ["client1"] }, program, sampleEvery: 2 },
  ]);
  const numbers = [7, 8, 7, 7, 7];
  const numbered = (number: number) => frame({ from: ALICE, to: BROADCAST, payload: Buffer.from([number]) });
  lab.receive("client1", ...numbers.map(numbered), frame({ from: ALICE, to: BROADCAST, vlans: [0x0700] }));
  expect(lab.mirrored("passed").map(({ bytes }) => bytes[14])).toEqual([7, 7, 7, 7, 7]);
  expect([lab.mirrored("half").length, lab.drops()]).toEqual([2, {}]);
});

test("a sample is every so many-th of the frames that the mirror selects, and the others are no drops", () => {
  const lab = new Lab(PORTS);
  lab.setMirrors([
    { name: "third", select: { src: ["client1"] }, vlans: [7], sampleEvery: 3 },
    { name: "all", select: "all" },
  ]);
  const numbered = (i: number) => ({ from: ALICE, to: BROADCAST, payload: Buffer.from([i]) });
  for (let i = 1; i <= 10; i++) {
    lab.receive("client1", frame({ ...numbered(i), vlans: [7] }), frame(numbered(100 + i)));
    lab.receive("client2", frame({ from: BOB, to: BROADCAST, vlans: [7] }));
  }
  expect(lab.mirrored("third").map(({ bytes }) => bytes[18])).toEqual([3, 6, 9]);
  expect([lab.mirrored("all").length, lab.drops()]).toEqual([30, {}]);
});

test("a sample counts a frame once, be it received and transmitted at the ports that the mirror watches", () => {
  const lab = new Lab(PORTS);
  lab.setMirrors([{ name: "m", select: { src: ["client1"], dst: ["client2", "tap0"] }, sampleEvery: 2 }]);
  for (let i = 0; i < 6; i++) lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
  expect(lab.mirrored("m")).toHaveLength(3);
});

test("a sample goes on where it was when ports and other mirrors come and go", () => {
  const lab = new Lab(PORTS);
  const sampled = { name: "m", select: "all", sampleEvery: 4 } as const;
  lab.setMirrors([sampled]);
  for (let i = 0; i < 3; i++) lab.receive("client1", frame({ to: BROADCAST }));
  lab.setMirrors([sampled, { name: "other", select: "all" }]);
  lab.receive("client1", frame({ to: BROADCAST }));
  expect(lab.mirrored("m")).toHaveLength(1);
  lab.setMirrors([]);
  lab.setMirrors([sampled]);
  lab.receive("client1", frame({ to: BROADCAST }));
  expect(lab.mirrored("m")).toHaveLength(0);
});
