// Ports that hear no questions about stations that are known (neigh_suppress): who is asked, who answers, and when not.
import { describe, expect, test } from "vitest";
import { NEIGH_ANSWERS_MAX } from "../../src/dataplane/frames.ts";
import { decode } from "./decoder.ts";
import { Lab, type PortOptions } from "./lab.ts";
import { advertisement, arp, solicitation } from "./neighbour-packets.ts";
import { ALICE, BOB, CAROL, frame } from "./packets.ts";

const SUPPRESSES = { neighSuppress: true };
const IP = { alice: "192.168.0.1", bob: "192.168.0.2", carol: "192.168.0.3" };
const IP6 = { alice: "fd00::1", bob: "fd00::2", carol: "fd00::3" };
const QUESTION = arp({ from: ALICE, sender: IP.alice, target: IP.bob });
const QUESTION6 = solicitation({ from: ALICE, source: IP6.alice, target: IP6.bob });

/** Alice is at client1, Bob at client2, Carol at client3; all of them suppress unless told otherwise. */
function newLab(ports: readonly PortOptions[] = [], options: { ageingSeconds?: number } = {}): Lab {
  const usual = ["client1", "client2", "client3"].map((name) => ({ name, policy: SUPPRESSES }));
  const changed = usual.map((port) => ports.find(({ name }) => name === port.name) ?? port);
  return new Lab({ ports: changed, ...options });
}

/** Bob has answered somebody, once over IPv4 and once over IPv6. */
function tellOfBob(lab: Lab, vlans: readonly number[] = [], router = false): void {
  const to = { from: BOB, to: CAROL, vlans };
  lab.receive("client2", arp({ operation: 2, ...to, sender: IP.bob, target: IP.carol }));
  const ends = { source: IP6.bob, destination: IP6.carol, target: IP6.bob };
  lab.receive("client2", advertisement({ ...to, ...ends, router }));
  lab.sent();
  lab.drops();
}

function askIn(vlans: readonly number[]): Buffer[] {
  return [
    arp({ from: ALICE, sender: IP.alice, target: IP.bob, vlans }),
    solicitation({ from: ALICE, source: IP6.alice, target: IP6.bob, vlans }),
  ];
}

describe("a question about a station that is known", () => {
  test.each([[[]], [[10]]])("is answered in its name and goes nowhere (tags %j)", (vlans) => {
    const lab = newLab();
    tellOfBob(lab, vlans);
    lab.receive("client1", ...askIn(vlans));
    const answers = lab.departures();
    expect(answers.map(({ port }) => port)).toEqual(["client1", "client1"]);
    expect(lab.drops()).toEqual({ client1: { neigh_suppressed: 2 } });
    const common = ["eth.src", "eth.dst", "vlan.id"];
    const ofArp = [
      "arp.opcode",
      "arp.src.hw_mac",
      "arp.src.proto_ipv4",
      "arp.dst.hw_mac",
      "arp.dst.proto_ipv4",
    ];
    const ofNd = ["icmpv6.type", "ipv6.src", "ipv6.dst", "ipv6.hlim", "icmpv6.nd.na.target_address"];
    const flags = ["icmpv6.nd.na.flag.r", "icmpv6.nd.na.flag.s", "icmpv6.nd.na.flag.o"];
    const more = ["icmpv6.opt.linkaddr", "icmpv6.checksum.status", "_ws.malformed"];
    const [reply, advert] = decode(
      answers.map(({ bytes }) => bytes),
      [...common, ...ofArp, ...ofNd, ...flags, ...more],
    );
    expect(reply).toMatchObject({ "eth.src": BOB, "eth.dst": ALICE, "vlan.id": vlans.join() });
    expect(ofArp.map((field) => reply[field])).toEqual(["2", BOB, IP.bob, ALICE, IP.alice]);
    expect(advert).toMatchObject({ "eth.src": BOB, "eth.dst": ALICE, "vlan.id": vlans.join() });
    expect(ofNd.map((field) => advert[field])).toEqual(["136", IP6.bob, IP6.alice, "255", IP6.bob]);
    expect(flags.map((field) => /^(1|True)$/.test(advert[field]))).toEqual([false, true, true]);
    expect(more.map((field) => advert[field])).toEqual([BOB, "1", ""]);
  });

  test("is answered as a router's, if it is one", () => {
    const lab = newLab();
    tellOfBob(lab, [], true);
    lab.receive("client1", QUESTION6);
    const [{ bytes }] = lab.departures();
    expect(decode([bytes], ["icmpv6.nd.na.flag.r"])[0]["icmpv6.nd.na.flag.r"]).toMatch(/^(1|True)$/);
  });

  test("is flooded to the ports that do not suppress, beside the answer", () => {
    const lab = newLab([{ name: "client3" }]);
    tellOfBob(lab);
    lab.receive("client1", QUESTION, QUESTION6);
    expect(lab.sent()).toEqual({ client1: 2, client3: 2 });
    expect(lab.drops()).toEqual({});
  });

  test("is left to the station itself where its port does not suppress; the others hear nothing", () => {
    const lab = newLab([{ name: "client2" }]);
    tellOfBob(lab);
    lab.receive("client1", QUESTION, QUESTION6);
    expect(lab.sent()).toEqual({ client2: 2 });
  });

  test("is seen by mirrors, and so is the answer, as from the station's port", () => {
    const lab = newLab();
    tellOfBob(lab);
    lab.setMirrors([{ name: "m0", select: "all" }]);
    lab.receive("client1", QUESTION);
    expect(lab.mirrored("m0").map(({ port, bytes }) => [port, bytes[21]])).toEqual([
      ["client1", 1],
      ["client2", 2],
    ]);
  });

  test("many in one batch: those that find no room for an answer are flooded", () => {
    const lab = newLab();
    tellOfBob(lab);
    lab.receive("client1", ...Array.from({ length: NEIGH_ANSWERS_MAX + 3 }, () => QUESTION));
    expect(lab.sent()).toEqual({ client1: NEIGH_ANSWERS_MAX, client2: 3, client3: 3 });
    lab.receive("client1", QUESTION);
    expect(lab.sent()).toEqual({ client1: 1 });
  });

  test("ARP requests teach as replies do, solicitations do not, for they do not say whether it is a router", () => {
    const lab = newLab();
    lab.receive("client2", arp({ from: BOB, sender: IP.bob, target: IP.carol }));
    lab.receive("client2", solicitation({ from: BOB, source: IP6.bob, target: IP6.carol }));
    lab.sent();
    lab.receive("client1", QUESTION, QUESTION6);
    expect(lab.sent()).toEqual({ client1: 1, client2: 1, client3: 1 });
  });
});

describe("a question is flooded as ever", () => {
  const flooded = { client2: 1, client3: 1 };

  test("if nobody has told whose the address is, or no port suppresses", () => {
    const lab = newLab();
    lab.receive("client1", QUESTION);
    expect(lab.sent()).toEqual(flooded);
    const open = new Lab({ ports: ["client1", "client2", "client3"] });
    tellOfBob(open);
    open.receive("client1", QUESTION);
    expect(open.sent()).toEqual(flooded);
  });

  test("if the FDB no longer knows the station", () => {
    const lab = newLab();
    tellOfBob(lab);
    lab.delFdb(BOB);
    lab.receive("client1", QUESTION);
    expect(lab.sent()).toEqual(flooded);
  });

  test("if what was told is older than the bridge's ageing, though the station still sends", () => {
    const lab = newLab([], { ageingSeconds: 10 });
    tellOfBob(lab);
    lab.tick(6);
    lab.receive("client2", frame({ from: BOB, to: CAROL }));
    lab.sent();
    lab.receive("client1", QUESTION);
    expect(lab.sent()).toEqual({ client1: 1 });
    lab.tick(6);
    lab.receive("client1", QUESTION);
    expect(lab.sent()).toEqual(flooded);
  });

  test("if the station is behind the same port", () => {
    const lab = newLab();
    tellOfBob(lab);
    lab.receive("client2", arp({ from: CAROL, sender: IP.carol, target: IP.bob }));
    expect(lab.sent()).toEqual({ client1: 1, client3: 1 });
  });

  test("if both ports are isolated from each other", () => {
    const policy = { ...SUPPRESSES, isolated: true };
    const lab = newLab([
      { name: "client1", policy },
      { name: "client2", policy },
    ]);
    tellOfBob(lab);
    lab.receive("client1", QUESTION);
    expect(lab.sent()).toEqual({ client3: 1 });
  });

  test("if another VLAN's station has the address, or another bridge's", () => {
    const lab = newLab();
    tellOfBob(lab, [10]);
    lab.receive("client1", QUESTION);
    expect(lab.sent()).toEqual(flooded);
    const two = new Lab({
      bridges: { br0: {}, br1: {} },
      ports: ["client1", "client2", "client3"].map((name) => {
        return { name, policy: SUPPRESSES, bridge: name === "client2" ? "br1" : "br0" };
      }),
    });
    tellOfBob(two);
    two.receive("client1", QUESTION);
    expect(two.sent()).toEqual({ client3: 1 });
    two.drops();
  });

  test("if it probes whether somebody has the address, or announces its own", () => {
    const lab = newLab();
    tellOfBob(lab);
    const probes = [
      arp({ from: ALICE, sender: "0.0.0.0", target: IP.bob }),
      arp({ from: ALICE, sender: IP.bob, target: IP.bob }),
      solicitation({ from: ALICE, source: "::", target: IP6.bob, link: null }),
    ];
    lab.receive("client1", ...probes);
    expect(lab.sent()).toEqual({ client2: 3, client3: 3 });
  });

  const broken = Buffer.from(QUESTION6);
  broken[broken.length - 1] ^= 1;
  const far = Buffer.from(QUESTION6);
  far[14 + 7] = 254;
  test.each<[string, Buffer]>([
    ["speaks for another", arp({ from: ALICE, senderMac: CAROL, sender: IP.alice, target: IP.bob })],
    [
      "does the same over IPv6",
      solicitation({ from: ALICE, source: IP6.alice, target: IP6.bob, link: CAROL }),
    ],
    ["is cut off", QUESTION.subarray(0, 14 + 27)],
    ["has a wrong checksum", broken],
    ["has passed a router", far],
    ["has two tags", arp({ from: ALICE, sender: IP.alice, target: IP.bob, vlans: [10, 20] })],
  ])("if it %s", (_, bytes) => {
    const lab = newLab();
    tellOfBob(lab);
    lab.receive("client1", bytes);
    expect(lab.sent()).toEqual(flooded);
  });
});

test("a question from an access port is about its VLAN, and so is the answer, untagged", () => {
  const vlan = { mode: "access", tag: 10, trunks: [], innerVlan: "pass" } as const;
  const lab = newLab([{ name: "client1", policy: { ...SUPPRESSES, vlan } }]);
  tellOfBob(lab);
  lab.receive("client1", QUESTION);
  expect(lab.sent()).toEqual({ client2: 1, client3: 1 });
  tellOfBob(lab, [10]);
  lab.receive("client1", QUESTION);
  const [answer, ...others] = lab.departures();
  expect([answer.port, answer.bytes.toString("hex", 12, 14), others]).toEqual(["client1", "0806", []]);
});

test("a question to one station goes to that station", () => {
  const lab = newLab();
  tellOfBob(lab);
  lab.receive("client1", arp({ from: ALICE, to: BOB, sender: IP.alice, target: IP.bob }));
  expect(lab.sent()).toEqual({ client2: 1 });
});

test("an address that moves to another station is that one's from then on", () => {
  const lab = newLab();
  tellOfBob(lab);
  lab.receive("client3", arp({ from: CAROL, sender: IP.bob, target: IP.bob }));
  lab.receive("client3", solicitation({ from: CAROL, source: IP6.bob, target: IP6.alice }));
  lab.sent();
  lab.receive("client1", QUESTION);
  expect(lab.departures().map(({ port, bytes }) => [port, bytes.toString("hex", 6, 12)])).toEqual([
    ["client1", CAROL.replaceAll(":", "")],
  ]);
  // Whether the new one is a router, nobody has told.
  lab.receive("client1", QUESTION6);
  expect(lab.sent()).toEqual({ client2: 1, client3: 1 });
});

test("what was known when the last port stopped suppressing is forgotten", () => {
  const lab = newLab([{ name: "client2" }, { name: "client3" }]);
  tellOfBob(lab);
  lab.setPolicy("client1", {});
  lab.setPolicy("client2", SUPPRESSES);
  lab.receive("client1", QUESTION);
  expect(lab.sent()).toEqual({ client2: 1, client3: 1 });
});
