// Reads what `nft -j list ruleset` prints (libnftables-json(5)): chains, rules, verdicts. What rules ask is nft-match.ts's.
// Statements that are not understood leave it open whether a rule matches. Pure.
import { ctStates, targetVerdict } from "./matches.ts";
import {
  ALWAYS,
  all,
  any,
  type Chain,
  hookOf,
  type Match,
  not,
  type Rule,
  UNKNOWN,
  type Verdict,
} from "./model.ts";
import { type Elements, keyMatch, matchOf } from "./nft-match.ts";

type Json = Readonly<Record<string, unknown>>;

interface Named {
  readonly family: string;
  readonly table: string;
  readonly name: string;
}

interface NftRule {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  readonly expr: readonly Json[];
}

interface Listed {
  readonly chain?: Named & { readonly hook?: string; readonly policy?: string };
  readonly rule?: NftRule;
  readonly set?: Named & { readonly elem?: readonly unknown[] };
  readonly map?: Named & { readonly elem?: readonly unknown[] };
}

/** What a rule may refer to, by family, table and name. */
interface Surroundings {
  readonly chains: ReadonlyMap<string, Chain>;
  readonly sets: ReadonlyMap<string, readonly unknown[]>;
  readonly mayBeUntracked: boolean;
}

/** A ruleset that has been read but not understood. Throws if the text is not JSON. */
export class NftRuleset {
  readonly #listed: readonly Listed[];

  constructor(text: string) {
    const { nftables = [] } = JSON.parse(text) as { nftables?: Listed[] };
    this.#listed = nftables;
  }

  /** Whether a rule exempts packets from connection tracking, or may do so by a target of iptables. */
  get untracks(): boolean {
    return this.#listed.some(({ rule }) =>
      rule?.expr.some(
        (part) => "notrack" in part || (part.xt as { name?: string } | undefined)?.name === "CT",
      ),
    );
  }

  /**
   * Tables, as "ip filter", whose rules are iptables' and have parts that nft cannot show. If some are nft's own it is none of
   * them: of those iptables would show a part as if it were the whole.
   */
  get iptablesTables(): Set<string> {
    const tables = new Set<string>();
    const mixed = new Set<string>();
    for (const { rule } of this.#listed) {
      if (!rule || (rule.family !== "ip" && rule.family !== "ip6")) continue;
      const table = `${rule.family} ${rule.table}`;
      const text = JSON.stringify(rule.expr);
      if (text.includes('{"xt":')) tables.add(table);
      if (/"(vmap|ct|fib|concat|set)":|"@/.test(text)) mixed.add(table);
    }
    return new Set([...tables].filter((table) => !mixed.has(table)));
  }

  /** Chains of the IP layer, but for those of `without`: tables as "ip filter". */
  chains(mayBeUntracked: boolean, without: ReadonlySet<string>): Chain[] {
    const chains = new Map<string, Chain>();
    const sets = new Map<string, readonly unknown[]>();
    for (const { chain, set, map } of this.#listed) {
      if (chain && isOfIp(chain) && !without.has(`${chain.family} ${chain.table}`))
        chains.set(nameOf(chain, chain.name), chainOf(chain));
      for (const each of [set, map]) if (each) sets.set(nameOf(each, each.name), each.elem ?? []);
    }
    for (const { rule } of this.#listed)
      if (rule)
        chains.get(nameOf(rule, rule.chain))?.rules.push(...rulesOf(rule, { chains, sets, mayBeUntracked }));
    return [...chains.values()];
  }
}

/** Bridges, ARP and devices have tables of their own, before the IP layer. */
function isOfIp({ family }: Named): boolean {
  return family === "inet" || family === "ip" || family === "ip6";
}

function nameOf({ family, table }: { family: string; table: string }, name: string): string {
  return `${family} ${table} ${name}`;
}

function chainOf(chain: NonNullable<Listed["chain"]>): Chain {
  const families = { ip: 4, ip6: 6 } as const;
  return {
    where: `nft ${nameOf(chain, chain.name)}`,
    hook: hookOf(chain.hook),
    family: chain.family === "ip" || chain.family === "ip6" ? families[chain.family] : null,
    policy: chain.policy === "drop" ? "drop" : "accept",
    policyPackets: null,
    rules: [],
  };
}

/** A verdict map becomes a rule for each of its elements, all others one. */
function rulesOf(rule: NftRule, surroundings: Surroundings): Rule[] {
  const elements: Elements = (name) => surroundings.sets.get(nameOf(rule, name)) ?? null;
  const states = ctStates(surroundings.mayBeUntracked);
  const conditions: Match[] = [];
  let packets: number | null = null;
  for (const part of rule.expr) {
    const verdict = verdictOf(part, rule, surroundings.chains);
    if (verdict) return [{ match: all(conditions), verdict, packets }];
    if (part.vmap)
      return verdictMap(part.vmap as VerdictMap, elements, states).map(([match, data]) => {
        const [each, known] = mapped(data, rule, surroundings.chains);
        return { match: all([...conditions, match, known]), verdict: each, packets };
      });
    packets ??= (part.counter as { packets?: number } | undefined)?.packets ?? null;
    conditions.push(conditionOf(part, elements, states));
  }
  return [{ match: all(conditions), verdict: { action: endsOddly(rule) ? "accept" : "none" }, packets }];
}

/** By a target that is not known, which may or may not let the packet go on. */
function endsOddly({ expr }: NftRule): boolean {
  const { type, name = "" } = (expr.at(-1)?.xt ?? {}) as { type?: string; name?: string };
  return type === "target" && targetVerdict(name) === null;
}

/** What becomes of a packet afterwards is not the ruleset's: it is rewritten, or a program has it. */
const LAST_STATEMENTS = ["accept", "queue", "snat", "dnat", "masquerade", "redirect"] as const;

function verdictOf(part: Json, at: NftRule, chains: ReadonlyMap<string, Chain>): Verdict | null {
  if (LAST_STATEMENTS.some((name) => name in part)) return { action: "accept" };
  if ("drop" in part) return { action: "drop" };
  if ("reject" in part) return { action: "reject" };
  if ("return" in part) return { action: "return" };
  for (const action of ["jump", "goto"] as const) {
    const { target } = (part[action] ?? {}) as { target?: string };
    const chain = target === undefined ? undefined : chains.get(nameOf(at, target));
    if (chain) return { action, chain };
  }
  const { type, name } = (part.xt ?? {}) as { type?: string; name?: string };
  if (type !== "target" || name === undefined) return null;
  const verdict = targetVerdict(name);
  return verdict?.action === "none" ? null : verdict;
}

/** Statements that neither choose packets nor end their way. */
const NEUTRAL_STATEMENTS = [
  ...["counter", "log", "mangle", "notrack", "last", "dup", "flow", "secmark", "tproxy", "synproxy"],
  ...["ct helper", "ct timeout", "ct expectation"],
];

function conditionOf(part: Json, elements: Elements, states: readonly string[]): Match {
  if (part.match) return matchOf(part.match, elements, states);
  const { stmt = [] } = (part.set ?? {}) as { stmt?: unknown[] };
  if (part.set) return stmt.length === 0 ? ALWAYS : UNKNOWN;
  const { type, name } = (part.xt ?? {}) as { type?: string; name?: string };
  if (NEUTRAL_STATEMENTS.some((neutral) => neutral in part)) return ALWAYS;
  if (name === "comment" || (type === "target" && targetVerdict(name ?? "")?.action === "none"))
    return ALWAYS;
  return UNKNOWN;
}

interface VerdictMap {
  readonly key: unknown;
  readonly data: string | { readonly set: readonly [unknown, Json][] };
}

/** Matches and their verdicts. */
function verdictMap(
  { key, data }: VerdictMap,
  elements: Elements,
  states: readonly string[],
): [Match, Json | null][] {
  const entries = typeof data === "string" ? (elements(data.slice(1)) as [unknown, Json][] | null) : data.set;
  if (entries === null) return [[UNKNOWN, null]];
  const named = entries.filter(([element]) => element !== "*");
  const matches = named.map(([element]) => keyMatch(key, element, elements, states));
  const rest = entries.filter(([element]) => element === "*");
  return [
    ...named.map(([, verdict], index): [Match, Json] => [matches[index], verdict]),
    ...rest.map(([, verdict]): [Match, Json] => [not(any(matches)), verdict]),
  ];
}

/** A verdict of a map, and whether it is understood. */
function mapped(data: Json | null, at: NftRule, chains: ReadonlyMap<string, Chain>): [Verdict, Match] {
  if (data !== null && "continue" in data) return [{ action: "none" }, ALWAYS];
  const verdict = data === null ? null : verdictOf(data, at, chains);
  return verdict === null ? [{ action: "accept" }, UNKNOWN] : [verdict, ALWAYS];
}
