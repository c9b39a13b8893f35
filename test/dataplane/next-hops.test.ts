// Next hops over a kernel that is a table: what is asked when, who is told, what is counted. test/kernel/paths.test.ts has
// the real one.
import { beforeEach, describe, expect, test } from "vitest";
import { type Address, parseAddress, wildcard } from "../../src/dataplane/address.ts";
import { NextHops } from "../../src/dataplane/inventory/next-hops.ts";
import type { NextHop, RouteKernel } from "../../src/dataplane/io/next-hop.ts";

const ANY = wildcard(false);
const ALICE = parseAddress("10.0.0.1");
const BOB = parseAddress("10.0.0.2");
const CAROL = parseAddress("fd00::3");

class TableKernel implements RouteKernel {
  readonly hops = new Map<string, NextHop>();
  readonly probed: number[] = [];
  asked = 0;
  changed = false;
  mtuBytes = 1500;

  set(remote: Address, changes: Partial<NextHop> = {}): void {
    this.hops.set(remote.words.join(), {
      ifindex: 2,
      device: "eth0",
      mtuBytes: 1500,
      isEthernet: true,
      isUp: true,
      source: ANY,
      neighbour: remote.words,
      remoteMac: Uint8Array.of(2, 0, 0, 0, 0, 1),
      localMac: Uint8Array.of(2, 0, 0, 0, 0, 2),
      isStale: false,
      ...changes,
    });
    this.changed = true;
  }

  delete(remote: Address): void {
    this.hops.delete(remote.words.join());
    this.changed = true;
  }

  nextHop(_: Address, remote: Address): NextHop | null {
    this.asked++;
    return this.hops.get(remote.words.join()) ?? null;
  }

  pathMtuBytes(): number {
    return this.mtuBytes;
  }

  hasChanged(): boolean {
    const { changed } = this;
    this.changed = false;
    return changed;
  }

  probe(hop: NextHop): void {
    this.probed.push(hop.neighbour[3]);
  }

  close(): void {}
}

let kernel: TableKernel;
let hops: NextHops;
let told: number[];
beforeEach(() => {
  kernel = new TableKernel();
  hops = new NextHops(kernel);
  told = [];
  hops.onChange((destination) => told.push(destination));
});

test("a destination is asked for at once, and one that nobody watches has no way", () => {
  kernel.set(ALICE);
  hops.watch(1, ANY, ALICE);
  expect(hops.hop(1)).toMatchObject({ ifindex: 2, device: "eth0" });
  expect(hops.pathMtuBytes(1)).toBe(1500);
  expect([hops.hop(2), hops.pathMtuBytes(2)]).toEqual([null, 0]);
  expect(told).toEqual([]);
});

test("the kernel is asked again only when it has announced a change", () => {
  kernel.set(ALICE);
  hops.watch(1, ANY, ALICE);
  hops.look(0);
  const asked = kernel.asked;
  for (let ms = 1; ms < 10; ms++) hops.look(ms * 1000);
  expect(kernel.asked).toBe(asked);
  kernel.changed = true;
  hops.look(20_000);
  expect(kernel.asked).toBe(asked + 1);
});

test("destinations that share the way share the question, and are all told", () => {
  for (const destination of [1, 2, 3]) hops.watch(destination, ANY, ALICE);
  hops.watch(4, ANY, BOB);
  expect(kernel.asked).toBe(2);
  kernel.set(ALICE);
  hops.look(0);
  expect(kernel.asked).toBe(4);
  expect(told).toEqual([1, 2, 3]);
  expect(hops.changes).toBe(1);
});

test("a way by another local address is another way", () => {
  hops.watch(1, ANY, ALICE);
  hops.watch(2, BOB, ALICE);
  expect(kernel.asked).toBe(2);
});

describe("a change", () => {
  beforeEach(() => {
    for (const remote of [ALICE, CAROL]) kernel.set(remote);
    hops.watch(1, ANY, ALICE);
    hops.watch(2, wildcard(true), CAROL);
    hops.look(0);
    hops.changes = 0;
  });

  test.each<[string, Partial<NextHop>]>([
    ["of the neighbour's MAC", { remoteMac: Uint8Array.of(2, 0, 0, 0, 0, 9) }],
    ["of the device's MAC", { localMac: Uint8Array.of(2, 0, 0, 0, 0, 9) }],
    ["of the device", { ifindex: 3 }],
    ["of the device's name", { device: "eth1" }],
    ["of the device's state", { isUp: false }],
    ["of the source address", { source: BOB }],
    ["of the gateway", { neighbour: BOB.words }],
    ["to a neighbour unresolved", { remoteMac: null }],
  ])("%s is told and counted once", (_, changes) => {
    kernel.set(ALICE, changes);
    hops.look(1000);
    hops.refresh();
    expect([told, hops.changes]).toEqual([[1], 1]);
    expect(hops.hop(1)).toMatchObject(changes);
  });

  test("to no way at all, and back, is told and counted twice", () => {
    kernel.delete(CAROL);
    hops.look(1000);
    expect(hops.hop(2)).toBeNull();
    kernel.set(CAROL);
    hops.look(2000);
    expect([told, hops.changes]).toEqual([[2, 2], 2]);
  });

  test("of the path MTU alone is told, but no other way", () => {
    kernel.mtuBytes = 1400;
    hops.refresh();
    expect([told, hops.changes]).toEqual([[1, 2], 0]);
    expect(hops.pathMtuBytes(1)).toBe(1400);
  });

  test("that nobody announces is found in turns", () => {
    kernel.mtuBytes = 1400;
    hops.refreshSome(1);
    expect(told).toEqual([1]);
    hops.refreshSome(1);
    expect(told).toEqual([1, 2]);
    const { asked } = kernel;
    hops.refreshSome(64);
    expect(kernel.asked).toBe(asked + 2);
  });

  test("to a stale neighbour is none, for frames leave as before", () => {
    kernel.set(ALICE, { isStale: true });
    hops.look(1000);
    expect([told, hops.changes]).toEqual([[], 0]);
  });

  test("of what is no longer watched is told to nobody", () => {
    hops.unwatch(1);
    kernel.set(ALICE, { ifindex: 9 });
    hops.look(1000);
    expect(told).toEqual([]);
    expect(hops.hop(1)).toBeNull();
  });
});

test("a stale neighbour is probed as long as frames go to it, and only then", () => {
  const sent = new Map([
    [1, 0],
    [2, 0],
  ]);
  const keepAlive = (): void => hops.keepAlive((destination) => sent.get(destination) ?? 0);
  for (const [destination, remote] of [ALICE, BOB].entries()) {
    kernel.set(remote, { isStale: true });
    hops.watch(destination + 1, ANY, remote);
  }
  keepAlive();
  expect(kernel.probed).toEqual([]);
  sent.set(2, 5);
  keepAlive();
  expect(kernel.probed).toEqual([BOB.words[3]]);
  keepAlive();
  expect(kernel.probed).toHaveLength(1);
  sent.set(1, 1);
  kernel.set(ALICE);
  hops.look(1000);
  keepAlive();
  expect(kernel.probed).toHaveLength(1);
});

test("a kernel that changes all the time is asked the less often, the more there is to ask for", () => {
  const looks = (ways: number): number => {
    const before = kernel.asked;
    for (let ms = 0; ms < 10_000; ms += 100) {
      kernel.changed = true;
      hops.look(ms);
    }
    return (kernel.asked - before) / ways;
  };
  hops.watch(0, ANY, ALICE);
  expect(looks(1)).toBe(100);
  hops = new NextHops(kernel);
  for (let i = 0; i < 1024; i++) hops.watch(i, ANY, parseAddress(`10.1.${i >> 8}.${i & 255}`));
  expect(looks(1024)).toBeGreaterThan(20);
  expect(looks(1024)).toBeLessThan(50);
});
