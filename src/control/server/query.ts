// Words of a request's query, read.
import { Refusal } from "../refusal.ts";

/** Throws a Refusal if the text is none. */
export function wholeNumber(what: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new Refusal(`${what}: expected a whole number, got ${JSON.stringify(text)}`);
}
