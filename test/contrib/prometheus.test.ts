// The alert rules: valid, each shown to fire and to be silent by promtool, and none about what there is not.
import { expect, test } from "vitest";
import { parse } from "yaml";
import { FDB_ENTRIES_DEFAULT } from "../../src/control/config/limits.ts";
import { DROP_REASONS } from "../../src/dataplane/drop-reason.ts";
import { read } from "../repo/sources.ts";
import { metrics, named, promtool, RULES } from "./promtool.ts";

const TESTS = RULES.replace(".yml", ".test.yml");

interface Rule {
  alert: string;
  expr: string;
  annotations: Record<string, string>;
}
interface RuleTest {
  alertname: string;
  exp_alerts: unknown[];
}
const RULE_FILE = parse(read(RULES)) as { groups: { rules: Rule[] }[] };
const TEST_FILE = parse(read(TESTS)) as { tests: { alert_rule_test: RuleTest[] }[] };
const rules = RULE_FILE.groups.flatMap(({ rules }) => rules);
const alerts = rules.map(({ alert }) => alert).sort();

test("promtool takes the rules", () => {
  const { status, said } = promtool("check", "rules", RULES);
  expect(said).toContain(`SUCCESS: ${rules.length} rules found`);
  expect(status, said).toBe(0);
});

test("they fire when they should and else do not, as their tests have it", () => {
  const { status, said } = promtool("test", "rules", TESTS);
  expect(status, said).toBe(0);
});

test("each is tested both ways", () => {
  const cases = TEST_FILE.tests.flatMap((each) => each.alert_rule_test);
  const those = (fire: boolean) =>
    [
      ...new Set(
        cases.filter(({ exp_alerts }) => exp_alerts.length > 0 === fire).map(({ alertname }) => alertname),
      ),
    ].sort();
  expect(those(true)).toEqual(alerts);
  expect(those(false)).toEqual(alerts);
});

test("their metrics, and the labels that they tell of, exist", async () => {
  const known = await metrics();
  for (const { alert, expr, annotations } of rules) {
    const names = named(expr);
    const labels = new Set(["instance", "job", ...names.flatMap((name) => [...(known.get(name) ?? [])])]);
    for (const name of names) expect([...known.keys()], alert).toContain(name);
    for (const text of Object.values(annotations)) {
      for (const [, label] of text.matchAll(/\$labels\.(\w+)/g)) expect([...labels], alert).toContain(label);
    }
  }
});

test("the drop reasons that they name exist", () => {
  const reasons = rules.flatMap(({ expr }) =>
    Array.from(expr.matchAll(/reason!?[=~]~?"([^"]+)"/g), ([, list]) => list.split("|")).flat(),
  );
  expect(reasons.length).toBeGreaterThan(10);
  expect(reasons.filter((reason) => !DROP_REASONS.some(({ name }) => name === reason))).toEqual([]);
});

test("an FDB is nearly full at nine tenths of what is usual", () => {
  const rule = rules.find(({ alert }) => alert === "VxswitchFdbNearlyFull");
  expect(rule?.expr).toBe(`vxswitch_fdb_entries > ${Math.floor(FDB_ENTRIES_DEFAULT * 0.9)}`);
});
