// What the page asks the switch, with the token if there is one. A refusal is an error whose message is the sentence that
// the switch has said.

const TOKEN_KEY = "vxswitch-token";

/** An answer other than 2xx. */
export class Refused extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The token of this tab; it goes with it. */
export function token(): string | null {
  return sessionStorage.getItem(TOKEN_KEY);
}

export function keepToken(value: string | null): void {
  if (value === null) sessionStorage.removeItem(TOKEN_KEY);
  else sessionStorage.setItem(TOKEN_KEY, value);
}

/** A request below /api/v1; rejects with Refused, or with what the network says. */
export async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  const known = token();
  if (known !== null) headers.set("authorization", `Bearer ${known}`);
  const response = await fetch(`api/v1/${path}`, { ...init, headers, redirect: "error" });
  if (response.ok) return response;
  const body = (await response.json().catch(() => ({}))) as { error?: string };
  throw new Refused(response.status, body.error ?? `the switch answers ${response.status}`);
}

/** The JSON of a GET. */
export async function read<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await ask(path, signal === undefined ? {} : { signal });
  return (await response.json()) as T;
}

/** What went wrong, as a sentence. */
export function sentence(error: unknown): string {
  if (error instanceof Refused) return error.message;
  return "the switch does not answer";
}
