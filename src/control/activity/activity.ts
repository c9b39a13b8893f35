// Looks at the switch once a second: keeps the history, and tells the rates to whoever listens.
import { monotonicMs } from "../../dataplane/clock.ts";
import type { Dataplane, SwitchStatus } from "../../dataplane/spec.ts";
import { History } from "./history.ts";
import { type RatesView, ratesView } from "./views.ts";

const SAMPLE_EVERY_MS = 1000;

/** Gets the rates of a second; what it throws is not caught. */
export type SampleListener = (rates: RatesView) => void;

export class Activity {
  readonly history = new History();
  private readonly dataplane: Dataplane;
  private readonly listeners = new Set<SampleListener>();
  private readonly startedMs = monotonicMs();
  private timer: NodeJS.Timeout | null = null;
  private status: SwitchStatus;

  constructor(dataplane: Dataplane) {
    this.dataplane = dataplane;
    this.status = dataplane.status();
    this.history.sample(monotonicMs(), this.status);
  }

  /** From now on once a second, until it is closed. */
  start(): void {
    this.timer = setInterval(() => this.sample(monotonicMs()), SAMPLE_EVERY_MS);
    this.timer.unref();
  }

  /** Looks now; tests give the time. */
  sample(nowMs: number): void {
    this.status = this.dataplane.status();
    this.history.sample(nowMs, this.status);
    if (this.listeners.size === 0) return;
    const rates = this.rates();
    for (const listener of this.listeners) listener(rates);
  }

  /** The rates of the last second. */
  rates(): RatesView {
    const { alive } = this.dataplane;
    const uptimeSeconds = Math.floor((monotonicMs() - this.startedMs) / 1000);
    return ratesView(this.status, this.history, { alive, uptimeSeconds });
  }

  /** Calls it after each sample; returns how to stop that. Who listens costs a second's view of all ports. */
  onSample(listener: SampleListener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  close(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.listeners.clear();
  }
}
