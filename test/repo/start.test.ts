// Most commands are over in a tenth of a second, as long as none of them loads what only some need.
import { isBuiltin } from "node:module";
import { join } from "node:path";
import { expect, test } from "vitest";
import { read } from "./sources.ts";

const COMMAND_LINE = "src/control/cli/program.ts";
/** What loads a module when the importing one is loaded; types and `import()` do not. */
const LOADED = /^(?:import|export) (?!type )(?:[^;]*? from )?"([^"]+)";/gm;

test("the command line starts with no package but the one that parses it", () => {
  const packages = new Set<string>();
  const files = new Set([COMMAND_LINE]);
  for (const file of files) {
    for (const [, module] of read(file).matchAll(LOADED)) {
      if (module.startsWith(".")) files.add(join(file, "..", module));
      else if (!isBuiltin(module)) packages.add(module);
    }
  }
  expect(files.size).toBeGreaterThan(20);
  expect(Array.from(packages)).toEqual(["commander"]);
  expect(Array.from(files).filter((file) => file.includes("/dataplane/io/"))).toEqual([]);
});
