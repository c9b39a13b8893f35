// What a change prints: nothing if it is done and works, a sentence for each thing that is there but does not work.
import { Refusal } from "../refusal.ts";
import type { Outcome } from "../running-switch.ts";

/** Throws a Refusal if part of what was applied is down: the exit code must not say that it works. */
export function expectWorking({ warnings }: Outcome): void {
  if (warnings.length === 0) return;
  const remedy = "what is down stays configured and is tried again";
  throw new Refusal([...warnings, remedy].join("\n"));
}
