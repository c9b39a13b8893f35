// Options of the public interface that this version does not have yet. They are refused by name, so that nobody takes
// them for a typing error. Whoever builds one deletes its line here and adds it to schema.ts.
import { type Fault, isBelow, type Path } from "./fault.ts";

interface LaterOption {
  /** The path of the option in the document, `*` for any name. */
  readonly path: string;
  /** Only this value is not there yet; undefined = the whole option. */
  readonly value?: string;
  /** How many segments at the end of the path lie in the thing that cannot be judged without the option. */
  readonly depth: number;
  readonly expected: string;
  readonly remedy: string;
}

const UNICAST = "the unicast address of one VTEP as remote";

const LATER: readonly LaterOption[] = [
  {
    path: "bridges.*.ports.*.group",
    depth: 1,
    expected: UNICAST,
    remedy: "multicast mode (group, dev) is not in this version",
  },
  {
    path: "bridges.*.ports.*.remote",
    value: "any",
    depth: 1,
    expected: UNICAST,
    remedy: "remote: any (and allow) is not in this version; add one port per VTEP",
  },
];

export interface LaterFaults {
  readonly faults: Fault[];
  /** True for a fault that is only a consequence of one of these. */
  covers(path: Path): boolean;
}

/** Finds the options of later versions in a parsed document of any shape. */
export function findLater(root: unknown): LaterFaults {
  const covered: Path[] = [];
  const faults = LATER.flatMap((option) =>
    matches(root, option.path.split("."), []).flatMap(({ path, value }) => {
      if (option.value !== undefined && option.value !== value) return [];
      covered.push(path.slice(0, path.length - option.depth));
      return [fault(option, path, value)];
    }),
  );
  return { faults, covers: (path) => covered.some((prefix) => isBelow(path, prefix)) };
}

function fault(option: LaterOption, path: Path, value: unknown): Fault {
  const key = String(path.at(-1));
  const got = option.value === undefined ? key : String(value);
  return { path, expected: option.expected, got, remedy: option.remedy, atKey: option.value === undefined };
}

function matches(value: unknown, pattern: readonly string[], path: Path): { path: Path; value: unknown }[] {
  const [head, ...rest] = pattern;
  if (head === undefined) return [{ path, value }];
  if (typeof value !== "object" || value === null) return [];
  const entries = Object.entries(value).filter(([key]) => head === "*" || head === key);
  return entries.flatMap(([key, item]) => matches(item, rest, [...path, key]));
}
