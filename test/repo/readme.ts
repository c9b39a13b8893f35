// What the README shows of the configuration: the chapter, its example and its commands.
import { read } from "./sources.ts";

const README = read("README.md");
export const CONFIGURATION = README.slice(README.indexOf("## Configuration"), README.indexOf("## Metrics"));
const EXAMPLES = CONFIGURATION.split("\n").flatMap((line) =>
  line.startsWith("    ") ? [line.slice(4)] : [],
);
export const COMMANDS = EXAMPLES.filter((line) => line.startsWith("vxswitch "));

/** Each type of events, in the order of the chapter about them. */
export const EVENT_TYPES = Array.from(
  (/^The types are ([\s\S]*?)\. `--since/m.exec(README)?.[1] ?? "").matchAll(/`(\w+)`/g),
  ([, type]) => type,
);

/** A configuration file. */
export const EXAMPLE = EXAMPLES.filter((line) => !COMMANDS.includes(line)).join("\n");
