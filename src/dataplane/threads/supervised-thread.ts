// A worker thread that is started again when it crashes or no longer answers, after a pause that grows with every time in
// a row. What it has to know is told again from the records of the control thread (`replay`), so nothing of it is lost
// with the thread.
import { setTimeout as setTimeoutPromise } from "node:timers/promises";
import type { WakeUp } from "../io/poller.ts";
import { WorkerLink } from "./mailbox.ts";

const PAUSE_MIN_MS = 100;
const PAUSE_MAX_MS = 30_000;
/** Having lived this long, a thread's next crash is a first one again. */
const HEALTHY_MS = 60_000;
const PING_EVERY_MS = 1000;
/** A thread that does not answer for so long is taken for dead. */
const SILENCE_MAX_MS = 5000;
/** How long a thread that was asked to stop may still write out what it holds. */
const STOP_MAX_MS = 3000;

export interface ThreadOptions<Request, News> {
  readonly name: string;
  readonly script: URL;
  /** The descriptor of `wakeUp` is added as `wakeFd`. */
  readonly data: object;
  /** Closed by whoever made it, when no thread that signals it is left. */
  readonly wakeUp: WakeUp;
  /** What a new thread must be told. */
  readonly replay: () => readonly Request[];
  /** A request that costs nothing, by which silence is noticed; null where waiting (for a disk) is no fault. */
  readonly ping: Request | null;
  readonly onNews: (news: News) => void;
  /** The thread crashed and will be started again in so many ms. */
  readonly onCrash: (error: Error, pauseMs: number) => void;
}

export class SupervisedThread<Request, Reply, News> {
  restarts = 0;
  private readonly options: ThreadOptions<Request, News>;
  private link: WorkerLink<Request, Reply, News> | null = null;
  private timer: NodeJS.Timeout | null = null;
  private readonly pinger: NodeJS.Timeout | null;
  private unansweredSinceMs = 0;
  private startedMs = 0;
  private pauseMs = PAUSE_MIN_MS;
  private closing = false;

  constructor(options: ThreadOptions<Request, News>) {
    this.options = options;
    this.start();
    this.pinger = options.ping === null ? null : setInterval(() => this.ping(), PING_EVERY_MS);
    this.pinger?.unref();
  }

  get alive(): boolean {
    return this.link !== null;
  }

  /** The answer; null if the thread crashed or pauses: what was asked is in the records and will be replayed. */
  async request(request: Request): Promise<Reply | null> {
    try {
      return this.link ? await this.link.request(request) : null;
    } catch {
      return null;
    }
  }

  /** Ends the thread by a request it understands, and makes sure of it. */
  async close(stop: Request): Promise<void> {
    this.closing = true;
    if (this.timer) clearTimeout(this.timer);
    if (this.pinger) clearInterval(this.pinger);
    const link = this.link;
    await Promise.race([this.request(stop), setTimeoutPromise(STOP_MAX_MS, null, { ref: false })]);
    await link?.terminate();
  }

  private start(): void {
    this.timer = null;
    this.startedMs = performance.now();
    const link = new WorkerLink<Request, Reply, News>(
      this.options.script,
      { ...this.options.data, wakeFd: this.options.wakeUp.fd },
      this.options.wakeUp,
      this.options.onNews,
      (error) => this.ended(link, error),
    );
    this.link = link;
    this.unansweredSinceMs = 0;
    for (const request of this.options.replay()) link.request(request).catch(() => {});
  }

  private ping(): void {
    const { link } = this;
    if (link === null || this.options.ping === null) return;
    if (this.unansweredSinceMs === 0) {
      this.unansweredSinceMs = performance.now();
      link.request(this.options.ping).then(
        () => {
          if (link === this.link) this.unansweredSinceMs = 0;
        },
        () => {},
      );
    } else if (performance.now() - this.unansweredSinceMs > SILENCE_MAX_MS) {
      this.ended(link, new Error(`no answer for ${SILENCE_MAX_MS} ms`));
      void link.terminate();
    }
  }

  /** Heard once for each thread: of one that was given up as silent, the end no longer matters. */
  private ended(link: WorkerLink<Request, Reply, News>, error: Error | null): void {
    if (link !== this.link) return;
    this.link = null;
    if (this.closing) return;
    if (performance.now() - this.startedMs > HEALTHY_MS) this.pauseMs = PAUSE_MIN_MS;
    this.restarts++;
    this.options.onCrash(error ?? new Error(`${this.options.name} ended by itself`), this.pauseMs);
    this.timer = setTimeout(() => this.start(), this.pauseMs);
    this.pauseMs = Math.min(this.pauseMs * 2, PAUSE_MAX_MS);
  }
}
