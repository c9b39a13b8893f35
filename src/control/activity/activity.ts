// Looks at the switch once a second: keeps the history, and tells the rates to whoever listens or waits.
import { monotonicMs } from "../../dataplane/clock.ts";
import type { Dataplane, SwitchStatus } from "../../dataplane/spec.ts";
import { keyOf } from "../key.ts";
import { FrameSample } from "./frame-sample.ts";
import { History } from "./history.ts";
import { LinkSpeeds } from "./link-speed.ts";
import { Talkers } from "./talkers.ts";
import { FINE_SLOTS } from "./timeline.ts";
import { type RatesView, ratesView } from "./views.ts";

const SAMPLE_EVERY_MS = 1000;

/** Gets the rates of a second; what it throws is not caught. */
export type SampleListener = (rates: RatesView) => void;

export class Activity {
  readonly history = new History();
  /** Who talks with whom; nothing is looked at before somebody asks. */
  readonly talkers: Talkers;
  private readonly dataplane: Dataplane;
  private readonly speeds = new LinkSpeeds();
  private readonly listeners = new Set<SampleListener>();
  private waiting: (() => void)[] = [];
  private readonly startedMs = monotonicMs();
  private timer: NodeJS.Timeout | null = null;
  private status: SwitchStatus;

  constructor(dataplane: Dataplane) {
    this.dataplane = dataplane;
    const framesPerSecond = () => this.framesPerSecond();
    this.talkers = new Talkers(new FrameSample({ dataplane, framesPerSecond }), monotonicMs);
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
    this.talkers.tick();
    const waiting = this.waiting;
    this.waiting = [];
    for (const wake of waiting) wake();
    if (this.listeners.size === 0) return;
    const rates = this.rates();
    for (const listener of this.listeners) listener(rates);
  }

  /** The rates of the last second, or the averages of the last so many samples. */
  rates(samples = 1): RatesView {
    const nowMs = monotonicMs();
    return ratesView(this.status, this.history, {
      alive: this.dataplane.alive,
      uptimeSeconds: Math.floor((nowMs - this.startedMs) / 1000),
      samples,
      speedOf: ({ device, type }) => this.speeds.bitsPerSecond(device, type === "tap", nowMs),
    });
  }

  /**
   * Waits until so many samples were taken after that number, then averages over all of them: who asks so again and again
   * misses nothing, and counts nothing twice. A number that is still to come is another daemon's: it gets the next sample.
   */
  async ratesAfter(number: number, samples: number): Promise<RatesView> {
    const { history } = this;
    const after = Math.min(number, history.samples);
    const wanted = number > history.samples ? 1 : samples;
    while (history.samples < after + wanted) await this.nextSample();
    return this.rates(Math.min(history.samples - after, FINE_SLOTS));
  }

  /** Calls it after each sample; returns how to stop that. Who listens costs a second's view of all ports. */
  onSample(listener: SampleListener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  close(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.listeners.clear();
    this.talkers.close();
  }

  private framesPerSecond(): number {
    const rates = this.status.ports.map((port) => this.history.latest("port", keyOf(port))?.[0] ?? 0);
    return rates.reduce((sum, rate) => sum + (rate || 0), 0);
  }

  private nextSample(): Promise<void> {
    return new Promise((resolve) => void this.waiting.push(resolve));
  }
}
