// `key=value` words of the command line -> the mapping that the configuration file would have: `vni=4100`,
// `output.tap=mirror0`, `address=10.0.0.1/24,fd00::1/64`. An empty value removes the key. The daemon judges the rest.
import { InvalidArgumentError } from "commander";

export type Options = Record<string, unknown>;

/** For commander: gathers one word into what the words before it made. */
export function gatherOption(word: string, previous: Options = {}): Options {
  const equals = word.indexOf("=");
  const path = word.slice(0, Math.max(equals, 0)).split(".");
  if (equals < 1 || path.some((key) => !/^[a-z][a-z0-9_]*$/.test(key)) || path.length > 2) {
    throw new InvalidArgumentError(`expected KEY=VALUE, got ${JSON.stringify(word)}.`);
  }
  const value = readValue(word.slice(equals + 1));
  const [key, inner] = path as [string, string | undefined];
  if (inner === undefined) return { ...previous, [key]: value };
  return { ...previous, [key]: { ...(previous[key] as Options | undefined), [inner]: value } };
}

function readValue(text: string): unknown {
  if (text === "") return null;
  return text.includes(",") ? text.split(",").map(readScalar) : readScalar(text);
}

function readScalar(text: string): unknown {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  return text === "true" || text === "false" ? text === "true" : text;
}
