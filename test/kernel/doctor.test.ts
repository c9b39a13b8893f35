// What `vxswitch doctor` finds on this very machine, with all privileges and without; and a switch that insists on the
// ring, or does not, where there can be none.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, release, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Finding } from "../../src/control/doctor/finding.ts";
import { isBelow } from "../../src/control/doctor/kernel-release.ts";
import { configText, labConfig } from "../../src/control/lab/config.ts";
import type { Lab } from "../../src/control/lab/lab.ts";
import { inUserNamespace } from "../../src/control/lab/privilege.ts";
import { SwitchProcess, switchFiles } from "../../src/control/lab/switch-process.ts";
import { KernelLab, network, OWN_LEG, PROGRAM } from "./harness/kernel-lab.ts";

/** CAP_SYS_ADMIN implies CAP_BPF. */
const WITHOUT_BPF = ["setpriv", "--bounding-set", "-bpf,-sys_admin"];
const WITHOUT_ANY = ["setpriv", "--bounding-set", "-bpf,-sys_admin,-net_admin,-net_raw"];
const NO_SOCKET = "/nonexistent/vxswitch.sock";
const RING_CAPABILITIES = "it needs the capabilities CAP_NET_ADMIN and CAP_BPF";

const hasEverything = !inUserNamespace() && !isBelow(release(), [6, 17]);

/** Runs the doctor on a host; what it finds by check. */
async function doctor(lab: Lab, wrapper: readonly string[] = [], socket = NO_SOCKET, more: string[] = []) {
  const [program, ...args] = [
    ...wrapper,
    process.execPath,
    PROGRAM,
    "--socket",
    socket,
    "doctor",
    "--json",
    ...more,
  ];
  const { code, stdout, stderr } = await lab.test.outcome(program, args);
  const rows = JSON.parse(stdout) as Finding[];
  return { code, stderr, findings: new Map(rows.map((row) => [row.check, row])) };
}

function notOk(findings: ReadonlyMap<string, Finding>): string[] {
  return Array.from(findings.values()).flatMap(({ check, state }) => (state === "ok" ? [] : [check]));
}

describe("the machine", () => {
  let lab: Lab;
  let directory: string;
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), "vxswitch-test-"));
    lab = network();
    await lab.up();
  });
  afterEach(async () => {
    await lab.down();
    rmSync(directory, { recursive: true, force: true });
  });

  test.skipIf(!hasEverything)("has everything for root, and nothing is left of what was tried", async () => {
    const before = await lab.test.ip("-o", "link");
    const { code, findings } = await doctor(lab);
    expect(notOk(findings)).toEqual([]);
    expect(code).toBe(0);
    expect(await lab.test.ip("-o", "link")).toBe(before);
  });

  test.skipIf(!hasEverything)("has everything for a service with the capabilities of its unit", async () => {
    const unit = readFileSync(new URL("../../contrib/systemd/vxswitch.service", import.meta.url), "utf8");
    const [, names = ""] = /^CapabilityBoundingSet=(.*)$/m.exec(unit) ?? [];
    const capabilities = names.split(" ").map((name) => name.toLowerCase().replace("cap_", "+"));
    const wrapper = ["setpriv", "--no-new-privs", "--bounding-set", ["-all", ...capabilities].join(",")];
    const { code, findings } = await doctor(lab, wrapper);
    expect(notOk(findings)).toEqual([]);
    expect(code).toBe(0);
  });

  test("without privileges lacks what takes them, each with a remedy, and can forward all the same", async () => {
    const { code, findings, stderr } = await doctor(lab, WITHOUT_ANY);
    expect(code, stderr).toBe(0);
    for (const check of ["tap", "classifier", "tcx", "ring_buffer", "tunnel_tap", "packet_socket"]) {
      expect(findings.get(check), check).toMatchObject({ state: "warning" });
      expect(findings.get(check)?.remedy, check).toContain("root");
    }
    expect(findings.get("capabilities")).toMatchObject({ state: "note" });
    expect(findings.get("capabilities")?.evidence).toMatch(
      /^this process lacks CAP_NET_ADMIN .*CAP_NET_RAW .*CAP_BPF /,
    );
    expect(findings.get("tap")?.evidence).toContain("CAP_NET_ADMIN");
    expect(findings.get("classifier")?.evidence).toBe(RING_CAPABILITIES);
    expect(findings.get("udp_port")?.state).toBe("ok");
  });

  test("without CAP_BPF lacks the ring alone and the tunnel TAP, not the TAP", async () => {
    const { code, findings } = await doctor(lab, WITHOUT_BPF);
    expect(code).toBe(0);
    expect(findings.get("tap")?.state).toBe("ok");
    for (const check of ["classifier", "tcx", "ring_buffer", "tunnel_tap"])
      expect(findings.get(check)?.state, check).toBe("warning");
  });

  test("whose port a kernel vxlan device holds cannot forward, and is told which device to remove", async () => {
    await lab.test.ip("link", "add", "kernel0", "type", "vxlan", "id", "7", "dstport", "4789", "dev", "eth0");
    await lab.test.ip("link", "set", "kernel0", "up");
    const { code, findings, stderr } = await doctor(lab);
    expect(code).toBe(1);
    expect(findings.get("udp_port")).toMatchObject({ state: "problem", needed_for: "forwarding" });
    expect(findings.get("udp_port")?.remedy).toContain("ip link del kernel0");
    expect(stderr).toContain("missing: udp_port");
  });

  test("with a port that has a UDP port of its own is told if that is taken", async () => {
    await lab.test.ip("link", "add", "kernel0", "type", "vxlan", "id", "7", "dstport", "8472", "dev", "eth0");
    await lab.test.ip("link", "set", "kernel0", "up");
    const file = join(directory, "vxswitch.yaml");
    const port = '{ type: vxlan, vni: 1, remote: "10.122.0.22", dstport: 8472 }';
    writeFileSync(file, `bridges: { br0: { ports: { client1: ${port} } } }\n`);
    const { code, findings, stderr } = await doctor(lab, [], undefined, ["--config", file]);
    expect(code).toBe(1);
    expect(findings.get("udp_port")?.state).toBe("ok");
    expect(findings.get("udp_port 8472")).toMatchObject({ state: "problem", needed_for: "forwarding" });
    expect(findings.get("udp_port 8472")?.remedy).toContain("ip link del kernel0");
    expect(stderr).toContain("missing: udp_port 8472");
  });

  test("whose firewall drops VXLAN, and that has no route to a remote, is told so by what was seen", async () => {
    const rule = "add table inet f; add chain inet f in { type filter hook input priority 0; }";
    await lab.test.run("nft", [`${rule}; add rule inet f in udp dport 4789 counter drop`]);
    const datagrams = "for i in 1 2 3; do echo > /dev/udp/10.122.1.103/4789; done";
    await lab.clients[0].host.run("bash", ["-c", datagrams]);
    const file = join(directory, "vxswitch.yaml");
    const port = (vni: number, remote: string) => `{ type: vxlan, vni: ${vni}, remote: "${remote}" }`;
    const ports = `client1: ${port(1, "10.122.0.22")}, lost: ${port(2, "2001:db8::9")}`;
    writeFileSync(file, `bridges: { br0: { ports: { ${ports}, br0: { type: tap, mtu: 1451 } } } }\n`);
    const { code, findings, stderr } = await doctor(lab, [], undefined, ["--config", file]);
    expect(code, stderr).toBe(0);
    expect(findings.get("firewall")).toMatchObject({
      state: "problem",
      evidence: expect.stringMatching(/^nft inet f in: drop, [1-9]\d* packets so far$/),
    });
    expect(findings.get("route 2001:db8::9")).toMatchObject({ state: "warning" });
    expect(findings.get("route 2001:db8::9")?.evidence).toContain("unreachable");
    expect(findings.get("mtu br0/br0")?.remedy).toContain("ip link set br0 mtu 1450");
    // Who waits at a terminal sees how far it is; a pipe has data and words alone.
    const command = `${process.execPath} ${PROGRAM} --socket ${NO_SOCKET} doctor --config ${file}`;
    const terminal = ["-u", "CI", "TERM=xterm", "script", "-qec", command, "/dev/null"];
    expect(await lab.test.run("env", terminal)).toContain("\r\x1b[K[1/4] route to 10.122.0.22, 0 s");
    expect(stderr).not.toContain("[1/4]");
  });

  /** Of remotes, each by a port of its own. */
  function configured(remotes: readonly string[], workers = 1): string[] {
    const file = join(directory, "vxswitch.yaml");
    const ports = remotes.map((remote, index) => `p${index}: { type: vxlan, vni: 1, remote: ${remote} }`);
    const bridges = `bridges: { br0: { ports: { ${ports.join(", ")} } } }`;
    writeFileSync(file, `underlay: { workers: ${workers} }\n${bridges}\n`);
    return ["--config", file];
  }

  /** A device of which GRO is on by itself, which a veth's is not. */
  async function addBridge(): Promise<void> {
    await lab.test.ip("link", "add", "wan0", "type", "bridge");
    await lab.test.ip("address", "add", "198.51.100.1/24", "dev", "wan0");
    await lab.test.ip("link", "set", "wan0", "up");
  }

  test("whose devices take frames one by one is noted, and the remedies work", async () => {
    await addBridge();
    const config = configured(["10.122.0.22", "198.51.100.2", OWN_LEG.underlay]);
    // As an ordinary user has it, without the directory where Debian keeps ethtool.
    const look = async () => (await doctor(lab, ["env", "PATH=/usr/bin:/bin"], undefined, config)).findings;
    const offloads = ["offloads eth0", "offloads wan0"];
    const usual = await look();
    const looked = Array.from(usual.keys()).filter((check) => /^(offloads|rps)/.test(check));
    expect(looked.filter((check) => !/ (eth0|wan0)$/.test(check))).toEqual([]);
    for (const check of offloads) expect(usual.get(check), check).toMatchObject({ state: "ok" });
    expect(usual.get("offloads eth0")?.evidence).toContain("generic-receive-offload off, as a veth has it");
    await lab.test.run("ethtool", ["-K", "eth0", "gro", "off", "tx", "off"]);
    await lab.test.run("ethtool", ["-K", "wan0", "gro", "off"]);
    const without = await look();
    expect(without.get("offloads eth0")).toMatchObject({ state: "note", remedy: "ethtool -K eth0 tx on" });
    expect(without.get("offloads wan0")).toMatchObject({ state: "note", remedy: "ethtool -K wan0 gro on" });
    for (const check of offloads) await lab.test.run("sh", ["-c", without.get(check)?.remedy ?? ""]);
    const remedied = await look();
    for (const check of offloads) expect(remedied.get(check), check).toMatchObject({ state: "ok" });
  });

  test.skipIf(inUserNamespace() || availableParallelism() === 1)(
    "with fewer receive queues than forwarding threads is noted, and RPS is what the remedy sets",
    async () => {
      await addBridge();
      const config = configured(["198.51.100.2"], 2);
      const before = (await doctor(lab, [], undefined, config)).findings.get("rps wan0");
      expect(before).toMatchObject({
        state: "note",
        evidence: expect.stringContaining("1 receive queue, RPS off, for 2 forwarding threads"),
      });
      await lab.test.run("sh", ["-c", before?.remedy ?? ""]);
      const after = (await doctor(lab, [], undefined, config)).findings.get("rps wan0");
      expect(after).toMatchObject({ state: "ok", evidence: "1 receive queue, RPS on" });
    },
  );

  test("whose firewall drops by policy is told so, until a rule accepts the port", async () => {
    const ruleset = `
      table inet f {
        chain user { tcp dport 22 accept; icmp type echo-request accept; udp dport { 53, 67-68 } accept; }
        chain in {
          type filter hook input priority 0; policy drop;
          iif lo accept
          ct state established,related accept
          ct state new,untracked jump user
        }
      }`;
    const rules = join(directory, "rules.nft");
    writeFileSync(rules, ruleset);
    await lab.test.run("nft", ["-f", rules]);
    const config = configured(["10.122.0.22"]);
    const firewall = async () => (await doctor(lab, [], undefined, config)).findings.get("firewall");
    expect(await firewall()).toMatchObject({ state: "warning", evidence: "nft inet f in: policy drop" });
    await lab.test.run("nft", [
      "add rule inet f user ip saddr 10.122.0.0/24 udp dport vmap { 4789 : accept }",
    ]);
    expect(await firewall()).toMatchObject({ state: "ok" });
    await lab.test.run("nft", ["insert rule inet f in meta mark 1 drop"]);
    expect(await firewall()).toMatchObject({
      state: "note",
      evidence: "nft inet f in: drop for some datagrams",
    });
  });

  test("that can have no ring is told so in one sentence by a switch that insists on it", async () => {
    const files = switchFiles(directory);
    const config = labConfig(lab, files);
    config.underlay.io = "ring";
    const refusing = new SwitchProcess(lab.test, {
      files,
      config: configText(config),
      wrapper: WITHOUT_BPF,
      program: PROGRAM,
    });
    const timer = setTimeout(() => refusing.signal("SIGKILL"), 15_000);
    const exit = await refusing.exited;
    clearTimeout(timer);
    expect(exit).toEqual({ code: 1, signal: null });
    const lines = refusing.log().trimEnd().split("\n");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(`the ring cannot be had here: ${RING_CAPABILITIES}`);
    expect(lines[0]).toContain("'vxswitch doctor'");
  });
});

describe("a switch that takes what there is", () => {
  test("starts on UDP sockets without CAP_BPF, and says why in its log, in show and to the doctor", async () => {
    const lab = await KernelLab.start({ wrapper: () => WITHOUT_BPF });
    try {
      const reason = `received by UDP sockets (eth0: ${RING_CAPABILITIES}`;
      expect(lab.running.log()).toContain(`no receive ring on eth0: ${RING_CAPABILITIES}`);
      expect(lab.running.log()).toContain(`underlay udp: ${reason}`);
      expect(await lab.vxswitch("show")).toContain(`underlay udp (${reason}`);
      const { code, findings } = await doctor(lab.network, [], lab.files.socket);
      expect(code).toBe(0);
      expect(findings.get("daemon")?.evidence).toContain(`underlay udp: ${reason}`);
      expect(findings.get("capabilities")?.evidence).toMatch(
        /^the running switch \(process \d+\) lacks CAP_BPF .*; it holds CAP_NET_ADMIN, CAP_NET_RAW$/,
      );
      expect(findings.get("udp_port")?.evidence).toMatch(/held by the running switch \(process \d+\)/);
      expect(await lab.client1.ping("192.168.0.2")).toBe(3);
    } finally {
      await lab.end();
    }
  });

  test.skipIf(!hasEverything)("and one that insists on the ring have it where it can be had", async () => {
    for (const io of ["auto", "ring"]) {
      const lab = await KernelLab.start({
        configure: (config) => {
          config.underlay.io = io;
        },
      });
      try {
        expect(lab.running.log(), io).toContain("underlay ring: received by ring on eth0");
        const { findings } = await doctor(lab.network, [], lab.files.socket);
        expect(findings.get("daemon")?.evidence, io).toContain("underlay ring: received by ring on eth0");
        expect(notOk(findings), io).toEqual([]);
        expect(await lab.client1.ping("192.168.0.2"), io).toBe(3);
      } finally {
        await lab.end();
      }
    }
  });
});
