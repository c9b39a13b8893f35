// Expressions of nftables rules (libnftables-json(5)): what a rule looks at, and what it compares that with. Whatever is not
// understood is neither a match nor none. Pure.
import {
  type AddressEntry,
  addressList,
  addressType,
  deviceName,
  HAS_ROUTE_BACK,
  packetType,
  type Side,
} from "./matches.ts";
import {
  ALWAYS,
  all,
  any,
  type Datagram,
  type Match,
  NEVER,
  not,
  ofPossible,
  type Truth,
  truthOf,
  UNKNOWN,
} from "./model.ts";

/** Of a named set or map; null if there is none of this name. */
export type Elements = (name: string) => readonly unknown[] | null;

type Value = string | number;

/** Whether a value is one of those that a rule compares with. */
type Holds = (value: Value) => Truth;

/** What a rule looks at. */
interface Field {
  /** Without it nothing that is asked of the field is true, nor its contrary. */
  readonly needs: Match;
  /** One of which the datagram has; null = not known. */
  readonly values: (datagram: Datagram) => readonly Value[] | null;
  /** Understands what stands on the right; null if it cannot. */
  readonly compare: (leaves: readonly unknown[]) => Holds | null;
}

interface NftMatch {
  readonly op: string;
  readonly left: unknown;
  readonly right: unknown;
}

/** Of `match`. */
export function matchOf(match: unknown, elements: Elements, states: readonly string[]): Match {
  const { op, left, right } = match as NftMatch;
  if (op === "==" || op === "in") return keyMatch(left, right, elements, states);
  const needs = neededBy(left, states);
  if (op === "!=") return all([needs, not(keyMatch(left, right, elements, states))]);
  if (typeof right !== "number") return all([needs, UNKNOWN]);
  if (op === "<=" || op === ">") {
    const isAtMost = keyMatch(left, { range: [0, right] }, elements, states);
    return op === "<=" ? isAtMost : all([needs, not(isAtMost)]);
  }
  if (op === ">=" || op === "<") {
    const isAtLeast = keyMatch(left, { range: [right, Number.MAX_SAFE_INTEGER] }, elements, states);
    return op === ">=" ? isAtLeast : all([needs, not(isAtLeast)]);
  }
  return all([needs, UNKNOWN]);
}

/** Whether what stands on the left is, or is among, what stands on the right. */
export function keyMatch(
  left: unknown,
  right: unknown,
  elements: Elements,
  states: readonly string[],
): Match {
  const leaves = leavesOf(right, elements);
  const parts = partsOf(left);
  if (leaves === null) return all([neededBy(left, states), UNKNOWN]);
  if (parts.length === 1) return fieldMatch(fieldOf(left, states), leaves);
  return any(
    leaves.map((leaf) => {
      const { concat = [] } = leaf as { concat?: unknown[] };
      if (concat.length !== parts.length) return UNKNOWN;
      return all(
        parts.map((part, index) =>
          fieldMatch(fieldOf(part, states), leavesOf(concat[index], elements) ?? []),
        ),
      );
    }),
  );
}

function neededBy(left: unknown, states: readonly string[]): Match {
  return all(partsOf(left).map((part) => fieldOf(part, states).needs));
}

function partsOf(left: unknown): readonly unknown[] {
  return (left as { concat?: unknown[] } | null)?.concat ?? [left];
}

/** Sets within sets, by name or not, become one list; null if one of them is not there. */
function leavesOf(right: unknown, elements: Elements): readonly unknown[] | null {
  if (typeof right === "string" && right.startsWith("@")) {
    const named = elements(right.slice(1));
    return named === null ? null : leavesOf(named, elements);
  }
  const {
    set,
    elem,
    "|": flags,
  } = (right ?? {}) as { set?: unknown; elem?: { val: unknown }; "|"?: unknown };
  if (elem) return leavesOf(elem.val, elements);
  const list = Array.isArray(right) ? right : (set ?? flags);
  if (!Array.isArray(list)) return [right];
  const inner = list.map((each) => leavesOf(each, elements));
  return inner.some((each) => each === null) ? null : inner.flatMap((each) => each ?? []);
}

function fieldMatch({ needs, values, compare }: Field, leaves: readonly unknown[]): Match {
  const holds = compare(leaves);
  return all([
    needs,
    (datagram) => {
      const known = values(datagram);
      if (known === null || holds === null) return "unknown";
      const truths = known.map(holds);
      return truths.includes("unknown") ? "unknown" : ofPossible(truths, (truth) => truth === "yes");
    },
  ]);
}

function word(values: Field["values"], needs = ALWAYS): Field {
  return { needs, values, compare: amongWords };
}

/** Nothing is known of it but what it needs. */
function unknownField(needs = ALWAYS): Field {
  return { needs, values: () => null, compare: () => null };
}

interface Looked {
  readonly payload?: { readonly protocol?: string; readonly field?: string; readonly tunnel?: string };
  readonly meta?: { readonly key: string };
  readonly ct?: { readonly key: string };
  readonly fib?: { readonly result: string; readonly flags: string | readonly string[] };
}

function fieldOf(left: unknown, states: readonly string[]): Field {
  const { payload, meta, ct, fib } = (left ?? {}) as Looked;
  if (payload) return payloadField(payload);
  if (meta) return metaField(meta.key);
  if (ct) return ctField(ct.key, states);
  return fib ? fibField(fib.result, [fib.flags].flat()) : unknownField();
}

/** A VXLAN datagram has none of their headers. */
const OTHER_PROTOCOLS = new Set("ah arp comp dccp esp icmp icmpv6 igmp sctp tcp udplite".split(" "));

function payloadField({ protocol = "", field = "", tunnel }: NonNullable<Looked["payload"]>): Field {
  if (tunnel !== undefined) return unknownField();
  if (OTHER_PROTOCOLS.has(protocol)) return unknownField(NEVER);
  if ((protocol === "udp" || protocol === "th") && field === "dport")
    return { needs: ALWAYS, values: ({ dstport }) => [dstport], compare: amongNumbers };
  if (protocol !== "ip" && protocol !== "ip6") return unknownField();
  const needs: Match = ({ family }) => truthOf(family === (protocol === "ip" ? 4 : 6));
  if (field === "protocol" || field === "nexthdr") return word(() => ["udp"], needs);
  if (field !== "saddr" && field !== "daddr") return unknownField(needs);
  return { needs, values: (datagram) => listOf(datagram[field]), compare: amongAddresses };
}

function listOf(value: string | null): readonly string[] | null {
  return value === null ? null : [value];
}

function metaField(key: string): Field {
  switch (key) {
    case "l4proto":
      return word(() => ["udp"]);
    case "nfproto":
      return word(({ family }) => [`ipv${family}`]);
    case "protocol":
      return word(({ family }) => [family === 4 ? "ip" : "ip6"]);
    case "pkttype":
      return word((datagram) => listOf(packetType(datagram)));
    case "iif":
    case "iifname":
      return deviceField("input");
    case "oif":
    case "oifname":
      return deviceField("output");
    default:
      return unknownField();
  }
}

/** Stands for a device that is not known: what comes from another host does not come by the loopback. */
const SOME_DEVICE = "\0";

function deviceField(direction: Datagram["hook"]): Field {
  const values: Field["values"] = (datagram) => [deviceName(datagram, direction) ?? SOME_DEVICE];
  return { needs: ALWAYS, values, compare: amongDevices };
}

function ctField(key: string, states: readonly string[]): Field {
  if (key === "state") return word(() => states);
  // An untracked datagram has nothing else that could be asked.
  const needs = states.includes("untracked") ? UNKNOWN : ALWAYS;
  if (key === "direction") return word(() => ["original"], needs);
  // Of a flow that nothing answers and whose addresses are its own.
  return key === "status" ? word(() => ["", "confirmed"], needs) : unknownField();
}

function fibField(result: string, flags: readonly string[]): Field {
  const side = (["saddr", "daddr"] as const).find((each) => flags.includes(each)) satisfies Side | undefined;
  if (side === undefined) return unknownField();
  if (result === "type") return word((datagram) => [addressType(datagram, side)]);
  if (side === "daddr") return unknownField();
  const values: Field["values"] = (datagram) => (HAS_ROUTE_BACK(datagram) === "yes" ? ["exists"] : null);
  return { needs: ALWAYS, values, compare: asPresence };
}

function amongNumbers(leaves: readonly unknown[]): Holds | null {
  const ranges = leaves.map((leaf) => (leaf as { range?: unknown } | null)?.range ?? [leaf, leaf]);
  const isNumeric = (range: unknown): range is [number, number] =>
    Array.isArray(range) && range.every((bound) => typeof bound === "number");
  if (!ranges.every(isNumeric)) return null;
  return (value) => truthOf(ranges.some(([low, high]) => low <= Number(value) && Number(value) <= high));
}

function amongAddresses(leaves: readonly unknown[]): Holds | null {
  const entries = leaves.map((leaf): AddressEntry => {
    const { prefix, range } = leaf as { prefix?: { addr: string; len: number }; range?: [string, string] };
    if (prefix) return { address: prefix.addr, length: prefix.len };
    return range ? { range } : { address: String(leaf) };
  });
  const isListed = addressList(entries);
  return isListed === null ? null : (value) => truthOf(isListed(String(value)));
}

function amongWords(leaves: readonly unknown[]): Holds | null {
  if (!leaves.every((leaf) => typeof leaf === "string" || typeof leaf === "number")) return null;
  const words = new Set(leaves.map((leaf) => (leaf === 17 ? "udp" : leaf)));
  return (value) => truthOf(words.has(value));
}

/** `eth*` is every name that begins so. */
function amongDevices(leaves: readonly unknown[]): Holds {
  const names = leaves.map(String);
  return (value) => {
    if (value === SOME_DEVICE) return names.every((name) => name === "lo") ? "no" : "unknown";
    const isAmong = (name: string): boolean =>
      name.endsWith("*") ? String(value).startsWith(name.slice(0, -1)) : name === value;
    return truthOf(names.some(isAmong));
  };
}

/** Older nft writes 0 where newer ones write false. */
function asPresence([leaf]: readonly unknown[]): Holds | null {
  if (typeof leaf === "boolean") return () => truthOf(leaf);
  return leaf === 0 || leaf === "0" ? () => "no" : null;
}
