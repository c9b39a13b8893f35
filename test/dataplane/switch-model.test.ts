// The whole engine against a switch of a few lines that does the same with Maps, on random frames; and against bytes
// that nobody sane would send.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { DropReasonName } from "../../src/dataplane/drop-reason.ts";
import { FRAME_FLAGS, FRAME_GSO_SIZE, FRAME_GSO_TYPE } from "../../src/dataplane/frames.ts";
import { Lab } from "./lab.ts";
import { frame, vxlan } from "./packets.ts";

const AGEING_SECONDS = 10;
const ADDRESSES_MAX = 6;
const PORTS = [
  { name: "tap0", bridge: "red" },
  { name: "red1", bridge: "red", vni: 1 },
  { name: "red2", bridge: "red", vni: 2, remote: "fd00::2" },
  { name: "red3", bridge: "red", vni: 3, remote: "fd00::2" },
  { name: "tap1", bridge: "blue" },
  { name: "blue1", bridge: "blue", vni: 1 },
  { name: "alone1", bridge: "alone", vni: 1 },
];
const STATIC = { mac: "02:00:00:00:00:05", vlan: 0, bridge: "red", port: "red1" };

interface Known {
  port: string;
  seen: number;
  readonly static: boolean;
}

/** What became of one frame: the ports it left by, or why it did not. */
type Outcome = readonly string[] | DropReasonName;

class NaiveSwitch {
  now = 0;
  private readonly known = new Map<string, Known>([
    [`${STATIC.bridge} ${STATIC.vlan} ${STATIC.mac}`, { port: STATIC.port, seen: 0, static: true }],
  ]);

  receive(port: string, from: string, to: string, vlan: number): Outcome {
    if (from === "00:00:00:00:00:00" || isGroup(from)) return "source_mac_invalid";
    const bridge = bridgeOf(port);
    if (!this.learn(`${bridge} ${vlan} ${from}`, port)) return "static_moved";
    const at = isGroup(to) ? undefined : this.known.get(`${bridge} ${vlan} ${to}`)?.port;
    if (at === port) return "split_horizon";
    if (at !== undefined) return [at];
    const others = PORTS.filter((other) => other.bridge === bridge && other.name !== port);
    return others.length === 0 ? "no_destination" : others.map(({ name }) => name).sort();
  }

  tick(seconds: number): void {
    this.now += seconds;
    for (const [key, { seen, static: isStatic }] of this.known) {
      if (!isStatic && seen < this.now - AGEING_SECONDS) this.known.delete(key);
    }
  }

  private learn(key: string, port: string): boolean {
    const known = this.known.get(key);
    if (known?.static) return known.port === port;
    if (!known) this.makeRoom(bridgeOf(port));
    if (known?.port === port && known.seen === this.now) return true;
    this.known.delete(key);
    this.known.set(key, { port, seen: this.now, static: false });
    return true;
  }

  private makeRoom(bridge: string): void {
    const here = Array.from(this.known).filter(([key]) => key.startsWith(`${bridge} `));
    if (here.length < ADDRESSES_MAX) return;
    const learnt = here.filter(([, known]) => !known.static);
    const held = (name: string): number => learnt.filter(([, { port }]) => port === name).length;
    const fullest = PORTS.map(({ name }) => name).reduce((a, b) => (held(b) > held(a) ? b : a));
    this.known.delete((learnt.find(([, { port }]) => port === fullest) as [string, Known])[0]);
  }
}

const mac = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 7 }).map((i) => `02:00:00:00:00:0${i}`) },
  { weight: 1, arbitrary: fc.constantFrom("ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "00:00:00:00:00:00") },
);
const arrival = fc.record({
  port: fc.constantFrom(...PORTS.map(({ name }) => name)),
  from: mac,
  to: mac,
  vlan: fc.constantFrom(0, 0, 0, 7),
  seconds: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 8 })),
});

test("every frame goes where a naive switch sends it, or is dropped for the same reason", () => {
  fc.assert(
    fc.property(fc.array(arrival, { minLength: 1, maxLength: 100, size: "max" }), (arrivals) => {
      const lab = newLab();
      const naive = new NaiveSwitch();
      for (const { port, from, to, vlan, seconds } of arrivals) {
        lab.tick(seconds);
        naive.tick(seconds);
        lab.receive(port, frame({ from, to, vlans: vlan === 0 ? [] : [vlan] }));
        const expected = naive.receive(port, from, to, vlan);
        const dropped = typeof expected === "string";
        expect(Object.keys(lab.sent()).sort()).toEqual(dropped ? [] : expected);
        expect(lab.drops()).toEqual(dropped ? { [port]: { [expected]: 1 } } : {});
      }
      lab.expectConservation();
    }),
    { numRuns: 80 },
  );
});

test("frames of one batch lose nothing, leave only by ports of their own bridge, and never where they came in", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(arrival, { minLength: 1, maxLength: 40, size: "max" }), { maxLength: 5 }),
      (batches) => {
        const lab = newLab();
        for (const batch of batches) {
          const { port } = batch[0];
          const label = (i: number): Buffer => Buffer.from([i]);
          lab.receive(port, ...batch.map(({ from, to }, i) => frame({ from, to, payload: label(i) })));
          for (const departure of lab.departures()) {
            const sent = batch[departure.bytes[14]];
            expect(departure.bytes.equals(frame({ ...sent, payload: label(departure.bytes[14]) }))).toBe(
              true,
            );
            expect(bridgeOf(departure.port)).toBe(bridgeOf(port));
            expect(departure.port).not.toBe(port);
          }
          lab.expectConservation();
        }
      },
    ),
    { numRuns: 40 },
  );
});

const ethertype = fc.constantFrom([0x08, 0x00], [0x86, 0xdd], [0x81, 0x00], [0x88, 0xa8], [0x12, 0x34]);
/** Random, but with the words at which a parser turns off the beaten track. */
const hostileFrame = fc
  .tuple(fc.uint8Array({ minLength: 12, maxLength: 12 }), ethertype, fc.array(ethertype), tail())
  .map(([addresses, type, tags, rest]) => Buffer.from([...addresses, ...type, ...tags.flat(), ...rest]));
const hostileDatagram = fc.oneof(
  fc.uint8Array({ maxLength: 80, size: "max" }).map((bytes) => Buffer.from(bytes)),
  fc
    .tuple(fc.nat(255), fc.constantFrom(1, 2, 3, 0xffffff), hostileFrame, fc.nat(200))
    .map(([flags, vni, inner, length]) => vxlan(vni, inner, flags).subarray(0, length)),
);
const hostileRow = fc.record({
  [FRAME_FLAGS]: fc.nat(7),
  [FRAME_GSO_TYPE]: fc.constantFrom(0, 1, 4, 5, 255),
  [FRAME_GSO_SIZE]: fc.constantFrom(0, 1, 65_535, -1),
});

test("no bytes make the switch throw or lose count", () => {
  const remotes = fc.constantFrom("10.0.0.2", "fd00::2", "10.0.0.6", "203.0.113.1");
  const arrivals = fc.array(fc.record({ bytes: hostileDatagram, remote: remotes }), {
    minLength: 1,
    maxLength: 50,
    size: "max",
  });
  const bare = fc.array(fc.record({ bytes: hostileFrame, row: hostileRow }), {
    minLength: 1,
    maxLength: 50,
    size: "max",
  });
  fc.assert(
    fc.property(arrivals, bare, (datagrams, frames) => {
      const lab = newLab();
      lab.setMirrors([{ name: "m", select: "all" }]);
      lab.receiveRaw("underlay0", ...datagrams);
      lab.receiveRaw("tap0", ...frames);
      lab.expectConservation();
    }),
    { numRuns: 500 },
  );
});

function newLab(): Lab {
  const bridge = { addressesMax: ADDRESSES_MAX, ageingSeconds: AGEING_SECONDS };
  const lab = new Lab({ bridges: { red: bridge, blue: bridge, alone: bridge }, ports: PORTS });
  lab.addStatic(STATIC.port, STATIC.mac, STATIC.vlan, STATIC.bridge);
  return lab;
}

function bridgeOf(port: string): string {
  return PORTS.find(({ name }) => name === port)?.bridge as string;
}

function isGroup(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
}

/** IP headers whose versions and lengths are right, nearly right, or neither. */
function tail(): fc.Arbitrary<number[]> {
  const version = fc.constantFrom(0x45, 0x46, 0x4f, 0x44, 0x40, 0x60, 0x65);
  const half = fc.oneof(fc.nat(120), fc.nat(65_535)).map((word) => [word >> 8, word & 255]);
  const rest = fc.uint8Array({ maxLength: 100, size: "max" });
  return fc
    .tuple(version, fc.nat(255), half, half, fc.constantFrom(6, 17, 0, 1, 44), rest)
    .map(([first, tos, length, id, protocol, bytes]) => [
      first,
      tos,
      ...length,
      ...id,
      0,
      0,
      64,
      protocol,
      ...bytes,
    ]);
}
