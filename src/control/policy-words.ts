// What a port may do, in the words of the configuration: the data plane's names from the file's, and back.
import { OPEN_POLICY, type PortPolicy } from "../dataplane/policy.ts";
import { unusualVlan, type VlanWords, vlanOf, vlanWords } from "./vlan-words.ts";

/** Each key of a port in the file, and in `show ports --json`, with its name in the data plane. */
const NAMES = {
  isolated: "isolated",
  learning: "learning",
  flood: "flood",
  bcast_flood: "bcastFlood",
  mcast_flood: "mcastFlood",
  locked: "locked",
  sticky: "sticky",
  neigh_suppress: "neighSuppress",
  clamp_mss: "clampMss",
  maxaddress: "addressesMax",
  ingress_policing_rate: "policingKbitPerSecond",
  ingress_policing_burst: "policingKbitBurst",
  ingress_policing_kpkts_rate: "policingKpktsPerSecond",
  ingress_policing_kpkts_burst: "policingKpktsBurst",
  storm_control: "stormFramesPerSecond",
} as const satisfies Record<string, keyof PortPolicy>;

type Word = keyof typeof NAMES;
type Flat = { readonly [W in Word]: PortPolicy[(typeof NAMES)[W]] };
export type PolicyWords = Flat & VlanWords;
type Given = { readonly [W in Word]?: Flat[W] | undefined } & Parameters<typeof vlanOf>[0];

const WORDS = Object.keys(NAMES) as Word[];

export function policyWords(policy: PortPolicy): PolicyWords {
  const flat = Object.fromEntries(WORDS.map((word) => [word, policy[NAMES[word]]])) as Flat;
  return { ...flat, ...vlanWords(policy.vlan) };
}

/** What is left out is as usual: the port may do it. */
export function policyOf(given: Given): PortPolicy {
  const set = WORDS.filter((word) => given[word] !== undefined);
  const flat = Object.fromEntries(set.map((word) => [NAMES[word], given[word]]));
  return { ...OPEN_POLICY, ...flat, vlan: vlanOf(given) };
}

/** The words that set a port apart, with their values; "" for those that are as usual. */
export function unusualPolicy(words: PolicyWords): Record<keyof PolicyWords, string> {
  const text = (word: Word) => (words[word] === OPEN_POLICY[NAMES[word]] ? "" : String(words[word]));
  const flat = Object.fromEntries(WORDS.map((word) => [word, text(word)])) as Record<Word, string>;
  return { ...flat, ...unusualVlan(words) };
}
