// How the outer headers of a VXLAN port are written, in the words of the configuration: the data plane's names from the
// file's, and back.
import { type OuterOptions, PLAIN_OUTER } from "../dataplane/outer-options.ts";

/** Each key of a port in the file, and in `show ports --json`, with its name in the data plane. */
const NAMES = {
  ttl: "ttl",
  tos: "tos",
  df: "df",
  udpcsum: "udpCsum",
  udp6zerocsumtx: "udp6ZeroCsumTx",
  udp6zerocsumrx: "udp6ZeroCsumRx",
  gbp: "gbp",
} as const satisfies Record<string, keyof OuterOptions>;

type Word = keyof typeof NAMES;
export type OuterWords = { readonly [W in Word]: OuterOptions[(typeof NAMES)[W]] | null };
type Given = { readonly [W in Word]?: OuterOptions[(typeof NAMES)[W]] | undefined };

const WORDS = Object.keys(NAMES) as Word[];

/** null for a port that has no outer headers. */
export function outerWords(outer: OuterOptions | null): OuterWords {
  return Object.fromEntries(WORDS.map((word) => [word, outer?.[NAMES[word]] ?? null])) as OuterWords;
}

/** What is left out is as usual. */
export function outerOf(given: Given): OuterOptions {
  const set = WORDS.filter((word) => given[word] !== undefined);
  return { ...PLAIN_OUTER, ...Object.fromEntries(set.map((word) => [NAMES[word], given[word]])) };
}

/** The words that set a port apart, with their values; "" for those that are as usual. */
export function unusualOuter(words: OuterWords): Record<Word, string> {
  const text = (word: Word) => (words[word] === PLAIN_OUTER[NAMES[word]] ? "" : String(words[word] ?? ""));
  return Object.fromEntries(WORDS.map((word) => [word, text(word)])) as Record<Word, string>;
}
