// Parameters of a request (`?limit=10`): read as what they are to be, or refused with a sentence.
import type { Context } from "hono";
import { Refusal } from "../refusal.ts";

/** A whole number from 0 on; `usual` where it is not given. Throws a Refusal. */
export function wholeNumber(c: Context, name: string, usual: number, max = Number.MAX_SAFE_INTEGER): number {
  const text = c.req.query(name);
  if (text === undefined) return usual;
  const value = Number(text);
  if (text !== "" && Number.isSafeInteger(value) && value >= 0 && value <= max) return value;
  throw new Refusal(`the parameter ${name}: expected a whole number from 0 to ${max}, got ${text}`);
}
