// How far something long has come, for who waits at a terminal: one line on stderr, written anew with each step and each
// second, and gone at the end. Where nobody watches (a pipe, a file, CI) nothing is written, and stdout never is.
import { stripVTControlCharacters } from "node:util";

export interface Watched {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const CLEAR_LINE = "\r\x1b[K";
const COLUMNS_USUAL = 80;
const REWRITE_EVERY_MS = 1000;

export class Progress {
  readonly #out: Watched | null;
  readonly #total: number;
  readonly #nowMs: () => number;
  readonly #startMs: number;
  #timer: NodeJS.Timeout | undefined;
  #done = 0;
  #what = "";

  /** `total` = steps that there will be, as far as is known. */
  constructor(
    total: number,
    out: Watched = process.stderr,
    env = process.env,
    nowMs = () => performance.now(),
  ) {
    this.#out = out.isTTY && !env.CI && env.TERM !== "dumb" ? out : null;
    this.#total = total;
    this.#nowMs = nowMs;
    this.#startMs = nowMs();
    if (this.#out === null) return;
    this.#timer = setInterval(() => this.#write(), REWRITE_EVERY_MS);
    this.#timer.unref();
  }

  /** The next step begins. */
  step(what: string): void {
    this.#done++;
    this.#what = what;
    this.#write();
  }

  /** Makes room for another line on the terminal; the next step, or second, writes this one again. */
  clear(): void {
    this.#out?.write(CLEAR_LINE);
  }

  /** The line goes. */
  end(): void {
    clearInterval(this.#timer);
    this.clear();
  }

  #write(): void {
    if (this.#done === 0) return;
    const text = `[${this.#done}/${this.#total}] ${this.#what}, ${this.#times()}`;
    // A line that wraps could not be written over.
    const columns = (this.#out?.columns || COLUMNS_USUAL) - 1;
    this.#out?.write(CLEAR_LINE + stripVTControlCharacters(text).slice(0, columns));
  }

  /** What is left is told by the average of the steps that are done. */
  #times(): string {
    const elapsedMs = this.#nowMs() - this.#startMs;
    const finished = this.#done - 1;
    if (finished === 0) return duration(elapsedMs);
    const leftMs = (elapsedMs / finished) * Math.max(0, this.#total - finished);
    return `${duration(elapsedMs)}, about ${duration(leftMs)} left`;
  }
}

function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
