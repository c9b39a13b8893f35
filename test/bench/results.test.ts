// Sections of the results: each replaces its own and keeps the others'.
import { describe, expect, test } from "vitest";
import { replaceSection } from "../../bench/results.ts";
import { read } from "../repo/sources.ts";

const TEXT =
  "# Results\n\n<!-- begin a -->\nold\n<!-- end a -->\n\nbetween\n\n<!-- begin b -->\nkept\n<!-- end b -->\n";

describe("a section of the results", () => {
  test("is replaced where it stands, and nothing else is", () => {
    expect(replaceSection(TEXT, "a", "\nnew\n")).toBe(TEXT.replace("old", "new"));
  });

  test("is appended where there is none", () => {
    const text = replaceSection(TEXT, "c", "third");
    expect(text.startsWith(TEXT.trimEnd())).toBe(true);
    expect(text.endsWith("\n\n<!-- begin c -->\nthird\n<!-- end c -->\n")).toBe(true);
  });

  test("may hold what a replacement pattern would expand", () => {
    expect(replaceSection(TEXT, "a", "$& $1")).toContain("\n$& $1\n");
  });

  test.each([
    ["<!-- begin a -->\nold\n"],
    ["<!-- end a -->\nold\n<!-- begin a -->"],
    ["old\n<!-- end a -->"],
  ])("whose markers are no pair is refused: %j", (text) => {
    expect(() => replaceSection(text, "a", "new")).toThrow("section a");
  });
});

test("the baseline's packages are pinned, and its lock file names no registry", () => {
  const lock = JSON.parse(read("bench/baseline/package-lock.json")) as {
    packages: Record<string, { resolved?: string; integrity?: string }>;
  };
  const packages = Object.entries(lock.packages).filter(([path]) => path !== "");
  expect(packages.length).toBeGreaterThan(1);
  expect(packages.filter(([, { resolved, integrity }]) => resolved !== undefined || !integrity)).toEqual([]);
  const manifest = JSON.parse(read("bench/baseline/package.json")) as {
    dependencies: Record<string, string>;
  };
  expect(Object.values(manifest.dependencies).filter((version) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual(
    [],
  );
});
