// What `vxswitch doctor` says of the devices beneath: receive queues and RPS, offloads, each with the command that changes it.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { processorMask } from "../../src/control/doctor/device-findings.ts";
import { cardsOf, type DeviceFacts, type Feature, numbersOf } from "../../src/control/doctor/devices.ts";
import type { Finding } from "../../src/control/doctor/finding.ts";
import { CARD, EVERYTHING } from "./fake-abilities.ts";
import { Harness, SCENARIO } from "./harness.ts";

const OFF: Feature = { active: false, fixed: false, requested: false };
const FIXED: Feature = { active: false, fixed: true, requested: false };
const IN_VAIN: Feature = { active: false, fixed: false, requested: true };
const TWO_WORKERS = "underlay: { workers: 2 }\n";

let harness: Harness;
beforeEach(() => {
  harness = new Harness();
});
afterEach(() => harness[Symbol.asyncDispose]());

interface Circumstances {
  readonly kernel?: string;
  readonly processors?: readonly number[];
  readonly config?: string;
}

/** Findings by check, on a host with these devices. */
async function doctor(devices: readonly DeviceFacts[], { kernel, processors, config }: Circumstances = {}) {
  const usual = harness.host;
  harness.host = (question) => ({
    ...usual(question),
    devices,
    ...(processors && { processors }),
  });
  harness.abilities = { ...EVERYTHING, ...(kernel !== undefined && { kernel }) };
  const file = harness.write("config.yaml", config ?? SCENARIO);
  const { out } = await harness.run("doctor", "--config", file, "--json");
  return new Map((JSON.parse(out) as Finding[]).map((finding) => [finding.check, finding]));
}

describe("receive queues", () => {
  const queues = (...queuesWithRps: boolean[]) => [{ ...CARD, queuesWithRps }];

  async function rps(devices: readonly DeviceFacts[], circumstances?: Circumstances) {
    return (await doctor(devices, circumstances)).get("rps eth0");
  }

  test("as many as forwarding threads are ok without RPS", async () => {
    expect(await rps(queues(false))).toEqual({
      check: "rps eth0",
      state: "ok",
      evidence: "1 receive queue, RPS off",
      remedy: "",
      needed_for: "bursts without overruns",
    });
  });

  test("fewer than forwarding threads are noted, with the command and a modest promise", async () => {
    const found = await rps(queues(false), { config: TWO_WORKERS + SCENARIO });
    expect(found).toMatchObject({
      state: "note",
      evidence: expect.stringMatching(/^1 receive queue, RPS off, for 2 forwarding threads; RPS may help/),
      remedy: "echo f > /sys/class/net/eth0/queues/rx-0/rps_cpus",
    });
  });

  test("several are all given RPS", async () => {
    const config = `underlay: { workers: 3 }\n${SCENARIO}`;
    expect((await rps(queues(false, false), { config }))?.remedy).toBe(
      "for queue in /sys/class/net/eth0/queues/rx-*; do echo f > $queue/rps_cpus; done",
    );
  });

  test.each<[string, boolean[], number[]]>([
    ["RPS is on", [true], [0, 1, 2]],
    ["RPS is on for one of them", [true, false], [0, 1, 2]],
    ["there is one processor", [false], [0]],
    ["there are as many queues as processors", [false, false], [0, 1]],
  ])("fewer than forwarding threads are ok where %s", async (_, queuesWithRps, processors) => {
    const config = `underlay: { workers: 4 }\n${SCENARIO}`;
    expect((await rps(queues(...queuesWithRps), { config, processors }))?.state).toBe("ok");
  });

  test("tell how many of them have RPS", async () => {
    expect((await rps(queues(true, false)))?.evidence).toBe("2 receive queues, RPS on for 1 of them");
    expect((await rps(queues(true, true)))?.evidence).toBe("2 receive queues, RPS on");
  });

  test("are suspected where the running switch has lost datagrams, as many threads as it may have", async () => {
    await harness.start();
    expect(await rps(queues(false))).toMatchObject({
      state: "note",
      evidence: expect.stringContaining("RPS off, 1 datagram lost to full queues; RPS may help"),
    });
  });

  test("that /sys does not show have no line", async () => {
    expect(await rps([{ ...CARD, queuesWithRps: null }])).toBeUndefined();
  });
});

describe("offloads", () => {
  const features = (differences: Record<string, Feature>, kind: string | null = null) => [
    { ...CARD, kind, features: { ...CARD.features, ...differences } },
  ];

  async function offloads(devices: readonly DeviceFacts[], circumstances?: Circumstances) {
    return (await doctor(devices, circumstances)).get("offloads eth0");
  }

  test("that are all on are ok", async () => {
    expect(await offloads([CARD])).toEqual({
      check: "offloads eth0",
      state: "ok",
      evidence: "generic-receive-offload on; tx-checksumming on; tx-udp_tnl-segmentation on",
      remedy: "",
      needed_for: "frames in trains",
    });
  });

  test("of which GRO is off are noted", async () => {
    expect(await offloads(features({ "generic-receive-offload": OFF }))).toMatchObject({
      state: "note",
      evidence: expect.stringContaining("generic-receive-offload off: datagrams come one by one"),
      remedy: "ethtool -K eth0 gro on",
    });
  });

  test("of a veth are ok without GRO, which it has off by itself", async () => {
    expect(await offloads(features({ "generic-receive-offload": OFF }, "veth"))).toMatchObject({
      state: "ok",
      evidence: expect.stringContaining("as a veth has it"),
    });
  });

  test.each([
    ["6.10.14", "UDP_SEGMENT: EIO"],
    ["6.11.0", "the processor sums up"],
  ])("of which checksums are off are noted, on Linux %s with %o", async (kernel, words) => {
    expect(await offloads(features({ "tx-checksum-ip-generic": OFF }), { kernel })).toMatchObject({
      state: "note",
      evidence: expect.stringContaining(words),
      remedy: "ethtool -K eth0 tx on",
    });
  });

  test("with checksums of IPv4 and IPv6 apart are ok", async () => {
    const apart = { ...OFF, active: true };
    const found = await offloads(
      features({ "tx-checksum-ip-generic": FIXED, "tx-checksum-ipv4": apart, "tx-checksum-ipv6": apart }),
    );
    expect(found?.state).toBe("ok");
  });

  test("that can be set are set by one command", async () => {
    const both = { "generic-receive-offload": OFF, "tx-checksum-ip-generic": OFF };
    expect((await offloads(features(both)))?.remedy).toBe("ethtool -K eth0 gro on tx on");
  });

  test.each([
    ["fixed", FIXED],
    ["asked for in vain", IN_VAIN],
  ])("that are off and %s get no remedy that cannot work", async (_, feature) => {
    const found = await offloads(
      features({ "generic-receive-offload": feature, "tx-checksum-ip-generic": feature }),
    );
    expect(found).toMatchObject({ state: "ok", remedy: "" });
    expect(found?.evidence).toContain("generic-receive-offload off and not to be had of this device");
    expect(found?.evidence).toContain("tx-checksumming off and not to be had of this device");
  });

  test("without segmentation of tunnels are ok, and told", async () => {
    expect(await offloads(features({ "tx-udp_tnl-segmentation": OFF }))).toMatchObject({
      state: "ok",
      evidence: expect.stringContaining("tx-udp_tnl-segmentation off: the kernel segments in software"),
    });
  });

  test("are not looked at without ethtool, which is said once for all devices", async () => {
    const unseen = { features: null, featuresWhy: "ethtool is not installed" };
    const found = await doctor([
      { ...CARD, ...unseen },
      { ...CARD, device: "eth1", ...unseen },
    ]);
    expect(found.get("offloads")).toMatchObject({
      state: "note",
      evidence: "not looked at: ethtool is not installed",
      remedy: "apt-get install ethtool",
    });
    expect(Array.from(found.keys()).filter((check) => check.startsWith("offloads "))).toEqual([]);
  });

  test("that ethtool does not tell are noted in its words", async () => {
    const why = "ethtool: bad command line argument(s)";
    expect(await offloads([{ ...CARD, features: null, featuresWhy: why }])).toMatchObject({
      state: "note",
      evidence: `not looked at: ${why}`,
      remedy: "an ethtool that knows: ethtool --json -k eth0",
    });
  });
});

test("without a configuration no device is looked at", async () => {
  harness.abilities = EVERYTHING;
  const { out } = await harness.run("doctor");
  expect(out).not.toMatch(/^(rps|offloads)/m);
});

describe("the devices to look at", () => {
  let sysNet: string;
  beforeEach(() => {
    sysNet = mkdtempSync(join(tmpdir(), "vxswitch-sys-"));
  });
  afterEach(() => rmSync(sysNet, { recursive: true }));

  const device = (name: string, ...entries: string[]) => {
    for (const entry of entries) mkdirSync(join(sysNet, name, entry), { recursive: true });
  };

  test("are the cards beneath a VLAN of a bond, each once", () => {
    device("bond0.7", "lower_bond0");
    device("bond0", "lower_eth0", "lower_eth1");
    device("eth0", "device", "queues");
    device("eth1", "device", "queues");
    expect(cardsOf("bond0.7", sysNet)).toEqual(["eth0", "eth1"]);
    expect(cardsOf("eth0", sysNet)).toEqual(["eth0"]);
  });

  test("are the card of a bridge, not the TAPs of its guests", () => {
    device("br0", "lower_eth0", "lower_tap0");
    device("eth0", "device");
    device("tap0", "queues");
    expect(cardsOf("br0", sysNet)).toEqual(["eth0"]);
  });

  test("are the device itself where no card is beneath, or /sys does not show it", () => {
    device("br0", "lower_tap0");
    device("tap0", "queues");
    expect(cardsOf("br0", sysNet)).toEqual(["br0"]);
    expect(cardsOf("eth7", sysNet)).toEqual(["eth7"]);
  });
});

describe("processors", () => {
  test.each<[number[], string]>([
    [[0], "1"],
    [[0, 1], "3"],
    [[1, 3], "a"],
    [Array.from({ length: 32 }, (_, index) => index), "ffffffff"],
    [Array.from({ length: 33 }, (_, index) => index), "1,ffffffff"],
    [[0, 32, 64], "1,00000001,00000001"],
  ])("%j are written as %s", (processors, mask) => {
    expect(processorMask(processors)).toBe(mask);
  });

  test("are read from a list of ranges", () => {
    expect(numbersOf("0-2,5,8-9\n")).toEqual([0, 1, 2, 5, 8, 9]);
    expect(numbersOf("0\n")).toEqual([0]);
  });
});
