// `vxswitch doctor` in words: which ability becomes which line, what remedies it, and when the exit code says no.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Finding } from "../../src/control/cli/doctor-findings.ts";
import type { Abilities } from "../../src/dataplane/inventory/abilities.ts";
import { EVERYTHING } from "./fake-abilities.ts";
import { Harness } from "./harness.ts";

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
    ["receive_buffer", { receiveBuffer: { attempt: FAULT, wantedBytes: 1, grantedBytes: 0 } }],
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
    expect(notOk(findings)).toEqual({ [check]: "missing" });
    expect(findings.find((finding) => finding.check === check)).toMatchObject({
      evidence: FAULT.why,
      remedy: FAULT.remedy,
    });
  });

  const NEEDED: readonly [string, Partial<Abilities>][] = [
    ["addon", { addon: FAULT }],
    ["node", { nodeVersion: "20.18.9" }],
    ["udp_port", { udpPort: { port: 4789, attempt: FAULT, holder: { pid: 1, name: "init" } } }],
  ];
  test.each(NEEDED)("without %s cannot, and the exit code says so", async (check, differences) => {
    const { code, findings } = await doctor(differences);
    expect(code).toBe(1);
    expect(notOk(findings)).toEqual({ [check]: "missing" });
    expect((await harness.run("doctor")).err).toContain(
      `vxswitch: this machine cannot forward as it is; missing: ${check}\n`,
    );
  });

  const KERNELS: readonly [string, string][] = [
    ["7.0.1", "ok"],
    ["6.17.0-rc1+", "ok"],
    ["6.16.12", "limited"],
    ["6.6.87-1-amd64", "limited"],
    ["6.5.0-44-generic", "limited"],
    ["5.10.0", "limited"],
  ];
  test.each(KERNELS)("with Linux %s is %s", async (kernel, state) => {
    const { code, findings } = await doctor({ kernel });
    expect(code).toBe(0);
    expect(findings.find(({ check }) => check === "kernel")).toMatchObject({ state });
    const evidence = findings.find(({ check }) => check === "kernel")?.evidence;
    expect(evidence?.includes("without tcx")).toBe(/^(6\.5|5)\./.test(kernel));
  });

  test("that grants a smaller receive queue is limited, with the setting that raises it", async () => {
    const { findings } = await doctor({
      receiveBuffer: { attempt: null, wantedBytes: 32 << 20, grantedBytes: 212_992 },
    });
    expect(findings.find(({ check }) => check === "receive_buffer")).toMatchObject({
      state: "limited",
      evidence: "a UDP socket is granted 0.2 of 32 MiB wanted",
      remedy: "sysctl -w net.core.rmem_max=33554432, or run with CAP_NET_ADMIN",
    });
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
    expect(lines).toHaveLength(15);
    expect(lines[1]).toMatch(/^kernel +ok +forwarding +Linux 6\.18\.44-generic$/);
    expect(out).toMatch(
      /^packet_socket +missing +trains past the UDP sockets +it is not there -> fetch it$/m,
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
    const [, running] = out.split("\n\n");
    expect(running).toMatch(/^daemon +ok +the running switch +vxswitch \S+, underlay udp: the only make$/m);
    expect(running).toMatch(/^overruns +limited .* 1 datagrams found .* -> .*workers/m);
    expect(running).toMatch(/^port br0\/client2 +missing .* down: the socket is gone -> /m);
    expect(running).not.toContain("client1");
  });

  test("the UDP port that it holds is where it should be; one that another holds is not", async () => {
    await harness.start();
    const held = (pid: number) => ({
      udpPort: { port: 4789, attempt: FAULT, holder: { pid, name: "node" } },
    });
    expect(notOk((await doctor(held(process.pid))).findings)).toEqual({ overruns: "limited" });
    const other = await doctor(held(process.pid + 1));
    expect(other.code).toBe(1);
    expect(notOk(other.findings)).toMatchObject({ udp_port: "missing" });
  });

  test("more forwarding threads than processors are too many", async () => {
    await harness.start();
    harness.dataplane.workerCount = 3;
    const { findings } = await doctor({ processors: 2 });
    expect(findings.find(({ check }) => check === "processors")).toEqual({
      check: "processors",
      state: "limited",
      evidence: "2 of them for 3 forwarding threads",
      remedy: "underlay: { workers: 2 }",
      needed_for: "workers",
    });
  });

  test("that is silent is reported", async () => {
    await harness.start();
    harness.dataplane.alive = false;
    expect(notOk((await doctor()).findings)).toMatchObject({ daemon: "missing" });
  });
});
