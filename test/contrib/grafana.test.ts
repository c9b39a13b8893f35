// The dashboard: what it asks for exists, promtool takes its expressions, and no metric of the switch is left out.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { read } from "../repo/sources.ts";
import { metrics, named, promtool } from "./promtool.ts";

interface Panel {
  id: number;
  type: string;
  title: string;
  datasource?: unknown;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: { expr: string; legendFormat: string; datasource: unknown }[];
}
interface Variable {
  name: string;
  type: string;
  definition?: string;
}
const DASHBOARD = JSON.parse(read("contrib/grafana/vxswitch.json")) as {
  panels: Panel[];
  templating: { list: Variable[] };
};
const { panels } = DASHBOARD;
const variables = DASHBOARD.templating.list;
const drawn = panels.filter(({ type }) => type !== "row");
const targets = drawn.flatMap(({ title, targets = [] }) => targets.map((target) => ({ title, ...target })));

/** An expression as Prometheus gets it. */
function filledIn(expr: string): string {
  const names = variables.map(({ name }) => name).join("|");
  const text = expr.replaceAll("$__rate_interval", "1m").replaceAll("$__range", "1h");
  return text.replace(new RegExp(`"\\$(?:${names})"`, "g"), '".*"');
}

test("promtool takes every expression, none with a variable that there is not", () => {
  expect(targets.length).toBeGreaterThan(20);
  expect(targets.filter(({ expr }) => filledIn(expr).includes("$"))).toEqual([]);
  const rules = targets.map(({ expr }, index) => ({ record: `panel:${index}`, expr: filledIn(expr) }));
  const directory = mkdtempSync(join(tmpdir(), "vxswitch-test-"));
  try {
    const file = join(directory, "panels.rules.yml");
    // JSON is YAML.
    writeFileSync(file, JSON.stringify({ groups: [{ name: "panels", rules }] }));
    const { status, said } = promtool("check", "rules", file);
    expect(said).toContain(`SUCCESS: ${targets.length} rules found`);
    expect(status, said).toBe(0);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("it shows every metric that there is, and no other", async () => {
  const known = [...(await metrics()).keys()].sort();
  const shown = new Set(targets.flatMap(({ expr }) => named(expr)));
  expect([...shown].sort()).toEqual(known);
  for (const { definition = "" } of variables)
    expect(known).toEqual(expect.arrayContaining(named(definition)));
});

test("legends and selectors name labels that their metrics have", async () => {
  const known = await metrics();
  for (const { title, expr, legendFormat } of targets) {
    for (const [, name, selectors] of expr.matchAll(/\b(vxswitch_\w+)\{([^}]*)\}/g)) {
      const labels = [...(known.get(name) ?? []), "instance"];
      for (const [, label] of selectors.matchAll(/(\w+)=/g)) expect(labels, title).toContain(label);
      for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) expect(labels, title).toContain(label);
    }
  }
});

test("it asks the data source that is chosen, and can be narrowed to a bridge and a port", () => {
  expect(variables.map(({ name }) => name)).toEqual(["datasource", "instance", "bridge", "port"]);
  const chosen = { type: "prometheus", uid: `\${datasource}` };
  for (const { datasource } of [...drawn, ...targets]) expect(datasource).toEqual(chosen);
});

test("its panels have numbers of their own, and do not lie on each other", () => {
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
  );
  expect(panels.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true);
  expect(new Set(cells).size).toBe(cells.length);
});
