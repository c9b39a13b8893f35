// The plan against a naive model: the fake data plane applies changes one by one and refuses whatever contradicts what
// it holds at that moment, two ports with one tunnel included.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { SwitchSpec } from "../../src/control/config/specs.ts";
import { keyOf } from "../../src/control/key.ts";
import { plan } from "../../src/control/plan.ts";
import { planText } from "../../src/control/plan-text.ts";
import { type Impairment, UNIMPAIRED } from "../../src/dataplane/cables/impairment.ts";
import { PLAIN_OUTER } from "../../src/dataplane/outer-options.ts";
import { OPEN_POLICY } from "../../src/dataplane/policy.ts";
import type { BridgeSpec, MirrorSpec, PortSpec } from "../../src/dataplane/spec.ts";
import { FakeDataplane } from "./fake-dataplane.ts";

const PORT_NAMES = ["p0", "p1", "p2", "p3"];
const TUNNELS = [1, 2, 3, 4, 5].map((vni) => ({
  vni,
  remotes: ["10.0.0.1"],
  group: null,
  any: null,
  hub: null,
  local: null,
  dstport: 4789,
  outer: PLAIN_OUTER,
}));

const PLAIN = { noNullPrototype: true } as const;

const bridge = (name: string): fc.Arbitrary<BridgeSpec> =>
  fc.record(
    {
      name: fc.constant(name),
      ageingSeconds: fc.constantFrom(0, 300),
      addressesMax: fc.constant(1024),
      forwardsBpdu: fc.boolean(),
      loopGuardSeconds: fc.constantFrom(0, 60),
      snoopsMulticast: fc.boolean(),
    },
    PLAIN,
  );

/** Ports over all bridges: tunnels and device names are dealt out like cards, so that none is held twice. */
function ports(bridges: readonly BridgeSpec[]): fc.Arbitrary<PortSpec[]> {
  const places = bridges.flatMap(({ name }) => PORT_NAMES.map((port) => ({ bridge: name, name: port })));
  return fc
    .tuple(
      fc.subarray(places),
      fc.shuffledSubarray(TUNNELS),
      fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
    )
    .map(([chosen, tunnels, isTap]) => deal(chosen, tunnels, isTap));
}

function deal(
  places: readonly { bridge: string; name: string }[],
  tunnels: readonly (typeof TUNNELS)[number][],
  isTap: readonly boolean[],
): PortSpec[] {
  const devices = new Set<string>();
  const left = [...tunnels];
  // One of them differs between two plans, so that some ports change by their policy alone.
  const common = { policy: { ...OPEN_POLICY, isolated: isTap[0] }, impairIn: null, impairOut: null, fdb: [] };
  return places.flatMap((place, index): PortSpec[] => {
    if (isTap[index] && !devices.has(place.name)) {
      devices.add(place.name);
      return [{ type: "tap", ...place, addresses: [], mtuBytes: left.length > 2 ? 1450 : null, ...common }];
    }
    const tunnel = left.pop();
    return tunnel === undefined ? [] : [{ type: "vxlan", ...place, ...tunnel, ...common }];
  });
}

function mirrors(ports: readonly PortSpec[]): fc.Arbitrary<MirrorSpec[]> {
  const bridges = [...new Set(ports.map(({ bridge }) => bridge))];
  const mirror = (bridge: string): fc.Arbitrary<MirrorSpec> => {
    const names = ports.filter((port) => port.bridge === bridge).map(({ name }) => name);
    return fc.record(
      {
        bridge: fc.constant(bridge),
        name: fc.constant("m0"),
        selectAll: fc.boolean(),
        selectSrcPorts: fc.subarray(names, { minLength: 1 }),
        selectDstPorts: fc.subarray(names),
        selectVlans: fc.constant([]),
        filter: fc.constant(null),
        sampleEvery: fc.constantFrom(1, 10),
        snaplenBytes: fc.constantFrom(0, 0, 64),
        output: fc.constant({ type: "pcapng", path: `/tmp/${bridge}`, rotateBytes: 0, filesMax: 1 } as const),
      },
      PLAIN,
    );
  };
  return fc.subarray(bridges).chain((chosen) => fc.tuple(...chosen.map(mirror)));
}

const switchSpec: fc.Arbitrary<SwitchSpec> = fc
  .subarray(["br0", "br1", "br2"])
  .chain((names) => fc.tuple(...names.map(bridge)))
  .chain((bridges) => ports(bridges).map((ports) => ({ bridges, ports })))
  .chain(({ bridges, ports }) => mirrors(ports).map((mirrors) => ({ bridges, ports, mirrors })));

function contentOf(model: FakeDataplane): SwitchSpec {
  return {
    bridges: [...model.bridges.values()],
    ports: [...model.ports.values()],
    mirrors: [...model.mirrors.values()],
  };
}

function sorted({ bridges, ports, mirrors }: SwitchSpec) {
  const byKey = <T extends { bridge: string; name: string }>(things: readonly T[]) =>
    Object.fromEntries(things.map((thing) => [keyOf(thing), thing]));
  const byName = Object.fromEntries(bridges.map((bridge) => [bridge.name, bridge]));
  return { bridges: byName, ports: byKey(ports), mirrors: byKey(mirrors) };
}

describe("for any two switches", () => {
  test("the plan from one to the other leads there, and every step on the way is possible", async () => {
    await fc.assert(
      fc.asyncProperty(switchSpec, switchSpec, async (old, wanted) => {
        const model = new FakeDataplane();
        await model.apply(plan(null, old));
        await model.apply(plan(old, wanted));
        expect(sorted(contentOf(model))).toEqual(sorted(wanted));
      }),
      { numRuns: 500 },
    );
  });
  test("the plan from a switch to itself is empty", () => {
    fc.assert(
      fc.property(switchSpec, (spec) => {
        expect(plan(spec, structuredClone(spec))).toEqual([]);
      }),
    );
  });
  test("what is equal in both is not touched, but for a mirror whose port is made again", () => {
    fc.assert(
      fc.property(switchSpec, switchSpec, (old, wanted) => {
        const changes = plan(old, wanted);
        const deleted = changes.flatMap((change) => (change.op === "del-port" ? [keyOf(change)] : []));
        for (const change of changes) {
          if (change.op === "set-port" || change.op === "add-port") {
            expect(old.ports).not.toContainEqual(change.port);
          }
          if (change.op === "add-mirror" && deleted.length === 0) {
            expect(old.mirrors).not.toContainEqual(change.mirror);
          }
        }
      }),
    );
  });
});

const BR0: BridgeSpec = {
  name: "br0",
  ageingSeconds: 300,
  addressesMax: 1024,
  forwardsBpdu: true,
  loopGuardSeconds: 0,
  snoopsMulticast: false,
};
const vxlan = (name: string, vni: number): PortSpec => {
  return {
    type: "vxlan",
    bridge: "br0",
    name,
    vni,
    remotes: ["10.0.0.1"],
    group: null,
    any: null,
    hub: null,
    local: null,
    dstport: 4789,
    outer: PLAIN_OUTER,
    policy: OPEN_POLICY,
    impairIn: null,
    impairOut: null,
    fdb: [],
  };
};
const tap = (name: string): PortSpec => ({
  type: "tap",
  bridge: "br0",
  name,
  addresses: [],
  mtuBytes: null,
  policy: OPEN_POLICY,
  impairIn: null,
  impairOut: null,
  fdb: [],
});
const mirrorOf = (port: string): MirrorSpec => ({
  bridge: "br0",
  name: "m0",
  selectAll: false,
  selectSrcPorts: [port],
  selectDstPorts: [],
  selectVlans: [],
  filter: null,
  sampleEvery: 1,
  snaplenBytes: 0,
  output: { type: "tap", device: "mirror0" },
});
const ofPorts = (...ports: PortSpec[]): SwitchSpec => ({ bridges: [BR0], ports, mirrors: [] });
const steps = (old: SwitchSpec | null, wanted: SwitchSpec) => planText(old, plan(old, wanted));

describe("a plan reads", () => {
  test("from nothing: bridges, ports, mirrors", () => {
    const wanted = { bridges: [BR0], ports: [vxlan("client3", 4100)], mirrors: [mirrorOf("client3")] };
    expect(steps(null, wanted)).toEqual([
      "+ bridge br0 ageing 300s maxaddress 1024",
      "+ port br0/client3 vxlan vni 4100 remote 10.0.0.1 dstport 4789",
      "+ mirror br0/m0 select_src_port client3 output tap mirror0",
    ]);
  });
  test("to nothing: mirrors, ports, bridges", () => {
    const old = { bridges: [BR0], ports: [tap("t0")], mirrors: [mirrorOf("t0")] };
    expect(steps(old, { bridges: [], ports: [], mirrors: [] })).toEqual([
      "- mirror br0/m0",
      "- port br0/t0",
      "- bridge br0",
    ]);
  });
  test("a changed port changes in place, and says what from and what to", () => {
    expect(steps(ofPorts(vxlan("p", 4100)), ofPorts(vxlan("p", 4101)))).toEqual([
      "~ port br0/p vni 4100 -> 4101",
    ]);
  });
  test("an impairment comes, changes and goes in place, in the words of the file", () => {
    const impaired = (words: Partial<Impairment>) => ({
      ...vxlan("p", 4100),
      impairIn: { ...UNIMPAIRED, delayUs: 10_000, ...words },
    });
    const slow = ofPorts(impaired({}));
    expect(steps(ofPorts(vxlan("p", 4100)), slow)).toEqual(["~ port br0/p impair_in none -> delay 10ms"]);
    expect(
      steps(slow, ofPorts(impaired({ jitterUs: 1500, lossPercent: 0.5, rateBitsPerSecond: 1e8 }))),
    ).toEqual(["~ port br0/p impair_in delay 10ms -> delay 10ms jitter 1500us loss 0.5% rate 100mbit"]);
    expect(steps(null, slow)[1]).toBe(
      "+ port br0/p vxlan vni 4100 remote 10.0.0.1 dstport 4789 impair_in delay 10ms",
    );
  });
  test("a changed bridge changes in place", () => {
    const old = { ...ofPorts(), bridges: [BR0] };
    const wanted = { ...ofPorts(), bridges: [{ ...BR0, ageingSeconds: 0 }] };
    expect(steps(old, wanted)).toEqual(["~ bridge br0 ageing 300s -> 0s"]);
  });
  test("a mirror in its words, without those that are as usual", () => {
    const sampled = { ...mirrorOf("p"), sampleEvery: 10, snaplenBytes: 128 };
    expect(steps(ofPorts(tap("p")), { ...ofPorts(tap("p")), mirrors: [sampled] })).toEqual([
      "+ mirror br0/m0 select_src_port p sample 10 snaplen 128 output tap mirror0",
    ]);
  });
  test("what a mirror selects changes in place; its output or its snaplen make it anew, and so does a port that leaves", () => {
    const [before, ports] = [mirrorOf("p"), ofPorts(tap("p"), tap("q"))];
    const stepsTo = (change: Partial<MirrorSpec>, wanted = ports) =>
      steps({ ...ports, mirrors: [before] }, { ...wanted, mirrors: [{ ...before, ...change }] });
    expect(stepsTo({ sampleEvery: 10, selectSrcPorts: ["q"] })).toEqual([
      "~ mirror br0/m0 select_src_port p -> q, sample none -> 10",
    ]);
    expect(stepsTo({ snaplenBytes: 64 })).toEqual([
      "- mirror br0/m0",
      "+ mirror br0/m0 select_src_port p snaplen 64 output tap mirror0",
    ]);
    expect(stepsTo({ selectSrcPorts: ["q"] }, ofPorts(tap("q")))).toEqual([
      "- mirror br0/m0",
      "- port br0/p",
      "+ mirror br0/m0 select_src_port q output tap mirror0",
    ]);
  });
  test("a mirror to a collector in its words", () => {
    const place = { remote: "10.0.0.9", local: null } as const;
    const outputs: MirrorSpec["output"][] = [
      { type: "vxlan", ...place, vni: 99, dstport: 4789 },
      { type: "vxlan", ...place, vni: 99, dstport: 8472, local: "10.0.0.1" },
      { type: "erspan", ...place, session: 7, index: 0 },
      { type: "erspan", ...place, session: 7, index: 3, local: "10.0.0.1" },
      { type: "pcapng", path: "/m", rotateBytes: 5000, filesMax: 3 },
    ];
    const mirrors = outputs.map((output, i) => ({ ...mirrorOf("p"), name: `m${i}`, output }));
    const words = steps(ofPorts(tap("p")), { ...ofPorts(tap("p")), mirrors });
    expect(words.map((line) => line.split(" output ")[1])).toEqual([
      "vxlan 10.0.0.9 vni 99 dstport 4789",
      "vxlan 10.0.0.9 vni 99 dstport 8472 local 10.0.0.1",
      "erspan 10.0.0.9 session 7",
      "erspan 10.0.0.9 session 7 index 3 local 10.0.0.1",
      "pcapng /m rotate_bytes 5000 files 3",
    ]);
  });
  test("a port of another type is made again, and with it the mirror that selects it", () => {
    const old = { ...ofPorts(vxlan("p", 1)), mirrors: [mirrorOf("p")] };
    const wanted = { ...ofPorts(tap("p")), mirrors: [mirrorOf("p")] };
    expect(steps(old, wanted)).toEqual([
      "- mirror br0/m0",
      "- port br0/p",
      "+ port br0/p tap",
      "+ mirror br0/m0 select_src_port p output tap mirror0",
    ]);
  });
  test("a tunnel is given up before another port takes it", () => {
    const old = ofPorts(vxlan("a", 1), vxlan("b", 2));
    expect(steps(old, ofPorts(vxlan("a", 2), vxlan("b", 3)))).toEqual([
      "~ port br0/b vni 2 -> 3",
      "~ port br0/a vni 1 -> 2",
    ]);
  });
  test("two ports that exchange tunnels: one is made again", () => {
    const old = ofPorts(vxlan("a", 1), vxlan("b", 2));
    expect(steps(old, ofPorts(vxlan("a", 2), vxlan("b", 1)))).toEqual([
      "- port br0/a",
      "~ port br0/b vni 2 -> 1",
      "+ port br0/a vxlan vni 2 remote 10.0.0.1 dstport 4789",
    ]);
  });
});
