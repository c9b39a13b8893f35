// bench/RESULTS.md: one section a benchmark, between markers, so that each can replace its own and keeps the others'.

import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./root.ts";

const FILE = join(ROOT, "bench/RESULTS.md");
const HEAD = "# Results\n\nWritten by the benchmarks; the sections say by which command, on which machine.\n";

/** Replaces the section of that name in bench/RESULTS.md, or appends it; makes the file if there is none. */
export function writeSection(name: string, markdown: string): void {
  const before = existsSync(FILE) ? readFileSync(FILE, "utf8") : HEAD;
  writeFileSync(`${FILE}.new`, replaceSection(before, name, markdown));
  renameSync(`${FILE}.new`, FILE);
}

/**
 * The text with the section of that name replaced, or appended where there is none.
 * @throws Error if the section's markers are not one pair in order
 */
export function replaceSection(text: string, name: string, markdown: string): string {
  const begin = `<!-- begin ${name} -->`;
  const end = `<!-- end ${name} -->`;
  const section = `${begin}\n${markdown.trim()}\n${end}`;
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from === -1 && to === -1) return `${text.trimEnd()}\n\n${section}\n`;
  if (from === -1 || to < from) throw new Error(`RESULTS.md: the markers of section ${name} are not a pair`);
  return text.slice(0, from) + section + text.slice(to + end.length);
}
