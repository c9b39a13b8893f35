// What the daemon tells systemd when it runs as a service of Type=notify (sd_notify(3)): that it serves, reloads and stops,
// and, to a watchdog, that it forwards. Node has no datagram sockets of the Unix kind, so systemd-notify(1) is the one
// that sends; started otherwise, where there is no NOTIFY_SOCKET, nothing is told and nothing runs.
import { execFile } from "node:child_process";
import type { Log } from "./log.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Longer than systemd-notify waits for the word to be taken, which are 5 s. */
const NOTIFY_MS_MAX = 10_000;
/** As sd_watchdog_enabled(3) has it. */
const NOTICES_PER_TIMEOUT = 2;
/** While the data plane does not answer it is looked at more often, so that one that comes back is in time. */
const LOOKS_PER_TIMEOUT = 16;

export class ServiceManager {
  readonly #environment: Environment;
  readonly #log: Log;
  /** The words are sent one after the other, for each is a process: "ready" must not overtake "reloading". */
  #sent: Promise<void> = Promise.resolve();
  #watchdog: NodeJS.Timeout | undefined;
  #isStopping = false;

  constructor(environment: Environment, log: Log) {
    this.#environment = environment;
    this.#log = log;
  }

  ready(): Promise<void> {
    return this.#notify("READY=1");
  }

  reloading(): Promise<void> {
    return this.#notify("RELOADING=1");
  }

  stopping(): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#watchdog);
    return this.#notify("STOPPING=1");
  }

  /** Tells the watchdog, if there is one, twice in the time that it allows; not while `isAlive` says no. */
  watch(isAlive: () => boolean): void {
    const timeoutMs = watchdogMs(this.#environment);
    if (timeoutMs > 0) void this.#look(isAlive, timeoutMs);
  }

  /** The next look comes when this word has been taken: however slow that is, no more than one waits. */
  async #look(isAlive: () => boolean, timeoutMs: number): Promise<void> {
    const alive = isAlive();
    if (alive) await this.#notify("WATCHDOG=1");
    if (this.#isStopping) return;
    const pauseMs = timeoutMs / (alive ? NOTICES_PER_TIMEOUT : LOOKS_PER_TIMEOUT);
    this.#watchdog = setTimeout(() => void this.#look(isAlive, timeoutMs), pauseMs);
  }

  #notify(word: string): Promise<void> {
    if (this.#environment.NOTIFY_SOCKET === undefined) return Promise.resolve();
    this.#sent = this.#sent.then(() => this.#send(word));
    return this.#sent;
  }

  #send(word: string): Promise<void> {
    const options = { env: { ...this.#environment }, timeout: NOTIFY_MS_MAX };
    return new Promise((resolve) => {
      execFile("systemd-notify", [word], options, (error) => {
        if (error !== null) this.#log.error(`systemd was not told ${word}: ${error.message.trim()}`);
        resolve();
      });
    });
  }
}

/** 0 = no watchdog, or one that is meant for another process. */
function watchdogMs({ WATCHDOG_USEC, WATCHDOG_PID }: Environment): number {
  const isOurs = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === process.pid;
  return isOurs && /^\d{1,15}$/.test(WATCHDOG_USEC ?? "") ? Number(WATCHDOG_USEC) / 1000 : 0;
}
