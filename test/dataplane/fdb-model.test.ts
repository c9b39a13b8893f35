// The forwarding database against a Map that does the same the slow way: what is found, what goes, who is evicted.
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  allocateCounters,
  bridgeCounter,
  FDB_EVICTED,
  FDB_EXPIRED,
  FDB_LEARNED,
  FDB_MOVED,
} from "../../src/dataplane/counters.ts";
import { DESTINATION_PORT, DESTINATION_WORDS } from "../../src/dataplane/destinations.ts";
import { allocateFdb, Fdb, type FdbMemory, fdbKey } from "../../src/dataplane/fdb/fdb.ts";
import { adoptEntries } from "../../src/dataplane/fdb/fdb-copy.ts";
import { OPEN_POLICY, policyBits } from "../../src/dataplane/policy.ts";

const BRIDGE = 3;
const DESTINATIONS = 9;
/** Of which the last has one destination, the others two. */
const PORTS = 5;
const NEVER = Number.POSITIVE_INFINITY;

interface Address {
  readonly vlan: number;
  readonly high: number;
  readonly low: number;
}

interface Entry {
  readonly address: Address;
  destination: number;
  /** NEVER = static. */
  seen: number;
}

/** What may differ between ports: addresses learnt at most (0 = no bound), and whether those stay. */
interface PortLimits {
  readonly addressesMax: number;
  readonly sticky: boolean;
}

const NO_LIMITS: readonly PortLimits[] = Array.from({ length: PORTS }, () => {
  return { addressesMax: 0, sticky: false };
});

/** Entries stand in the order in which they were last seen: a Map keeps the order of insertion. */
class Model {
  readonly entries = new Map<string, Entry>();
  readonly counts = { learned: 0, moved: 0, expired: 0, evicted: 0 };
  private readonly addressesMax: number;
  private readonly limits: readonly PortLimits[];

  constructor(addressesMax: number, limits = NO_LIMITS) {
    this.addressesMax = addressesMax;
    this.limits = limits;
  }

  lookUp(address: Address): number {
    return this.entries.get(text(address))?.destination ?? -1;
  }

  learn(address: Address, destination: number, now: number): boolean {
    const entry = this.entries.get(text(address));
    const port = portOf(destination);
    const { addressesMax } = this.limitsOf(destination);
    if (!entry) {
      if (addressesMax > 0) this.trim(port, addressesMax - 1);
      if (!this.makeRoom()) return true;
      this.counts.learned++;
    } else {
      // It is bound to the port, whichever of its VTEPs it is behind.
      if (entry.seen === NEVER) return portOf(entry.destination) === port;
      if (entry.destination === destination && entry.seen === now) return true;
      if (portOf(entry.destination) !== port && this.limitsOf(entry.destination).sticky) return false;
      if (entry.destination !== destination) this.counts.moved++;
      this.entries.delete(text(address));
    }
    this.entries.set(text(address), { address, destination, seen: now });
    if (addressesMax > 0) this.trim(port, addressesMax);
    return true;
  }

  /** Forgets the oldest learnt entries of a port beyond so many. */
  trim(port: number, count: number): void {
    const learnt = Array.from(this.entries).filter(
      ([, entry]) => entry.seen !== NEVER && portOf(entry.destination) === port,
    );
    for (const [key] of learnt.slice(0, Math.max(0, learnt.length - count))) {
      this.entries.delete(key);
      this.counts.evicted++;
    }
  }

  removeStatic(address: Address, destination: number): void {
    const entry = this.entries.get(text(address));
    if (entry?.seen === NEVER && entry.destination === destination) this.entries.delete(text(address));
  }

  private limitsOf(destination: number): PortLimits {
    return this.limits[portOf(destination) - 1];
  }

  addStatic(address: Address, destination: number): boolean {
    this.entries.delete(text(address));
    if (!this.makeRoom()) return false;
    this.entries.set(text(address), { address, destination, seen: NEVER });
    return true;
  }

  remove(address: Address): boolean {
    return this.entries.delete(text(address));
  }

  flushPort(port: number, statics: boolean): number {
    return this.forget((entry) => portOf(entry.destination) === port && (statics || entry.seen !== NEVER));
  }

  flush(): number {
    return this.forget((entry) => entry.seen !== NEVER);
  }

  expire(seenBefore: number): number {
    const count = this.forget((entry) => entry.seen < seenBefore);
    this.counts.expired += count;
    return count;
  }

  private forget(which: (entry: Entry) => boolean): number {
    let count = 0;
    for (const [key, entry] of this.entries) if (which(entry)) count += Number(this.entries.delete(key));
    return count;
  }

  /** The oldest entry of the port that holds the most, the lowest port where several do. */
  private makeRoom(): boolean {
    if (this.entries.size < this.addressesMax) return true;
    const learnt = Array.from(this.entries.values()).filter((entry) => entry.seen !== NEVER);
    if (learnt.length === 0) return false;
    const held = new Map<number, number>();
    for (const { destination } of learnt)
      held.set(portOf(destination), (held.get(portOf(destination)) ?? 0) + 1);
    const [fullest] = Array.from(held).sort(([a, countA], [b, countB]) => countB - countA || a - b)[0];
    const victim = learnt.find(({ destination }) => portOf(destination) === fullest) as Entry;
    this.entries.delete(text(victim.address));
    this.counts.evicted++;
    return true;
  }
}

const address = fc.record({
  vlan: fc.constantFrom(0, 1, 4095),
  high: fc.constantFrom(0, 0x200, 0xfeff),
  low: fc.oneof(fc.nat(7), fc.constantFrom(-1, 0x7fffffff, -0x80000000)),
});
const destination = fc.integer({ min: 0, max: DESTINATIONS - 1 });
const port = fc.integer({ min: 1, max: 4 });

type Step = (fdb: Fdb, model: Model, now: number) => [real: unknown, expected: unknown];
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 30, arbitrary: fc.tuple(address, destination).map(([a, d]) => learn(a, d)) },
  { weight: 4, arbitrary: fc.tuple(address, destination).map(([a, d]) => addStatic(a, d)) },
  { weight: 2, arbitrary: fc.tuple(address, destination).map(([a, d]) => removeStatic(a, d)) },
  { weight: 5, arbitrary: address.map(remove) },
  { weight: 2, arbitrary: fc.tuple(port, fc.boolean()).map(([p, statics]) => flushPort(p, statics)) },
  { weight: 2, arbitrary: fc.nat(4).map(expire) },
  { weight: 1, arbitrary: fc.constant<Step>((fdb, model) => [fdb.flush(), model.flush()]) },
);
const steps = fc.array(fc.tuple(fc.nat(2), step), { minLength: 1, maxLength: 120, size: "max" });

const limits = fc.array(fc.record({ addressesMax: fc.nat(4), sticky: fc.boolean() }), {
  minLength: PORTS,
  maxLength: PORTS,
});

test("the table does what a Map does, step by step, and counts the same", () => {
  const addressesMax = fc.integer({ min: 1, max: 20 });
  fc.assert(
    fc.property(addressesMax, limits, steps, (max, limits, steps) => {
      const { fdb, counters } = table(max, limits);
      const model = new Model(max, limits);
      let now = 100;
      for (const [seconds, step] of steps) {
        now += seconds;
        const [real, expected] = step(fdb, model, now);
        expect(real).toEqual(expected);
        expectSame(fdb, model);
      }
      const at = bridgeCounter(BRIDGE);
      expect(model.counts).toEqual({
        learned: counters[at + FDB_LEARNED],
        moved: counters[at + FDB_MOVED],
        expired: counters[at + FDB_EXPIRED],
        evicted: counters[at + FDB_EVICTED],
      });
    }),
    { numRuns: 300 },
  );
});

test("a table over the memory of another reads the same and goes on where that one was", () => {
  fc.assert(
    fc.property(steps, steps, (first, second) => {
      const { memory, fdb, destinations, counters } = table(8);
      const model = new Model(8);
      for (const [, step] of first) step(fdb, model, 100);
      const successor = new Fdb(memory, destinations, counters);
      expectSame(successor, model);
      for (const [, step] of second) {
        const [real, expected] = step(successor, model, 101);
        expect(real).toEqual(expected);
      }
      expectSame(successor, model);
    }),
    { numRuns: 40 },
  );
});

test("a table of another size takes over what fits: all of it, or the static and the newest entries", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 1, max: 30 }),
      steps,
      (from, to, steps) => {
        const { fdb } = table(from);
        const model = new Model(from);
        let now = 100;
        for (const [, step] of steps) step(fdb, model, now++);
        const { fdb: resized } = table(to);
        adoptEntries(resized, fdb);
        const before = sorted(fdb);
        const after = sorted(resized);
        expect(after).toHaveLength(Math.min(to, before.length));
        for (const entry of after) expect(before).toContain(entry);
        const statics = before.filter((entry) => entry.endsWith("Infinity"));
        if (statics.length <= to) for (const entry of statics) expect(after).toContain(entry);
      },
    ),
    { numRuns: 60 },
  );
});

test("forgetting is bounded: no more entries go in one look than asked", () => {
  const { fdb } = table(100);
  for (let low = 0; low < 100; low++) fdb.learn(fdbKey(0, 2), low, low % DESTINATIONS, 100);
  expect([fdb.expire(101, 30), fdb.expire(101, 30), fdb.expire(101, 1000)]).toEqual([30, 30, 40]);
});

test("a million addresses are found again, and the table is then full", () => {
  const max = 1 << 20;
  const { fdb } = table(max);
  for (let low = 0; low < max; low++) fdb.learn(fdbKey(low & 1, 2), low, low % DESTINATIONS, 100);
  let wrong = 0;
  for (let low = 0; low < max; low++) if (fdb.lookUp(fdbKey(low & 1, 2), low) !== low % DESTINATIONS) wrong++;
  expect([fdb.entryCount, wrong]).toEqual([max, 0]);
  fdb.learn(fdbKey(0, 2), -1, 0, 101);
  expect(fdb.entryCount).toBe(max);
});

function learn(a: Address, d: number): Step {
  return (fdb, model, now) => [fdb.learn(key(a), a.low, d, now), model.learn(a, d, now)];
}

function addStatic(a: Address, d: number): Step {
  return (fdb, model) => [fdb.addStatic(key(a), a.low, d), model.addStatic(a, d)];
}

function removeStatic(a: Address, d: number): Step {
  return (fdb, model) => [fdb.removeStatic(key(a), a.low, d), model.removeStatic(a, d)];
}

function remove(a: Address): Step {
  return (fdb, model) => [fdb.remove(key(a), a.low), model.remove(a)];
}

function flushPort(p: number, statics: boolean): Step {
  return (fdb, model) => [fdb.flushPort(p, statics), model.flushPort(p, statics)];
}

function expire(seconds: number): Step {
  return (fdb, model, now) => [fdb.expire(now - seconds, 1000), model.expire(now - seconds)];
}

function table(
  addressesMax: number,
  limits = NO_LIMITS,
): {
  memory: FdbMemory;
  fdb: Fdb;
  destinations: Int32Array;
  counters: Float64Array;
} {
  const destinations = new Int32Array(DESTINATIONS * DESTINATION_WORDS);
  for (let d = 0; d < DESTINATIONS; d++) destinations[d * DESTINATION_WORDS + DESTINATION_PORT] = portOf(d);
  const counters = new Float64Array(allocateCounters());
  const memory = allocateFdb(BRIDGE, addressesMax);
  const bits = limits.map((port) => policyBits({ ...OPEN_POLICY, ...port }));
  const policies = {
    portPolicy: Int32Array.of(0, ...bits),
    portAddressesMax: Int32Array.of(0, ...limits.map((port) => port.addressesMax)),
  };
  return { memory, fdb: new Fdb(memory, destinations, counters, null, policies), destinations, counters };
}

/** Several destinations a port: VTEPs behind one. */
function portOf(destination: number): number {
  return 1 + (destination >> 1);
}

function expectSame(fdb: Fdb, model: Model): void {
  expect(fdb.entryCount).toBe(model.entries.size);
  for (const { address: a, destination: d } of model.entries.values())
    expect(fdb.lookUp(key(a), a.low)).toBe(d);
  const modelled = Array.from(model.entries.values(), ({ address: a, ...rest }) =>
    line(a, rest.destination, rest.seen),
  );
  expect(sorted(fdb)).toEqual(modelled.sort());
}

function sorted(fdb: Fdb): string[] {
  return fdb
    .entries()
    .map((entry) => {
      const { vlan, macHigh: high, macLow: low } = entry;
      return line({ vlan, high, low }, entry.destination, entry.static ? NEVER : entry.lastSeenSeconds);
    })
    .sort();
}

function line(a: Address, d: number, seen: number): string {
  return `${text(a)} at ${d}, seen ${seen}`;
}

function key({ vlan, high }: Address): number {
  return fdbKey(vlan, high);
}

function text({ vlan, high, low }: Address): string {
  return `${vlan} ${high} ${low}`;
}
