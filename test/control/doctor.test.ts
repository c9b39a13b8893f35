// `vxswitch doctor` in words: which ability becomes which line, what remedies it, and when the exit code says no.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadConfig } from "../../src/control/config/file.ts";
import type { Finding } from "../../src/control/doctor/finding.ts";
import type { Drop } from "../../src/control/doctor/firewall/judge.ts";
import type { HostFacts, HostQuestion } from "../../src/control/doctor/host.ts";
import { hostQuestion } from "../../src/control/doctor/underlay-findings.ts";
import type { Abilities } from "../../src/dataplane/inventory/abilities.ts";
import { EVERYTHING } from "./fake-abilities.ts";
import { Harness, SCENARIO } from "./harness.ts";

const FAULT = { why: "it is not there", remedy: "fetch it" };

let harness: Harness;
beforeEach(() => {
  harness = new Harness();
});
afterEach(() => harness[Symbol.asyncDispose]());

/** What `doctor --json` says on a machine that differs from one that has everything. */
async function doctor(differences: Partial<Abilities> = {}): Promise<{ code: number; findings: Finding[] }> {
  harness.abilities = { ...EVERYTHING, ...differences };
  const { code, out } = await harness.run("doctor", "--json");
  return { code, findings: JSON.parse(out) as Finding[] };
}

/** Lines that are not ok, by check. */
function notOk(findings: readonly Finding[]): Record<string, string> {
  return Object.fromEntries(
    findings.filter(({ state }) => state !== "ok").map(({ check, state }) => [check, state]),
  );
}

describe("a machine", () => {
  test("that has everything is ok in every line, without a remedy", async () => {
    const { code, findings } = await doctor();
    expect(code).toBe(0);
    expect(notOk(findings)).toEqual({});
    expect(findings.map(({ check }) => check)).toEqual([
      ...[
        "kernel",
        "node",
        "capabilities",
        "addon",
        "udp_port",
        "receive_buffer",
        "udp_segment",
        "udp_gro",
        "packet_socket",
        "tap",
      ],
      ...["classifier", "ring_buffer", "tcx", "tunnel_tap", "processors"],
    ]);
    for (const { evidence, remedy, needed_for: neededFor } of findings) {
      expect([evidence, neededFor]).not.toContain("");
      expect(remedy).toBe("");
    }
  });

  const OPTIONAL: readonly [string, Partial<Abilities>][] = [
    [
      "receive_buffer",
      { receiveBuffer: { attempt: FAULT, wantedBytes: 1, grantedBytes: 0, limitBytes: null } },
    ],
    ["udp_segment", { udpSegment: FAULT }],
    ["udp_gro", { udpGro: FAULT }],
    ["tap", { tap: FAULT }],
    ["classifier", { classifier: FAULT }],
    ["tcx", { link: FAULT }],
    ["ring_buffer", { ring: FAULT }],
    ["tunnel_tap", { tunnel: FAULT }],
    ["packet_socket", { trains: FAULT }],
  ];
  test.each(OPTIONAL)("without %s can forward all the same", async (check, differences) => {
    const { code, findings } = await doctor(differences);
    expect(code).toBe(0);
    expect(notOk(findings)).toEqual({ [check]: "warning" });
    expect(findings.find((finding) => finding.check === check)).toMatchObject({
      evidence: FAULT.why,
      remedy: FAULT.remedy,
    });
  });

  const NEEDED: readonly [string, Partial<Abilities>][] = [
    ["addon", { addon: FAULT }],
    ["node", { nodeVersion: "20.18.9" }],
    ["udp_port", { udpPorts: [{ port: 4789, attempt: FAULT, holder: { pid: 1, name: "init" } }] }],
  ];
  test.each(NEEDED)("without %s cannot, and the exit code says so", async (check, differences) => {
    const { code, findings } = await doctor(differences);
    expect(code).toBe(1);
    expect(notOk(findings)).toEqual({ [check]: "problem" });
    expect((await harness.run("doctor")).err).toContain(
      `vxswitch: this machine cannot forward as it is; missing: ${check}\n`,
    );
  });

  const KERNELS: readonly [string, string][] = [
    ["7.0.1", "ok"],
    ["6.17.0-rc1+", "ok"],
    ["6.16.12", "note"],
    ["6.6.87-1-amd64", "note"],
    ["6.5.0-44-generic", "note"],
    ["5.10.0", "note"],
  ];
  test.each(KERNELS)("with Linux %s is %s", async (kernel, state) => {
    const { code, findings } = await doctor({ kernel });
    expect(code).toBe(0);
    expect(findings.find(({ check }) => check === "kernel")).toMatchObject({ state });
    const evidence = findings.find(({ check }) => check === "kernel")?.evidence;
    expect(evidence?.includes("without tcx")).toBe(/^(6\.5|5)\./.test(kernel));
  });

  test("that grants a smaller receive queue is noted, with the setting that raises it", async () => {
    const { findings } = await doctor({
      receiveBuffer: { attempt: null, wantedBytes: 32 << 20, grantedBytes: 212_992, limitBytes: 106_496 },
    });
    expect(findings.find(({ check }) => check === "receive_buffer")).toMatchObject({
      state: "note",
      evidence: "a UDP socket is granted 0.2 of 32 MiB wanted; net.core.rmem_max is 106496",
      remedy:
        "sysctl -w net.core.rmem_max=33554432 (/etc/sysctl.d keeps it over a reboot), or run with CAP_NET_ADMIN",
    });
  });

  test("whose namespace shows no limit of receive queues tells what was granted alone", async () => {
    const { findings } = await doctor({ receiveBuffer: { ...EVERYTHING.receiveBuffer, limitBytes: null } });
    expect(findings.find(({ check }) => check === "receive_buffer")?.evidence).toBe(
      "a UDP socket is granted 32 of 32 MiB wanted",
    );
  });

  test("whose TAP is missing says what the trials of the ring stood on", async () => {
    const { findings } = await doctor({ tap: FAULT });
    expect(findings.find(({ check }) => check === "tcx")?.evidence).toContain("without a TAP");
  });

  test("that answers with an unforeseen error still gets a remedy", async () => {
    const { findings } = await doctor({ trains: { why: "socket AF_PACKET: Strange", remedy: "" } });
    expect(findings.find(({ check }) => check === "packet_socket")?.remedy).toBe(
      "report it with this output",
    );
  });
});

describe("for people", () => {
  test("each finding is one line, and its remedy stands behind an arrow", async () => {
    harness.abilities = { ...EVERYTHING, trains: FAULT };
    const { code, out } = await harness.run("doctor");
    expect(code).toBe(0);
    const lines = out.trimEnd().split("\n");
    expect(lines).toHaveLength(16);
    expect(lines[1]).toMatch(/^kernel +ok +forwarding +Linux 6\.18\.44-generic$/);
    expect(out).toMatch(
      /^packet_socket +warning +trains past the UDP sockets +it is not there -> fetch it$/m,
    );
  });

  test("data goes to stdout; that no daemon answers is a word on stderr", async () => {
    harness.abilities = EVERYTHING;
    const { out, err } = await harness.run("doctor");
    expect(err).toContain(`no daemon answers at ${harness.socket}`);
    expect(out).not.toContain("daemon");
  });
});

describe("beside a running switch", () => {
  test("a section tells which io it uses and why, what it lost, and what is down", async () => {
    harness.abilities = EVERYTHING;
    await harness.start();
    harness.dataplane.down.set("br0/client2", "the socket is gone");
    const { code, out, err } = await harness.run("doctor");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const [, , running] = out.split("\n\n");
    expect(running).toMatch(/^daemon +ok +the running switch +vxswitch \S+, underlay udp: the only make$/m);
    expect(running).toMatch(/^overruns +warning .* 1 datagrams found .* -> .*workers/m);
    expect(running).toMatch(/^port br0\/client2 +problem .* down: the socket is gone -> /m);
    expect(running).not.toContain("client1");
  });

  test("the UDP port that it holds is where it should be; one that another holds is not", async () => {
    await harness.start();
    const held = (pid: number) => ({
      udpPorts: [4789, 8472].map((port) => ({ port, attempt: FAULT, holder: { pid, name: "node" } })),
    });
    expect(notOk((await doctor(held(process.pid))).findings)).toEqual({ overruns: "warning" });
    const other = await doctor(held(process.pid + 1));
    expect(other.code).toBe(1);
    expect(notOk(other.findings)).toMatchObject({ udp_port: "problem", "udp_port 8472": "problem" });
  });

  test("more forwarding threads than processors are too many", async () => {
    await harness.start();
    harness.dataplane.workerCount = 3;
    const { findings } = await doctor({ processors: 2 });
    expect(findings.find(({ check }) => check === "processors")).toEqual({
      check: "processors",
      state: "note",
      evidence: "2 of them for 3 forwarding threads",
      remedy: "underlay: { workers: 2 }",
      needed_for: "workers",
    });
  });

  test("that is silent is reported", async () => {
    await harness.start();
    harness.dataplane.alive = false;
    expect(notOk((await doctor()).findings)).toMatchObject({ daemon: "problem" });
  });

  test("VTEPs that are sent to and never answer, or no longer, are named; others are not", async () => {
    await harness.start();
    const { activity, down } = harness.dataplane;
    activity.set("br0/client1", { rxPackets: 0, lastReceived: null });
    activity.set("br0/client2", { lastReceived: { wallMs: 0, agoSeconds: 600 } });
    activity.set("br0/br0", { rxPackets: 0, lastReceived: null });
    const silent = (findings: readonly Finding[]) => findings.filter(({ check }) => /^silent/.test(check));
    const found = silent((await doctor()).findings);
    expect(found).toMatchObject([
      { check: "silent br0/client1", state: "warning" },
      { check: "silent br0/client2", state: "note" },
    ]);
    expect(found[0].evidence).toBe("10.122.0.22: 20 frames sent, none ever received");
    expect(found[0].remedy).toContain("ping 10.122.0.22");
    expect(found[1].evidence).toContain("none received for 600 s");
    activity.set("br0/client1", { rxPackets: 0, txPackets: 9, lastReceived: null });
    activity.set("br0/client2", { lastReceived: { wallMs: 0, agoSeconds: 599 } });
    expect(silent((await doctor()).findings)).toEqual([]);
    activity.set("br0/client1", { lastReceived: null });
    down.set("br0/client1", "no route");
    expect(silent((await doctor()).findings)).toEqual([]);
  });

  test("a sender of unfilled checksums is named with the remedy; as many as chance makes are not", async () => {
    await harness.start();
    const { activity } = harness.dataplane;
    activity.set("br0/client1", { rxPackets: 1_000_000, unfilledChecksums: 152 });
    activity.set("br0/client2", { rxPackets: 1_000_000, unfilledChecksums: 153 });
    const found = (await doctor()).findings.filter(({ check }) => /^checksums/.test(check));
    expect(found).toEqual([
      {
        check: "checksums br0/client2",
        state: "note",
        evidence:
          "client2 (10.122.3.152) sends frames with unfilled checksums: 153 of 1000000 repaired; harmless here",
        remedy: "to stop it, on that host: ethtool -K DEVICE tx off",
        needed_for: "the running switch",
      },
    ]);
  });

  test("frames that the kernel refused are counted against route and firewall", async () => {
    await harness.start();
    harness.dataplane.drops.set("br0/client1", { unreachable: 4 });
    const found = (await doctor()).findings.find(({ check }) => check === "unreachable br0/client1");
    expect(found).toMatchObject({ state: "warning", evidence: expect.stringContaining("4 frames") });
    expect(found?.remedy).toContain("port 4789");
  });
});

describe("a configuration against the host", () => {
  const DROP: Drop = {
    ...{ hook: "input", where: "nft inet f in", action: "drop", packets: 3 },
    ...{ isCertain: true, peers: [] },
  };

  async function configured(host: Partial<HostFacts> = {}, bridges = SCENARIO) {
    const usual = harness.host;
    harness.host = (question) => ({ ...usual(question), ...host });
    const file = harness.write("config.yaml", bridges);
    const { out } = await harness.run("doctor", "--config", file, "--json");
    const findings = JSON.parse(out) as Finding[];
    return new Map(findings.map((finding) => [finding.check, finding]));
  }

  test("that suits it is ok: routes, MTU, firewall", async () => {
    const found = await configured();
    expect(found.get("routes")).toMatchObject({ state: "ok", evidence: "to all 2 remotes, by eth0" });
    expect(found.get("mtu br0")?.evidence).toBe("eth0 carries 1500 bytes, so stations of br0 1450");
    expect(found.get("firewall")?.state).toBe("ok");
  });

  test("is asked about no route twice, and the file about its UDP ports", async () => {
    const asked: HostQuestion[] = [];
    const usual = harness.host;
    harness.host = (question) => {
      asked.push(question);
      return usual(question);
    };
    await configured({}, SCENARIO.replace("remote: 10.122.3.152", "remote: 10.122.0.22, dstport: 8472"));
    const far = { remote: "10.122.0.22", local: null };
    const peers = [4789, 8472].map((dstport) => ({ ...far, dstport, device: null }));
    expect(asked).toEqual([{ ways: [far], peers }]);
  });

  test("has its UDP ports tried, the underlay's own first, each once, and so many at most", async () => {
    const port = (dstport: number) =>
      `p${dstport}: { type: vxlan, vni: ${dstport}, remote: 10.0.0.2, dstport: ${dstport} }`;
    const bridge = (...dstports: number[]) =>
      `bridges: { br0: { ports: { ${dstports.map(port).join(", ")} } } }\n`;
    await configured({}, bridge(8472, 4789, 6081));
    expect(harness.portsAsked).toEqual([4789, 8472, 6081]);
    await configured({}, bridge(...Array.from({ length: 40 }, (_, index) => 9000 + index)));
    expect(harness.portsAsked).toEqual([4789, ...Array.from({ length: 15 }, (_, index) => 9000 + index)]);
    await harness.run("doctor");
    expect(harness.portsAsked).toEqual([4789]);
  });

  const FAR_SIDES: readonly [string, string, HostQuestion["peers"]][] = [
    ["a hub", 'remote: "any"', [{ remote: null, local: null, dstport: 4789, device: null }]],
    [
      "a group",
      "group: 239.1.1.1, dev: eth0",
      [
        { remote: "239.1.1.1", local: null, dstport: 4789, device: "eth0" },
        { remote: null, local: null, dstport: 4789, device: "eth0" },
      ],
    ],
  ];
  test.each(FAR_SIDES)("of %s is asked about everyone's datagrams", (_, farSide, peers) => {
    const file = harness.write(
      "hub.yaml",
      `bridges: { br0: { ports: { h: { type: vxlan, vni: 1, ${farSide} } } } }\n`,
    );
    expect(hostQuestion(loadConfig(file))).toEqual({ ways: [], peers });
  });

  test("with a remote that no route leads to is warned, in the kernel's words", async () => {
    const routes = [{ remote: "10.122.0.22", device: null, mtuBytes: null, why: "Network is unreachable" }];
    const found = await configured({ routes });
    expect(found.get("route 10.122.0.22")).toMatchObject({ state: "warning", evidence: routes[0].why });
    expect(found.get("route 10.122.0.22")?.remedy).toContain("ip route add 10.122.0.22 via");
    expect(found.has("routes")).toBe(false);
  });

  const WAYS: readonly [string, number, number][] = [
    ["10.122.0.22", 1499, 1449],
    ["fd00::22", 1519, 1449],
  ];
  test.each(WAYS)(
    "whose TAP is larger than the way to %s by %i bytes carries is warned",
    async (remote, mtuBytes, left) => {
      const routes = [{ remote, device: "eth0", mtuBytes, why: "" }];
      const found = await configured({ routes }, SCENARIO.replace("10.122.0.22", `"${remote}"`));
      expect(found.get("mtu br0/br0")).toMatchObject({ state: "warning" });
      expect(found.get("mtu br0/br0")?.evidence).toContain(`stations of br0 ${left}`);
      expect(found.get("mtu br0/br0")?.remedy).toContain(
        `ip link set br0 mtu ${left}, or ip link set eth0 mtu ${mtuBytes + 1}`,
      );
    },
  );

  test("frames that were too big are a warning with the MTU that fits, though no TAP is too large", async () => {
    await harness.start();
    harness.dataplane.drops.set("br0/client1", { too_big: 6 });
    const found = await configured();
    expect(found.get("mtu br0")).toMatchObject({ state: "warning" });
    expect(found.get("mtu br0")?.evidence).toContain("6 frames were too big");
    expect(found.get("mtu br0")?.remedy).toContain("ip link set vxlan0 mtu 1450");
  });

  test("behind a firewall that drops its port has a problem if it has dropped, and is warned if not yet", async () => {
    expect((await configured({ drops: [DROP] })).get("firewall")).toMatchObject({
      state: "problem",
      evidence: "nft inet f in: drop, 3 packets so far",
    });
    const idle = { ...DROP, packets: 0 };
    expect((await configured({ drops: [idle] })).get("firewall")?.state).toBe("warning");
  });

  test("behind a firewall that may drop it reads which rules, for whom, and that it is not certain", async () => {
    const maybe = { ...DROP, isCertain: false, peers: ["10.122.0.22"] };
    const policy: Drop = { ...maybe, where: "iptables INPUT", action: "policy drop", packets: null };
    expect((await configured({ drops: [maybe, policy] })).get("firewall")).toMatchObject({
      state: "note",
      evidence:
        "nft inet f in: drop for some datagrams (10.122.0.22), 3 packets so far; " +
        "iptables INPUT: policy drop for some datagrams (10.122.0.22)",
      remedy: expect.stringContaining("a rule before it that accepts UDP to the port"),
    });
    const certain = { ...policy, isCertain: true };
    expect((await configured({ drops: [maybe, certain] })).get("firewall")?.state).toBe("warning");
  });

  test("that many rules drop names some of them and counts the rest", async () => {
    const many = (await configured({ drops: Array(6).fill(DROP) })).get("firewall")?.evidence;
    expect(many).toBe(`${"nft inet f in: drop, 3 packets so far; ".repeat(4)}2 more`);
  });

  test("of a switch whose receive ring passes by the firewall is noted, unless what leaves is dropped", async () => {
    await harness.start();
    harness.dataplane.io = "ring";
    expect((await configured({ drops: [DROP] })).get("firewall")).toMatchObject({
      state: "note",
      evidence: "nft inet f in: drop, 3 packets so far; the receive ring passes by it",
    });
    const output: Drop = { ...DROP, hook: "output" };
    expect((await configured({ drops: [DROP, output] })).get("firewall")?.state).toBe("problem");
  });

  test("whose firewall may not be read is told so, and no more", async () => {
    const found = await configured({ firewallWhy: "nft is not installed" });
    expect(found.get("firewall")).toMatchObject({
      state: "note",
      evidence: "not looked at: nft is not installed",
    });
  });

  test("that has faults is refused", async () => {
    const file = harness.write("config.yaml", SCENARIO.replace("4100", "-1"));
    const { code, err } = await harness.run("doctor", "--config", file);
    expect(code).toBe(1);
    expect(err).toContain("vni");
  });
});
