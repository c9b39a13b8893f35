// Which addresses the table keeps: static ones, the bound, whom eviction hits, what resizing takes along.
import { expect, test } from "vitest";
import { FDB_EVICTED } from "../../src/dataplane/counters.ts";
import { Lab } from "./lab.ts";
import { ALICE, BOB, BROADCAST, CAROL, frame, numberedMac } from "./packets.ts";

const THREE_PORTS = { ports: ["tap0", "client1", "client2"] };

test("a static address is sent to before it was ever seen, and never ages", () => {
  const lab = new Lab({ ...THREE_PORTS, ageingSeconds: 10 });
  expect(lab.addStatic("client2", BOB)).toBe(true);
  lab.tick(1000);
  lab.receive("client1", frame({ from: ALICE, to: BOB }));
  expect(lab.sent()).toEqual({ client2: 1 });
  expect(lab.fdb()).toEqual([`0 ${ALICE} client1`, `0 ${BOB} client2 static`]);
});

test("a frame from a static address is taken at its port and dropped at every other", () => {
  const lab = new Lab(THREE_PORTS);
  lab.addStatic("client1", ALICE);
  lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
  expect(lab.sent()).toEqual({ tap0: 1, client2: 1 });
  lab.receive("client2", frame({ from: ALICE, to: BROADCAST }));
  expect(lab.sent()).toEqual({});
  expect(lab.drops()).toEqual({ client2: { static_moved: 1 } });
  expect(lab.fdb()).toEqual([`0 ${ALICE} client1 static`]);
});

test("a static address replaces a learnt one, and a newer static one replaces it", () => {
  const lab = new Lab(THREE_PORTS);
  lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
  lab.addStatic("client2", ALICE);
  expect(lab.fdb()).toEqual([`0 ${ALICE} client2 static`]);
  lab.addStatic("tap0", ALICE);
  expect(lab.fdb()).toEqual([`0 ${ALICE} tap0 static`]);
});

test("flushing forgets what was learnt, at one port or at all, and says how many", () => {
  const lab = new Lab(THREE_PORTS);
  lab.receive("client1", frame({ from: ALICE, to: BROADCAST }));
  lab.receive("client2", frame({ from: BOB, to: BROADCAST }), frame({ from: numberedMac(9), to: BROADCAST }));
  lab.addStatic("client2", CAROL);
  expect(lab.flush("client2")).toBe(2);
  expect(lab.fdb()).toEqual([`0 ${ALICE} client1`, `0 ${CAROL} client2 static`]);
  expect(lab.flush(null)).toBe(1);
  expect(lab.fdb()).toEqual([`0 ${CAROL} client2 static`]);
});

test("one address is deleted, static or learnt, once", () => {
  const lab = new Lab(THREE_PORTS);
  lab.receive("client1", frame({ from: ALICE, to: BROADCAST, vlans: [7] }));
  lab.addStatic("client2", BOB);
  expect([lab.delFdb(ALICE), lab.delFdb(ALICE, 7), lab.delFdb(ALICE, 7), lab.delFdb(BOB)]).toEqual([
    false,
    true,
    false,
    true,
  ]);
  expect(lab.fdb()).toEqual([]);
});

test("a flood of addresses at one port never evicts those of a quiet one", () => {
  const lab = new Lab({ ...THREE_PORTS, addressesMax: 64 });
  lab.receive("client1", frame({ from: ALICE, to: BROADCAST }), frame({ from: BOB, to: BROADCAST }));
  for (let i = 0; i < 1000; i++) {
    lab.receive("client2", frame({ from: numberedMac(i + 100), to: BROADCAST }));
    if (i % 100 === 0) lab.tick(1);
  }
  const entries = lab.fdb();
  expect(entries).toHaveLength(64);
  expect(entries.filter((entry) => entry.endsWith("client1"))).toEqual([
    `0 ${ALICE} client1`,
    `0 ${BOB} client1`,
  ]);
  // The newest of the flood stay, the oldest went.
  expect(entries).toContain(`0 ${numberedMac(1099)} client2`);
  expect(entries).not.toContain(`0 ${numberedMac(100)} client2`);
  expect(lab.bridgeCount(FDB_EVICTED)).toBe(1000 + 2 - 64);
});

test("static addresses are never evicted; a table full of them learns nothing and still forwards", () => {
  const lab = new Lab({ ...THREE_PORTS, addressesMax: 2 });
  expect([lab.addStatic("client2", BOB), lab.addStatic("client2", CAROL)]).toEqual([true, true]);
  expect(lab.addStatic("client2", numberedMac(3))).toBe(false);
  lab.receive("client1", frame({ from: ALICE, to: BOB }), frame({ from: ALICE, to: BROADCAST }));
  expect(lab.sent()).toEqual({ client2: 2, tap0: 1 });
  expect(lab.fdb()).toEqual([`0 ${BOB} client2 static`, `0 ${CAROL} client2 static`]);
});

test("a static address in a full table pushes out a learnt one", () => {
  const lab = new Lab({ ...THREE_PORTS, addressesMax: 2 });
  lab.receive("client1", frame({ from: ALICE, to: BROADCAST }), frame({ from: BOB, to: BROADCAST }));
  expect(lab.addStatic("client2", CAROL)).toBe(true);
  expect(lab.fdb()).toEqual([`0 ${BOB} client1`, `0 ${CAROL} client2 static`]);
});

test("a table made larger or smaller keeps its entries, as many as fit, the newest and the static ones", () => {
  const lab = new Lab({ ...THREE_PORTS, addressesMax: 8 });
  for (let i = 0; i < 7; i++) {
    lab.receive("client1", frame({ from: numberedMac(i), to: BROADCAST }));
    lab.tick(1);
  }
  lab.addStatic("client2", BOB);
  const before = lab.fdb();
  lab.setBridge("br0", { addressesMax: 1000 });
  expect(lab.fdb()).toEqual(before);
  lab.setBridge("br0", { addressesMax: 3 });
  expect(lab.fdb()).toEqual([
    `0 ${numberedMac(5)} client1`,
    `0 ${numberedMac(6)} client1`,
    `0 ${BOB} client2 static`,
  ]);
  lab.sent();
  lab.receive("client2", frame({ from: ALICE, to: numberedMac(6) }));
  expect(lab.sent()).toEqual({ client1: 1 });
  // Ages go along: what was last seen long ago is forgotten on time.
  lab.setBridge("br0", { addressesMax: 100, ageingSeconds: 3 });
  lab.tick(2);
  expect(lab.fdb()).not.toContain(`0 ${numberedMac(5)} client1`);
});
