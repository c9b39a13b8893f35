// `vxswitch top` from start to end: asks the daemon, keeps the state, and prints or draws it. The daemon says when a sample is
// there, so that each second is shown once, and none is missed.
import { setTimeout as sleep } from "node:timers/promises";
import type { TalkersView } from "../activity/talkers-view.ts";
import { apiPath, type Client } from "../cli/client.ts";
import { Refusal } from "../refusal.ts";
import type { FdbView, PortView } from "../server/views.ts";
import { render } from "./render.ts";
import { type Rates, UNDERLAY } from "./rows.ts";
import { paint } from "./screen.ts";
import { FIRST_STATE, type Look, type PortDetail, reduce, type TopEvent, type TopState } from "./state.ts";
import { Terminal, type TerminalStreams } from "./terminal.ts";

/** Addresses of a port that are asked for. */
const ADDRESSES_MAX = 11;
const TALKERS_MAX = 5;
/** How soon a daemon that is gone is tried again. */
const RETRY_MS = 1000;

export interface TopOptions {
  readonly intervalSeconds: number;
  /** How many times; Infinity = until it is ended. */
  readonly count: number;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** The next averages over an interval, once they are there. */
async function nextRates(
  client: Client,
  after: number,
  { intervalSeconds, signal }: TopOptions,
  withSparklines: boolean,
): Promise<Rates> {
  // The daemon is made to wait for the last of the seconds only.
  if (intervalSeconds > 1) await sleep((intervalSeconds - 1) * 1000, undefined, { signal });
  const path = `/v1/rates?after=${after}&samples=${intervalSeconds}&sparklines=${withSparklines}`;
  return client.ask<Rates>("GET", path, undefined, signal);
}

/** Prints a block an interval. Ends with a Refusal when the daemon is gone: whoever reads this would wait for nothing. */
export async function printRates(
  client: Client,
  options: TopOptions,
  print: (rates: Rates) => void,
): Promise<void> {
  const { count, signal } = options;
  try {
    let { sample } = await client.ask<Rates>("GET", "/v1/rates?sparklines=false", undefined, signal);
    for (let printed = 0; printed < count; printed++) {
      const rates = await nextRates(client, sample, options, false);
      sample = rates.sample;
      print(rates);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

export interface TopScreen {
  readonly streams: TerminalStreams;
  readonly isUnicode: boolean;
  readonly hasColours: boolean;
}

/** Draws on a terminal until it is ended. A daemon that is gone is waited for. */
export async function showTop(client: Client, options: TopOptions, screen: TopScreen): Promise<void> {
  // Without a daemon from the beginning there is nothing to show: that is a sentence, not a screen.
  const first = await client.ask<Rates>("GET", "/v1/rates", undefined, options.signal);
  const session = new Session(client, options, screen);
  await session.run(first);
}

class Session {
  private state: TopState = FIRST_STATE;
  private readonly client: Client;
  private readonly options: TopOptions;
  private readonly screen: TopScreen;
  private readonly terminal: Terminal;
  private readonly ended = new AbortController();
  private readonly signal: AbortSignal;

  constructor(client: Client, options: TopOptions, screen: TopScreen) {
    this.client = client;
    this.screen = screen;
    this.signal = AbortSignal.any([options.signal, this.ended.signal]);
    this.options = { ...options, signal: this.signal };
    this.terminal = new Terminal(screen.streams, {
      onKey: (key) => this.onKey(key),
      onResize: () => this.draw(),
    });
  }

  async run(first: Rates): Promise<void> {
    this.terminal.enter();
    try {
      this.take({ type: "look", look: await this.lookAt(first) });
      await this.follow(first.sample);
    } finally {
      this.terminal.leave();
    }
  }

  private async follow(sample: number): Promise<void> {
    for (let shown = 1; shown < this.options.count && !this.signal.aborted; ) {
      try {
        const rates = await nextRates(this.client, sample, this.options, true);
        sample = rates.sample;
        shown++;
        this.take({ type: "look", look: await this.lookAt(rates) });
      } catch (error) {
        if (this.signal.aborted) return;
        if (!(error instanceof Refusal)) throw error;
        this.take({ type: "problem", text: `waiting: ${error.message}` });
        await sleep(RETRY_MS, undefined, { signal: this.signal }).catch(() => undefined);
      }
    }
  }

  /** What else is shown beside the rates. */
  private async lookAt(rates: Rates): Promise<Look> {
    const { showsTalkers, view, selected } = this.state;
    const talkers = showsTalkers && view === "list" ? await this.askTalkers() : null;
    const detail = view === "port" && selected !== null ? await this.askDetail(selected) : null;
    return { rates, talkers, detail };
  }

  private askTalkers(): Promise<TalkersView> {
    return this.client.ask("GET", `/v1/talkers?limit=${TALKERS_MAX}`, undefined, this.signal);
  }

  private async askDetail(key: string): Promise<PortDetail> {
    if (key === UNDERLAY) return { key, port: null, addresses: [] };
    const ports = await this.client.ask<PortView[]>("GET", "/v1/ports", undefined, this.signal);
    const port = ports.find(({ bridge, port }) => `${bridge}/${port}` === key) ?? null;
    const path = apiPath`/v1/fdb?port=${key}&limit=${String(ADDRESSES_MAX)}`;
    return { key, port, addresses: await this.client.ask<FdbView[]>("GET", path, undefined, this.signal) };
  }

  private onKey(key: string): void {
    const before = this.state;
    this.take({ type: "key", key });
    if (this.state.isOver) this.ended.abort();
    else if (this.state.view === "port" && before.view !== "port") void this.fillDetail();
  }

  /** What a port just opened is should not wait for the next second. */
  private async fillDetail(): Promise<void> {
    const { look, selected } = this.state;
    if (look === null || selected === null) return;
    const detail = await this.askDetail(selected).catch(() => null);
    if (detail !== null && this.state.look === look) this.take({ type: "look", look: { ...look, detail } });
  }

  private take(event: TopEvent): void {
    this.state = reduce(this.state, event);
    this.draw();
  }

  private draw(): void {
    const { isUnicode, hasColours } = this.screen;
    if (!this.state.isOver)
      this.terminal.draw(paint(render(this.state, this.terminal.size, isUnicode), hasColours));
  }
}
