// Changes that the command line makes to the running configuration: each takes the configuration and returns the
// wanted one as a plain document, which is then validated and applied like a file. Words and values are the file's.
import type { Config } from "./config/schema.ts";
import { isName } from "./config/values.ts";
import { Refusal } from "./refusal.ts";

/** Keys and values of a port or mirror as in the file; null = leave the key out. */
export type Options = Readonly<Record<string, unknown>>;

/** A document of the configuration's shape, not yet valid. */
export type Edit = (config: Config) => unknown;

type Kind = "port" | "mirror";
type Things = Record<string, unknown>;

/** Adds a port or a mirror; refuses if the name is taken. */
export function addThing(kind: Kind, bridge: string, name: string, options: Options): Edit {
  return edit(kind, bridge, (things) => {
    if (!isName(name)) throw new Refusal(`${JSON.stringify(name)} cannot be the name of a ${kind}`);
    if (Object.hasOwn(things, name))
      throw new Refusal(`${bridge} has a ${kind} ${name} already; change it with ${kind} set`);
    things[name] = merged({}, options);
  });
}

/** Changes some options of a port; another `type` starts from nothing, since types share no options. */
export function setPort(bridge: string, name: string, options: Options): Edit {
  return edit("port", bridge, (things) => {
    const old = existing("port", bridge, things, name) as Options;
    const sameType = options.type === undefined || options.type === old.type;
    things[name] = merged(sameType ? old : {}, options);
  });
}

/** Changes some options of a mirror; an output that is given takes the place of the one before. */
export function setMirror(bridge: string, name: string, options: Options): Edit {
  return edit("mirror", bridge, (things) => {
    things[name] = merged(existing("mirror", bridge, things, name) as Options, options);
  });
}

/** Deletes a port or a mirror. */
export function delThing(kind: Kind, bridge: string, name: string): Edit {
  return edit(kind, bridge, (things) => {
    existing(kind, bridge, things, name);
    delete things[name];
  });
}

function edit(kind: Kind, bridge: string, change: (things: Things) => void): Edit {
  return (config) => {
    const document = structuredClone(config);
    if (!Object.hasOwn(document.bridges, bridge)) {
      const known = Object.keys(document.bridges).join(", ") || "none";
      throw new Refusal(`there is no bridge ${bridge}; the bridges are: ${known}`);
    }
    change(document.bridges[bridge]![kind === "port" ? "ports" : "mirrors"]);
    return document;
  };
}

function existing(kind: Kind, bridge: string, things: Things, name: string): unknown {
  if (Object.hasOwn(things, name)) return things[name];
  const known = Object.keys(things).join(", ") || "none";
  throw new Refusal(`${bridge} has no ${kind} ${name}; its ${kind}s are: ${known}`);
}

/** Options within an option (`impair_in.delay`) are changed one by one as well; one that has none left is left out. */
function merged(old: Options, options: Options): Options {
  const changed = Object.entries(options).map(([key, value]) => {
    return [key, isOptions(value) ? inner(isOptions(old[key]) ? old[key] : {}, value) : value];
  });
  const all = Object.entries({ ...old, ...Object.fromEntries(changed) });
  return Object.fromEntries(all.filter(([, value]) => value !== null));
}

function inner(old: Options, options: Options): Options | null {
  const all = merged(old, options);
  return Object.keys(all).length === 0 ? null : all;
}

function isOptions(value: unknown): value is Options {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
