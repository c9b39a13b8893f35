// What a port may do, in the words of the configuration: the data plane's names from the file's, and back.
import { OPEN_POLICY, type PortPolicy } from "../dataplane/policy.ts";

/** The keys of a port in the file and in `show ports --json`. */
export interface PolicyWords {
  readonly isolated: boolean;
  readonly learning: boolean;
  readonly flood: boolean;
  readonly bcast_flood: boolean;
  readonly mcast_flood: boolean;
}

const USUAL: PolicyWords = policyWords(OPEN_POLICY);

export function policyWords({ isolated, learning, flood, bcastFlood, mcastFlood }: PortPolicy): PolicyWords {
  return { isolated, learning, flood, bcast_flood: bcastFlood, mcast_flood: mcastFlood };
}

/** What is left out is as usual: the port may do it. */
export function policyOf(given: { readonly [Word in keyof PolicyWords]?: boolean | undefined }): PortPolicy {
  const { isolated, learning, flood, bcast_flood, mcast_flood } = given;
  return {
    isolated: isolated ?? USUAL.isolated,
    learning: learning ?? USUAL.learning,
    flood: flood ?? USUAL.flood,
    bcastFlood: bcast_flood ?? USUAL.bcast_flood,
    mcastFlood: mcast_flood ?? USUAL.mcast_flood,
  };
}

/** The words that set a port apart, with their values; "" for those that are as usual. */
export function unusualPolicy(words: PolicyWords): Record<keyof PolicyWords, string> {
  const text = (word: keyof PolicyWords) => (words[word] === USUAL[word] ? "" : String(words[word]));
  return {
    isolated: text("isolated"),
    learning: text("learning"),
    flood: text("flood"),
    bcast_flood: text("bcast_flood"),
    mcast_flood: text("mcast_flood"),
  };
}
