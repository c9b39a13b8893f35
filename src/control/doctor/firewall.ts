// Rules of the host's firewall that drop or reject UDP to a port, read from what `nft -j list ruleset` or `iptables-save -c`
// prints. Pure. Only rules that name the port are looked for: what else they match is for the operator to judge.

export interface DropRule {
  /** `input`: what arrives; `output`: what the switch sends by its sockets. */
  readonly hook: "input" | "output";
  /** Table and chain, as the tool names them. */
  readonly where: string;
  readonly action: "drop" | "reject";
  /** null = the rule has no counter. */
  readonly packets: number | null;
}

interface NftChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook?: string;
}
interface NftRule {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  readonly expr: readonly Readonly<Record<string, unknown>>[];
}
interface NftMatch {
  readonly op: string;
  readonly left: { readonly payload?: { readonly protocol: string; readonly field: string } };
  readonly right: unknown;
}

/** Throws if the text is not JSON. */
export function nftDropRules(text: string, port: number): DropRule[] {
  const { nftables = [] } = JSON.parse(text) as { nftables?: { chain?: NftChain; rule?: NftRule }[] };
  const hooks = new Map(
    nftables.flatMap(({ chain }) => (chain ? [[nameOf(chain, chain.name), chain.hook]] : [])),
  );
  return nftables.flatMap(({ rule }) => {
    if (!rule) return [];
    const where = nameOf(rule, rule.chain);
    const hook = hookOf(hooks.get(where));
    const action = actionOf(rule);
    if (hook === null || action === null || !rule.expr.some((part) => matchesPort(part.match, port)))
      return [];
    const counter = rule.expr.find((part) => part.counter)?.counter as { packets?: number } | undefined;
    return [{ hook, where: `nft ${where}`, action, packets: counter?.packets ?? null }];
  });
}

function nameOf({ family, table }: { family: string; table: string }, chain: string): string {
  return `${family} ${table} ${chain}`;
}

function hookOf(hook: string | undefined): DropRule["hook"] | null {
  if (hook === "output" || hook === "postrouting") return "output";
  return hook === "input" || hook === "prerouting" ? "input" : null;
}

function actionOf({ expr }: NftRule): DropRule["action"] | null {
  if (expr.some((part) => "drop" in part)) return "drop";
  return expr.some((part) => "reject" in part) ? "reject" : null;
}

function matchesPort(match: unknown, port: number): boolean {
  const { op, left, right } = (match ?? {}) as Partial<NftMatch>;
  const { protocol, field } = left?.payload ?? {};
  if ((protocol !== "udp" && protocol !== "th") || field !== "dport") return false;
  return op === "!=" ? !holds(right, port) : holds(right, port);
}

/** A number, a range, or a set of those. */
function holds(right: unknown, port: number): boolean {
  if (typeof right === "number") return right === port;
  const { range, set } = (right ?? {}) as { range?: [number, number]; set?: unknown[] };
  if (range) return range[0] <= port && port <= range[1];
  return set?.some((each) => holds(each, port)) ?? false;
}

/** Of `iptables-save -c` or `ip6tables-save -c`. */
export function iptablesDropRules(text: string, port: number): DropRule[] {
  return text.split("\n").flatMap((line) => {
    const [, packets, chain, rule] = /^\[(\d+):\d+\] -A (INPUT|OUTPUT) (.*)$/.exec(line) ?? [];
    const [, target] = / -j (DROP|REJECT)\b/.exec(` ${rule}`) ?? [];
    if (rule === undefined || target === undefined || !/-p udp\b/.test(rule)) return [];
    const [, ports = ""] = /--dports? (\S+)/.exec(rule) ?? [];
    if (!ports.split(",").some((each) => withinRange(each, port))) return [];
    const hook = chain === "INPUT" ? "input" : "output";
    return [
      {
        hook,
        where: `iptables ${chain}`,
        action: target === "DROP" ? "drop" : "reject",
        packets: Number(packets),
      },
    ];
  });
}

function withinRange(range: string, port: number): boolean {
  const [low = "", high = low] = range.split(":");
  return range !== "" && Number(low) <= port && port <= Number(high);
}
