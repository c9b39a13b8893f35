// Traces by kind of port and of answer: each frame is traced, then sent, and what left and what was dropped must be what was said.
import { describe, expect, test } from "vitest";
import type { TraceAnswer, TraceCopyRow } from "../../src/dataplane/trace/answer.ts";
import { type Drops, Lab, MTU_BYTES } from "./lab.ts";
import { igmp, toGroup } from "./membership-packets.ts";
import { advertisement, arp, solicitation } from "./neighbour-packets.ts";
import {
  ALICE,
  BOB,
  BROADCAST,
  CAROL,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  frame,
  NOBODY,
  packet,
  pattern,
  vxlan,
} from "./packets.ts";
import { WorkersLab } from "./workers-lab.ts";

const [FIRST, SECOND, THIRD] = ["10.1.1.1", "10.1.1.2", "10.1.1.3"];
const VNI = 4100;
const SUPPRESSES = { neighSuppress: true };
const IP = { alice: "192.168.0.1", bob: "192.168.0.2", carol: "192.168.0.3" };

/** Copies by the lab's names of places, sorted. */
function placesOf(lab: Lab, rows: readonly TraceCopyRow[]): string[] {
  const isFirst = ({ port, remote }: TraceCopyRow) => remote === null || remote === lab.remoteOf(port);
  return rows.map((row) => `${row.port}${isFirst(row) ? "" : ` ${row.remote}`} ${row.bytes}`).sort();
}

/** What the answer says is dropped, as the lab counts it. */
function dropsOf({ drop, copies, answers }: TraceAnswer): Drops {
  const drops: Record<string, Record<string, number>> = {};
  const add = (port: string, reason: string) => {
    drops[port] = { ...drops[port], [reason]: (drops[port]?.[reason] ?? 0) + 1 };
  };
  if (drop !== null) add(drop.port ?? "underlay", drop.reason);
  for (const row of [...copies, ...answers]) if (row.drop !== null) add(row.port, row.drop);
  return drops;
}

/** Traces a frame and sends it: both must agree. Returns what the trace said. */
function traceAndSend(
  lab: Lab,
  port: string,
  bytes: Buffer,
  from: { remote?: string; vni?: number } = {},
): TraceAnswer {
  lab.departures();
  lab.drops();
  const answer = lab.trace(port, bytes, from);
  const { remote, vni = VNI } = from;
  if (remote === undefined) lab.receive(port, bytes);
  else lab.receiveDatagram(remote, vxlan(vni, bytes));
  const left = lab.departures().map((departure) => `${departure.port} ${departure.bytes.length}`);
  const leaving = [...answer.copies, ...answer.answers].filter(({ drop }) => drop === null);
  expect(placesOf(lab, leaving)).toEqual(left.sort());
  expect(dropsOf(answer)).toEqual(lab.drops());
  return answer;
}

function textOf({ steps }: TraceAnswer, stage: string): string[] {
  return steps.filter((step) => step.stage === stage).map(({ text }) => text);
}

describe("a port with several VTEPs", () => {
  const ports = [{ name: "list", remote: FIRST, ends: [SECOND, THIRD] }, "tap0"];

  test("has a copy for each of what is flooded, and of what is known for its own alone", () => {
    const lab = new Lab({ ports });
    const flooded = traceAndSend(lab, "tap0", frame({ from: ALICE, to: BROADCAST }));
    expect(flooded.copies.map(({ remote }) => remote)).toEqual([FIRST, SECOND, THIRD]);
    expect(flooded.verdict).toBe(`leaves by list (${FIRST}), list (${SECOND}), list (${THIRD})`);
    const learnt = traceAndSend(lab, "list", frame({ from: BOB, to: ALICE }), { remote: SECOND });
    expect(textOf(learnt, "learn")).toEqual([`${BOB} is new, and learnt at list (${SECOND})`]);
    const known = traceAndSend(lab, "tap0", frame({ from: ALICE, to: BOB }));
    expect(known.copies).toMatchObject([{ port: "list", remote: SECOND, vni: VNI }]);
    const moved = traceAndSend(lab, "list", frame({ from: BOB, to: ALICE }), { remote: THIRD });
    expect(textOf(moved, "learn")).toEqual([
      `${BOB} moves from list (${SECOND}), seen 0 s ago, to list (${THIRD})`,
    ]);
  });

  test("passes nothing between them, and takes nothing of others", () => {
    const lab = new Lab({ ports });
    const flooded = traceAndSend(lab, "list", frame({ from: ALICE, to: BROADCAST }));
    expect(flooded.copies).toMatchObject([{ port: "tap0" }]);
    expect(textOf(flooded, "flood")).toEqual([]);
    const split = traceAndSend(lab, "list", frame({ from: BOB, to: ALICE }), { remote: SECOND });
    expect(split.drop).toEqual({ port: "list", reason: "split_horizon" });
    const stranger = traceAndSend(lab, "list", frame({ from: BOB, to: ALICE }), { remote: "10.9.9.9" });
    expect(stranger.drop).toEqual({ port: null, reason: "vtep_unknown" });
  });
});

describe("a group", () => {
  const ports = [{ name: "group", isGroup: true }, "tap0", { name: "client", remote: THIRD, vni: 7 }];

  test("takes in strangers, whose stations are at the group until their VTEP is known", () => {
    const lab = new Lab({ ports });
    const group = lab.remoteOf("group");
    const stranger = traceAndSend(lab, "group", frame({ from: ALICE, to: BROADCAST }), { remote: FIRST });
    expect(stranger.port).toBe("group");
    expect(textOf(stranger, "learn")).toEqual([`${ALICE} is new, and learnt at group (${group})`]);
    const replied = traceAndSend(lab, "tap0", frame({ from: BOB, to: ALICE }));
    expect(replied.copies).toMatchObject([{ port: "group", remote: group }]);
    lab.learnEnd("group", FIRST);
    traceAndSend(lab, "group", frame({ from: ALICE, to: BOB }), { remote: FIRST });
    const known = traceAndSend(lab, "tap0", frame({ from: BOB, to: ALICE }));
    expect(known.copies).toMatchObject([{ port: "group", remote: FIRST }]);
  });

  test("has one copy of what is flooded, and none of what came by it", () => {
    const lab = new Lab({ ports });
    for (const remote of [FIRST, SECOND]) lab.learnEnd("group", remote);
    const flooded = traceAndSend(lab, "tap0", frame({ from: ALICE, to: BROADCAST }));
    expect(flooded.copies.map(({ port }) => port).sort()).toEqual(["client", "group"]);
    traceAndSend(lab, "group", frame({ from: BOB, to: BROADCAST }), { remote: FIRST });
    const split = traceAndSend(lab, "group", frame({ from: CAROL, to: BOB }), { remote: SECOND });
    expect(split.drop).toEqual({ port: "group", reason: "split_horizon" });
  });
});

test("whoever comes to a hub is not admitted yet, and is not told to the control thread by a question", () => {
  const lab = new Lab({ ports: ["tap0", "client"] });
  const device = lab.engine.tables.devices.findIndex((device) => device?.encapsulated === true);
  lab.apply({ op: "add-hub", port: 9, device, vni: 8 });
  lab.trace("client", frame(), { remote: FIRST, vni: 8 });
  expect(lab.engine.tables.newcomers.take()).toEqual([]);
  const answer = traceAndSend(lab, "client", frame(), { remote: FIRST, vni: 8 });
  expect(answer.drop).toEqual({ port: null, reason: "vtep_unadmitted" });
  expect(textOf(answer, "decap")[0]).toContain(
    `from ${FIRST} to UDP port 4789, VNI 8: dropped, vtep_unadmitted`,
  );
});

test("a VTEP of IPv6 is told by its address, and has less room for what goes there", () => {
  const remote = "fd00::2";
  const lab = new Lab({
    ports: [
      { name: "six", remote, underlay: "underlay6" },
      { name: "four", underlay: "underlay0" },
    ],
    underlays: { underlay0: "", underlay6: "" },
  });
  const known = traceAndSend(lab, "four", frame({ from: ALICE, to: BOB }));
  expect(known.verdict).toBe(`leaves by six (${remote})`);
  lab.addStatic("six", BOB);
  lab.refuse("six", "too_big");
  const { bytes } = packet({ version: 4, protocol: "udp", payload: pattern(1400), checksum: "filled" });
  const sent = frame({ from: ALICE, to: BOB, type: ETHERTYPE_IPV4, payload: bytes });
  const answer = traceAndSend(lab, "four", sent);
  expect(answer.copies).toMatchObject([{ port: "six", remote, drop: "too_big" }]);
  expect(answer.answers).toMatchObject([{ port: "four", drop: null }]);
});

test("a port that is down gets a copy that is dropped there, and the trace says why it is down", () => {
  const lab = new Lab({ ports: ["tap0", "tap1", { name: "list", remote: FIRST, ends: [SECOND] }] });
  lab.bringDown("list");
  const flooded = traceAndSend(lab, "tap0", frame({ from: ALICE, to: BROADCAST }));
  expect(flooded.copies).toMatchObject([{ port: "tap1" }, { port: "list", drop: "port_down" }]);
  expect(textOf(flooded, "transmit")[1]).toContain("list: dropped, port_down");
  lab.addStatic("list", BOB);
  const known = traceAndSend(lab, "tap0", frame({ from: ALICE, to: BOB }));
  expect(known.verdict).toBe("dropped at list (port_down)");
});

describe("a frame at a port that is down", () => {
  const ports = [{ name: "list", remote: FIRST, ends: [SECOND], policy: SUPPRESSES }, "tap0", "tap1"];

  test.each(["list", "tap0"])("%s goes as if it were up, and the trace says that it is not", (name) => {
    const lab = new Lab({ ports });
    const sent = frame({ from: ALICE, to: BROADCAST });
    const up = lab.trace(name, sent);
    lab.bringDown(name);
    const { steps, copies, verdict, port } = lab.trace(name, sent);
    expect(steps[0]).toEqual({
      stage: "port",
      text: `${name} is down: its cable is cut; what follows is as if it were up`,
    });
    expect(steps.slice(1)).toEqual(up.steps.filter(({ stage }) => stage !== "decap"));
    expect([copies, verdict, port]).toEqual([up.copies, up.verdict, up.port]);
    lab.receive("tap1", frame({ from: BOB, to: BROADCAST }));
    expect(lab.drops()).toEqual({ [name]: { port_down: 1 } });
  });

  test("is answered by it as if it were up", () => {
    const lab = new Lab({ ports: [...ports, { name: "client", policy: SUPPRESSES }] });
    lab.receive("client", arp({ operation: 2, from: BOB, to: CAROL, sender: IP.bob, target: IP.carol }));
    const question = arp({ from: ALICE, sender: IP.alice, target: IP.bob });
    const { drop, answers } = lab.trace("list", question);
    lab.bringDown("list");
    const down = lab.trace("list", question);
    expect([down.drop, down.answers.length]).toEqual([drop, answers.length]);
    expect(down.answers).toMatchObject([{ port: "list", remote: FIRST, drop: null }]);
  });
});

describe("a TCP SYN that offers too much", () => {
  const tcp = { protocol: "tcp", payload: Buffer.alloc(0), checksum: "filled", flags: 0x02 } as const;
  const tcpOptions = Buffer.of(2, 4, 1460 >> 8, 1460 & 255);

  test.each([
    [4, ETHERTYPE_IPV4],
    [6, ETHERTYPE_IPV6],
  ] as const)("over IPv%i is clamped, and leaves", (version, type) => {
    const lab = new Lab({ ports: ["client1", { name: "client2", policy: { clampMss: true } }] });
    lab.addStatic("client2", BOB);
    const { bytes } = packet({ version, ...tcp, tcpOptions });
    const answer = traceAndSend(lab, "client1", frame({ from: ALICE, to: BOB, type, payload: bytes }));
    expect(textOf(answer, "clamp")).toEqual([
      "it offers TCP segments larger than fit the way: its MSS is lowered",
    ]);
    expect(lab.clamped()).toEqual({ client2: 1 });
    const small = packet({ version, ...tcp, tcpOptions: Buffer.of(2, 4, 1, 0) });
    const unclamped = traceAndSend(
      lab,
      "client1",
      frame({ from: ALICE, to: BOB, type, payload: small.bytes }),
    );
    expect(textOf(unclamped, "clamp")).toEqual([]);
  });
});

describe("a question about a station that is known", () => {
  const ports = ["client1", "client2", "client3"].map((name) => ({ name, policy: SUPPRESSES }));
  const questions: [string, Buffer][] = [
    ["ARP", arp({ from: ALICE, sender: IP.alice, target: IP.bob })],
    ["ND", solicitation({ from: ALICE, source: "fd00::1", target: "fd00::2" })],
  ];

  /** Bob, at client2, has told the others where he is. */
  function knowingLab(options: ConstructorParameters<typeof Lab>[0] = { ports }): Lab {
    const lab = new Lab(options);
    const toAll = { from: BOB, to: CAROL };
    lab.receive("client2", arp({ operation: 2, ...toAll, sender: IP.bob, target: IP.carol }));
    const ends = { source: "fd00::2", destination: "fd00::3", target: "fd00::2" };
    lab.receive("client2", advertisement({ ...toAll, ...ends }));
    return lab;
  }

  test.each(questions)("by %s is answered by the switch and goes nowhere", (_, question) => {
    const lab = knowingLab();
    const answer = traceAndSend(lab, "client1", question);
    expect(answer.drop).toEqual({ port: "client1", reason: "neigh_suppressed" });
    expect(answer.answers).toMatchObject([{ port: "client1", drop: null }]);
    expect(textOf(answer, "learn")).toEqual([
      `${ALICE} is new, and learnt at client1 (${lab.remoteOf("client1")})`,
    ]);
    expect(textOf(answer, "flood").slice(0, 2)).toEqual([
      "client2 gets none: who is asked for is known (neigh_suppress: true)",
      "client3 gets none: who is asked for is known (neigh_suppress: true)",
    ]);
    expect(answer.verdict).toMatch(/neigh_suppressed: .*; the switch answers by client1/);
  });

  test.each(questions)(
    "by %s is what was dropped, and the answer that cannot leave is another drop",
    (_, question) => {
      const lab = knowingLab();
      lab.refuse("client1", "unreachable");
      const answer = traceAndSend(lab, "client1", question);
      expect(answer.drop).toEqual({ port: "client1", reason: "neigh_suppressed" });
      expect(answer.answers).toMatchObject([{ port: "client1", drop: "unreachable" }]);
    },
  );

  test.each(questions)("by %s goes to the ports that do not suppress, beside the answer", (_, question) => {
    const lab = knowingLab({ ports: [...ports.slice(0, 2), "client3"] });
    const answer = traceAndSend(lab, "client1", question);
    expect(answer.copies).toMatchObject([{ port: "client3", drop: null }]);
    expect(answer.answers).toMatchObject([{ port: "client1" }]);
  });

  test("is not why another frame to a group passes a suppressing port by", () => {
    const lab = new Lab({ ports, snoopsMulticast: true });
    lab.receive("client2", igmp(0x16, "239.1.1.1"));
    const answer = traceAndSend(lab, "client1", toGroup("239.1.1.1"));
    expect(answer.copies).toMatchObject([{ port: "client2" }]);
    expect(textOf(answer, "flood")).toEqual([
      "client3 gets none: nobody behind it listens to the group (mcast_snooping: true)",
    ]);
  });
});

describe("a packet that does not fit the way", () => {
  const separate = {
    ports: [{ name: "client1", underlay: "underlay1" }, "client2", "tap0"],
    underlays: { underlay0: "", underlay1: "" },
  };

  test.each([
    [4, ETHERTYPE_IPV4, 576],
    [6, ETHERTYPE_IPV6, 1280],
  ] as const)("over IPv%i is dropped there, and its sender is told", (version, type, bytes) => {
    const lab = new Lab(separate);
    lab.addStatic("client2", BOB);
    lab.refuse("client2", "too_big");
    const large = packet({ version, protocol: "udp", payload: pattern(MTU_BYTES), checksum: "filled" });
    for (const vlans of [[], [10]]) {
      if (vlans.length > 0) lab.addStatic("client2", BOB, 10);
      const sent = frame({ from: ALICE, to: BOB, vlans, type, payload: large.bytes });
      const answer = traceAndSend(lab, "client1", sent);
      expect(answer.copies).toMatchObject([{ port: "client2", drop: "too_big", vlan: vlans[0] ?? null }]);
      expect(answer.answers).toMatchObject([
        { port: "client1", bytes: 14 + 4 * vlans.length + bytes, drop: null },
      ]);
    }
  });

  test("of several ways that it is flooded to is answered once, and leaves by the others", () => {
    const lab = new Lab(separate);
    lab.refuse("client2", "too_big");
    const large = packet({ version: 4, protocol: "udp", payload: pattern(1400), checksum: "filled" });
    const sent = frame({ from: ALICE, to: CAROL, type: ETHERTYPE_IPV4, payload: large.bytes });
    const answer = traceAndSend(lab, "client1", sent);
    expect(answer.copies.map(({ port, drop }) => [port, drop])).toEqual([
      ["client2", "too_big"],
      ["tap0", null],
    ]);
    expect(answer.answers).toHaveLength(1);
  });

  test("and is no IP packet is dropped in silence", () => {
    const lab = new Lab(separate);
    lab.addStatic("client2", BOB);
    lab.refuse("client2", "too_big");
    const answer = traceAndSend(lab, "client1", frame({ from: ALICE, to: BOB, payload: pattern(1500) }));
    expect(answer.answers).toEqual([]);
  });
});

test("a frame from nobody is malformed at its port, in a trace as then", () => {
  const lab = new Lab({ ports: ["client1", "tap0"] });
  expect(traceAndSend(lab, "client1", frame({ from: NOBODY, to: BOB })).drop?.reason).toBe(
    "source_mac_invalid",
  );
});

test("an address that another worker has learnt is known to a trace, with its age and wherever it moves", () => {
  const lab = new WorkersLab(2, ["tap0", "tap1", "tap2"]);
  const sent = frame({ from: ALICE, to: BOB });
  const goes = () => lab.trace(0, "tap0", sent).copies.map(({ port }) => port);
  expect(goes()).toEqual(["tap1", "tap2"]);
  lab.receive(1, "tap1", frame({ from: BOB, to: CAROL }));
  lab.hear(0);
  lab.tick(3);
  const answer = lab.trace(0, "tap0", sent);
  expect(answer.verdict).toBe("leaves by tap1");
  expect(textOf(answer, "look up")).toEqual([`${BOB} is at tap1, seen 3 s ago`]);
  lab.receive(1, "tap2", frame({ from: BOB, to: CAROL }));
  lab.hear(0);
  expect(goes()).toEqual(["tap2"]);
  lab.sent(0);
  lab.receive(0, "tap0", sent);
  expect(lab.sent(0)).toEqual({ tap2: 1 });
});

test("a trace tells the other workers nothing", () => {
  const lab = new WorkersLab(2, ["tap0", "tap1"]);
  lab.trace(0, "tap0", frame({ from: ALICE, to: BOB }));
  lab.hear(1);
  expect([lab.woken, lab.fdb(0), lab.fdb(1)]).toEqual([[], [], []]);
});
