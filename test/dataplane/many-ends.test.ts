// Ports with several VTEPs: replication to a list of them, multicast groups, and a hub that makes ports of whoever comes.
import { describe, expect, test } from "vitest";
import { parseAddress } from "../../src/dataplane/address.ts";
import { NEWCOMERS_MAX, Newcomers } from "../../src/dataplane/newcomers.ts";
import { Lab } from "./lab.ts";
import { ALICE, BOB, BROADCAST, CAROL, frame, vxlan } from "./packets.ts";

const FIRST = "10.1.1.1";
const SECOND = "10.1.1.2";
const THIRD = "10.1.1.3";
const VNI = 4100;

describe("a port with a list of remotes", () => {
  const ports = [{ name: "list", remote: FIRST, ends: [SECOND, THIRD] }, "tap0"];

  test("sends a copy of what is flooded to each, and a known address to its own alone", () => {
    const lab = new Lab({ ports });
    lab.receive("tap0", frame({ from: ALICE, to: BROADCAST }));
    expect(lab.sent()).toEqual({ list: 1, [`list ${SECOND}`]: 1, [`list ${THIRD}`]: 1 });
    lab.receiveDatagram(SECOND, vxlan(VNI, frame({ from: BOB, to: ALICE })));
    expect(lab.sent()).toEqual({ tap0: 1 });
    expect(lab.fdb()).toContain(`0 ${BOB} list ${SECOND}`);
    lab.receive("tap0", frame({ from: ALICE, to: BOB }));
    expect(lab.sent()).toEqual({ [`list ${SECOND}`]: 1 });
  });

  test("passes nothing from one remote to another: they reach each other themselves", () => {
    const lab = new Lab({ ports });
    lab.receiveDatagram(FIRST, vxlan(VNI, frame({ from: ALICE, to: BROADCAST })));
    expect(lab.sent()).toEqual({ tap0: 1 });
    lab.receiveDatagram(SECOND, vxlan(VNI, frame({ from: BOB, to: ALICE })));
    expect(lab.drops()).toEqual({ list: { split_horizon: 1 } });
  });

  test("lets a station move from one remote to another, a static one too", () => {
    const lab = new Lab({ ports });
    lab.addStatic("list", CAROL);
    for (const remote of [FIRST, THIRD])
      lab.receiveDatagram(remote, vxlan(VNI, frame({ from: ALICE, to: BROADCAST })));
    lab.receiveDatagram(THIRD, vxlan(VNI, frame({ from: CAROL, to: BROADCAST })));
    expect(lab.fdb()).toEqual([`0 ${ALICE} list ${THIRD}`, `0 ${CAROL} list static`]);
    expect(lab.sent()).toEqual({ tap0: 3 });
  });

  test("takes nothing from others", () => {
    const lab = new Lab({ ports });
    lab.receiveDatagram("10.1.1.4", vxlan(VNI, frame({ from: ALICE, to: BROADCAST })));
    expect(lab.drops()).toEqual({ underlay: { vtep_unknown: 1 } });
  });

  test("goes with all of them", () => {
    const lab = new Lab({ ports });
    lab.delPort("list");
    for (const remote of [FIRST, THIRD])
      lab.receiveDatagram(remote, vxlan(VNI, frame({ from: ALICE, to: BROADCAST })));
    expect(lab.drops()).toEqual({ underlay: { vtep_unknown: 2 } });
    lab.receive("tap0", frame({ from: ALICE, to: BROADCAST }));
    expect(lab.sent()).toEqual({});
  });
});

describe("a group", () => {
  const ports = [{ name: "group", isGroup: true }, "tap0", { name: "client", remote: THIRD, vni: 7 }];

  test("takes in anyone, whose stations are behind the group until the VTEP is known", () => {
    const lab = new Lab({ ports });
    lab.receiveDatagram(FIRST, vxlan(VNI, frame({ from: ALICE, to: BROADCAST })));
    expect(lab.sent()).toEqual({ tap0: 1, client: 1 });
    lab.receive("tap0", frame({ from: BOB, to: ALICE }));
    expect(lab.sent()).toEqual({ group: 1 });
    expect(lab.engine.tables.newcomers.take()).toEqual([{ port: 1, remote: parseAddress(FIRST).words }]);
    lab.learnEnd("group", FIRST);
    lab.receiveDatagram(FIRST, vxlan(VNI, frame({ from: ALICE, to: BOB })));
    lab.receive("tap0", frame({ from: BOB, to: ALICE }));
    expect(lab.sent()).toEqual({ tap0: 1, [`group ${FIRST}`]: 1 });
  });

  test("is never sent again what came by it, known VTEPs or not", () => {
    const lab = new Lab({ ports });
    lab.learnEnd("group", FIRST);
    for (const remote of [FIRST, SECOND])
      lab.receiveDatagram(remote, vxlan(VNI, frame({ from: ALICE, to: BROADCAST })));
    expect(lab.sent()).toEqual({ tap0: 2, client: 2 });
    lab.receiveDatagram(SECOND, vxlan(VNI, frame({ from: BOB, to: ALICE })));
    expect(lab.drops()).toEqual({ group: { split_horizon: 1 } });
  });

  test("gets one copy of what is flooded, however many VTEPs are known", () => {
    const lab = new Lab({ ports });
    for (const remote of [FIRST, SECOND]) lab.learnEnd("group", remote);
    lab.receive("tap0", frame({ from: ALICE, to: BROADCAST }));
    expect(lab.sent()).toEqual({ group: 1, client: 1 });
  });

  test("leaves another port's VTEP and VNI to that port", () => {
    const lab = new Lab({ ports: [...ports, { name: "own", remote: SECOND }] });
    lab.receiveDatagram(SECOND, vxlan(VNI, frame({ from: ALICE, to: BROADCAST })));
    expect(lab.fdb()).toEqual([`0 ${ALICE} own`]);
    expect(lab.sent()).toEqual({ group: 1, tap0: 1, client: 1 });
    lab.receiveDatagram(SECOND, vxlan(8, frame({ from: ALICE, to: BROADCAST })));
    expect(lab.drops()).toEqual({ underlay: { vni_unknown: 1 } });
  });
});

test("a hub tells of whoever comes with its VNI, and takes in nothing", () => {
  const lab = new Lab({ ports: ["tap0", "client"] });
  const device = lab.engine.tables.devices.findIndex((device) => device?.encapsulated === true);
  lab.apply({ op: "add-hub", port: 9, device, vni: 8 });
  for (let i = 0; i < 3; i++) lab.receiveDatagram(FIRST, vxlan(8, frame({ from: ALICE, to: BROADCAST })));
  lab.receiveDatagram(SECOND, vxlan(9, frame({ from: ALICE, to: BROADCAST })));
  expect(lab.drops()).toEqual({ underlay: { vtep_unadmitted: 3, vtep_unknown: 1 } });
  expect(lab.engine.tables.newcomers.take()).toEqual([{ port: 9, remote: parseAddress(FIRST).words }]);
  lab.apply({ op: "del-port", port: 9 });
  lab.receiveDatagram(FIRST, vxlan(8, frame({ from: ALICE, to: BROADCAST })));
  expect(lab.drops()).toEqual({ underlay: { vtep_unknown: 1 } });
});

describe("newcomers", () => {
  const words = (number: number): Int32Array => Int32Array.of(0, 0, 0xffff, number);

  test("are told once a second, each port's for itself", () => {
    const newcomers = new Newcomers();
    for (const port of [1, 1, 2]) newcomers.note(port, words(1), 0);
    expect(newcomers.take().map(({ port }) => port)).toEqual([1, 2]);
    newcomers.note(1, words(1), 0);
    expect(newcomers.hasNews).toBe(false);
    newcomers.forget();
    newcomers.note(1, words(1), 0);
    expect(newcomers.take()).toEqual([{ port: 1, remote: words(1) }]);
  });

  test("beyond the bound wait for the next second", () => {
    const newcomers = new Newcomers();
    for (let i = 0; i < NEWCOMERS_MAX + 5; i++) newcomers.note(1, words(i), 0);
    expect(newcomers.take().length).toBe(NEWCOMERS_MAX);
    newcomers.forget();
    newcomers.note(1, words(NEWCOMERS_MAX + 1), 0);
    expect(newcomers.take().length).toBe(1);
  });
});
