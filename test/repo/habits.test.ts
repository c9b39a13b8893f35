// Habits of the code that are cheap to check: what a reader may rely on in every file.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { ROOT, read, type Source, sources } from "./sources.ts";

const FILE_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 60;
const LINE_CHARACTERS_MAX = 130;

const CODE = [...sources("src", ".ts", ".tsx"), ...sources("test", ".ts"), ...sources("native", ".c", ".h")];
const SOURCE = CODE.filter(({ path }) => !path.startsWith("test/"));

describe("every file", () => {
  test("is seen by these tests", () => {
    expect(SOURCE.length).toBeGreaterThan(50);
  });

  test("opens by saying what it is", () => {
    const silent = CODE.filter(({ text }) => !/^(#!.*\n)?(\/\/ \S|#include "\w[\w-]*\.h")/.test(text));
    expect(paths(silent)).toEqual([]);
  });

  test(`has ${FILE_LINES_MAX} lines at most`, () => {
    const long = SOURCE.filter(({ text }) => text.split("\n").length - 1 > FILE_LINES_MAX);
    expect(paths(long)).toEqual([]);
  });

  test("fits the width of a screen", () => {
    // TypeScript has a formatter that sees to it.
    const wide = sources("native", ".c", ".h").filter(({ text }) =>
      text.split("\n").some((line) => line.length > LINE_CHARACTERS_MAX),
    );
    expect(paths(wide)).toEqual([]);
  });

  test("is called in kebab-case", () => {
    expect(paths(CODE.filter(({ path }) => !/^[a-z0-9./-]+$/.test(path)))).toEqual([]);
  });

  test("holds no path of the machine it was written on", () => {
    const personal = CODE.filter(({ text }) => /\/(home|Users|work)\/\w/.test(text));
    expect(paths(personal)).toEqual([]);
  });
});

describe("TypeScript", () => {
  const parsed = CODE.filter(({ path }) => /\.tsx?$/.test(path)).map((source) => ({
    ...source,
    tree: ts.createSourceFile(source.path, source.text, ts.ScriptTarget.ES2023, true),
  }));

  test("says what a value is: nowhere any", () => {
    const found = parsed.filter(({ tree }) => some(tree, (node) => node.kind === ts.SyntaxKind.AnyKeyword));
    expect(paths(found)).toEqual([]);
  });

  test("silences no check", () => {
    const silenced = SOURCE.filter(({ text }) => /@ts-(ignore|expect-error|nocheck)|biome-ignore/.test(text));
    expect(paths(silenced)).toEqual([]);
  });

  test(`has functions that fit a screen: ${FUNCTION_LINES_MAX} lines at most, those in them not counted`, () => {
    const long = parsed
      .filter(({ path }) => path.startsWith("src/"))
      .flatMap(({ path, tree }) => longFunctions(tree).map((name) => `${path}: ${name}`));
    expect(long).toEqual([]);
  });

  test("keeps bigint and exceptions out of the code that each frame passes", () => {
    const hot = parsed.filter(({ path }) =>
      /^src\/dataplane\/(forwarder|fdb|ingress-table|stages\/)/.test(path),
    );
    expect(hot.length).toBeGreaterThan(5);
    const slow = (node: ts.Node): boolean => ts.isBigIntLiteral(node) || ts.isTryStatement(node);
    expect(paths(hot.filter(({ tree }) => some(tree, slow)))).toEqual([]);
  });
});

test("the lock file names no registry, so that everyone's own is asked", () => {
  const lock = JSON.parse(read("package-lock.json")) as {
    packages: Record<string, { resolved?: string; integrity?: string; optional?: boolean }>;
  };
  const packages = Object.entries(lock.packages).filter(([path]) => path !== "");
  expect(packages.length).toBeGreaterThan(50);
  expect(packages.filter(([, { resolved }]) => resolved !== undefined)).toHaveLength(0);
  // Of other platforms' packages only the names are known here.
  const loose = packages.filter(([, { integrity, optional }]) => integrity === undefined && !optional);
  expect(loose.map(([path]) => path)).toEqual([]);
});

test("versions of packages are exact", () => {
  const manifest = JSON.parse(read("package.json")) as Record<string, Record<string, string>>;
  const ranges = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
  expect(ranges.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
});

test("the layer rule looks at every file of src, and they all keep it", () => {
  const depcruise = join(ROOT, "node_modules/.bin/depcruise");
  const args = ["--config", ".dependency-cruiser.cjs", "--output-type", "json", "src"];
  const { stdout } = spawnSync(depcruise, args, { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 26 });
  const { modules, summary } = JSON.parse(stdout) as {
    modules: { source: string }[];
    summary: { violations: unknown[] };
  };
  const seen = new Set(modules.map(({ source }) => source));
  const unseen = sources("src", ".ts", ".tsx").filter(({ path }) => !seen.has(path));
  expect(paths(unseen)).toEqual([]);
  expect(summary.violations).toEqual([]);
});

function paths(files: readonly Source[]): string[] {
  return files.map(({ path }) => path);
}

function some(node: ts.Node, is: (node: ts.Node) => boolean): boolean {
  return is(node) || ts.forEachChild(node, (child) => some(child, is)) === true;
}

/** Functions that are longer than a screen, less the functions that they only hold together. */
function longFunctions(tree: ts.SourceFile): string[] {
  const long: string[] = [];
  const visit = (node: ts.Node): number => {
    let inner = 0;
    ts.forEachChild(node, (child) => {
      inner += visit(child);
    });
    if (!ts.isFunctionLike(node) || !("body" in node) || !node.body) return inner;
    const lines = lineOf(tree, node.end) - lineOf(tree, node.getStart()) + 1;
    if (lines - inner > FUNCTION_LINES_MAX)
      long.push(`${node.name?.getText() ?? "a function"} (${lines - inner})`);
    return lines;
  };
  visit(tree);
  return long;
}

function lineOf(tree: ts.SourceFile, position: number): number {
  return tree.getLineAndCharacterOfPosition(position).line;
}
