// scripts/setup on machines that lack something: one sentence that names it, and nothing is touched.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

const SETUP = fileURLToPath(new URL("../../scripts/setup", import.meta.url));
/** What the script itself uses; none of it is what it may find missing. */
const BASICS = ["bash", "env", "dirname", "sort", "head", "find"];

let path: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), "vxswitch-test-"));
  for (const program of BASICS) symlinkSync(whereIs(program), join(path, program));
});
afterEach(() => rmSync(path, { recursive: true }));

test("a machine without Node.js is told which version is needed", () => {
  expect(setup()).toEqual({
    status: 1,
    said: "setup: Node.js is not installed; version 20.19 or newer is needed (https://nodejs.org)\n",
  });
});

test.each(["18.20.4", "20.9.0", "20.18.3"])("Node.js %s is refused as too old", (version) => {
  provide("node", `echo ${version}`);
  const said = `setup: Node.js ${version} is too old; version 20.19 or newer is needed (https://nodejs.org)\n`;
  expect(setup()).toEqual({ status: 1, said });
});

test("a user who may not install packages is told which are missing and the command that installs them", () => {
  provide("node", "echo 24.0.0");
  provide("id", "echo 1000");
  const { status, said } = setup("run");
  expect(status).toBe(1);
  expect(said).toMatch(
    /^setup: missing here: .*gcc.*iproute2.*; as root: apt-get update && apt-get install --no-install-recommends gcc/,
  );
  expect(said.trim().split("\n")).toHaveLength(1);
});

test("a word that setup does not know is wrong usage", () => {
  expect(setup("everything")).toEqual({ status: 2, said: "usage: scripts/setup [run|test]\n" });
});

function setup(...args: string[]): { status: number | null; said: string } {
  const { status, stderr } = spawnSync(join(path, "bash"), [SETUP, ...args], {
    env: { PATH: path },
    encoding: "utf8",
  });
  return { status, said: stderr };
}

function provide(program: string, script: string): void {
  const file = join(path, program);
  writeFileSync(file, `#!${join(path, "bash")}\n${script}\n`);
  chmodSync(file, 0o755);
}

function whereIs(program: string): string {
  return spawnSync("which", [program], { encoding: "utf8" }).stdout.trim();
}
