// What a firewall is to the doctor, whichever tool printed it: chains of rules, each of which says of a datagram whether it
// matches, so far as a ruleset and what is known of the datagram tell. Pure.

export type Truth = "yes" | "no" | "unknown";

/** `input`: what arrives, with prerouting; `output`: what the switch sends by its sockets, with postrouting. */
export type Hook = "input" | "output";

export type Family = 4 | 6;

/** A VXLAN datagram to be asked about; null = not known. */
export interface Datagram {
  readonly hook: Hook;
  readonly family: Family;
  readonly dstport: number;
  readonly saddr: string | null;
  readonly daddr: string | null;
  /** By which it arrives or leaves. */
  readonly device: string | null;
}

export type Match = (datagram: Datagram) => Truth;

export type Verdict =
  | { readonly action: "accept" | "drop" | "reject" | "return" | "none" }
  | { readonly action: "jump" | "goto"; readonly chain: Chain };

export interface Rule {
  readonly match: Match;
  readonly verdict: Verdict;
  /** null = the rule has no counter. */
  readonly packets: number | null;
}

export interface Chain {
  /** As the tool names it: "nft inet filter input", "iptables INPUT". */
  readonly where: string;
  /** null = only rules of other chains lead here. */
  readonly hook: Hook | null;
  /** null = both. */
  readonly family: Family | null;
  readonly policy: "accept" | "drop";
  /** null = the policy has no counter. */
  readonly policyPackets: number | null;
  readonly rules: Rule[];
}

export const ALWAYS: Match = () => "yes";
export const NEVER: Match = () => "no";
export const UNKNOWN: Match = () => "unknown";

/** What netfilter calls a hook; null if a switch's datagrams do not pass there, or no firewall of the IP layer does. */
export function hookOf(name: string | undefined): Hook | null {
  const lower = name?.toLowerCase();
  if (lower === "output" || lower === "postrouting") return "output";
  return lower === "input" || lower === "prerouting" ? "input" : null;
}

export function truthOf(is: boolean): Truth {
  return is ? "yes" : "no";
}

/** All hold. */
export function all(matches: readonly Match[]): Match {
  return (datagram) => {
    let truth: Truth = "yes";
    for (const match of matches) {
      const each = match(datagram);
      if (each === "no") return "no";
      if (each === "unknown") truth = "unknown";
    }
    return truth;
  };
}

/** At least one holds. */
export function any(matches: readonly Match[]): Match {
  const none = all(matches.map(not));
  return not(none);
}

export function not(match: Match): Match {
  return (datagram) => {
    const truth = match(datagram);
    if (truth === "unknown") return truth;
    return truth === "yes" ? "no" : "yes";
  };
}

/** Of values one of which the datagram has: that all, none or some of them satisfy. */
export function ofPossible<T>(values: readonly T[], satisfies: (value: T) => boolean): Truth {
  const count = values.filter(satisfies).length;
  if (count === values.length) return "yes";
  return count === 0 ? "no" : "unknown";
}
