// The table of multicast listeners against a Map, and at its bounds.
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  allocateListeners,
  GROUPS_MAX,
  LEAVE_SECONDS,
  LISTENER_SECONDS,
  LISTENERS_MAX,
  Listeners,
  ROUTERS_IPV4,
} from "../../src/dataplane/listeners.ts";

const BRIDGE = 63;
const PORTS = [1, 2, 1024];
const VLANS = [0, 4095];

const step = fc.record({
  group: fc.nat(2),
  bridge: fc.constantFrom(0, BRIDGE),
  vlan: fc.constantFrom(...VLANS),
  port: fc.constantFrom(...PORTS),
  leaves: fc.boolean(),
  afterSeconds: fc.constantFrom(0, 1, LEAVE_SECONDS, 100, LISTENER_SECONDS),
});

function group(number: number): Int32Array {
  return Int32Array.of(0, 0, 0xffff, 0xef000000 + number);
}

test("finds what a Map of the same reports holds, through any order of joining, leaving and waiting", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const table = new Listeners(allocateListeners());
      const ends = new Map<string, number>();
      let now = 0;
      for (const { group: number, bridge, vlan, port, leaves, afterSeconds } of steps) {
        now += afterSeconds;
        const key = `${bridge} ${number} ${vlan} ${port}`;
        const end = ends.get(key);
        if (leaves) {
          table.leave(bridge, group(number), vlan, port, now);
          if (end !== undefined) ends.set(key, Math.min(end, now + LEAVE_SECONDS));
        } else {
          expect(table.join(bridge, group(number), vlan, port, now)).toBe(true);
          ends.set(key, now + LISTENER_SECONDS);
        }
        for (const vlan of VLANS)
          for (const port of PORTS)
            expect(table.isListening(bridge, group(number), vlan, port, now)).toBe(
              (ends.get(`${bridge} ${number} ${vlan} ${port}`) ?? now) > now,
            );
      }
    }),
  );
});

test("what one thread has heard another knows, in its bridge and VLAN alone", () => {
  const memory = allocateListeners();
  const [one, another] = [new Listeners(memory), new Listeners(memory)];
  one.join(1, group(1), 10, 3, 1000);
  expect(another.knows(1, group(1), 10, 1000)).toBe(true);
  expect(another.isListening(1, group(1), 10, 3, 1000)).toBe(true);
  for (const [bridge, vlan] of [
    [1, 11],
    [0, 10],
    [2, 10],
  ])
    expect(another.knows(bridge, group(1), vlan, 1000)).toBe(false);
});

test("counts groups, whatever their ports, not the routers, and not what has aged or is forgotten", () => {
  const table = new Listeners(allocateListeners());
  for (const port of PORTS) for (const number of [1, 2]) table.join(BRIDGE, group(number), 0, port, 1000);
  table.join(BRIDGE, ROUTERS_IPV4, 0, 1, 1000);
  table.join(BRIDGE, group(3), 0, 1, 1000 + LISTENER_SECONDS - 1);
  expect([table.count(BRIDGE, 1000), table.count(0, 1000)]).toEqual([3, 0]);
  expect(table.count(BRIDGE, 1000 + LISTENER_SECONDS)).toBe(1);
  table.forget(0);
  expect(table.count(BRIDGE, 1000)).toBe(3);
  table.forget(BRIDGE);
  expect(table.count(BRIDGE, 1000)).toBe(0);
});

test("a port that is gone listens to nothing", () => {
  const table = new Listeners(allocateListeners());
  for (const port of PORTS) for (const number of [1, 2]) table.join(BRIDGE, group(number), 7, port, 1000);
  table.forgetPort(BRIDGE, 2);
  table.forgetPort(0, 1);
  for (const number of [1, 2])
    expect(PORTS.map((port) => table.isListening(BRIDGE, group(number), 7, port, 1000))).toEqual([
      ...[true, false, true],
    ]);
});

test("beyond the bound the oldest group of a place makes room, and those that have aged without being counted", () => {
  const table = new Listeners(allocateListeners());
  let evicted = 0;
  for (let number = 0; number < 2 * GROUPS_MAX; number++)
    evicted += Number(!table.join(0, group(number), 0, 1, 1000 + (number >> 6)));
  const known = table.count(0, 1000);
  expect(known).toBeGreaterThan(GROUPS_MAX * 0.9);
  expect(known + evicted).toBe(2 * GROUPS_MAX);
  expect(table.knows(0, group(2 * GROUPS_MAX - 1), 0, 1064)).toBe(true);
  const later = 2000;
  for (let number = 0; number < 100; number++)
    expect(table.join(0, group(1e6 + number), 0, 1, later)).toBe(true);
});

test("a group with more ports than there is room for is flooded, until all that listen have it again", () => {
  const table = new Listeners(allocateListeners());
  const groups = 64;
  const refused = new Set<number>();
  for (let number = 0; number < groups; number++)
    for (let port = 1; port <= (2 * LISTENERS_MAX) / groups; port++)
      if (!table.join(0, group(number), 0, port, 1000)) refused.add(number);
  expect(refused.size).toBeGreaterThan(0);
  for (let number = 0; number < groups; number++) {
    expect(table.knows(0, group(number), 0, 1000)).toBe(!refused.has(number));
    expect(table.isCrowded(0, group(number), 0, 1000)).toBe(refused.has(number));
    // Who was first has kept his place.
    expect(table.isListening(0, group(0), 0, 1, 1000)).toBe(true);
  }
  const later = 1000 + LISTENER_SECONDS;
  const [number] = refused;
  expect(table.join(0, group(number), 0, 1, later)).toBe(true);
  expect(table.knows(0, group(number), 0, later)).toBe(true);
});
