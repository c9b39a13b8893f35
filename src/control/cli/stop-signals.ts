// Signals that end a command which would go on, while it gives back what it holds.
import type { Io } from "./io.ts";

const STOP_SIGNALS = ["SIGINT", "SIGTERM"] as const;

export interface Stop {
  /** Aborted by the first signal, or by whoever has had enough. */
  readonly controller: AbortController;
  /** Signals mean what they usually do again. */
  done(): void;
}

/** Listens from now on, to `more` signals beside those that stop every command. */
export function stopOnSignal(io: Io, ...more: readonly NodeJS.Signals[]): Stop {
  const controller = new AbortController();
  const stop = () => controller.abort();
  const signals = [...STOP_SIGNALS, ...more];
  for (const signal of signals) io.signals.on(signal, stop);
  return {
    controller,
    done() {
      for (const signal of signals) io.signals.off(signal, stop);
    },
  };
}
