// Which port a datagram belongs to: the key (local address, remote VTEP, VNI), what is more specific, what is unknown.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseAddress } from "../../src/dataplane/address.ts";
import { FRAME_REMOTE, FRAME_WORDS } from "../../src/dataplane/frames.ts";
import { type IngressKey, IngressTable } from "../../src/dataplane/ingress-table.ts";
import { Lab } from "./lab.ts";
import { ALICE, BROADCAST, frame, vxlan } from "./packets.ts";

const REMOTE = "10.1.1.1";
const FRAME = frame({ from: ALICE, to: BROADCAST });

describe("the key", () => {
  test("one remote with several VNIs is several ports, also in one bridge", () => {
    const lab = new Lab({
      ports: [
        { name: "lowest", remote: REMOTE, vni: 1 },
        { name: "middle", remote: REMOTE, vni: 4100 },
        { name: "highest", remote: REMOTE, vni: 0xffffff },
      ],
    });
    lab.receiveDatagram(REMOTE, vxlan(4100, FRAME));
    expect(lab.sent()).toEqual({ lowest: 1, highest: 1 });
    expect(lab.fdb()).toEqual([`0 ${ALICE} middle`]);
    lab.receiveDatagram(REMOTE, vxlan(0xffffff, FRAME));
    expect(lab.fdb()).toEqual([`0 ${ALICE} highest`]);
  });

  test("an unknown VTEP and an unknown VNI are told apart, and nothing is learnt from either", () => {
    const lab = new Lab({ ports: [{ name: "client1", remote: REMOTE, vni: 4100 }, "client2"] });
    lab.receiveDatagram(REMOTE, vxlan(4101, FRAME));
    expect(lab.drops()).toEqual({ underlay: { vni_unknown: 1 } });
    lab.receiveDatagram("10.1.1.2", vxlan(4100, FRAME));
    expect(lab.drops()).toEqual({ underlay: { vtep_unknown: 1 } });
    expect(lab.sent()).toEqual({});
    expect(lab.fdb()).toEqual([]);
  });

  test("a VNI above and below a known one is another one: all 24 bits count", () => {
    const lab = new Lab({ ports: [{ name: "client1", remote: REMOTE, vni: 0x800000 }, "client2"] });
    for (const vni of [0, 1, 0x7fffff, 0x800001, 0xffffff]) lab.receiveDatagram(REMOTE, vxlan(vni, FRAME));
    expect(lab.drops()).toEqual({ underlay: { vni_unknown: 5 } });
    lab.receiveDatagram(REMOTE, vxlan(0x800000, FRAME));
    expect(lab.sent()).toEqual({ client2: 1 });
  });

  test("an IPv6 remote is told from one that shares three of its words", () => {
    const lab = new Lab({ ports: [{ name: "client1", remote: "fd00::1:0:0:1" }, "client2"] });
    for (const remote of ["fd00::1", "fd01::1:0:0:1", "fd00::1:0:0:2", "fd00:0:0:1:1::1"]) {
      lab.receiveDatagram(remote, vxlan(4100, FRAME));
    }
    expect(lab.drops()).toEqual({ underlay: { vtep_unknown: 4 } });
    lab.receiveDatagram("fd00::1:0:0:1", vxlan(4100, FRAME));
    expect(lab.sent()).toEqual({ client2: 1 });
  });
});

describe("a specific local address beside a wildcard", () => {
  const underlays = { wildcard: "", specific: "wildcard" };

  test("a port with the specific address takes what comes to it, a port without one takes the rest", () => {
    const lab = new Lab({
      underlays,
      ports: [
        { name: "any", remote: REMOTE, underlay: "wildcard" },
        { name: "exact", remote: REMOTE, underlay: "specific" },
      ],
    });
    lab.receiveDatagram(REMOTE, vxlan(4100, FRAME), "specific");
    expect(lab.fdb()).toEqual([`0 ${ALICE} exact`]);
    lab.receiveDatagram(REMOTE, vxlan(4100, FRAME), "wildcard");
    expect(lab.fdb()).toEqual([`0 ${ALICE} any`]);
  });

  test("what the specific address has no port for falls to the wildcard's", () => {
    const lab = new Lab({
      underlays,
      ports: [
        { name: "any", remote: REMOTE, underlay: "wildcard" },
        { name: "exact", remote: "10.1.1.2", underlay: "specific" },
      ],
    });
    lab.receiveDatagram(REMOTE, vxlan(4100, FRAME), "specific");
    expect(lab.fdb()).toEqual([`0 ${ALICE} any`]);
    lab.receiveDatagram(REMOTE, vxlan(9, FRAME), "specific");
    expect(lab.drops()).toEqual({ underlay: { vni_unknown: 1 } });
  });

  test("what comes to another address never reaches a port with a specific one", () => {
    const lab = new Lab({
      underlays,
      ports: [
        { name: "exact", remote: REMOTE, underlay: "specific" },
        { name: "any", underlay: "wildcard" },
      ],
    });
    lab.receiveDatagram(REMOTE, vxlan(4100, FRAME), "wildcard");
    expect(lab.drops()).toEqual({ underlay: { vtep_unknown: 1 } });
  });
});

test("the table finds what a Map of the same keys holds, through any order of adding and deleting", () => {
  const remotes = ["10.0.0.1", "10.0.0.2", "10.0.1.1", "fd00::1", "fd00::2", "::ffff:10.0.0.1"];
  const key = fc.record({
    device: fc.nat(3),
    remote: fc.constantFrom(...remotes),
    vni: fc.constantFrom(0, 1, 2, 4100, 0xffffff),
  });
  const step = fc.record({ port: fc.integer({ min: 1, max: 40 }), key: fc.option(key) });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60, size: "max" }),
      fc.array(key, { maxLength: 30 }),
      (steps, questions) => {
        const table = new IngressTable();
        const model = new Map<number, { device: number; remote: string; vni: number }>();
        for (const { port, key } of steps) {
          const taken =
            key && Array.from(model).some(([of, other]) => of !== port && text(other) === text(key));
          if (taken) continue;
          if (key) table.set(ingressKey(port, key));
          else table.delete(port);
          if (key) model.set(port, key);
          else model.delete(port);
          for (const question of questions) expectSame(table, model, question);
        }
      },
    ),
    { numRuns: 60 },
  );
});

interface Key {
  readonly device: number;
  readonly remote: string;
  readonly vni: number;
}

function expectSame(table: IngressTable, model: Map<number, Key>, question: Key): void {
  const frames = new Int32Array(FRAME_WORDS * 2);
  frames.set(parseAddress(question.remote).words, FRAME_WORDS + FRAME_REMOTE);
  const row = table.lookUp(question.device, question.vni, frames, FRAME_WORDS);
  const found = Array.from(model).find(([, key]) => text(key) === text(question));
  expect(row < 0 ? null : [table.portAt(row), table.destinationAt(row)]).toEqual(
    found ? [found[0], found[0] + 1000] : null,
  );
  const known = Array.from(model.values()).some(
    (key) => key.device === question.device && words(key.remote) === words(question.remote),
  );
  expect(table.knowsRemote(question.device, frames, FRAME_WORDS)).toBe(known);
}

function ingressKey(port: number, { device, remote, vni }: Key): IngressKey {
  return { port, destination: port + 1000, device, remote: parseAddress(remote).words, vni };
}

function words(remote: string): string {
  return parseAddress(remote).words.join();
}

function text({ device, remote, vni }: Key): string {
  return `${device} ${words(remote)} ${vni}`;
}
