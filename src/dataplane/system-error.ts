// Faults of the system or the operator, as opposed to ours.

/** An operator's or the system's fault: a sentence, no stack trace. `code` is the errno's name where there is one. */
export class SystemError extends Error {
  readonly code: string;

  constructor(message: string, code = "") {
    super(message);
    this.name = "SystemError";
    this.code = code;
  }
}

/** The errno's name of a failed addon call, or "". */
export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
