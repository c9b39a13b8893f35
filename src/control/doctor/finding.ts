// One line of `vxswitch doctor`: what was looked at, what was seen, what to do. The keys are relied upon from outside.

export interface Finding {
  readonly check: string;
  /** `note`: it works, with less than there could be; `warning`: something is missing or odd; `problem`: frames are lost. */
  readonly state: "ok" | "note" | "warning" | "problem";
  /** What was tried and what came back. */
  readonly evidence: string;
  /** What to do about it; "" if ok. */
  readonly remedy: string;
  readonly needed_for: string;
}

export type Judged = Omit<Finding, "needed_for">;

/** Without what is needed for this, nothing is switched. */
export const FORWARDING = "forwarding";

export function ok(check: string, evidence: string): Judged {
  return { check, state: "ok", evidence, remedy: "" };
}

export function note(check: string, evidence: string, remedy: string): Judged {
  return { check, state: "note", evidence, remedy };
}

export function warning(check: string, evidence: string, remedy: string): Judged {
  return { check, state: "warning", evidence, remedy };
}

export function problem(check: string, evidence: string, remedy: string): Judged {
  return { check, state: "problem", evidence, remedy };
}

/** One line a finding, the remedy behind an arrow. */
export function findingCells({ check, state, needed_for, evidence, remedy }: Finding): string[] {
  return [check, state, needed_for, remedy === "" ? evidence : `${evidence} -> ${remedy}`];
}
