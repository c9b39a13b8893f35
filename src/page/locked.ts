// Why a button does nothing.
import type { Rights } from "./store.ts";

export const LOCKED = "locked";

/** A sentence; null for who may. */
export function whyLocked({ token, changes }: Rights): string | null {
  if (changes) return null;
  if (token) return "Changes and captures take the token: Unlock, at the top.";
  return "Changes and captures are off: no token is configured (metrics: { token_file: PATH }).";
}
