// The project's own source files, for tests of their habits.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface Source {
  /** From the repository's root. */
  readonly path: string;
  readonly text: string;
}

/** All files below a directory with one of these endings. */
export function sources(directory: string, ...endings: readonly string[]): Source[] {
  const names = readdirSync(join(ROOT, directory), { recursive: true, encoding: "utf8" }).sort();
  return names
    .filter((name) => endings.some((ending) => name.endsWith(ending)))
    .map((name) => ({ path: join(directory, name), text: read(join(directory, name)) }));
}

export function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}
