// The ring's programs while a profiler interrupts the process: the kernel gives up verifying one for any signal.
import { mkdtempSync, rmSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { isBelow } from "../../src/control/doctor/kernel-release.ts";
import { outcome } from "../../src/control/lab/command.ts";
import { inUserNamespace } from "../../src/control/lab/privilege.ts";
import { PROGRAM } from "./harness/kernel-lab.ts";

const directory = mkdtempSync(join(tmpdir(), "vxswitch-test-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Often enough that no program is verified without an interruption. */
const PROFILE = ["--cpu-prof", "--cpu-prof-interval", "200", `--cpu-prof-dir=${directory}`];
const ATTEMPTS = 5;

const hasTcx = !inUserNamespace() && !isBelow(release(), [6, 6]);

test.skipIf(!hasTcx)("a process that is profiled can have them", async () => {
  const doctor = [process.execPath, ...PROFILE, PROGRAM, "--socket", "/nonexistent", "doctor", "--json"];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { stdout } = await outcome("unshare", ["--net", ...doctor]);
    const rows = JSON.parse(stdout) as { check: string; state: string; evidence: string }[];
    const found = rows.filter(({ check }) => check === "tcx" || check === "ring_buffer");
    expect(found.map(({ check, state }) => [check, state])).toEqual([
      ["ring_buffer", "ok"],
      ["tcx", "ok"],
    ]);
  }
});
