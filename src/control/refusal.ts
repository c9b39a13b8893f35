// The one error class for what an operator can put right. Its message is made of sentences for that operator;
// whoever catches it prints the message alone, never a stack.

/** What was asked cannot be done, why, and what would help. */
export class Refusal extends Error {
  override readonly name = "Refusal";
}

/**
 * The sentence in any thrown value. A Refusal and an error of the system (one with a `code`) speak for themselves;
 * anything else is a fault of this program and keeps its stack, for the report that it deserves.
 */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof Refusal || "code" in error) return error.message;
  return error.stack ?? error.message;
}
