// Flooded frames that come back, and what passes a port that is quarantined for them.
import { describe, expect, test } from "vitest";
import { Lab } from "./lab.ts";
import { ALICE, BOB, BROADCAST, frame, pattern } from "./packets.ts";

const PORTS = ["client1", "client2", "tap0"];
const UNKNOWN = "02:00:00:00:00:77";

describe("a bridge that guards against loops", () => {
  const guarded = () => new Lab({ ports: PORTS, guardsLoops: true });

  test.each([BROADCAST, "01:00:5e:00:00:01", UNKNOWN])(
    "drops a frame to %s that comes back at another port",
    (to) => {
      const lab = guarded();
      lab.receive("client1", frame({ from: ALICE, to }));
      expect(lab.sent()).toEqual({ client2: 1, tap0: 1 });
      lab.receive("client2", frame({ from: ALICE, to }));
      lab.receive("tap0", frame({ from: ALICE, to }), frame({ from: ALICE, to }));
      expect(lab.sent()).toEqual({});
      expect(lab.drops()).toEqual({ client2: { loop: 1 }, tap0: { loop: 2 } });
    },
  );

  test("forwards the same frame from the same port again, as hosts repeat themselves", () => {
    const lab = guarded();
    for (let i = 0; i < 3; i++) lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
    expect(lab.sent()).toEqual({ client2: 3, tap0: 3 });
  });

  test("forwards what differs in its first bytes, or in length alone", () => {
    const lab = guarded();
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST, payload: pattern(60, 1) }));
    lab.receive("client2", frame({ from: ALICE, to: BROADCAST, payload: pattern(60, 2) }));
    lab.receive("client2", frame({ from: BOB, to: BROADCAST, payload: pattern(60, 1) }));
    lab.receive("client2", frame({ from: ALICE, to: BROADCAST, payload: pattern(61, 1) }));
    expect(lab.drops()).toEqual({});
    lab.sent();
  });

  test("forwards a host's frame from where it has moved, a second later", () => {
    const lab = guarded();
    lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
    lab.passUs(1_000_001);
    lab.receive("client2", frame({ from: ALICE, to: BROADCAST }));
    expect(lab.drops()).toEqual({});
    lab.sent();
  });

  test("has no eye on frames to known addresses", () => {
    const lab = guarded();
    lab.receive("tap0", frame({ from: BOB, to: BROADCAST }));
    lab.sent();
    for (const port of ["client1", "client2"]) lab.receive(port, frame({ from: ALICE, to: BOB }));
    expect(lab.sent()).toEqual({ tap0: 2 });
  });
});

test("without a guard, what comes back is flooded again", () => {
  const lab = new Lab({ ports: PORTS });
  for (const port of ["client1", "client2"]) lab.receive(port, frame({ from: ALICE, to: BROADCAST }));
  expect(lab.sent()).toEqual({ client1: 1, client2: 1, tap0: 2 });
});

test("nothing passes a quarantined port, in or out, and all does when it is over", () => {
  const lab = new Lab({ ports: PORTS });
  lab.setQuarantined("client2", true);
  lab.setMirrors([{ name: "m0", select: "all" }]);
  lab.receive("client2", frame({ from: ALICE, to: BROADCAST }));
  expect(lab.fdb()).toEqual([]);
  expect(lab.mirrored("m0")).toEqual([]);
  lab.receive("client1", frame({ from: BOB, to: BROADCAST }));
  expect(lab.sent()).toEqual({ tap0: 1 });
  expect(lab.drops()).toEqual({ client2: { quarantined: 1, port_down: 1 } });
  lab.setQuarantined("client2", false);
  lab.receive("client2", frame({ from: ALICE, to: BROADCAST }));
  expect(lab.sent()).toEqual({ client1: 1, tap0: 1 });
});
