// All that the page knows, in one place: what the switch tells each second, what of it does not count, and how the
// connection is. It comes again by itself when it is lost; what was known stays on the page, marked as old.
import type { Overview } from "../control/server/views.ts";
import type { LiveView } from "../control/web/live-view.ts";
import { ask, keepToken, Refused, read, sentence, token } from "./api.ts";
import { eventReader } from "./event-stream.ts";
import { type PortRates, ratesBetween } from "./rates.ts";
import { Recent } from "./recent.ts";

const RECONNECT_MS = 2000;
/** Nothing for so long is a connection that is dead, though nobody has said so. */
const SILENCE_MS_MAX = 6000;

export interface Rights {
  readonly token: boolean;
  readonly reads: boolean;
  readonly changes: boolean;
}

export interface State {
  readonly link: "connecting" | "live" | "lost";
  /** Why there is no connection. */
  readonly trouble: string;
  readonly rights: Rights;
  /** What this switch answers, such as /v1/hosts. */
  readonly routes: ReadonlySet<string>;
  readonly status: Overview | null;
  readonly live: LiveView | null;
  readonly rates: ReadonlyMap<string, PortRates>;
}

export class Store {
  readonly recent = new Recent();
  #state: State = {
    link: "connecting",
    trouble: "",
    rights: { token: false, reads: true, changes: false },
    routes: new Set(),
    status: null,
    live: null,
    rates: new Map(),
  };
  readonly #listeners = new Set<() => void>();
  #stop = new AbortController();

  get state(): State {
    return this.#state;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #set(change: Partial<State>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }

  /** Connects, for ever again. */
  async run(): Promise<never> {
    for (;;) {
      try {
        await this.#watch();
        this.#set({ link: "lost", trouble: "the switch has ended the connection" });
      } catch (error) {
        this.#set({ link: "lost", trouble: sentence(error) });
        await this.#forgetWrongToken(error);
      }
      await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
    }
  }

  /** Takes a token and asks what it is good for. Rejects if it is wrong. */
  async enter(value: string): Promise<void> {
    const before = token();
    keepToken(value);
    try {
      this.#set({ rights: await read<Rights>("rights") });
    } catch (error) {
      keepToken(before);
      throw error;
    }
    if (this.#state.link !== "live") this.#stop.abort();
  }

  async leave(): Promise<void> {
    keepToken(null);
    this.#set({ rights: await read<Rights>("rights") });
  }

  /** Reads again what does not count, as after a change. */
  async refresh(): Promise<void> {
    this.#set({ status: await read<Overview>("status") });
  }

  async #forgetWrongToken(error: unknown): Promise<void> {
    if (!(error instanceof Refused) || error.status !== 401) return;
    keepToken(null);
    const rights = await read<Rights>("rights").catch(() => this.#state.rights);
    this.#set({ rights });
  }

  async #watch(): Promise<void> {
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    let silence = setTimeout(() => this.#stop.abort(), SILENCE_MS_MAX);
    try {
      this.#set({ rights: await read<Rights>("rights", signal) });
      this.#set({ routes: new Set(await read<string[]>("routes", signal)) });
      const response = await ask("live", { signal });
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      const decoder = new TextDecoder();
      const feed = eventReader((data) => this.#take(JSON.parse(data) as LiveView));
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(silence);
        silence = setTimeout(() => this.#stop.abort(), SILENCE_MS_MAX);
        feed(decoder.decode(value, { stream: true }));
      }
    } finally {
      clearTimeout(silence);
    }
  }

  #take(live: LiveView): void {
    const before = this.#state.live;
    const hasChanged = before?.revision !== live.revision || this.#state.link !== "live";
    const rates = before === null ? new Map<string, PortRates>() : ratesBetween(before, live);
    if (this.#state.link === "live") this.recent.add(live.time_ms / 1000, rates);
    this.#set({ link: "live", trouble: "", live, rates });
    if (hasChanged) this.refresh().catch(() => {});
  }
}
