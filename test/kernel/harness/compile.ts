// Compiles the programs of `peers/` that are in C, for what no script can do.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Compiles `peers/NAME.c` into `directory`; the program's path. */
export function compilePeer(name: string, directory: string): string {
  const source = fileURLToPath(new URL(`peers/${name}.c`, import.meta.url));
  const program = join(directory, name);
  execFileSync("cc", ["-O2", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-o", program, source]);
  return program;
}
