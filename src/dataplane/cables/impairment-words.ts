// An impairment in the words of the configuration, as `show`, plans and traces have it: numbers with their units.
import { type Impairment, UNIMPAIRED } from "./impairment.ts";

export type Units = Readonly<Record<string, number>>;

/** Largest first: what a value is written in is the first that makes it a whole number. */
export const TIME_UNITS = { s: 1_000_000, ms: 1000, us: 1 };
export const RATE_UNITS = { gbit: 1e9, mbit: 1e6, kbit: 1000 };

/** `1500us`: a whole number of the largest unit that allows it. */
export function quantityText(quantity: number, units: Units): string {
  const [unit, factor] = Object.entries(units).find(([, factor]) => quantity % factor === 0)!;
  return `${quantity / factor}${unit}`;
}

/** All words of an impairment with their values, as `show ports --json` has them. */
export function impairmentWords(impairment: Impairment) {
  const { rateBitsPerSecond } = impairment;
  return {
    delay: quantityText(impairment.delayUs, TIME_UNITS),
    jitter: quantityText(impairment.jitterUs, TIME_UNITS),
    loss: `${impairment.lossPercent}%`,
    duplicate: `${impairment.duplicatePercent}%`,
    reorder: `${impairment.reorderPercent}%`,
    rate: rateBitsPerSecond === 0 ? null : quantityText(rateBitsPerSecond, RATE_UNITS),
    limit: impairment.limitFrames,
    seed: impairment.seed,
  };
}

export type ImpairmentWords = ReturnType<typeof impairmentWords>;

/** `delay 10ms loss 1%`: the words that are not as usual; "" if there is no impairment. */
export function impairmentText(words: ImpairmentWords | null): string {
  if (words === null) return "";
  const usual: Readonly<Record<string, unknown>> = impairmentWords(UNIMPAIRED);
  const unusual = Object.entries(words).filter(([word, value]) => value !== usual[word]);
  return unusual.map(([word, value]) => `${word} ${value}`).join(" ");
}
