// What a port may do in its bridge: isolation, learning, and which frames flooding brings to it.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OPEN_POLICY, type PortPolicy } from "../../src/dataplane/policy.ts";
import { Lab } from "./lab.ts";
import { ALICE, BOB, BROADCAST, CAROL, frame, numberedMac } from "./packets.ts";

const MULTICAST = "01:00:5e:00:00:01";
const UNKNOWN = "02:00:00:00:00:77";
const ISOLATED = { isolated: true };

describe("isolated ports", () => {
  const ports = [
    { name: "client1", policy: ISOLATED },
    { name: "client2", policy: ISOLATED },
    { name: "tap0" },
  ];

  test.each([BROADCAST, MULTICAST, UNKNOWN])("flood %s to the others alone", (to) => {
    const lab = new Lab({ ports });
    lab.receive("client1", frame({ from: ALICE, to }));
    expect(lab.sent()).toEqual({ tap0: 1 });
    lab.receive("tap0", frame({ from: CAROL, to }));
    expect(lab.sent()).toEqual({ client1: 1, client2: 1 });
    expect(lab.drops()).toEqual({});
  });

  test("know each other's addresses and still exchange no frames", () => {
    const lab = new Lab({ ports });
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
    lab.receive("client2", frame({ from: BOB, to: BROADCAST }));
    lab.sent();
    lab.receive("client1", frame({ from: ALICE, to: BOB }));
    expect(lab.sent()).toEqual({});
    expect(lab.drops()).toEqual({ client1: { isolated: 1 } });
    lab.receive("tap0", frame({ from: CAROL, to: BOB }));
    lab.receive("client2", frame({ from: BOB, to: CAROL }));
    expect(lab.sent()).toEqual({ client2: 1, tap0: 1 });
  });

  test("alone in their bridge have nobody to flood to", () => {
    const lab = new Lab({ ports: ports.slice(0, 2) });
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
    expect(lab.drops()).toEqual({ client1: { no_destination: 1 } });
  });

  test("are so from the next frame after a change, and what they have learnt stays", () => {
    const lab = new Lab({ ports: ["client1", "client2", "tap0"] });
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
    lab.receive("client2", frame({ from: BOB, to: ALICE }));
    lab.sent();
    for (const name of ["client1", "client2"]) lab.setPolicy(name, ISOLATED);
    lab.receive("client2", frame({ from: BOB, to: ALICE }));
    expect(lab.drops()).toEqual({ client2: { isolated: 1 } });
    lab.setPolicy("client1", {});
    lab.receive("client2", frame({ from: BOB, to: ALICE }));
    expect(lab.sent()).toEqual({ client1: 1 });
  });
});

describe("a port without learning", () => {
  const ports = [{ name: "client1", policy: { learning: false } }, "client2", "tap0"];

  test("teaches nothing: frames to its stations flood", () => {
    const lab = new Lab({ ports });
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
    lab.sent();
    expect(lab.fdb()).toEqual([]);
    lab.receive("client2", frame({ from: BOB, to: ALICE }));
    expect(lab.sent()).toEqual({ client1: 1, tap0: 1 });
  });

  test("obeys a static entry all the same", () => {
    const lab = new Lab({ ports });
    lab.addStatic("client2", ALICE);
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
    expect(lab.drops()).toEqual({ client1: { static_moved: 1 } });
    lab.addStatic("client1", ALICE);
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
    expect(lab.sent()).toEqual({ client2: 1, tap0: 1 });
  });
});

describe("a locked port", () => {
  const ports = [{ name: "client1", policy: { locked: true } }, "client2"];

  test("takes in frames alone whose address is bound to it", () => {
    const lab = new Lab({ ports });
    lab.setBound("client1", [ALICE]);
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST }), frame({ from: BOB, to: BROADCAST }));
    expect(lab.sent()).toEqual({ client2: 1 });
    expect(lab.drops()).toEqual({ client1: { locked: 1 } });
    expect(lab.fdb()).toHaveLength(1);
  });

  test("takes in nobody who is known elsewhere", () => {
    const lab = new Lab({ ports });
    lab.receive("client2", frame({ from: BOB, to: BROADCAST }));
    lab.receive("client1", frame({ from: BOB, to: BROADCAST }));
    expect(lab.drops()).toEqual({ client1: { locked: 1 } });
    lab.sent();
  });

  test("goes on with whom it knew before it was locked, until that is forgotten", () => {
    const lab = new Lab({ ports: ["client1", "client2"], ageingSeconds: 300 });
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
    lab.setPolicy("client1", { locked: true });
    lab.tick(200);
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
    lab.tick(200);
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
    expect(lab.sent()).toEqual({ client2: 3 });
    lab.tick(301);
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
    expect(lab.drops()).toEqual({ client1: { locked: 1 } });
  });
});

describe("addresses bound to a port", () => {
  const ports = ["client1", "client2"];

  test("are there again when its device was away, and go with the port", () => {
    const lab = new Lab({ ports });
    lab.setBound("client1", [ALICE]);
    lab.bringDown("client1");
    lab.bringUp("client1");
    expect(lab.fdb()).toEqual([`0 ${ALICE} client1 static`]);
    lab.delPort("client1");
    expect(lab.fdb()).toEqual([]);
  });

  test("may change hands in either order", () => {
    for (const order of [ports, [...ports].reverse()]) {
      const lab = new Lab({ ports });
      lab.setBound("client1", [ALICE]);
      for (const name of order) lab.setBound(name, name === "client2" ? [ALICE] : []);
      expect(lab.fdb()).toEqual([`0 ${ALICE} client2 static`]);
    }
  });
});

describe("a sticky port", () => {
  const ports = [{ name: "client1", policy: { sticky: true } }, "client2", "tap0"];

  test("keeps what it has learnt: a frame from there elsewhere is dropped", () => {
    const lab = new Lab({ ports });
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
    lab.sent();
    lab.receive("client2", frame({ from: ALICE, to: BROADCAST }));
    expect(lab.drops()).toEqual({ client2: { static_moved: 1 } });
    lab.receive("tap0", frame({ from: BOB, to: ALICE }));
    expect(lab.sent()).toEqual({ client1: 1 });
  });

  test("lets go of what has aged", () => {
    const lab = new Lab({ ports, ageingSeconds: 300 });
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
    lab.tick(301);
    lab.receive("client2", frame({ from: ALICE, to: BROADCAST }));
    lab.sent();
    lab.receive("tap0", frame({ from: BOB, to: ALICE }));
    expect(lab.sent()).toEqual({ client2: 1 });
  });

  test("takes what moves to it, and holds it from then on", () => {
    const lab = new Lab({ ports });
    for (const port of ["client2", "client1", "client2"])
      lab.receive(port, frame({ from: ALICE, to: BROADCAST }));
    expect(lab.drops()).toEqual({ client2: { static_moved: 1 } });
    lab.sent();
  });
});

describe("a bound on the addresses of a port", () => {
  const ports = [{ name: "client1", policy: { addressesMax: 2 } }, "client2"];

  test("makes room for a new one by forgetting the oldest there, and nobody else's", () => {
    const lab = new Lab({ ports });
    lab.receive("client2", frame({ from: CAROL, to: BROADCAST }));
    for (let host = 1; host <= 5; host++)
      lab.receive("client1", frame({ from: numberedMac(host), to: BROADCAST }));
    expect(lab.fdb()).toEqual([
      `0 ${numberedMac(4)} client1`,
      `0 ${numberedMac(5)} client1`,
      `0 ${CAROL} client2`,
    ]);
    expect(lab.sent()).toEqual({ client1: 1, client2: 5 });
  });

  test("holds at once when it is set", () => {
    const lab = new Lab({ ports: ["client1", "client2"] });
    for (let host = 1; host <= 5; host++)
      lab.receive("client1", frame({ from: numberedMac(host), to: BROADCAST }));
    lab.setPolicy("client1", { addressesMax: 1 });
    expect(lab.fdb()).toEqual([`0 ${numberedMac(5)} client1`]);
    lab.sent();
  });
});

describe("a bound on what a port may send", () => {
  const unicast = frame({ from: ALICE, to: BOB });

  /** A lab in which both know each other, so that nothing is flooded. */
  function acquainted(policy: Partial<PortPolicy>): Lab {
    const lab = new Lab({ ports: [{ name: "client1", policy }, "client2"] });
    lab.receive("client2", frame({ from: BOB, to: BROADCAST }));
    lab.sent();
    return lab;
  }

  test("in bits: what is beyond is dropped and counted, and comes through again with time", () => {
    const lab = acquainted({ policingKbitPerSecond: 480, policingKbitBurst: 1 });
    lab.receive("client1", ...Array.from({ length: 10 }, () => unicast));
    expect(lab.sent()).toEqual({ client2: 3 });
    expect(lab.drops()).toEqual({ client1: { policed: 7 } });
    lab.passUs(2000);
    lab.receive("client1", ...Array.from({ length: 10 }, () => unicast));
    expect(lab.sent()).toEqual({ client2: 2 });
    lab.drops();
  });

  test("in frames, and others are not held to it", () => {
    const lab = acquainted({ policingKpktsPerSecond: 1, policingKpktsBurst: 1 });
    lab.receive("client2", ...Array.from({ length: 1500 }, () => frame({ from: BOB, to: ALICE })));
    lab.receive("client1", ...Array.from({ length: 1500 }, () => unicast));
    expect(lab.drops()).toEqual({ client1: { policed: 500 } });
    expect(lab.sent()).toEqual({ client1: 1500, client2: 1000 });
  });

  test("keeps from mirrors and from learning what is beyond", () => {
    const lab = acquainted({ policingKbitPerSecond: 1, policingKbitBurst: 1 });
    lab.setMirrors([{ name: "m0", select: "all" }]);
    lab.receive("client1", ...Array.from({ length: 3 }, () => unicast), frame({ from: CAROL, to: BOB }));
    expect(lab.mirrored("m0")).toHaveLength(3);
    expect(lab.fdb()).not.toContain(`0 ${CAROL} client1`);
    lab.sent();
    lab.drops();
  });
});

describe("storm control", () => {
  const ports = [{ name: "client1", policy: { stormFramesPerSecond: 2 } }, "client2", "tap0"];

  test.each([BROADCAST, MULTICAST, UNKNOWN])("bounds the frames to %s that are flooded", (to) => {
    const lab = new Lab({ ports });
    lab.receive("client1", ...Array.from({ length: 5 }, () => frame({ from: ALICE, to })));
    expect(lab.sent()).toEqual({ client2: 2, tap0: 2 });
    expect(lab.drops()).toEqual({ client1: { storm: 3 } });
    lab.passUs(1_000_000);
    lab.receive("client1", ...Array.from({ length: 5 }, () => frame({ from: ALICE, to })));
    expect(lab.sent()).toEqual({ client2: 2, tap0: 2 });
    lab.drops();
  });

  test("lets known addresses and other ports alone, and what is dropped has taught", () => {
    const lab = new Lab({ ports });
    lab.receive("client2", ...Array.from({ length: 9 }, () => frame({ from: BOB, to: BROADCAST })));
    expect(lab.sent()).toEqual({ client1: 9, tap0: 9 });
    const storm = [ALICE, ALICE, CAROL].map((from) => frame({ from, to: BROADCAST }));
    lab.receive("client1", ...storm, ...Array.from({ length: 9 }, () => frame({ from: ALICE, to: BOB })));
    expect(lab.sent()).toEqual({ client2: 11, tap0: 2 });
    expect(lab.drops()).toEqual({ client1: { storm: 1 } });
    expect(lab.fdb()).toContain(`0 ${CAROL} client1`);
  });
});

describe("addresses that are reserved for the link", () => {
  const RESERVED = ["01:80:c2:00:00:00", "01:80:c2:00:00:02", "01:80:c2:00:00:0e", "01:80:c2:00:00:0f"];
  const OTHERS = ["01:80:c2:00:00:10", "01:80:c2:00:01:00", "01:80:c3:00:00:00", "01:81:c2:00:00:00"];
  const ports = ["client1", "client2"];

  test.each([...RESERVED, ...OTHERS])("pass in a lab as any others: %s", (to) => {
    const lab = new Lab({ ports });
    lab.receive("client1", frame({ from: ALICE, to }));
    expect(lab.sent()).toEqual({ client2: 1 });
  });

  test("and no others are dropped if a bridge does not forward them, from the next frame on", () => {
    const lab = new Lab({ ports });
    lab.setBridge("br0", { forwardsBpdu: false });
    lab.receive("client1", ...RESERVED.map((to) => frame({ from: ALICE, to })));
    expect(lab.sent()).toEqual({});
    expect(lab.drops()).toEqual({ client1: { bpdu: 4 } });
    lab.receive("client1", ...OTHERS.map((to) => frame({ from: ALICE, to })));
    expect(lab.sent()).toEqual({ client2: 4 });
    lab.setBridge("br0", {});
    lab.receive("client1", ...RESERVED.map((to) => frame({ from: ALICE, to })));
    expect(lab.sent()).toEqual({ client2: 4 });
  });
});

describe("flooding by kind", () => {
  const CASES: readonly [keyof PortPolicy, string, string][] = [
    ["flood", "unknown unicast", UNKNOWN],
    ["bcastFlood", "broadcast", BROADCAST],
    ["mcastFlood", "multicast", MULTICAST],
  ];

  test.each(CASES)("%s off keeps %s away from a port, and nothing else", (word, _, kept) => {
    const lab = new Lab({ ports: ["client1", { name: "client2", policy: { [word]: false } }, "tap0"] });
    for (const [, , to] of CASES) {
      lab.receive("client1", frame({ from: ALICE, to }));
      expect(lab.sent()).toEqual(to === kept ? { tap0: 1 } : { client2: 1, tap0: 1 });
    }
  });

  test("what was learnt there still arrives", () => {
    const lab = new Lab({ ports: ["client1", { name: "client2", policy: { flood: false } }] });
    lab.receive("client2", frame({ from: BOB, to: BROADCAST }));
    lab.sent();
    lab.receive("client1", frame({ from: ALICE, to: BOB }));
    expect(lab.sent()).toEqual({ client2: 1 });
  });
});

test("whatever ports may do, a frame goes where a naive model says", () => {
  const names = ["client1", "client2", "client3", "tap0"];
  const policy = fc.record({
    isolated: fc.boolean(),
    learning: fc.boolean(),
    flood: fc.boolean(),
    bcastFlood: fc.boolean(),
    mcastFlood: fc.boolean(),
  });
  const addresses = [ALICE, BOB, CAROL];
  const arrival = fc.record({
    port: fc.constantFrom(...names),
    from: fc.constantFrom(...addresses),
    to: fc.constantFrom(...addresses, BROADCAST, MULTICAST),
  });
  const policies = fc.array(policy, { minLength: names.length, maxLength: names.length });
  fc.assert(
    fc.property(policies, fc.array(arrival, { maxLength: 30 }), (given, arrivals) => {
      const lab = new Lab({ ports: names.map((name, i) => ({ name, policy: given[i] })) });
      const may = (name: string): PortPolicy => ({ ...OPEN_POLICY, ...given[names.indexOf(name)] });
      const known = new Map<string, string>();
      for (const { port, from, to } of arrivals) {
        if (may(port).learning) known.set(from, port);
        const there = known.get(to);
        const meets = (other: string) => other !== port && !(may(port).isolated && may(other).isolated);
        const takes = (other: string) =>
          to === BROADCAST
            ? may(other).bcastFlood
            : to === MULTICAST
              ? may(other).mcastFlood
              : may(other).flood;
        const wanted =
          there === undefined ? names.filter((other) => meets(other) && takes(other)) : [there].filter(meets);
        lab.receive(port, frame({ from, to }));
        expect(Object.keys(lab.sent()).sort()).toEqual(wanted.sort());
      }
    }),
  );
});
