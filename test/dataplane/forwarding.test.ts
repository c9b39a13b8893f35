// Where frames go: flooding, learning, split horizon, moving, ageing, and the bridges apart from one another.
import { describe, expect, test } from "vitest";
import { FDB_EXPIRED, FDB_LEARNED, FDB_MOVED, FLOOD_COPIES } from "../../src/dataplane/counters.ts";
import { COPIES_MAX, FRAMES_MAX } from "../../src/dataplane/frames.ts";
import { Lab } from "./lab.ts";
import { ALICE, BOB, BROADCAST, CAROL, frame, numberedMac, pattern, vxlan } from "./packets.ts";

const THREE_PORTS = { ports: ["tap0", "client1", "client2"] };

describe("learning", () => {
  test("a frame floods until its destination is learnt", () => {
    const lab = new Lab(THREE_PORTS);
    lab.receive("client1", frame({ from: ALICE, to: BOB }));
    expect(lab.sent()).toEqual({ tap0: 1, client2: 1 });
    lab.receive("client2", frame({ from: BOB, to: ALICE }));
    expect(lab.sent()).toEqual({ client1: 1 });
    lab.receive("client1", frame({ from: ALICE, to: BOB }));
    expect(lab.sent()).toEqual({ client2: 1 });
    expect(lab.bridgeCount(FDB_LEARNED)).toBe(2);
    expect(lab.bridgeCount(FLOOD_COPIES)).toBe(1);
  });

  test("a frame reaches the other ports byte by byte, whichever way it came", () => {
    const lab = new Lab(THREE_PORTS);
    const bytes = frame({ from: ALICE, to: BOB, payload: pattern(999) });
    lab.receive("tap0", bytes);
    lab.receive("client1", bytes);
    const sent = lab.departures();
    expect(sent.map(({ port }) => port).sort()).toEqual(["client1", "client2", "client2", "tap0"]);
    for (const departure of sent) expect(departure.bytes.equals(bytes)).toBe(true);
    expect(lab.transmitted("client2")).toEqual({ packets: 2, bytes: 2 * bytes.length });
  });

  test.each([
    ["broadcast", BROADCAST],
    ["multicast", "01:00:5e:00:00:01"],
    ["a bridge's own protocols", "01:80:c2:00:00:00"],
  ])("%s floods, known though its address may seem", (_, to) => {
    const lab = new Lab(THREE_PORTS);
    lab.addStatic("client2", to);
    lab.receive("client1", frame({ from: ALICE, to }));
    expect(lab.sent()).toEqual({ tap0: 1, client2: 1 });
  });

  test("an answer within one batch already goes straight", () => {
    const lab = new Lab(THREE_PORTS);
    lab.receiveRaw(
      "underlay0",
      { bytes: vxlan(4100, frame({ from: ALICE, to: BOB })), remote: lab.remoteOf("client1") },
      { bytes: vxlan(4100, frame({ from: BOB, to: ALICE })), remote: lab.remoteOf("client2") },
    );
    // Whether the first one still floods is open: a batch may be learnt from as a whole.
    expect(lab.sent()).toMatchObject({ client2: 1, client1: 1 });
  });

  test("an address that moves is followed, and the move counted once", () => {
    const lab = new Lab(THREE_PORTS);
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
    lab.receive("client2", frame({ from: ALICE, to: BROADCAST }), frame({ from: ALICE, to: BROADCAST }));
    lab.sent();
    lab.receive("tap0", frame({ from: BOB, to: ALICE }));
    expect(lab.sent()).toEqual({ client2: 1 });
    expect(lab.bridgeCount(FDB_MOVED)).toBe(1);
  });

  test("an address is known in the VLAN where it was seen, and in no other", () => {
    const lab = new Lab(THREE_PORTS);
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST, vlans: [100] }));
    lab.sent();
    lab.receive("client2", frame({ from: BOB, to: ALICE, vlans: [100] }));
    expect(lab.sent()).toEqual({ client1: 1 });
    lab.receive("client2", frame({ from: BOB, to: ALICE, vlans: [200] }));
    lab.receive("client2", frame({ from: BOB, to: ALICE }));
    expect(lab.sent()).toEqual({ client1: 2, tap0: 2 });
  });

  test("the VLAN is the outermost tag's, without its priority bits", () => {
    const lab = new Lab(THREE_PORTS);
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST, vlans: [0xe000 | 100, 7] }));
    expect(lab.fdb()).toEqual([`100 ${ALICE} client1`]);
  });
});

describe("drops", () => {
  test("a frame for where it came from is dropped: split horizon", () => {
    const lab = new Lab(THREE_PORTS);
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
    lab.sent();
    lab.receive("client1", frame({ from: BOB, to: ALICE }));
    expect(lab.sent()).toEqual({});
    expect(lab.drops()).toEqual({ client1: { split_horizon: 1 } });
  });

  test("a bridge with one port has nowhere to flood to", () => {
    const lab = new Lab({ ports: ["client1"] });
    lab.receive("client1", frame({ to: BROADCAST }));
    expect(lab.drops()).toEqual({ client1: { no_destination: 1 } });
  });

  test("copies to a port that is down are dropped there", () => {
    const lab = new Lab(THREE_PORTS);
    lab.bringDown("client2");
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
    expect(lab.sent()).toEqual({ tap0: 1 });
    expect(lab.drops()).toEqual({ client2: { port_down: 1 } });
    lab.bringUp("client2");
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
    expect(lab.sent()).toEqual({ tap0: 1, client2: 1 });
  });

  test("a frame for an address at a port whose device has just gone is dropped there", () => {
    const lab = new Lab(THREE_PORTS);
    lab.receive("tap0", frame({ from: ALICE, to: BROADCAST }));
    lab.sent();
    lab.loseDevice("tap0");
    lab.receive("client1", frame({ from: BOB, to: ALICE }));
    expect(lab.sent()).toEqual({});
    expect(lab.drops()).toEqual({ tap0: { port_down: 1 } });
  });

  test("what a device refuses is counted at its port under the device's reason", () => {
    const lab = new Lab(THREE_PORTS);
    lab.refuse("tap0", "queue_full");
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
    expect(lab.sent()).toEqual({ client2: 1 });
    expect(lab.drops()).toEqual({ tap0: { queue_full: 1 } });
    expect(lab.transmitted("tap0")).toEqual({ packets: 0, bytes: 0 });
  });

  test("a bare frame without a whole Ethernet header is malformed", () => {
    const lab = new Lab(THREE_PORTS);
    lab.receive("tap0", Buffer.alloc(13));
    expect(lab.drops()).toEqual({ tap0: { inner_malformed: 1 } });
  });
});

describe("ageing", () => {
  test("an address is forgotten when the ageing time has passed, not before", () => {
    const lab = new Lab({ ...THREE_PORTS, ageingSeconds: 300 });
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
    lab.tick(300);
    expect(lab.fdb()).toEqual([`0 ${ALICE} client1`]);
    lab.tick(1);
    expect(lab.fdb()).toEqual([]);
    expect(lab.bridgeCount(FDB_EXPIRED)).toBe(1);
  });

  test("an address that is seen again stays", () => {
    const lab = new Lab({ ...THREE_PORTS, ageingSeconds: 300 });
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST }), frame({ from: BOB, to: BROADCAST }));
    lab.tick(200);
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
    lab.tick(200);
    expect(lab.fdb()).toEqual([`0 ${ALICE} client1`]);
  });

  test("an address that is only sent to ages all the same", () => {
    const lab = new Lab({ ...THREE_PORTS, ageingSeconds: 10 });
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
    for (let second = 0; second < 11; second++) {
      lab.receive("client2", frame({ from: BOB, to: ALICE }));
      lab.tick(1);
    }
    expect(lab.fdb()).toEqual([`0 ${BOB} client2`]);
  });

  test("with an ageing time of 0 nothing is ever forgotten", () => {
    const lab = new Lab({ ...THREE_PORTS, ageingSeconds: 0 });
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
    lab.tick(1_000_000);
    expect(lab.fdb()).toEqual([`0 ${ALICE} client1`]);
  });

  test("a shorter ageing time holds from the next tick on", () => {
    const lab = new Lab({ ...THREE_PORTS, ageingSeconds: 300 });
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
    lab.tick(100);
    lab.setBridge("br0", { ageingSeconds: 50 });
    lab.tick(1);
    expect(lab.fdb()).toEqual([]);
  });
});

describe("bridges and ports", () => {
  test("the same addresses in two bridges never leak from one to the other", () => {
    const lab = new Lab({
      bridges: { red: {}, blue: {} },
      ports: [
        { name: "red1", bridge: "red", vni: 1 },
        { name: "red2", bridge: "red", vni: 1 },
        { name: "blue1", bridge: "blue", vni: 2 },
        { name: "blue2", bridge: "blue", vni: 2 },
      ],
    });
    for (const [one, two] of [
      ["red1", "red2"],
      ["blue2", "blue1"],
    ]) {
      lab.receive(one, frame({ from: ALICE, to: BOB }));
      expect(lab.sent()).toEqual({ [two]: 1 });
      lab.receive(two, frame({ from: BOB, to: ALICE }));
      expect(lab.sent()).toEqual({ [one]: 1 });
    }
    expect(lab.fdb("red")).toEqual([`0 ${ALICE} red1`, `0 ${BOB} red2`]);
    expect(lab.fdb("blue")).toEqual([`0 ${ALICE} blue2`, `0 ${BOB} blue1`]);
  });

  test("a bridge joins ports of one VNI and of several", () => {
    const lab = new Lab({
      ports: [
        { name: "one", vni: 4100 },
        { name: "same", vni: 4100 },
        { name: "other", vni: 0xffffff },
      ],
    });
    lab.receive("one", frame({ from: ALICE, to: BROADCAST }));
    expect(lab.sent()).toEqual({ same: 1, other: 1 });
    lab.receive("other", frame({ from: BOB, to: ALICE }));
    expect(lab.sent()).toEqual({ one: 1 });
  });

  test("a port that is deleted takes its addresses along, the static ones too", () => {
    const lab = new Lab(THREE_PORTS);
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
    lab.receive("client2", frame({ from: BOB, to: BROADCAST }));
    lab.addStatic("client1", CAROL);
    lab.sent();
    const remote = lab.remoteOf("client1");
    lab.delPort("client1");
    expect(lab.fdb()).toEqual([`0 ${BOB} client2`]);
    lab.receive("client2", frame({ from: BOB, to: ALICE }));
    expect(lab.sent()).toEqual({ tap0: 1 });
    lab.receiveDatagram(remote, vxlan(4100, frame()));
    expect(lab.drops()).toEqual({ underlay: { vtep_unknown: 1 } });
  });

  test("a flood to many ports of the largest batch outgrows one transmit call and loses nothing", () => {
    const receivers = Array.from({ length: 40 }, (_, i) => `client${i + 2}`);
    const lab = new Lab({ addressesMax: FRAMES_MAX, ports: ["tap0", "client1", ...receivers] });
    const frames = Array.from({ length: FRAMES_MAX }, (_, i) =>
      frame({ from: numberedMac(i), to: BROADCAST }),
    );
    lab.receive("client1", ...frames);
    expect(lab.largestTransmitCount("client2")).toBe(COPIES_MAX);
    const sent = lab.departures();
    for (const port of ["tap0", ...receivers]) {
      const got = sent.filter((departure) => departure.port === port);
      expect(got.map(({ bytes }) => bytes.readUInt16BE(10))).toEqual(frames.map((_, i) => i));
    }
  });
});
