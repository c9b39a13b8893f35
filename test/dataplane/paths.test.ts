// The two paths of a destination's row: what is written when, and that the one in use is never touched.
import { beforeEach, describe, expect, test } from "vitest";
import { parseAddress } from "../../src/dataplane/address.ts";
import {
  DESTINATION_PATH,
  DESTINATION_PATH_A,
  DESTINATION_PATH_B,
  DESTINATION_WORDS,
  PATH_HEADER,
  PATH_HEADER_BYTES,
  PATH_TRAINS,
  PATH_TUNNEL,
  PATH_WORDS,
} from "../../src/dataplane/destinations.ts";
import type { ExitsOfDevice } from "../../src/dataplane/inventory/exits.ts";
import { Paths } from "../../src/dataplane/inventory/paths.ts";
import type { NextHop } from "../../src/dataplane/io/next-hop.ts";

const DESTINATION = 3;
const ROW = DESTINATION * DESTINATION_WORDS;
const END = { remote: parseAddress("10.0.0.2"), udpPort: 4789, vni: 4100, ttl: 64, tos: 0 };
const HOP: NextHop = {
  ifindex: 2,
  device: "eth0",
  mtuBytes: 1500,
  isEthernet: true,
  isUp: true,
  source: parseAddress("10.0.0.1"),
  neighbour: END.remote.words,
  remoteMac: Uint8Array.of(2, 0, 0, 0, 0, 1),
  localMac: Uint8Array.of(2, 0, 0, 0, 0, 2),
  isStale: false,
};

/** Exits for each device, of which those in `refused` have none. */
class FakeExits {
  readonly refused = new Set<number>();
  used: ReadonlySet<number> = new Set();
  readonly tunnels = { refusal: "", openCount: 1 };
  readonly trains = { refusal: "", openCount: 1 };

  acquire(ifindex: number): ExitsOfDevice {
    return this.refused.has(ifindex)
      ? { trainsFd: -1, tunnelFd: -1 }
      : { trainsFd: 200 + ifindex, tunnelFd: 100 + ifindex };
  }

  sweep(used: ReadonlySet<number>): void {
    this.used = used;
  }

  closeAll(): void {}
}

let destinations: Int32Array;
let exits: FakeExits;
let paths: Paths;
beforeEach(() => {
  destinations = new Int32Array(4 * DESTINATION_WORDS);
  exits = new FakeExits();
  paths = new Paths(destinations, true, exits);
});

const inUse = (): number => destinations[ROW + DESTINATION_PATH];
const pathAt = (at: number): Int32Array => destinations.slice(ROW + at, ROW + at + PATH_WORDS);
const remoteMac = (at: number): number =>
  new Uint8Array(destinations.buffer)[(ROW + at + PATH_HEADER) * 4 + 5];

test("a next hop makes a path of exits and headers, within the destination's row", () => {
  paths.set(DESTINATION, HOP, END);
  const path = pathAt(inUse());
  const exits = [path[PATH_TRAINS], path[PATH_TUNNEL]];
  expect([...exits, path[PATH_HEADER_BYTES]]).toEqual([203, 103, 50]);
  expect(remoteMac(inUse())).toBe(1);
  expect(destinations.subarray(0, ROW).every((word) => word === 0)).toBe(true);
});

test("another next hop is written to the path that is not in use, turn about", () => {
  const seen: number[] = [];
  for (let mac = 1; mac <= 4; mac++) {
    const before = inUse();
    const untouched = pathAt(before);
    paths.set(DESTINATION, { ...HOP, remoteMac: Uint8Array.of(2, 0, 0, 0, 0, mac) }, END);
    if (before !== 0) expect(pathAt(before)).toEqual(untouched);
    expect(remoteMac(inUse())).toBe(mac);
    seen.push(inUse());
  }
  expect(seen).toEqual([DESTINATION_PATH_A, DESTINATION_PATH_B, DESTINATION_PATH_A, DESTINATION_PATH_B]);
});

test("the same next hop again writes nothing", () => {
  paths.set(DESTINATION, HOP, END);
  const before = destinations.slice();
  paths.set(DESTINATION, { ...HOP, isStale: true }, END);
  expect(destinations).toEqual(before);
});

test("after a destination had no path for a moment, the path that it had is still left alone", () => {
  paths.set(DESTINATION, HOP, END);
  const [at, before] = [inUse(), pathAt(inUse())];
  paths.forget(DESTINATION);
  expect(inUse()).toBe(0);
  paths.set(DESTINATION, { ...HOP, remoteMac: Uint8Array.of(2, 0, 0, 0, 0, 9) }, END);
  expect(inUse()).not.toBe(at);
  expect(pathAt(at)).toEqual(before);
});

describe("there is no path", () => {
  test.each<[string, NextHop | null]>([
    ["without a route", null],
    ["to a neighbour that is not resolved", { ...HOP, remoteMac: null }],
    ["by a device that is down", { ...HOP, isUp: false }],
    ["by a device that is not Ethernet", { ...HOP, isEthernet: false }],
    ["by a device that has no exit", { ...HOP, ifindex: 7 }],
  ])("%s", (_, hop) => {
    exits.refused.add(7);
    paths.set(DESTINATION, HOP, END);
    paths.set(DESTINATION, hop, END);
    expect(inUse()).toBe(0);
    paths.sweep();
    expect(exits.used.size).toBe(0);
  });

  test("where the operator wants none", () => {
    paths = new Paths(destinations, false, exits);
    paths.set(DESTINATION, HOP, END);
    expect(inUse()).toBe(0);
  });
});

test("exits are told which devices lead to a destination", () => {
  paths.set(DESTINATION, HOP, END);
  paths.set(1, { ...HOP, ifindex: 5 }, END);
  paths.sweep();
  expect(exits.used).toEqual(new Set([2, 5]));
  paths.forget(1);
  paths.sweep();
  expect(exits.used).toEqual(new Set([2]));
});
