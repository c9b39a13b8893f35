// promtool, which knows PromQL, and the metrics that there are, for tests of what is made of them. Without promtool these
// tests fail: nothing else would find a fault in an expression before it is needed.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseConfig } from "../../src/control/config/file.ts";
import { specsOf } from "../../src/control/config/specs.ts";
import { Metrics } from "../../src/control/metrics.ts";
import { plan } from "../../src/control/plan.ts";
import { FakeDataplane } from "../control/fake-dataplane.ts";
import { SCENARIO } from "../control/harness.ts";
import { ROOT } from "../repo/sources.ts";

/** What it says, and whether it is content. */
export function promtool(...args: string[]): { status: number | null; said: string } {
  const { error, status, stdout, stderr } = spawnSync("promtool", args, { cwd: ROOT, encoding: "utf8" });
  if (error !== undefined) throw new Error(`promtool: ${error.message}; apt install prometheus`);
  return { status, said: stdout + stderr };
}

export const RULES = join("contrib", "prometheus", "vxswitch.rules.yml");

/** Each metric of the switch with the names of its labels. */
export async function metrics(): Promise<Map<string, Set<string>>> {
  const dataplane = new FakeDataplane();
  await dataplane.apply(plan(null, specsOf(parseConfig(SCENARIO, "scenario"))));
  const lines = (await new Metrics(() => dataplane.status()).text()).split("\n");
  const found = new Map<string, Set<string>>();
  for (const line of lines) {
    const [, name, labels = ""] = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    if (name !== undefined)
      found.set(name, new Set(Array.from(labels.matchAll(/(\w+)="/g), ([, label]) => label)));
  }
  return found;
}

/** Those of the switch that an expression or a text names. */
export function named(text: string): string[] {
  return Array.from(text.matchAll(/\bvxswitch_\w+/g), ([name]) => name);
}
