// The man pages: they have every command, option and key that there is, none that there is not, and no fault of form.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import type { Io } from "../../src/control/cli/io.ts";
import { createProgram } from "../../src/control/cli/program.ts";
import { parseConfig } from "../../src/control/config/file.ts";
import { impairmentKeys } from "../../src/control/config/impairment.ts";
import { configSchema, mirror, OUTPUTS, port } from "../../src/control/config/schema.ts";
import { ROOT, read } from "./sources.ts";

const PROGRAM_PAGE = "contrib/man/vxswitch.8";
const FILE_PAGE = "contrib/man/vxswitch.yaml.5";

const HAS_GROFF = spawnSync("groff", ["--version"]).status === 0;
if (!HAS_GROFF) console.warn("NOT TESTED: the form of the man pages; groff is not installed");

describe.each([PROGRAM_PAGE, FILE_PAGE])("%s", (page) => {
  test.skipIf(!HAS_GROFF)("is set without a warning", () => {
    const { status, stderr } = spawnSync("groff", ["-mdoc", "-ww", "-z", join(ROOT, page)], {
      encoding: "utf8",
    });
    expect([status, stderr]).toEqual([0, ""]);
  });

  test("is installed with the program", () => {
    const { man } = JSON.parse(read("package.json")) as { man: string[] };
    expect(man).toContain(page);
  });
});

describe("vxswitch(8)", () => {
  const program = createProgram({} as Io);

  test("has every command with its options, and no other", () => {
    const items = itemsOf(section(read(PROGRAM_PAGE), "Sh COMMANDS"));
    const documented = items.map((item) => [
      /^Cm ((?:[a-z]+ ?)+?)(?= [A-Z]|$)/.exec(item)?.[1],
      optionsIn(item),
    ]);
    const offered = leaves(program).map((command) => [pathOf(command), ownOptions(command)]);
    expect(offered.length).toBeGreaterThan(10);
    expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(offered));
    expect(documented).toHaveLength(offered.length);
  });

  test("has every option that all commands share, and no other", () => {
    const items = itemsOf(section(read(PROGRAM_PAGE), "Sh DESCRIPTION"));
    const { options } = program;
    expect(items.flatMap(optionsIn).sort()).toEqual([...options.map(({ long }) => long), "--help"].sort());
  });

  test("speaks of no option that there is not", () => {
    const known = [program, ...leaves(program)].flatMap(ownOptions);
    for (const option of optionsIn(read(PROGRAM_PAGE)))
      expect([...known, "--help"], option).toContain(option);
  });

  test("has every choice of an argument or an option", () => {
    const text = section(read(PROGRAM_PAGE), "Sh COMMANDS");
    for (const { registeredArguments, options } of leaves(program)) {
      const choices = [...registeredArguments, ...options].flatMap(({ argChoices }) => argChoices ?? []);
      for (const choice of choices) expect(text).toMatch(new RegExp(`\\b${choice}\\b`));
    }
  });
});

describe("vxswitch.yaml(5)", () => {
  const [vxlan, tap] = port.options.map(({ shape }) => Object.keys(shape)) as [string[], string[]];
  const file = shapeOf(configSchema);

  test.each<[string, string[]]>([
    ["The file", Object.keys(file)],
    ["underlay", keysOf(file.underlay)],
    ["Of a bridge", keysOf(file.bridges)],
    ["Of any port", vxlan.filter((key) => tap.includes(key))],
    ["Of a port of type vxlan", vxlan.filter((key) => !tap.includes(key))],
    ["Of a port of type tap", tap.filter((key) => !vxlan.includes(key))],
    ["Of impair_in and impair_out", Object.keys(impairmentKeys)],
    ["Of a mirror", Object.keys(mirror.shape)],
    [
      "Of a mirror's output",
      Array.from(new Set(Object.values(OUTPUTS).flatMap(({ shape }) => Object.keys(shape)))),
    ],
    ["metrics", keysOf(file.metrics)],
    ["control", keysOf(file.control)],
  ])("has under %o every key that there is, and no other", (heading, keys) => {
    const items = itemsOf(section(read(FILE_PAGE), `Ss ${heading}`));
    const documented = items.flatMap((item) => item.replace("Cm ", "").split(" , "));
    expect(documented.sort()).toEqual([...keys].sort());
  });

  test("has an example that is valid", () => {
    const [, example = ""] = /\.Bd -literal\n(.*?)\.Ed/s.exec(read(FILE_PAGE)) ?? [];
    expect(Object.keys(parseConfig(example, "vxswitch.yaml").bridges.br0.ports)).toHaveLength(3);
  });
});

/** From a heading to the next of its kind or above. */
function section(page: string, heading: string): string {
  const [, text] = page.split(`\n.${heading}\n`);
  if (text === undefined) throw new Error(`there is no heading ${heading}`);
  return text.split(heading.startsWith("Ss") ? /^\.S[sh] /m : /^\.Sh /m)[0];
}

/** What is explained: the lines that head the items of a list. */
function itemsOf(text: string): string[] {
  return Array.from(text.matchAll(/^\.It (.*)$/gm), ([, item]) => item);
}

/** Long ones, of `Fl -config Ar file` and `Fl h , -help`. */
function optionsIn(item: string): string[] {
  return Array.from(item.matchAll(/(?:Fl|,) -([a-z-]+)/g), ([, name]) => `--${name}`);
}

function leaves(command: Command): Command[] {
  const visible = command.createHelp().visibleCommands(command);
  const known = visible.filter((inner) => inner.name() !== "help");
  return command.commands.length === 0 ? [command] : known.flatMap(leaves);
}

function pathOf(command: Command): string {
  const outer = command.parent?.parent ? `${pathOf(command.parent)} ` : "";
  return outer + command.name();
}

function ownOptions(command: Command): (string | undefined)[] {
  return command.options.map(({ long }) => long);
}

/** Of a mapping, whatever is done to it on the way in; of names to mappings, that of one of them. */
function shapeOf(schema: unknown): z.core.$ZodLooseShape {
  if (schema instanceof z.ZodPipe) return shapeOf(schema.out);
  if (schema instanceof z.ZodRecord) return shapeOf(schema.valueType);
  if (schema instanceof z.ZodObject) return schema.shape;
  throw new Error("the schema has a part that this test does not know");
}

function keysOf(schema: unknown): string[] {
  return Object.keys(shapeOf(schema));
}
