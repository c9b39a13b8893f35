// What a port may do in its bridge: isolation, learning, and which frames flooding brings to it.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OPEN_POLICY, type PortPolicy } from "../../src/dataplane/policy.ts";
import { Lab } from "./lab.ts";
import { ALICE, BOB, BROADCAST, CAROL, frame } from "./packets.ts";

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
