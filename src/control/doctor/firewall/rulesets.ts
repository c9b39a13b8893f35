// Puts together what the tools printed of one kernel: nft's tables, iptables' older ones beside them, and in place of those
// that nft cannot show whole what iptables shows of them. Pure.
import { iptablesChains, iptablesTables, iptablesUntracks } from "./iptables.ts";
import type { Chain } from "./model.ts";
import type { NftRuleset } from "./nft.ts";

/** What a tool of iptables printed, and the name by which an operator knows the tool. */
export interface Saved {
  readonly tool: string;
  readonly text: string;
}

/** All chains of the IP layer. `shown` has tables of the nft ruleset in iptables' words, `saved` tables that are not in it. */
export function chainsOf(
  ruleset: NftRuleset | null,
  shown: readonly Saved[],
  saved: readonly Saved[],
): Chain[] {
  const hidden = ruleset?.iptablesTables ?? new Set<string>();
  const nameOf = (tool: string, table: string): string => `${tool.startsWith("ip6") ? "ip6" : "ip"} ${table}`;
  const shownTables = shown.flatMap(({ tool, text }) =>
    iptablesTables(text).map((table) => nameOf(tool, table)),
  );
  const replaced = new Set(shownTables.filter((table) => hidden.has(table)));
  const mayBeUntracked =
    (ruleset?.untracks ?? false) || [...shown, ...saved].some(({ text }) => iptablesUntracks(text));
  return [
    ...(ruleset?.chains(mayBeUntracked, replaced) ?? []),
    ...shown.flatMap(({ tool, text }) =>
      iptablesChains(text, tool, mayBeUntracked, (table) => replaced.has(nameOf(tool, table))),
    ),
    ...saved.flatMap(({ tool, text }) => iptablesChains(text, tool, mayBeUntracked, () => true)),
  ];
}
