// The unit of systemd: systemd itself finds no fault with it, and with few rights only.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DEFAULT_SOCKET } from "../../src/control/cli/client.ts";
import { ROOT, read } from "./sources.ts";

const UNIT = "contrib/systemd/vxswitch.service";
const EXPOSURE_MAX = 3.0;

const HAS_ANALYZE = spawnSync("systemd-analyze", ["--version"]).status === 0;
if (!HAS_ANALYZE) console.warn(`NOT TESTED: ${UNIT}; systemd-analyze is not installed`);

test.skipIf(!HAS_ANALYZE)(`its exposure is at most ${EXPOSURE_MAX}`, () => {
  const { stdout } = analyze("security", "--offline=true", join(ROOT, UNIT));
  const [, exposure] = /Overall exposure level for vxswitch.service: ([\d.]+)/.exec(stdout) ?? [];
  expect(Number(exposure), stdout).toBeLessThanOrEqual(EXPOSURE_MAX);
});

test.skipIf(!HAS_ANALYZE)("systemd understands each line of it", () => {
  const directory = mkdtempSync(join(tmpdir(), "vxswitch-unit-"));
  try {
    // Programs and manuals are looked for, and neither is installed where tests run.
    const installed = read(UNIT)
      .replace(/^ExecStart=\S+/m, `ExecStart=${process.execPath}`)
      .replace(/^Documentation=.*\n/m, "");
    const unit = join(directory, "vxswitch.service");
    writeFileSync(unit, installed);
    const { status, stderr } = analyze("verify", unit);
    expect(stderr.split("\n").filter((line) => line.includes("vxswitch.service"))).toEqual([]);
    expect(status, stderr).toBe(0);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("what it takes away again from the system calls leaves bpf", () => {
  const filters = valuesOf("SystemCallFilter");
  expect(filters.at(-1)).toBe("bpf");
});

test("its directory is that of the default control socket", () => {
  expect(`/run/${valuesOf("RuntimeDirectory")[0]}/vxswitch.sock`).toBe(DEFAULT_SOCKET);
});

function valuesOf(key: string): string[] {
  return Array.from(read(UNIT).matchAll(new RegExp(`^${key}=(.*)$`, "gm")), ([, value]) => value);
}

function analyze(...args: string[]) {
  return spawnSync("systemd-analyze", ["--no-pager", ...args], { encoding: "utf8" });
}
