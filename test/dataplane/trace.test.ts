// Traces: what they say is what then happens, and nothing comes of them.
import fc from "fast-check";
import { expect, test } from "vitest";
import { UNIMPAIRED } from "../../src/dataplane/cables/impairment.ts";
import { impairmentText, impairmentWords } from "../../src/dataplane/cables/impairment-words.ts";
import { OPEN_VLAN } from "../../src/dataplane/port-vlans.ts";
import { Lab } from "./lab.ts";
import { BROADCAST, frame } from "./packets.ts";

const PORTS = [
  { name: "tap0", bridge: "red" },
  { name: "red1", bridge: "red", policy: { isolated: true } },
  { name: "red2", bridge: "red", remote: "fd00::2", policy: { flood: false } },
  { name: "red3", bridge: "red", remote: "fd00::3", policy: { isolated: true, addressesMax: 2 } },
  { name: "red4", bridge: "red", policy: { bcastFlood: false, sticky: true } },
  { name: "red5", bridge: "red", policy: { locked: true, mcastFlood: false } },
  { name: "red6", bridge: "red", policy: { stormFramesPerSecond: 3, learning: false } },
  { name: "red7", bridge: "red", policy: { policingKpktsPerSecond: 1, policingKpktsBurst: 0.005 } },
  { name: "alone1", bridge: "alone" },
];
const mac = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 7 }).map((i) => `02:00:00:00:00:0${i}`) },
  { weight: 1, arbitrary: fc.constantFrom(BROADCAST, "01:00:5e:00:00:01", "01:80:c2:00:00:02") },
);
const arrival = fc.record({
  port: fc.constantFrom(...PORTS.map(({ name }) => name)),
  from: mac,
  to: mac,
  vlan: fc.constantFrom(0, 0, 0, 7),
  bytes: fc.constantFrom(46, 46, 1500),
  seconds: fc.constantFrom(0, 0, 0, 0, 2, 5),
  isTraced: fc.constantFrom(true, true, false),
});
const vlanOf = { red4: { tag: 7, mode: "access" }, tap0: { trunks: [0, 7], mode: "trunk" } } as const;

function busyLab(): Lab {
  const bridge = { ageingSeconds: 10, addressesMax: 6, guardsLoops: true, forwardsBpdu: false };
  const lab = new Lab({ bridges: { red: bridge, alone: bridge }, ports: PORTS });
  for (const { name, policy } of PORTS.slice(0, 5)) {
    const { [name as "red4"]: vlan } = vlanOf as Partial<typeof vlanOf>;
    if (vlan) lab.setPolicy(name, { ...policy, vlan: { ...OPEN_VLAN, ...vlan } });
  }
  lab.setMirrors([{ name: "m0", select: { src: ["red1"], dst: ["tap0", "red2"] } }]);
  lab.addStatic("red5", "02:00:00:00:00:05", 0, "red");
  for (const name of ["red1", "tap0"]) lab.setMtu(name, 1400);
  return lab;
}

/** All bytes of the state that a frame may change, but for tables that are large and not in use. */
function stateOf(lab: Lab): Buffer {
  const { neighbours: _, listeners: __, hostNews: ___, ...small } = lab.memory;
  const memories = [...Object.values(small), ...lab.fdbMemories().map(({ shared }) => shared)];
  return Buffer.concat(memories.map((memory) => new Uint8Array(memory)));
}

test("a trace says what then becomes of the frame, whatever came before, and changes nothing", () => {
  fc.assert(
    fc.property(fc.array(arrival, { minLength: 1, maxLength: 30, size: "max" }), (arrivals) => {
      const lab = busyLab();
      for (const { port, from, to, vlan, bytes, seconds, isTraced } of arrivals) {
        lab.tick(seconds);
        lab.passUs(700);
        const sent = frame({ from, to, vlans: vlan === 0 ? [] : [vlan], payload: Buffer.alloc(bytes) });
        const before = isTraced ? stateOf(lab) : null;
        const answer = isTraced ? lab.trace(port, sent) : null;
        if (before) expect(stateOf(lab).equals(before)).toBe(true);
        lab.receive(port, sent);
        const [left, drops] = [lab.departures(), lab.drops()];
        const mirrored = lab.mirrored("m0").length;
        if (answer === null) continue;
        const copies = answer.copies.filter(({ drop }) => drop === null);
        expect(copies.map((copy) => copy.port).sort()).toEqual(left.map((copy) => copy.port).sort());
        expect(copies.map((copy) => copy.bytes).sort()).toEqual(left.map((copy) => copy.bytes.length).sort());
        const { drop } = answer;
        expect(drop === null ? {} : { [drop.port ?? "underlay"]: { [drop.reason]: 1 } }).toEqual(drops);
        expect(answer.mirrors.length).toBe(mirrored > 0 ? 1 : 0);
      }
    }),
    { numRuns: 10 },
  );
});

test("a stranger's VTEP and a VNI that nobody joins are dropped at the underlay, as they then are", () => {
  const lab = new Lab({ ports: ["client1", "tap0"] });
  const { drop, port, verdict } = lab.trace("client1", frame(), { vni: 77 });
  expect([drop, port]).toEqual([{ port: null, reason: "vni_unknown" }, null]);
  expect(verdict).toContain("dropped at the underlay, vni_unknown");
});

test("a cable that loses some is told and passed, one that loses all loses", () => {
  const lab = new Lab({ ports: ["tap0", "tap1"] });
  lab.impair("tap0", { lossPercent: 50, delayUs: 1000 }, null);
  expect(lab.trace("tap0", frame()).copies).toMatchObject([{ port: "tap1", drop: null }]);
  lab.impair("tap0", null, null);
  lab.impair("tap1", null, { lossPercent: 100 });
  expect(lab.trace("tap0", frame()).copies).toMatchObject([{ port: "tap1", drop: "impair_loss" }]);
  lab.impair("tap0", { lossPercent: 100 }, null);
  expect(lab.trace("tap0", frame()).drop).toEqual({ port: "tap0", reason: "impair_loss" });
});

test("a cable is told in the words that show has for it", () => {
  const lab = new Lab({ ports: ["tap0", "tap1"] });
  const incoming = { delayUs: 1500, lossPercent: 2.5, limitFrames: 10 };
  lab.impair("tap0", incoming, null);
  lab.impair("tap1", null, { delayUs: 2_000_000, rateBitsPerSecond: 10_000_000 });
  const { steps } = lab.trace("tap0", frame());
  const words = impairmentText(impairmentWords({ ...UNIMPAIRED, ...incoming }));
  expect(words).toBe("delay 1500us loss 2.5% limit 10");
  expect(steps.find(({ stage }) => stage === "impair")?.text).toContain(`its cable has ${words};`);
  expect(steps.at(-1)?.text).toContain("; its cable has delay 2s rate 10mbit");
});

test("the steps say where an address was, how long ago, and why a port gets no copy", () => {
  const lab = new Lab({ ports: ["tap0", "tap1", { name: "tap2", policy: { flood: false } }] });
  const [from, to] = ["02:00:00:00:00:01", "02:00:00:00:00:02"];
  lab.receive("tap1", frame({ from, to }));
  lab.tick(12);
  const steps = lab.trace("tap0", frame({ from, to })).steps.map(({ stage, text }) => `${stage}: ${text}`);
  expect(steps).toEqual([
    `inspect: ${from} -> ${to}, type 0x88b5, 60 bytes`,
    `learn: ${from} moves from tap1, seen 12 s ago, to tap0`,
    `look up: ${to} is not known: to be flooded`,
    "flood: tap2 gets none: it takes no frames to unknown addresses (flood: false)",
    "transmit: tap1: 60 bytes, untagged, MTU 1400",
  ]);
});

test("a station that makes room in the FDB for who asks for it is flooded to, and the steps say so", () => {
  const lab = new Lab({ ports: ["tap0", "tap1", "tap2"], addressesMax: 1 });
  const [from, to] = ["02:00:00:00:00:01", "02:00:00:00:00:02"];
  lab.receive("tap1", frame({ from: to, to: BROADCAST }));
  const { steps, copies } = lab.trace("tap0", frame({ from, to }));
  expect(copies.map(({ port }) => port)).toEqual(["tap1", "tap2"]);
  expect(steps.find(({ stage }) => stage === "look up")?.text).toBe(
    `${to} was at tap1, seen 0 s ago, and has made room in the FDB: to be flooded`,
  );
});
