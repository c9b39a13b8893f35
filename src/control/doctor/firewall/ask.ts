// Asks the tools that are there for the rulesets of the kernel's firewalls: nft, and iptables in both its makes.
import { ask } from "../ask.ts";
import type { Chain } from "./model.ts";
import { NftRuleset } from "./nft.ts";
import { chainsOf, type Saved } from "./rulesets.ts";

export interface Firewall {
  readonly chains: readonly Chain[];
  /** Why it could not be read; "" if it was. */
  readonly why: string;
}

/**
 * The firewall of this network namespace. What nft lists lacks the tables of the kernel's older iptables, and parts of rules
 * that the newer iptables made; iptables is asked for both. A tool that is not there leaves them out.
 */
export async function readFirewall(): Promise<Firewall> {
  const listed = await ask("nft", "-j", "list", "ruleset");
  if (typeof listed !== "string") {
    const saved = await askSaved("", "-save");
    return saved.length === 0
      ? { chains: [], why: listed.why }
      : { chains: chainsOf(null, [], saved), why: "" };
  }
  const ruleset = new NftRuleset(listed);
  const shown = ruleset.iptablesTables.size === 0 ? [] : await askSaved("", "-nft-save");
  return { chains: chainsOf(ruleset, shown, await askSaved("-legacy", "-legacy-save")), why: "" };
}

async function askSaved(make: string, program: string): Promise<Saved[]> {
  const saved: Saved[] = [];
  for (const tool of ["iptables", "ip6tables"]) {
    const text = await ask(`${tool}${program}`, "-c");
    if (typeof text === "string") saved.push({ tool: `${tool}${make}`, text });
  }
  return saved;
}
