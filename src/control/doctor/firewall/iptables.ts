// Reads what `iptables-save -c` and its kin print (iptables(8), iptables-extensions(8)). Matches that are not understood
// leave it open whether a rule matches. Pure.
import {
  type AddressEntry,
  addressList,
  addressType,
  ctStates,
  deviceName,
  HAS_ROUTE_BACK,
  packetType,
  type Side,
  targetVerdict,
} from "./matches.ts";
import {
  ALWAYS,
  all,
  type Chain,
  type Family,
  hookOf,
  type Match,
  NEVER,
  not,
  ofPossible,
  type Rule,
  truthOf,
  UNKNOWN,
} from "./model.ts";

/** Of a rule: an option, negated or not, with what stands behind it. */
interface Option {
  readonly name: string;
  readonly isNegated: boolean;
  readonly values: readonly string[];
}

/** Where rules are read: the chains of their table, and whether some rule of the firewall exempts from tracking. */
interface Surroundings {
  readonly chains: Map<string, Chain>;
  readonly mayBeUntracked: boolean;
}

/** Whether a rule exempts packets from connection tracking. */
export function iptablesUntracks(text: string): boolean {
  return / -j (NOTRACK|CT .*--notrack)\b/.test(text);
}

/** Names of the tables, as "filter". */
export function iptablesTables(text: string): string[] {
  return Array.from(text.matchAll(/^\*(\S+)$/gm), ([, table]) => table);
}

/** `tool` is the one that an operator would call: "iptables", "ip6tables-legacy". Of the tables only those that `takes`. */
export function iptablesChains(
  text: string,
  tool: string,
  mayBeUntracked: boolean,
  takes: (table: string) => boolean,
): Chain[] {
  // What stands before the first table is a comment.
  const [, ...tables] = text.split(/^\*/m);
  return tables.flatMap((block) => {
    const [table, ...lines] = block.split("\n");
    if (!takes(table)) return [];
    const prefix = table === "filter" ? tool : `${tool} ${table}`;
    const chains = new Map<string, Chain>();
    for (const line of lines)
      readLine(line, { chains, mayBeUntracked }, prefix, tool.startsWith("ip6") ? 6 : 4);
    return [...chains.values()];
  });
}

/** Chains come before the rules of their table. */
function readLine(line: string, surroundings: Surroundings, prefix: string, family: Family): void {
  const { chains } = surroundings;
  const [, name, policy, policyPackets] = /^:(\S+) (\S+)(?: \[(\d+):\d+\])?/.exec(line) ?? [];
  if (name !== undefined) {
    chains.set(name, {
      where: `${prefix} ${name}`,
      hook: policy === "-" ? null : hookOf(name),
      family,
      policy: policy === "DROP" ? "drop" : "accept",
      policyPackets: counted(policyPackets),
      rules: [],
    });
  }
  const [, packets, chain, rest] = /^(?:\[(\d+):\d+\] )?-A (\S+)(.*)$/.exec(line) ?? [];
  if (chain !== undefined) chains.get(chain)?.rules.push(ruleOf(rest, counted(packets), surroundings));
}

function counted(digits: string | undefined): number | null {
  return digits === undefined ? null : Number(digits);
}

function ruleOf(text: string, packets: number | null, surroundings: Surroundings): Rule {
  const options = optionsOf(wordsOf(text));
  const match = all(options.map((option) => matchOf(option, options, surroundings)));
  const leap = options.find(({ name }) => name === "-j" || name === "-g");
  if (leap === undefined) return { match, verdict: { action: "none" }, packets };
  const [target = ""] = leap.values;
  const chain = surroundings.chains.get(target);
  if (chain) return { match, verdict: { action: leap.name === "-g" ? "goto" : "jump", chain }, packets };
  const verdict = targetVerdict(target);
  return verdict === null
    ? { match: all([match, UNKNOWN]), verdict: { action: "accept" }, packets }
    : { match, verdict, packets };
}

/** Quotes keep words together, and stay: so a comment is no option, however it begins. */
function wordsOf(text: string): string[] {
  return text.match(/"(?:\\.|[^"\\])*"|\S+/g) ?? [];
}

/** Up to the target: what follows belongs to it. */
function optionsOf(words: readonly string[]): Option[] {
  const options: Option[] = [];
  for (let at = 0; at < words.length; at++) {
    const isNegated = words[at] === "!";
    if (isNegated) at++;
    const name = words[at];
    const values: string[] = [];
    while (at + 1 < words.length && !/^(!$|-)/.test(words[at + 1])) values.push(words[++at]);
    options.push({ name, isNegated, values });
    if (name === "-j" || name === "-g") break;
  }
  return options;
}

/** Modules that say nothing by themselves, and options that belong to what is read with another one. */
const SILENT_MODULES = new Set(
  "addrtype comment conntrack multiport pkttype rpfilter state tcp udp".split(" "),
);
const SILENT_OPTIONS = new Set("-j -g --comment --validmark --loose --accept-local".split(" "));

function matchOf(option: Option, options: readonly Option[], { mayBeUntracked }: Surroundings): Match {
  const { name, isNegated, values } = option;
  const [value = ""] = values;
  if (SILENT_OPTIONS.has(name)) return ALWAYS;
  if (name === "-m") return moduleMatch(value, options);
  const match = optionMatch(name, value, mayBeUntracked);
  return isNegated ? not(match) : match;
}

function moduleMatch(module: string, options: readonly Option[]): Match {
  if (!SILENT_MODULES.has(module)) return UNKNOWN;
  if (module !== "rpfilter") return ALWAYS;
  return options.some(({ name }) => name === "--invert") ? not(HAS_ROUTE_BACK) : HAS_ROUTE_BACK;
}

function optionMatch(name: string, value: string, mayBeUntracked: boolean): Match {
  switch (name) {
    case "-p":
      return /^(udp|17|all|0)$/.test(value) ? ALWAYS : NEVER;
    case "-s":
      return addressMatch(value, "saddr");
    case "-d":
      return addressMatch(value, "daddr");
    case "-i":
      return deviceMatch(value, "input");
    case "-o":
      return deviceMatch(value, "output");
    case "--dport":
    case "--dports":
      return portsMatch(value, "no");
    case "--ports":
      return portsMatch(value, "unknown");
    case "--ctstate":
    case "--state":
      return stateMatch(value, ctStates(mayBeUntracked));
    case "--dst-type":
      return typeMatch(value, "daddr");
    case "--src-type":
      return typeMatch(value, "saddr");
    case "--pkt-type":
      return packetTypeMatch(value);
    case "--invert":
      return ALWAYS;
    default:
      return UNKNOWN;
  }
}

/** The rest of the words: `otherwise` if the destination's port is not among them. */
function portsMatch(ports: string, otherwise: "no" | "unknown"): Match {
  const ranges = ports.split(",").map((range) => {
    const [low, high = low] = range.split(":");
    return [Number(low), high === "" ? 65_535 : Number(high)] as const;
  });
  return ({ dstport }) =>
    ranges.some(([low, high]) => low <= dstport && dstport <= high) ? "yes" : otherwise;
}

function addressMatch(text: string, side: Side): Match {
  const [address, length] = text.split("/");
  const entry: AddressEntry = length === undefined ? { address } : { address, length: Number(length) };
  const isListed = addressList([entry]);
  return (datagram) => {
    const known = datagram[side];
    if (known === null || isListed === null) return "unknown";
    return truthOf(isListed(known));
  };
}

/** `eth+` is every name that begins so. */
function deviceMatch(wanted: string, direction: "input" | "output"): Match {
  const start = wanted.endsWith("+") ? wanted.slice(0, -1) : null;
  return (datagram) => {
    const name = deviceName(datagram, direction);
    // What comes from another host does not come by the loopback.
    if (name === null) return wanted === "lo" ? "no" : "unknown";
    return truthOf(start === null ? name === wanted : name.startsWith(start));
  };
}

function stateMatch(text: string, states: readonly string[]): Match {
  const wanted = text.toLowerCase().split(",");
  const truth = ofPossible(states, (state) => wanted.includes(state));
  return () => truth;
}

function typeMatch(types: string, side: Side): Match {
  const wanted = types.toLowerCase().split(",");
  return (datagram) => truthOf(wanted.includes(addressType(datagram, side)));
}

function packetTypeMatch(wanted: string): Match {
  return (datagram) => {
    const type = packetType(datagram);
    if (type === null) return "unknown";
    return truthOf((wanted === "unicast" ? "host" : wanted) === type);
  };
}
