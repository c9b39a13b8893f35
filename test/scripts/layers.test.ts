// The layer rule is checked by a tool; these plant violations to show that the tool sees them.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CONFIG = ".dependency-cruiser.cjs";

let tree: string;
beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), "vxswitch-test-"));
  for (const file of [CONFIG, "tsconfig.json", "package.json"])
    copyFileSync(join(ROOT, file), join(tree, file));
  symlinkSync(join(ROOT, "node_modules"), join(tree, "node_modules"));
  plant("src/dataplane/engine.ts", "export const engine = 1;");
  plant("src/dataplane/io/native.ts", "export const native = 1;");
  plant("src/control/daemon.ts", 'export { engine } from "../dataplane/engine.ts";');
});
afterEach(() => rmSync(tree, { recursive: true }));

test("a control plane that imports the data plane keeps the rule", () => {
  expect(violations()).toEqual([]);
});

test.each([
  ["dataplane-below-control", "src/dataplane/planted.ts", "../control/daemon.ts"],
  ["dataplane-without-packages", "src/dataplane/planted.ts", "zod"],
  ["addon-behind-io", "src/dataplane/planted.ts", "./io/native.ts"],
  ["addon-behind-io", "src/control/planted.ts", "../dataplane/io/native.ts"],
  ["page-stands-alone", "src/page/planted.ts", "../control/daemon.ts"],
  ["page-is-built", "src/control/planted.ts", "../page/planted-too.ts"],
  ["no-circular", "src/dataplane/planted.ts", "./planted-too.ts"],
])("%s is broken by an import in %s of %s", (rule, file, imported) => {
  plant(file, `import "${imported}";`);
  plant("src/dataplane/planted-too.ts", 'import "./planted.ts";');
  plant("src/page/planted-too.ts", "export const page = 1;");
  expect(violations()).toContain(rule);
});

function plant(path: string, text: string): void {
  mkdirSync(dirname(join(tree, path)), { recursive: true });
  writeFileSync(join(tree, path), `${text}\n`);
}

/** The names of the rules that the tree breaks. */
function violations(): string[] {
  const depcruise = join(ROOT, "node_modules/.bin/depcruise");
  const args = ["--config", CONFIG, "--output-type", "json", "src"];
  const { stdout } = spawnSync(depcruise, args, { cwd: tree, encoding: "utf8" });
  const { summary } = JSON.parse(stdout) as { summary: { violations: { rule: { name: string } }[] } };
  return summary.violations.map(({ rule }) => rule.name);
}
