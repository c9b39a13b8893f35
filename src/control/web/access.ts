// Who may do what by the page's API. On the loopback anyone reads; elsewhere reading takes the token, since the API knows
// addresses of hosts, which /metrics does not. Changes, and captured frames, take the token everywhere; without one
// configured nobody has them. A wrong token is answered so many times, then not looked at for a while.
import { createHash, timingSafeEqual } from "node:crypto";
import type { Context, Handler, MiddlewareHandler } from "hono";
import type { WebRefusals } from "./refusals.ts";

/** Wrong tokens in a row from one address, and how long until it may try one more. */
const FAILURES_MAX = 8;
const FAILURE_FORGIVEN_MS = 2000;
/** Addresses whose failures are remembered. */
const ADDRESSES_MAX = 1024;

export const NO_TOKEN =
  "nobody may do this here: no token is configured; name a file with metrics: { token_file: PATH } and reload";
const TOKEN_WANTED = "this takes the token in metrics.token_file, as Authorization: Bearer TOKEN";
const TOKEN_WRONG = "this is not the token in metrics.token_file";
const TOO_MANY = `too many wrong tokens; try again in ${FAILURE_FORGIVEN_MS / 1000} seconds`;

export interface AccessOptions {
  readonly token: () => string | null;
  /** True where only this machine's own users can ask. */
  readonly onLoopback: boolean;
  readonly refusals: WebRefusals;
  /** Milliseconds. */
  readonly now: () => number;
}

export class Access {
  readonly #options: AccessOptions;
  /** By address: until when its failures count, FAILURE_FORGIVEN_MS each. */
  readonly #failures = new Map<string, number>();

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /** What the page may offer: whether a token is configured, and whether this request may read and change. */
  readonly rights: Handler = (c) => {
    const { token, onLoopback } = this.#options;
    if (bearer(c) === null) return c.json({ token: token() !== null, reads: onLoopback, changes: false });
    return this.#refusal(c) ?? c.json({ token: true, reads: true, changes: true });
  };

  /** For reads. */
  readonly reading: MiddlewareHandler = (c, next) =>
    this.#options.onLoopback ? next() : this.changing(c, next);

  /** For changes and for what is confidential. */
  readonly changing: MiddlewareHandler = async (c, next) => this.#refusal(c) ?? next();

  /** Null for who knows the token. */
  #refusal(c: Context): Response | null {
    if (this.#options.token() === null) return this.#refuse(c, 403, NO_TOKEN);
    const given = bearer(c);
    if (given === null) {
      c.header("www-authenticate", "Bearer");
      return this.#refuse(c, 401, TOKEN_WANTED);
    }
    const address = addressOf(c);
    if (this.#isExhausted(address)) {
      c.header("retry-after", String(FAILURE_FORGIVEN_MS / 1000));
      return this.#refuse(c, 429, TOO_MANY);
    }
    if (this.#isRight(given)) return null;
    this.#countFailure(address);
    return this.#refuse(c, 401, TOKEN_WRONG);
  }

  #refuse(c: Context, status: 401 | 403 | 429, error: string): Response {
    this.#options.refusals.token += 1;
    return c.json({ error }, status);
  }

  /** Digests are compared, in constant time: neither the token's content nor its length shows in how long this takes. */
  #isRight(given: string): boolean {
    const token = this.#options.token();
    return token !== null && timingSafeEqual(digest(token), digest(given));
  }

  #isExhausted(address: string): boolean {
    const left = (this.#failures.get(address) ?? 0) - this.#options.now();
    return left > (FAILURES_MAX - 1) * FAILURE_FORGIVEN_MS;
  }

  #countFailure(address: string): void {
    const now = this.#options.now();
    const until = Math.max(this.#failures.get(address) ?? 0, now) + FAILURE_FORGIVEN_MS;
    this.#failures.delete(address);
    this.#failures.set(address, until);
    if (this.#failures.size > ADDRESSES_MAX)
      this.#failures.delete(this.#failures.keys().next().value as string);
  }
}

function bearer(c: Context): string | null {
  return /^Bearer +(\S+)$/i.exec(c.req.header("authorization") ?? "")?.[1] ?? null;
}

function addressOf(c: Context): string {
  const { incoming } = (c.env ?? {}) as { incoming?: { socket: { remoteAddress?: string } } };
  return incoming?.socket.remoteAddress ?? "";
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
