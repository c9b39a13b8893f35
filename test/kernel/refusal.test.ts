// What the switch says where the machine does not let it start: one sentence with the cause and the remedy, exit code 1.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { configText, type LabConfig, labConfig } from "../../src/control/lab/config.ts";
import type { Lab } from "../../src/control/lab/lab.ts";
import { type Exit, SwitchProcess, switchFiles } from "../../src/control/lab/switch-process.ts";
import { network, PROGRAM } from "./harness/kernel-lab.ts";

const STACK = /^\s+at .*:\d+:\d+\)?$/m;

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

test("a port that a kernel vxlan device holds is named, with the device and what to do", async () => {
  await lab.test.ip("link", "add", "kernel0", "type", "vxlan", "id", "7", "dstport", "4789", "dev", "eth0");
  await lab.test.ip("link", "set", "kernel0", "up");
  const { exit, log } = await startInVain();
  expect(exit).toEqual({ code: 1, signal: null });
  expect(log).toMatch(/4789/);
  expect(log).toMatch(/kernel0/);
  expect(log).toMatch(/ip link del|ip link set|dstport/);
  expect(log).not.toMatch(STACK);
});

test("a missing privilege is named where a TAP is wanted", async () => {
  const { exit, log } = await startInVain(["setpriv", "--bounding-set", "-net_admin"]);
  expect(exit).toEqual({ code: 1, signal: null });
  expect(log).toMatch(/CAP_NET_ADMIN/);
  expect(log).not.toMatch(STACK);
});

test("a missing privilege is named where ERSPAN is wanted", async () => {
  const toErspan = (config: LabConfig): void => {
    const output = { erspan: "10.122.0.22", session: 1 };
    config.bridges.br0.mirrors = { m0: { select_all: true, output } };
  };
  const { exit, log } = await startInVain(["setpriv", "--bounding-set", "-net_raw"], toErspan);
  expect(exit).toEqual({ code: 1, signal: null });
  expect(log).toMatch(/mirror br0\/m0 is down: ERSPAN needs the capability CAP_NET_RAW: run as root/);
  expect(log).not.toMatch(STACK);
});

test("a second switch on the same socket is refused, and the first one is not disturbed", async () => {
  const files = switchFiles(directory);
  const config = configText(labConfig(lab, files));
  const first = new SwitchProcess(lab.test, { files, config, program: PROGRAM });
  await first.ready();
  const { exit, log } = await startInVain();
  expect(exit.code).toBe(1);
  expect(log).toContain(files.socket);
  expect(await first.show("ports")).toHaveLength(3);
  expect(await first.stop()).toEqual({ code: 0, signal: null });
});

/** Starts a switch that is expected to refuse; how it ended and what it said. */
async function startInVain(
  wrapper: readonly string[] = [],
  configure: (config: LabConfig) => void = () => undefined,
): Promise<{ exit: Exit; log: string }> {
  const files = switchFiles(directory);
  const wanted = labConfig(lab, files);
  configure(wanted);
  const config = configText(wanted);
  const refusing = new SwitchProcess(lab.test, { files, config, wrapper, program: PROGRAM });
  const timer = setTimeout(() => refusing.signal("SIGKILL"), 15_000);
  const exit = await refusing.exited;
  clearTimeout(timer);
  return { exit, log: refusing.log() };
}
