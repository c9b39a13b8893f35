// The table of conformance: it has every statement, and every test that it points to is there.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT, read } from "./sources.ts";

const STATEMENTS = 20;
const COLUMNS = 6;

/** The cells of each row, from the statement's number on. */
const ROWS = read("docs/conformance.md")
  .split("\n")
  .filter((line) => /^\| \d/.test(line))
  .map((line) => line.split("|").slice(1, -1))
  .map((cells) => cells.map((cell) => cell.trim()));

test("has every statement once, in order, and says something in each column", () => {
  expect(ROWS.map(([number]) => Number(number))).toEqual(Array.from({ length: STATEMENTS }, (_, i) => i + 1));
  for (const row of ROWS) {
    expect(row, row[0]).toHaveLength(COLUMNS);
    expect(row, row[0]).not.toContain("");
  }
});

test("points to tests that exist, or says that there are none yet", () => {
  for (const [number, , ours, , , shown] of ROWS) {
    const named = Array.from(shown.matchAll(/`([a-z/-]+)`: "([^"]+)"/g));
    const isUnderstood = shown === named.map(([text]) => text).join(" ");
    expect(isUnderstood || (shown === "none yet" && ours.startsWith("not yet")), `${number}: ${shown}`).toBe(
      true,
    );
    for (const [, file, name] of named) {
      const path = `test/${file}.test.ts`;
      expect(existsSync(join(ROOT, path)), path).toBe(true);
      expect(read(path), `${path} has no test "${name}"`).toContain(`"${name}",`);
    }
  }
});
