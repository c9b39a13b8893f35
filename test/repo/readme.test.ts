// The README's configuration: its example is valid and means what it says, and no word of a port is missing.
import { expect, test } from "vitest";
import { parseConfig } from "../../src/control/config/file.ts";
import { specsOf } from "../../src/control/config/specs.ts";
import { policyWords } from "../../src/control/policy-words.ts";
import { DROP_REASONS } from "../../src/dataplane/drop-reason.ts";
import { OPEN_POLICY } from "../../src/dataplane/policy.ts";
import { read } from "./sources.ts";

const README = read("README.md");
const CONFIGURATION = README.slice(README.indexOf("## Configuration"), README.indexOf("## Metrics"));

test("the example is a valid configuration, and its guest is isolated and locked", () => {
  const lines = CONFIGURATION.split("\n").filter((line) => line.startsWith("    "));
  const config = parseConfig(lines.map((line) => line.slice(4)).join("\n"), "README.md");
  const { bridges, ports, mirrors } = specsOf(config);
  expect([bridges.length, ports.length, mirrors.length]).toEqual([1, 4, 2]);
  expect(bridges[0]).toMatchObject({ ageingSeconds: 300, loopGuardSeconds: 60, forwardsBpdu: true });
  expect(ports.find(({ name }) => name === "guest")).toMatchObject({
    policy: { ...OPEN_POLICY, isolated: true, locked: true },
    fdb: [{ vlan: 0, mac: "02:00:00:00:00:1e" }],
  });
});

test("every word of what a port may do stands there, with the value that it has unless given", () => {
  const rows = CONFIGURATION.split("\n").filter((line) => line.startsWith("| `"));
  const words = rows.flatMap((row) =>
    Array.from(row.split("|")[1].matchAll(/`([a-z_]+)`/g), ([, word]) => word),
  );
  expect(words).toEqual(expect.arrayContaining(Object.keys(policyWords(OPEN_POLICY))));
  for (const word of ["isolated", "learning", "flood", "locked", "sticky"] as const) {
    const row = rows.find((line) => line.includes(`\`${word}\``)) ?? "";
    expect(row.split("|")[2]?.trim(), word).toBe(String(policyWords(OPEN_POLICY)[word]));
  }
});

test("drop reasons that it names exist", () => {
  const named = Array.from(CONFIGURATION.matchAll(/dropped,?\s+as\s+`([a-z_]+)`/g), ([, name]) => name);
  expect(named.length).toBeGreaterThan(4);
  for (const name of named) expect(DROP_REASONS.map((reason) => reason.name)).toContain(name);
});
