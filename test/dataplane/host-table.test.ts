// The table of hosts: against a naive model, and its bounds.
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  CONFLICT_EVERY_MS,
  GONE_MS_MAX,
  HOST_ADDRESSES_MAX,
  type Host,
  HostTable,
} from "../../src/dataplane/inventory/host-table.ts";
import type { DataplaneEvent } from "../../src/dataplane/spec.ts";

const AGEING_MS = 300_000;
const place = (port: string) => ({ port, remote: null, vni: null });
const at = (mac: string) => ({ bridge: "br0", vlan: 0, mac, isStatic: false });

function tableWith(hostsMax?: number) {
  const events: DataplaneEvent[] = [];
  const table = new HostTable((event) => events.push(event), hostsMax);
  const types = () => events.splice(0).map(({ type }) => type);
  return { table, events, types };
}

test("it knows what a map would know, and tells of each change once", () => {
  const macs = fc.constantFrom("02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03");
  const ports = fc.constantFrom("p1", "p2");
  const step = fc.oneof(
    fc.record({ op: fc.constant("seen" as const), mac: macs, port: ports }),
    fc.record({ op: fc.constant("forget" as const), mac: macs, port: ports }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { table, types } = tableWith();
      const present = new Map<string, string>();
      const lastPort = new Map<string, string>();
      const moves = new Map<string, number>();
      steps.forEach(({ op, mac, port }, now) => {
        const expected: string[] = [];
        if (op === "seen") {
          const before = lastPort.get(mac);
          if (before !== undefined && before !== port) moves.set(mac, (moves.get(mac) ?? 0) + 1);
          if (!present.has(mac)) expected.push("learnt");
          else if (before !== port) expected.push("moved");
          present.set(mac, port);
          lastPort.set(mac, port);
          table.seen(at(mac), place(port), now);
        } else {
          if (present.delete(mac)) expected.push("forgotten");
          const host = table.find("br0", 0, mac);
          if (host) table.forget(host, now + 1);
        }
        expect(types()).toEqual(expected);
      });
      const rows = table.rows().map((row) => [row.mac, row.port, row.goneMs === 0, row.moves]);
      const wanted = [...lastPort].map(([mac, port]) => [mac, port, present.has(mac), moves.get(mac) ?? 0]);
      expect(rows.sort()).toEqual(wanted.sort());
      expect(table.presentCount).toBe(present.size);
    }),
  );
});

test("an address that two stations claim within the ageing time is told of, and again only after a minute", () => {
  const { table, types } = tableWith();
  const [alice, bob] = ["0a", "0b"].map((last) =>
    table.seen(at(`02:00:00:00:00:${last}`), place("p1"), 0),
  ) as [Host, Host];
  types();
  table.tell(alice, "10.0.0.1", "arp", 0, AGEING_MS);
  table.tell(bob, "10.0.0.1", "arp", 1000, AGEING_MS);
  expect(types()).toEqual(["address", "address", "address_conflict"]);
  table.tell(alice, "10.0.0.1", "arp", 2000, AGEING_MS);
  expect(types()).toEqual([]);
  table.tell(bob, "10.0.0.1", "arp", 2000 + CONFLICT_EVERY_MS, AGEING_MS);
  expect(types()).toEqual(["address_conflict"]);
});

test("an address that is taken over from who has not claimed it for long, or is gone, is no conflict", () => {
  const { table, types } = tableWith();
  const [alice, bob, carol] = ["0a", "0b", "0c"].map((last) =>
    table.seen(at(`02:00:00:00:00:${last}`), place("p1"), 0),
  ) as [Host, Host, Host];
  table.tell(alice, "10.0.0.1", "arp", 0, AGEING_MS);
  table.tell(bob, "10.0.0.1", "arp", AGEING_MS + 1, AGEING_MS);
  table.forget(bob, AGEING_MS + 2);
  table.tell(carol, "10.0.0.1", "arp", AGEING_MS + 3, AGEING_MS);
  expect(types()).not.toContain("address_conflict");
});

test("the addresses of a host, all hosts, and the time that one is gone are bounded", () => {
  const { table } = tableWith(100);
  const alice = table.seen(at("02:00:00:00:00:0a"), place("p1"), 0);
  for (let i = 0; i < 40; i++) table.tell(alice, `10.0.0.${i}`, "arp", i, AGEING_MS);
  expect([...alice.addresses.keys()]).toEqual(
    Array.from({ length: HOST_ADDRESSES_MAX }, (_, i) => `10.0.0.${24 + i}`),
  );
  for (let i = 0; i < 1000; i++) {
    table.seen(
      at(`06:00:00:00:${(i >> 8).toString(16).padStart(2, "0")}:${(i & 255).toString(16).padStart(2, "0")}`),
      place("p2"),
      i,
    );
    // Who is seen again and again does not make room for a flood.
    table.seen(at("02:00:00:00:00:0a"), place("p1"), i + 1);
  }
  expect(table.rows()).toHaveLength(100);
  expect(table.evicted).toBe(901);
  expect(table.find("br0", 0, "02:00:00:00:00:0a")).toBe(alice);
  table.forget(alice, 2000);
  table.expire(2000 + GONE_MS_MAX - 1);
  expect(table.rows()).toHaveLength(100);
  table.expire(2000 + GONE_MS_MAX);
  expect(table.rows()).toHaveLength(99);
});
