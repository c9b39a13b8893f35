// What forwarding workers tell each other: addresses learnt, moved and seen again reach every table, whatever the order.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { allocateCounters, FDB_LEARNED, FDB_MOVED } from "../../src/dataplane/counters.ts";
import { DESTINATION_PORT, DESTINATION_WORDS } from "../../src/dataplane/destinations.ts";
import { allocateFdb, Fdb, fdbKey } from "../../src/dataplane/fdb/fdb.ts";
import { adoptEntries } from "../../src/dataplane/fdb/fdb-copy.ts";
import { allocateLearning, Learning } from "../../src/dataplane/fdb/learning.ts";
import { EVENTS_MAX } from "../../src/dataplane/fdb/learning-ring.ts";
import { parseFdbAddress } from "../../src/dataplane/wire/mac.ts";
import { ALICE, BOB, BROADCAST, frame, numberedMac } from "./packets.ts";
import { WorkersLab } from "./workers-lab.ts";

const PORTS = ["tap0", "tap1", "tap2"];
const FROM_ALICE = frame({ from: ALICE, to: BROADCAST });
const TO_ALICE = frame({ from: BOB, to: ALICE });

describe("workers", () => {
  test("know what any of them has learnt", () => {
    const lab = new WorkersLab(3, PORTS);
    lab.receive(0, "tap0", FROM_ALICE);
    expect(lab.sent(0)).toEqual({ tap1: 1, tap2: 1 });
    for (const worker of [1, 2, 0]) {
      lab.receive(worker, "tap1", TO_ALICE);
      expect(lab.sent(worker)).toEqual({ tap0: 1 });
    }
  });

  test("follow an address that moves, and count it where the frame was seen", () => {
    const lab = new WorkersLab(2, PORTS);
    lab.receive(0, "tap0", FROM_ALICE);
    lab.receive(1, "tap2", FROM_ALICE);
    lab.hear(0);
    expect([lab.fdb(0), lab.fdb(1)]).toEqual([[`${ALICE} tap2`], [`${ALICE} tap2`]]);
    expect(lab.bridgeCounts(FDB_LEARNED)).toEqual([1, 0]);
    expect(lab.bridgeCounts(FDB_MOVED)).toEqual([0, 1]);
  });

  test("keep an address that one of them keeps seeing, and all forget it when it falls silent", () => {
    const lab = new WorkersLab(2, PORTS, { ageingSeconds: 10 });
    for (let second = 0; second < 30; second++) {
      lab.receive(0, "tap0", FROM_ALICE);
      lab.tick(1);
    }
    expect(lab.fdb(1)).toEqual([`${ALICE} tap0`]);
    lab.tick(9);
    expect(lab.fdb(1)).toEqual([`${ALICE} tap0`]);
    lab.tick(1);
    expect([lab.fdb(0), lab.fdb(1)]).toEqual([[], []]);
  });

  test("wake each other for what is new, not for what is only seen again", () => {
    const lab = new WorkersLab(3, PORTS);
    const woken = () => lab.woken.splice(0);
    lab.receive(0, "tap0", FROM_ALICE, FROM_ALICE);
    expect(woken()).toEqual(["0>1", "0>2"]);
    lab.receive(0, "tap0", FROM_ALICE);
    lab.tick(1);
    lab.receive(0, "tap0", FROM_ALICE);
    lab.receive(1, "tap1", TO_ALICE);
    expect(woken()).toEqual(["1>0", "1>2"]);
    lab.receive(2, "tap2", FROM_ALICE);
    expect(woken()).toEqual(["2>0", "2>1"]);
  });

  test("wake each other before refreshes alone fill a ring", () => {
    const lab = new WorkersLab(2, PORTS);
    const half = EVENTS_MAX / 2;
    const frames = Array.from({ length: half + 1 }, (_, i) => frame({ from: numberedMac(i), to: BROADCAST }));
    lab.receive(0, "tap0", ...frames);
    lab.tick(1);
    lab.woken.splice(0);
    lab.receive(0, "tap0", ...frames.slice(0, half));
    expect(lab.woken).toEqual([]);
    lab.receive(0, "tap0", ...frames.slice(half));
    expect(lab.woken).toEqual(["0>1"]);
  });

  test("count what found a ring full, and tell it again a second later", () => {
    const lab = new WorkersLab(2, PORTS);
    const count = EVENTS_MAX + 100;
    const frames = Array.from({ length: count }, (_, i) => frame({ from: numberedMac(i), to: BROADCAST }));
    lab.receive(0, "tap0", ...frames);
    expect(lab.learningDrops(0)).toBe(100);
    lab.hear(1);
    expect([lab.fdb(0).length, lab.fdb(1).length]).toEqual([count, EVENTS_MAX]);
    lab.tick(1);
    for (const some of [frames.slice(0, 1000), frames.slice(1000)]) {
      lab.receive(0, "tap0", ...some);
      lab.hear(1);
    }
    expect(lab.fdb(1)).toEqual(lab.fdb(0));
    expect(lab.learningDrops(0)).toBe(100);
  });

  test("hold to a static entry, whatever they are told", () => {
    const lab = new WorkersLab(2, PORTS);
    const address = parseFdbAddress({ vlan: 0, mac: ALICE });
    lab.apply(1, { op: "fdb-add", bridge: 0, address, destination: 1 });
    lab.receive(0, "tap0", FROM_ALICE);
    lab.hear(1);
    expect([lab.fdb(0), lab.fdb(1)]).toEqual([[`${ALICE} tap0`], [`${ALICE} tap1`]]);
  });

  test("learn nothing at a port that is gone, nor at the one that has its index next", () => {
    const lab = new WorkersLab(2, PORTS);
    lab.delPort(1, "tap0");
    lab.receive(0, "tap0", FROM_ALICE);
    lab.delPort(0, "tap0");
    for (const worker of [0, 1]) lab.addPort(worker, "tap0");
    lab.hear(1);
    expect([lab.fdb(0), lab.fdb(1)]).toEqual([[], []]);
  });

  test("do not notice that one of them crashed: what it knew and was told is there, and its word counts", () => {
    const lab = new WorkersLab(2, PORTS);
    for (let i = 0; i < 10; i++) lab.receive(1, "tap1", frame({ from: numberedMac(i), to: BROADCAST }));
    lab.receive(1, "tap1", frame({ from: ALICE, to: BROADCAST }));
    lab.restart(1);
    lab.receive(0, "tap0", frame({ from: BOB, to: BROADCAST }));
    lab.restart(1);
    lab.hear(1);
    expect(lab.fdb(1)).toEqual(lab.fdb(0));
    expect(lab.fdb(1)).toHaveLength(12);
    lab.receive(1, "tap2", FROM_ALICE);
    lab.hear(0);
    expect(lab.fdb(0)).toContain(`${ALICE} tap2`);
  });
});

describe("whatever the order", () => {
  const WORKERS = 3;
  /** As many as a table holds: its slots are crowded, and entries move when one is removed. */
  const ADDRESSES = 8;
  const DESTINATIONS = 4;

  interface Sight {
    readonly worker: number;
    readonly address: number;
    readonly destination: number;
  }

  const sight: fc.Arbitrary<Sight> = fc.record({
    worker: fc.nat(WORKERS - 1),
    address: fc.nat(ADDRESSES - 1),
    destination: fc.nat(DESTINATIONS - 1),
  });
  /** Batches that run at the same time: all of these workers hear first, then they learn in this order. */
  const sights = fc.array(sight, { minLength: 1, maxLength: 6 });
  /** Or an address that an operator removes from all tables. */
  const round = fc.oneof(
    { weight: 4, arbitrary: fc.record({ sights, removed: fc.constant(-1) }) },
    { weight: 1, arbitrary: fc.record({ sights: fc.constant([]), removed: fc.nat(ADDRESSES - 1) }) },
  );

  test("all tables agree on each address, and on its last place if one worker alone saw it last", () => {
    fc.assert(
      fc.property(fc.array(round, { minLength: 1, maxLength: 40, size: "max" }), (rounds) => {
        const { workers, hear, lookUp } = tables(WORKERS, DESTINATIONS);
        const allowed = new Map<number, Set<number>>();
        rounds.forEach(({ sights, removed }, i) => {
          for (let worker = 0; worker < WORKERS && removed >= 0; worker++) hear(worker);
          for (const { fdb } of workers) fdb.remove(fdbKey(0, 2), removed);
          allowed.delete(removed);
          for (const worker of new Set(sights.map(({ worker }) => worker))) hear(worker);
          for (const { worker, address, destination } of sights) {
            // The workers' clocks tick apart.
            const now = 100 + ((i + worker) >> 2);
            workers[worker].fdb.learn(fdbKey(0, 2), address, destination, now);
          }
          for (const [address, places] of lastPlaces(sights)) allowed.set(address, places);
        });
        for (let worker = 0; worker < WORKERS; worker++) hear(worker);
        for (const [address, places] of allowed) {
          const found = workers.map((_, worker) => lookUp(worker, address));
          expect(new Set(found).size, `address ${address}: ${found}`).toBe(1);
          expect(places).toContain(found[0]);
        }
      }),
      { numRuns: 300 },
    );
  });

  /** For each address of a round, the last place at which each of its workers saw it. */
  function lastPlaces(sights: readonly Sight[]): Map<number, Set<number>> {
    const last = new Map<number, Map<number, number>>();
    for (const { worker, address, destination } of sights)
      last.set(address, (last.get(address) ?? new Map()).set(worker, destination));
    return new Map(Array.from(last, ([address, byWorker]) => [address, new Set(byWorker.values())]));
  }

  test("a table never hears of itself, and an event heard again changes nothing", () => {
    const { workers, hear, lookUp, memory } = tables(2, DESTINATIONS);
    workers[0].fdb.learn(fdbKey(0, 2), 1, 2, 100);
    const late = new Learning(memory, 1, new Float64Array(allocateCounters()), () => {});
    hear(1);
    workers[1].fdb.learn(fdbKey(0, 2), 1, 3, 100);
    // As after a crash before the ring was given back.
    late.hear((_bridge, key, low, destination, seen, stamp) =>
      workers[1].fdb.hear(key, low, destination, seen, stamp),
    );
    hear(0);
    expect([lookUp(0, 1), lookUp(1, 1)]).toEqual([3, 3]);
  });
});

test("an entry keeps its stamp where it goes: to another slot, to a table of another size", () => {
  // Every table has a seed of its own: in some of them slots collide and entries move.
  for (let attempt = 0; attempt < 50; attempt++) {
    const { workers } = tables(2, 4);
    const { fdb } = workers[0];
    const [gone, kept] = [10, 100];
    for (let low = 0; low < 8; low++) fdb.hear(fdbKey(0, 2), low, 1, 100, low < 4 ? gone : kept);
    for (let low = 0; low < 4; low++) fdb.remove(fdbKey(0, 2), low);
    const [larger] = tables(2, 4).workers;
    adoptEntries(larger.fdb, fdb);
    for (const table of [fdb, larger.fdb]) {
      for (let low = 4; low < 8; low++) {
        table.hear(fdbKey(0, 2), low, 2, 100, kept - 1);
        expect(table.lookUp(fdbKey(0, 2), low)).toBe(1);
        table.hear(fdbKey(0, 2), low, 3, 100, kept + 1);
        expect(table.lookUp(fdbKey(0, 2), low)).toBe(3);
      }
    }
  }
});

/** Tables of several workers over one set of rings; each destination is a port of its own. */
function tables(workerCount: number, destinationCount: number) {
  const destinations = new Int32Array(destinationCount * DESTINATION_WORDS);
  for (let d = 0; d < destinationCount; d++) destinations[d * DESTINATION_WORDS + DESTINATION_PORT] = d + 1;
  const memory = allocateLearning(workerCount);
  const workers = Array.from({ length: workerCount }, (_, worker) => {
    const counters = new Float64Array(allocateCounters());
    const learning = new Learning(memory, worker, counters, () => {});
    return { learning, fdb: new Fdb(allocateFdb(0, 8), destinations, counters, learning) };
  });
  const hear = (worker: number): void => {
    const { learning, fdb } = workers[worker];
    learning.hear((_bridge, key, low, destination, seen, stamp) =>
      fdb.hear(key, low, destination, seen, stamp),
    );
  };
  const lookUp = (worker: number, address: number): number =>
    workers[worker].fdb.lookUp(fdbKey(0, 2), address);
  return { memory, workers, hear, lookUp };
}
