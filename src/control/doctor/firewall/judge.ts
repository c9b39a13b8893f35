// Walks a datagram through the chains of a firewall and collects every end that it may come to. A rule that may or may not
// match leaves both ways open; so a chain drops for certain if no way through it ends in an accept. Pure.
import type { Chain, Datagram, Hook, Rule } from "./model.ts";

export interface Drop {
  readonly hook: Hook;
  /** Tool, table and chain of the rule or the policy. */
  readonly where: string;
  readonly action: "drop" | "reject" | "policy drop";
  /** null = there is no counter. */
  readonly packets: number | null;
  /** false = it hangs on what is not known: some datagrams may pass. */
  readonly isCertain: boolean;
  /** Whose datagrams; empty = of all that were asked about. */
  readonly peers: readonly string[];
}

/** A datagram and the name of who sends or gets it. */
export interface Question {
  readonly peer: string;
  readonly datagram: Datagram;
}

/** What may become of a datagram in a chain. */
interface Ends {
  /** It may run out of rules, or return. */
  readonly falls: boolean;
  readonly accepts: boolean;
  /** Rules that may drop it, and the chains they stand in. */
  readonly drops: ReadonlyMap<Rule, Chain>;
}

/** What may become of a datagram that a rule matches. */
interface Effect extends Omit<Ends, "falls"> {
  readonly goesOn: boolean;
  readonly returns: boolean;
}

/** As many jumps deep as the kernel goes; a ruleset that a tool printed oddly must not hang us. */
const DEPTH_MAX = 16;
const NO_DROPS: Ends["drops"] = new Map();
const NOT_FOLLOWED: Ends = { falls: true, accepts: true, drops: NO_DROPS };
const NOTHING: Effect = { goesOn: false, returns: false, accepts: false, drops: NO_DROPS };

/** What drops which datagrams. Each base chain is asked: an accept in one saves from no other. */
export function dropsOf(chains: readonly Chain[], questions: readonly Question[]): Drop[] {
  const found = new Found();
  for (const { peer, datagram } of questions) {
    const walked = new Map<Chain, Ends>();
    for (const chain of chains) {
      if (chain.hook !== datagram.hook) continue;
      if (chain.family !== null && chain.family !== datagram.family) continue;
      found.add(peer, datagram.hook, chain, walk(chain, datagram, walked, 0));
    }
  }
  return found.drops(new Set(questions.map(({ peer }) => peer)).size);
}

type Entry = Omit<Drop, "peers"> & { readonly peers: Set<string> };

/** Drops, each once, with the peers that it concerns. */
class Found {
  readonly #certain = new Map<Rule | Chain, Entry>();
  readonly #possible = new Map<Rule | Chain, Entry>();

  /** What became of a datagram in a base chain. */
  add(peer: string, hook: Hook, base: Chain, { falls, accepts, drops }: Ends): void {
    const isCertain = !accepts && !(falls && base.policy === "accept");
    const entries = isCertain ? this.#certain : this.#possible;
    const note = (key: Rule | Chain, of: Pick<Drop, "where" | "action" | "packets">): void => {
      const entry = entries.get(key) ?? { ...of, hook, isCertain, peers: new Set() };
      entries.set(key, entry);
      entry.peers.add(peer);
    };
    for (const [rule, { where }] of drops) {
      const action = rule.verdict.action === "reject" ? "reject" : "drop";
      note(rule, { where, action, packets: rule.packets });
    }
    if (falls && base.policy === "drop")
      note(base, { where: base.where, action: "policy drop", packets: base.policyPackets });
  }

  drops(peerCount: number): Drop[] {
    return [...this.#certain.values(), ...this.#possible.values()].map(({ peers, ...drop }) => ({
      ...drop,
      peers: peers.size === peerCount ? [] : [...peers],
    }));
  }
}

/** `walked` remembers what became of this datagram in chains that several rules lead to. */
function walk(chain: Chain, datagram: Datagram, walked: Map<Chain, Ends>, depth: number): Ends {
  if (depth > DEPTH_MAX) return NOT_FOLLOWED;
  const known = walked.get(chain);
  if (known !== undefined) return known;
  const drops = new Map<Rule, Chain>();
  let accepts = false;
  let returns = false;
  let goesOn = true;
  for (const rule of chain.rules) {
    const truth = rule.match(datagram);
    if (truth === "no") continue;
    const effect = effectOf(rule, chain, (target) => walk(target, datagram, walked, depth + 1));
    accepts ||= effect.accepts;
    returns ||= effect.returns;
    for (const [each, at] of effect.drops) drops.set(each, at);
    goesOn = effect.goesOn || truth === "unknown";
    if (!goesOn) break;
  }
  const ends = { falls: returns || goesOn, accepts, drops };
  walked.set(chain, ends);
  return ends;
}

function effectOf(rule: Rule, chain: Chain, enter: (chain: Chain) => Ends): Effect {
  const { verdict } = rule;
  switch (verdict.action) {
    case "none":
      return { ...NOTHING, goesOn: true };
    case "accept":
      return { ...NOTHING, accepts: true };
    case "return":
      return { ...NOTHING, returns: true };
    case "drop":
    case "reject":
      return { ...NOTHING, drops: new Map([[rule, chain]]) };
    case "jump": {
      const { falls, ...ends } = enter(verdict.chain);
      return { goesOn: falls, returns: false, ...ends };
    }
    case "goto": {
      const { falls, ...ends } = enter(verdict.chain);
      return { goesOn: false, returns: falls, ...ends };
    }
  }
}
