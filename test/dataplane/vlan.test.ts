// VLANs of ports: which frames a port takes in and gives out, and in which form; against tables, and a model that is slow and
// knows no rows.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FORM_ROWS, FRAME_CSUM_START } from "../../src/dataplane/frames.ts";
import { OPEN_VLAN, type PortVlan } from "../../src/dataplane/port-vlans.ts";
import { Lab } from "./lab.ts";
import { ALICE, BOB, BROADCAST, frame, numberedMac, packet } from "./packets.ts";

const access = (tag: number, more: Partial<PortVlan> = {}) => vlan({ mode: "access", tag, ...more });
const trunk = (...trunks: number[]) => vlan({ trunks });
const native = (mode: "native-tagged" | "native-untagged", tag: number, ...trunks: number[]) =>
  vlan({ mode, tag, trunks });

function vlan(words: Partial<PortVlan>): { vlan: PortVlan } {
  return { vlan: { ...OPEN_VLAN, ...words } };
}

/** VLAN IDs of a frame's tags, "-" for none. */
function tags(bytes: Buffer): string {
  const found: number[] = [];
  for (let at = 12; [0x8100, 0x88a8].includes(bytes.readUInt16BE(at)); at += 4)
    found.push(bytes.readUInt16BE(at + 2) & 0xfff);
  return found.join(",") || "-";
}

/** What left each port, as the tags of its frames. */
function sentTags(lab: Lab): Record<string, string> {
  return Object.fromEntries(lab.departures().map(({ port, bytes }) => [port, tags(bytes)]));
}

describe("a broadcast from", () => {
  const ports = [
    { name: "open" },
    { name: "access10", policy: access(10) },
    { name: "other10", policy: access(10) },
    { name: "access20", policy: access(20) },
    { name: "trunk10", policy: trunk(10) },
    { name: "trunk0", policy: trunk(0) },
    { name: "tagged10", policy: native("native-tagged", 10, 20) },
    { name: "untagged10", policy: native("native-untagged", 10, 20) },
    { name: "strip", policy: vlan({ innerVlan: "strip" }) },
    { name: "drop", policy: vlan({ innerVlan: "drop" }) },
  ];
  const refused = { vlan_refused: 1 };

  test.each([
    [
      "access10",
      [],
      { open: "10", other10: "-", trunk10: "10", tagged10: "10", untagged10: "-", strip: "-" },
    ],
    ["access10", [10], refused],
    ["access20", [], { open: "20", tagged10: "20", untagged10: "20", strip: "-" }],
    ["open", [], { trunk0: "-", strip: "-", drop: "-" }],
    ["open", [30], { strip: "-" }],
    [
      "open",
      [10, 77],
      { access10: "77", other10: "77", trunk10: "10,77", tagged10: "10,77", untagged10: "77", strip: "77" },
    ],
    ["trunk10", [], refused],
    ["trunk10", [20], refused],
    [
      "trunk10",
      [10],
      { open: "10", access10: "-", other10: "-", tagged10: "10", untagged10: "-", strip: "-" },
    ],
    ["trunk0", [], { open: "-", strip: "-", drop: "-" }],
    ["tagged10", [], { open: "10", access10: "-", other10: "-", trunk10: "10", untagged10: "-", strip: "-" }],
    ["untagged10", [20], { open: "20", access20: "-", tagged10: "20", strip: "-" }],
    ["untagged10", [30], refused],
    ["strip", [30], { open: "-", trunk0: "-", drop: "-" }],
    ["drop", [30], refused],
    ["drop", [], { open: "-", trunk0: "-", strip: "-" }],
    // A tag that has a priority alone is in no VLAN of its own.
    ["open", [0], { trunk0: "0", strip: "-", drop: "-" }],
    ["access20", [0], { open: "20", tagged10: "20", untagged10: "20", strip: "-" }],
  ] as const)("%s with tags %j", (port, vlans, expected) => {
    const lab = new Lab({ ports });
    lab.receive(port, frame({ to: BROADCAST, vlans }));
    if ("vlan_refused" in expected) expect(lab.drops()).toEqual({ [port]: expected });
    else expect(sentTags(lab)).toEqual(expected);
  });
});

test("a station is known in its VLAN alone", () => {
  const lab = new Lab({
    ports: [{ name: "a", policy: access(10) }, { name: "b", policy: access(20) }, { name: "tap0" }],
  });
  lab.receive("a", frame({ from: ALICE, to: BROADCAST }));
  lab.receive("b", frame({ from: ALICE, to: BROADCAST }));
  expect(lab.fdb()).toEqual([`10 ${ALICE} a`, `20 ${ALICE} b`]);
  lab.sent();
  lab.receive("tap0", frame({ from: BOB, to: ALICE, vlans: [20] }));
  expect(sentTags(lab)).toEqual({ b: "-" });
  lab.receive("b", frame({ from: ALICE, to: BOB }));
  expect(sentTags(lab)).toEqual({ tap0: "20" });
});

test("a frame whose destination is bound to a port that does not carry its VLAN is dropped", () => {
  const lab = new Lab({
    ports: [
      { name: "a", policy: access(10) },
      { name: "b", policy: access(20) },
    ],
  });
  lab.addStatic("b", BOB, 10);
  lab.receive("a", frame({ from: ALICE, to: BOB }));
  expect(lab.drops()).toEqual({ a: { vlan_refused: 1 } });
});

test("VLANs change in place, from the next frame on", () => {
  const lab = new Lab({ ports: ["a", "tap0"] });
  lab.receive("a", frame({ to: BROADCAST, vlans: [10] }));
  expect(sentTags(lab)).toEqual({ tap0: "10" });
  lab.setPolicy("a", access(10));
  lab.receive("a", frame({ to: BROADCAST }));
  expect(sentTags(lab)).toEqual({ tap0: "10" });
  lab.setPolicy("a", {});
  lab.receive("a", frame({ to: BROADCAST }));
  expect(sentTags(lab)).toEqual({ tap0: "-" });
});

test("where a checksum is to be filled moves with the tag", () => {
  const lab = new Lab({
    ports: [{ name: "a", policy: access(10) }, { name: "b", policy: access(10) }, "open"],
  });
  const { bytes, l4 } = packet({
    version: 4,
    protocol: "udp",
    payload: Buffer.from("abc"),
    checksum: "left",
  });
  lab.receive("a", frame({ to: BROADCAST, type: 0x0800, payload: bytes }));
  const starts = lab.departures().map(({ port, row }) => [port, row[FRAME_CSUM_START]]);
  expect(starts).toEqual([
    ["b", 14 + l4],
    ["open", 18 + l4],
  ]);
});

test("mirrors see what was received as it was received, and what was transmitted as it was transmitted", () => {
  const lab = new Lab({
    ports: [{ name: "a", policy: access(10) }, { name: "b", policy: access(10) }, "open"],
  });
  lab.setMirrors([
    { name: "received", select: { src: ["a"] } },
    { name: "transmitted", select: { dst: ["open"] } },
    { name: "vlan", select: "all", vlans: [10] },
  ]);
  const mirrored = (name: string) => lab.mirrored(name).map(({ bytes }) => tags(bytes));
  lab.receive("a", frame({ from: ALICE, to: BROADCAST }));
  expect([mirrored("received"), mirrored("transmitted"), mirrored("vlan")]).toEqual([["-"], ["10"], ["-"]]);
  lab.receive("open", frame({ from: BOB, to: ALICE, vlans: [10] }));
  lab.receive("a", frame({ from: ALICE, to: BOB }));
  expect([mirrored("received"), mirrored("transmitted"), mirrored("vlan")]).toEqual([
    ["-"],
    ["10"],
    ["10", "-"],
  ]);
});

test("who sent a frame too big for its way is told so in the form of its own port", () => {
  const lab = new Lab({ ports: [{ name: "a", policy: access(10) }, "tap0"] });
  const { bytes } = packet({ version: 4, protocol: "udp", payload: Buffer.alloc(1372), checksum: "filled" });
  lab.refuse("tap0", "too_big");
  lab.receive("a", frame({ from: ALICE, to: BOB, type: 0x0800, payload: bytes }));
  const [answer] = lab.departures();
  expect([answer?.port, tags(answer?.bytes ?? Buffer.alloc(20)), answer?.bytes[14 + 9]]).toEqual([
    "a",
    "-",
    1,
  ]);
});

test("more second forms than there is room for are as whole as the first", () => {
  const lab = new Lab({
    ports: [{ name: "a", policy: access(10) }, { name: "b", policy: access(10) }, "open"],
  });
  const count = FORM_ROWS * 2 + 10;
  const frames = Array.from({ length: count }, (_, i) => frame({ from: numberedMac(i + 1), to: BROADCAST }));
  lab.receive("a", ...frames);
  const departures = lab.departures();
  const tagged = departures.filter(({ port }) => port === "open").map(({ bytes }) => bytes);
  expect(tagged).toEqual(
    frames.map((_, i) => frame({ from: numberedMac(i + 1), to: BROADCAST, vlans: [10] })),
  );
  expect(departures.filter(({ port }) => port === "b").map(({ bytes }) => bytes)).toEqual(frames);
});

describe("any ports and frames", () => {
  const vid = fc.constantFrom(1, 2, 4094);
  const anyVlan: fc.Arbitrary<PortVlan> = fc.oneof(
    fc.constant(OPEN_VLAN),
    fc.record({
      mode: fc.constant("access" as const),
      tag: vid,
      trunks: fc.constant([]),
      innerVlan: fc.constantFrom("pass", "strip", "drop"),
    }),
    fc.record({
      mode: fc.constant("trunk" as const),
      tag: fc.constant(0),
      trunks: fc.uniqueArray(fc.constantFrom(0, 1, 2, 4094)),
      innerVlan: fc.constant("pass" as const),
    }),
    fc.record({
      mode: fc.constantFrom("native-tagged" as const, "native-untagged" as const),
      tag: vid,
      trunks: fc.uniqueArray(fc.constantFrom(0, 1, 2, 4094)),
      innerVlan: fc.constant("pass" as const),
    }),
    fc.record({
      mode: fc.constant("trunk" as const),
      tag: fc.constant(0),
      trunks: fc.constant([]),
      innerVlan: fc.constantFrom("strip" as const, "drop" as const),
    }),
  );
  const arrival = fc.record({
    port: fc.nat(3),
    from: fc.integer({ min: 1, max: 4 }),
    to: fc.integer({ min: 0, max: 4 }),
    vlans: fc.array(fc.constantFrom(1, 2, 3, 4094), { maxLength: 2 }),
  });

  test("arrive where the model says, in the form that it says", () => {
    fc.assert(
      fc.property(
        fc.array(anyVlan, { minLength: 4, maxLength: 4 }),
        fc.array(arrival, { maxLength: 30 }),
        (vlans, arrivals) => {
          const names = ["tap0", "one", "two", "tap3"];
          const lab = new Lab({
            ports: names.map((name, i) => ({ name, policy: { vlan: vlans[i] as PortVlan } })),
          });
          const model = new Model(vlans);
          for (const { port, from, to, vlans: ids } of arrivals) {
            const options = { from: numberedMac(from), to: to === 0 ? BROADCAST : numberedMac(to) };
            lab.receive(names[port] as string, frame({ ...options, vlans: ids }));
            const expected = model
              .receive(port, from, to, ids)
              .map(([out, left]) => [names[out], frame({ ...options, vlans: left })]);
            const sent = lab.departures().map(({ port, bytes }) => [port, bytes]);
            expect(new Map(sent as [string, Buffer][])).toEqual(new Map(expected as [string, Buffer][]));
            expect(sent.length).toBe(expected.length);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

/** What Open vSwitch's documentation says of a port, frame by frame. */
class Model {
  private readonly known = new Map<string, number>();
  private readonly vlans: readonly PortVlan[];

  constructor(vlans: readonly PortVlan[]) {
    this.vlans = vlans;
  }

  /** Ports and the tags with which the frame leaves them. */
  receive(port: number, from: number, to: number, tags: readonly number[]): [number, readonly number[]][] {
    const { tag, innerVlan, mode } = this.vlans[port] as PortVlan;
    let [vlan = 0, ...inner] = tags;
    if (vlan !== 0 && innerVlan === "strip") vlan = 0;
    else if (vlan !== 0 && (mode === "access" || innerVlan === "drop")) return [];
    if (vlan === 0) vlan = tag;
    if (!this.carries(port, vlan)) return [];
    this.known.set(`${vlan} ${from}`, port);
    const target = this.known.get(`${vlan} ${to}`);
    if (target === port) return [];
    const outs = target !== undefined ? [target] : [0, 1, 2, 3].filter((other) => other !== port);
    return outs
      .filter((out) => this.carries(out, vlan))
      .map((out) => [out, this.leavesUntagged(out, vlan) ? inner : [vlan, ...inner]]);
  }

  private carries(port: number, vlan: number): boolean {
    const { mode, tag, trunks, innerVlan } = this.vlans[port] as PortVlan;
    if (mode === "access") return vlan === tag;
    if (innerVlan === "drop") return vlan === 0;
    if (trunks.length === 0) return true;
    return trunks.includes(vlan) || (mode !== "trunk" && vlan === tag);
  }

  private leavesUntagged(port: number, vlan: number): boolean {
    const { mode, tag, innerVlan } = this.vlans[port] as PortVlan;
    return (
      vlan === 0 || mode === "access" || innerVlan !== "pass" || (mode === "native-untagged" && vlan === tag)
    );
  }
}
