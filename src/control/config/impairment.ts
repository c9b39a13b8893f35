// Times, shares and rates as tc(8) writes them, and what the data plane counts in: each is read, and written again in one
// spelling (impairment-words.ts). The words of `impair_in` and `impair_out` are made of these (schema.ts).
import type * as z from "zod";
import { type Impairment, UNIMPAIRED } from "../../dataplane/cables/impairment.ts";
import { quantityText, RATE_UNITS, TIME_UNITS, type Units } from "../../dataplane/cables/impairment-words.ts";
import * as limit from "./limits.ts";
import { parsed, whole } from "./values.ts";

const QUANTITY = /^(\d{1,10}(?:\.\d{1,6})?)\s*([a-z]+)$/i;
const PERCENTAGE = /^(\d{1,3}(?:\.\d{1,6})?)\s*%$/;

/** A whole number of the smallest unit; undefined if it is none. */
function quantityOf(value: unknown, units: Units): number | undefined {
  const [, digits, unit = ""] = (typeof value === "string" && QUANTITY.exec(value)) || [];
  const factor = Object.hasOwn(units, unit.toLowerCase()) ? units[unit.toLowerCase()]! : Number.NaN;
  const quantity = Math.round(Number(digits) * factor);
  // Decimals may leave nothing behind the smallest unit.
  const isWhole = Math.abs(quantity - Number(digits) * factor) < 1e-3;
  return isWhole && quantity % Math.min(...Object.values(units)) === 0 ? quantity : undefined;
}

function percentOf(value: unknown): number | undefined {
  const [, digits] = (typeof value === "string" && PERCENTAGE.exec(value)) || [];
  return digits !== undefined && Number(digits) <= 100 ? Number(digits) : undefined;
}

/** For editors: text, or a bare 0. */
const ZERO_OR_TEXT = { type: ["integer", "string"], minimum: 0, maximum: 0 };

/** `10ms`, `250us`, `1.5s`; a bare 0 is none. */
const time = parsed(
  "a time such as 10ms, 250us or 1.5s, 10s at most",
  (value) => {
    const us = value === 0 ? 0 : quantityOf(value, TIME_UNITS);
    return us === undefined || us > limit.IMPAIR_DELAY_US_MAX ? undefined : quantityText(us, TIME_UNITS);
  },
  ZERO_OR_TEXT,
);

/** `1%`, `0.05%`; a bare 0 is none. */
const percentage = parsed(
  "a percentage such as 1% or 0.05%, 100% at most",
  (value) => {
    const percent = value === 0 ? 0 : percentOf(value);
    return percent === undefined ? undefined : `${percent}%`;
  },
  ZERO_OR_TEXT,
);

const rate = parsed("a rate such as 512kbit, 20mbit or 1gbit, from 1kbit to 100gbit", (value) => {
  const bits = quantityOf(value, RATE_UNITS);
  if (bits === undefined || bits < limit.IMPAIR_RATE_BITS_MIN || bits > limit.IMPAIR_RATE_BITS_MAX)
    return undefined;
  return quantityText(bits, RATE_UNITS);
});

/** The keys of an impairment, in the words of tc-netem(8). */
export const impairmentKeys = {
  delay: time.optional(),
  jitter: time.optional(),
  loss: percentage.optional(),
  duplicate: percentage.optional(),
  reorder: percentage.optional(),
  rate: rate.optional(),
  limit: whole(1, limit.IMPAIR_LIMIT_MAX, "a number of frames").optional(),
  seed: whole(0, limit.IMPAIR_SEED_MAX).optional(),
};

/** What the schema makes of an impairment. */
export type ImpairmentConfig = {
  readonly [Word in keyof typeof impairmentKeys]?: z.output<(typeof impairmentKeys)[Word]>;
};

export function usOf(text: string | undefined): number {
  return quantityOf(text, TIME_UNITS) ?? 0;
}

/** What the data plane is told; null if nothing is done to any frame. */
export function impairmentOf(config: ImpairmentConfig | undefined): Impairment | null {
  const impairment = {
    delayUs: usOf(config?.delay),
    jitterUs: usOf(config?.jitter),
    lossPercent: percentOf(config?.loss) ?? 0,
    duplicatePercent: percentOf(config?.duplicate) ?? 0,
    reorderPercent: percentOf(config?.reorder) ?? 0,
    rateBitsPerSecond: quantityOf(config?.rate, RATE_UNITS) ?? 0,
    limitFrames: config?.limit ?? UNIMPAIRED.limitFrames,
    seed: config?.seed ?? UNIMPAIRED.seed,
  };
  const { delayUs, lossPercent, duplicatePercent, rateBitsPerSecond } = impairment;
  return delayUs + lossPercent + duplicatePercent + rateBitsPerSecond > 0 ? impairment : null;
}
