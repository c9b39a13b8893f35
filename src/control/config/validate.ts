// Any parsed document -> a Config, or every fault in it. Both a file and a change of the running switch come through
// here. When the form is faulty somewhere, the well-formed rest is still cross-checked, so that one reading suffices.
import type * as z from "zod";
import { crossCheck } from "./cross-checks.ts";
import { missingFarSides } from "./far-side-checks.ts";
import { describe, type Fault, faultText, type Path, valueAt } from "./fault.ts";
import { type Config, configSchema } from "./schema.ts";

export type Validated = { readonly config: Config } | { readonly faults: readonly Fault[] };

/** Reads a document of any shape. */
export function validate(root: unknown): Validated {
  const parsed = configSchema.safeParse(root);
  const formFaults = parsed.success ? [] : parsed.error.issues.flatMap((issue) => faultsOf(issue, root));
  const wellFormed = parsed.success ? parsed.data : salvage(root, formFaults);
  const portDeclared = (bridge: string, port: string) =>
    valueAt(root, ["bridges", bridge, "ports", port]) !== undefined;
  const crossFaults: Fault[] =
    wellFormed === null
      ? []
      : crossCheck(wellFormed, portDeclared).map((fault) => {
          return { ...fault, path: withoutListOfOne(fault.path, root) };
        });
  const faults = [...formFaults, ...missingFarSides(root), ...crossFaults];
  if (parsed.success && faults.length === 0) return { config: parsed.data };
  return { faults: distinct(faults) };
}

function faultsOf(issue: z.core.$ZodIssue, root: unknown): Fault[] {
  const path = issue.path.filter((segment) => typeof segment !== "symbol");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      return { path: [...path, key], expected: issue.message, got: "an unknown key", atKey: true };
    });
  }
  if (issue.code === "invalid_key") {
    const expected = issue.issues[0]?.message ?? issue.message;
    const key = String(path.at(-1)).trimEnd();
    return [{ path: [...path.slice(0, -1), key], expected, got: describe(key), atKey: true }];
  }
  const existing = withoutListOfOne(path, root);
  return [{ path: existing, expected: issue.message, got: describe(valueAt(root, existing)) }];
}

/** Where a list may be given as a single value, the schema counts a position that the document does not have. */
function withoutListOfOne(path: Path, root: unknown): Path {
  const parent = path.slice(0, -1);
  return path.at(-1) === 0 && !Array.isArray(valueAt(root, parent)) ? parent : path;
}

/** The document without what is faulty: whole ports and mirrors, or single values. Null if that does not help. */
function salvage(root: unknown, faults: readonly Fault[]): Config | null {
  if (typeof root !== "object" || root === null) return null;
  const rest: unknown = structuredClone(root);
  for (const { path } of faults) removeAt(rest, isInPortOrMirror(path) ? path.slice(0, 4) : path);
  const parsed = configSchema.safeParse(rest);
  return parsed.success ? parsed.data : null;
}

function isInPortOrMirror(path: Path): boolean {
  return path[0] === "bridges" && (path[2] === "ports" || path[2] === "mirrors") && path.length >= 4;
}

function removeAt(root: unknown, path: Path): void {
  const parent = valueAt(root, path.slice(0, -1));
  const key = path.at(-1);
  if (typeof parent === "object" && parent !== null && key !== undefined) Reflect.deleteProperty(parent, key);
}

function distinct(faults: readonly Fault[]): Fault[] {
  return [...new Map(faults.map((fault) => [faultText(fault), fault])).values()];
}
