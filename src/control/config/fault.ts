// A fault of a configuration: where, what was expected, what was there, and the remedy where it is not obvious.
// Validation collects faults without knowing lines; file.ts adds the position, the command line goes without.

export type Path = readonly (string | number)[];

export interface Fault {
  readonly path: Path;
  /** What belongs there, to read after "expected". */
  readonly expected: string;
  /** What is there, to read after "got". */
  readonly got: string;
  /** A sentence without its full stop. */
  readonly remedy?: string;
  /** The key itself is at fault, rather than its value. */
  readonly atKey?: boolean;
}

const SHOWN_CHARACTERS_MAX = 60;

/** `bridges.br0.ports.client1.vni: expected X, got Y (remedy)`. */
export function faultText(fault: Fault): string {
  const where = fault.path.length === 0 ? "" : `${pathText(fault.path)}: `;
  const remedy = fault.remedy === undefined ? "" : `; ${fault.remedy}`;
  return `${where}expected ${fault.expected}, got ${fault.got}${remedy}`;
}

/** Dots between keys, brackets around positions in a list: `ports.br0.address[1]`; unusual keys in quotes, so that a fault is one line. */
export function pathText(path: Path): string {
  return path.reduce<string>((text, segment) => {
    if (typeof segment === "number") return `${text}[${segment}]`;
    const key = /^[\w.-]+$/.test(segment) ? segment : JSON.stringify(segment);
    return text === "" ? key : `${text}.${key}`;
  }, "");
}

/** A value as one would name it aloud. */
export function describe(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object") return "a mapping";
  if (typeof value !== "string") return String(value);
  const shown = value.length > SHOWN_CHARACTERS_MAX ? `${value.slice(0, SHOWN_CHARACTERS_MAX)}…` : value;
  return JSON.stringify(shown);
}

/** The value at a path of any parsed document; undefined where there is none. */
export function valueAt(root: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, segment) => {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, segment)) return undefined;
    return (value as Record<string | number, unknown>)[segment];
  }, root);
}
