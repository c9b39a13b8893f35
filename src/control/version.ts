// The version of this program, read from its package.json: two directories up, in src/control as in dist/control.
import { readFileSync } from "node:fs";

/** As in package.json, `0.1.0`. */
export const VERSION: string = readVersion();

function readVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
