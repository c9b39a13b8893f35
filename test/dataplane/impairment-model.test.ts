// Impaired cables against a cable of a few lines that keeps everything in one list, on random words, frames and pauses; and
// what several forwarding threads have in common of one.
import fc from "fast-check";
import { expect, test } from "vitest";
import { CABLE_IN, Cables, cableOf } from "../../src/dataplane/cables/cables.ts";
import { type Impairment, seedOfPort, UNIMPAIRED } from "../../src/dataplane/cables/impairment.ts";
import { allocateCounters, IMPAIR_HELD, portCounter } from "../../src/dataplane/counters.ts";
import { allocateMeters, Meters } from "../../src/dataplane/meters.ts";
import { Lab } from "./lab.ts";
import { ALICE, BOB, frame, pattern } from "./packets.ts";

const DIRECTIONS = ["in", "out"] as const;
type Direction = (typeof DIRECTIONS)[number];

/** A word as the algorithms have it, modulo 2^32. */
const word = (value: bigint): bigint => value & 0xffff_ffffn;

/** MurmurHash3, fmix32. */
function scattered(value: bigint): bigint {
  let h = word(value);
  h = word((h ^ (h >> 16n)) * 0x85ebca6bn);
  h = word((h ^ (h >> 13n)) * 0xc2b2ae35n);
  return h ^ (h >> 16n);
}

/** xorshift32 with shifts of 13, 17 and 5; the numbers are its upper 31 bits. */
function* generator(seed: number, stream: number): Generator<number, never> {
  let x = scattered(word(BigInt(seed)) ^ scattered(BigInt(stream + 1)));
  for (;;) {
    x = word(x ^ (x << 13n));
    x ^= x >> 17n;
    x = word(x ^ (x << 5n));
    yield Number(x >> 1n) / 2 ** 31;
  }
}

class NaiveCable {
  lost = 0;
  refused = 0;
  duplicates = 0;
  readonly departed: number[] = [];
  private nowUs = 0;
  private freeUs = 0;
  private held: { readonly id: number; readonly dueUs: number }[] = [];
  private readonly words: Impairment;
  private readonly draws: readonly Generator<number, never>[];

  constructor(words: Impairment, direction: Direction) {
    this.words = words;
    const first = 4 * DIRECTIONS.indexOf(direction);
    this.draws = [0, 1, 2, 3].map((i) => generator(words.seed, first + i));
  }

  receive(id: number, bytes: number): void {
    if (this.chance(0, this.words.lossPercent)) {
      this.lost++;
      return;
    }
    const isTwice = this.chance(1, this.words.duplicatePercent);
    this.send(id, bytes, true);
    if (!isTwice) return;
    this.duplicates++;
    this.send(id, bytes, false);
  }

  pass(us: number): void {
    this.nowUs += us;
    const due = this.held.filter(({ dueUs }) => dueUs <= this.nowUs).sort((a, b) => a.dueUs - b.dueUs);
    this.held = this.held.filter(({ dueUs }) => dueUs > this.nowUs);
    this.departed.push(...due.map(({ id }) => id));
  }

  get heldCount(): number {
    return this.held.length;
  }

  private send(id: number, bytes: number, mayPass: boolean): void {
    const { delayUs, jitterUs, rateBitsPerSecond, reorderPercent, limitFrames } = this.words;
    const isTimed = delayUs > 0 || rateBitsPerSecond > 0;
    const hasRoom = this.held.length < limitFrames;
    let dueUs = this.nowUs;
    if (isTimed && hasRoom) {
      if (rateBitsPerSecond > 0) {
        this.freeUs = Math.max(this.freeUs, this.nowUs) + (bytes * 8e6) / rateBitsPerSecond;
        dueUs = this.freeUs;
      }
      if (delayUs > 0 && !this.chance(2, reorderPercent)) {
        dueUs += delayUs - jitterUs;
        if (jitterUs > 0) dueUs += Math.floor(this.next(3) * (2 * jitterUs + 1));
      }
    }
    const isNow = dueUs === this.nowUs && !this.held.some((other) => other.dueUs <= this.nowUs);
    if (mayPass && isNow && (hasRoom || !isTimed)) this.departed.push(id);
    else if (hasRoom) this.held.push({ id, dueUs });
    else this.refused++;
  }

  private chance(stream: number, percent: number): boolean {
    return percent > 0 && this.next(stream) < percent / 100;
  }

  private next(stream: number): number {
    return this.draws[stream].next().value;
  }
}

const percent = fc.oneof(fc.constant(0), fc.constantFrom(1, 30, 99.5, 100));
const words: fc.Arbitrary<Impairment> = fc
  .record({
    delayUs: fc.constantFrom(0, 0, 1, 1000, 10_000_000),
    jitterUs: fc.nat(1000),
    lossPercent: percent,
    duplicatePercent: percent,
    reorderPercent: percent,
    // Bytes that take whole microseconds.
    rateBitsPerSecond: fc.constantFrom(0, 0, 8e6, 4e6, 1e6),
    limitFrames: fc.constantFrom(1, 5, 1000),
    seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  })
  .map((all) => ({ ...all, jitterUs: Math.min(all.jitterUs, all.delayUs) }));
const step = fc.record({
  sizes: fc.array(fc.integer({ min: 60, max: 1500 }), { maxLength: 12 }),
  us: fc.oneof(fc.constant(0), fc.nat(3000), fc.constant(11_000_000)),
});

test.each(DIRECTIONS)(
  "each frame on the way %s meets the fate that a naive cable has for it",
  (direction) => {
    fc.assert(
      fc.property(words, fc.array(step, { minLength: 1, maxLength: 12 }), (impairment, steps) => {
        const lab = new Lab({ ports: ["tap0", "client1"] });
        lab.addStatic("client1", BOB);
        const port = direction === "in" ? "tap0" : "client1";
        if (direction === "in") lab.impair(port, impairment, null);
        else lab.impair(port, null, impairment);
        const naive = new NaiveCable(impairment, direction);
        const departed: number[] = [];
        let id = 0;
        for (const { sizes, us } of steps) {
          const frames = sizes.map((bytes) => {
            const payload = pattern(bytes - 14);
            payload.writeUInt32BE(id);
            naive.receive(id++, bytes);
            return frame({ from: ALICE, to: BOB, payload });
          });
          lab.receive("tap0", ...frames);
          lab.expectConservation();
          naive.pass(us);
          lab.passUs(us);
          departed.push(...lab.departures().map(({ bytes }) => bytes.readUInt32BE(14)));
          expect(departed).toEqual(naive.departed);
          expect(lab.held(port)).toEqual({ held: naive.heldCount, duplicates: naive.duplicates });
          lab.expectConservation();
        }
        const { impair_loss: lost = 0, impair_limit: refused = 0 } = lab.drops()[port] ?? {};
        expect({ lost, refused }).toEqual({ lost: naive.lost, refused: naive.refused });
      }),
      { numRuns: 150 },
    );
  },
);

const PORT = 7;
const CABLE = cableOf(PORT, CABLE_IN);

function threads(count: number, impairment: Partial<Impairment>): Cables[] {
  const memory = allocateMeters();
  return Array.from({ length: count }, (_, worker) => {
    const cables = new Cables(new Float64Array(allocateCounters()), new Meters(memory), worker);
    cables.configure(CABLE, { ...UNIMPAIRED, ...impairment });
    return cables;
  });
}

test("the rate is the port's, whichever thread a frame comes by", () => {
  const [one, other] = threads(2, { rateBitsPerSecond: 8e6 });
  expect([one, other, one].map((cables) => cables?.takesUs(CABLE, 1000))).toEqual([1000, 2000, 3000]);
});

test("each thread, direction and port has random numbers of its own", () => {
  const fates = (cables: Cables, cable: number): string =>
    Array.from({ length: 64 }, () => Number(cables.loses(cable))).join("");
  const lossy = { ...UNIMPAIRED, lossPercent: 50 };
  const [one, other] = threads(2, lossy) as [Cables, Cables];
  one.configure(CABLE + 1, lossy);
  one.configure(CABLE + 2, { ...lossy, seed: seedOfPort(1, "br0", "client1") });
  one.configure(CABLE + 4, { ...lossy, seed: seedOfPort(1, "br0", "client2") });
  const all = [fates(other, CABLE), ...[0, 1, 2, 4].map((next) => fates(one, CABLE + next))];
  expect(new Set(all).size).toBe(5);
});

test("what a thread held that crashed is forgotten: its successor holds nothing", () => {
  const counters = new Float64Array(allocateCounters());
  const meters = new Meters(allocateMeters());
  new Cables(counters, meters, 0).countHeld(CABLE, 1);
  expect(counters[portCounter(PORT) + IMPAIR_HELD]).toBe(1);
  new Cables(counters, meters, 0);
  expect(counters[portCounter(PORT) + IMPAIR_HELD]).toBe(0);
});
