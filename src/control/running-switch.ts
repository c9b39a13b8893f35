// The switch while it runs: the data plane and the configuration that it was last given. Every change, whoever asks
// for it, is validated, planned and applied here, one at a time; if any of that fails, the running configuration stays.
import type { Change, Dataplane, SwitchStatus } from "../dataplane/spec.ts";
import { faultText } from "./config/fault.ts";
import type { Config } from "./config/schema.ts";
import { type SwitchSpec, specsOf } from "./config/specs.ts";
import { validate } from "./config/validate.ts";
import type { Edit } from "./edits.ts";
import { keyOf } from "./key.ts";
import { plan } from "./plan.ts";
import { planText } from "./plan-text.ts";
import { Refusal } from "./refusal.ts";
import { readToken } from "./web/token-file.ts";

/** Changes that may wait for their turn. */
const WAITING_MAX = 64;

export interface Outcome {
  /** One line a change, as in a dry run. */
  readonly changes: readonly string[];
  /** What was applied but does not work yet, a sentence each. */
  readonly warnings: readonly string[];
}

export class RunningSwitch {
  readonly dataplane: Dataplane;
  #config: Config;
  #token: string | null;
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  private constructor(dataplane: Dataplane, config: Config, token: string | null) {
    this.dataplane = dataplane;
    this.#config = config;
    this.#token = token;
  }

  /** Gives a configuration to a data plane that has none yet. Throws a Refusal if part of it cannot come up. */
  static async start(dataplane: Dataplane, config: Config): Promise<RunningSwitch> {
    const token = readToken(config.metrics.token_file);
    const changes = plan(null, specsOf(config));
    await dataplane.apply(changes);
    const down = downSentences(dataplane.status(), changes);
    if (down.length > 0) throw new Refusal(down.join("\n"));
    return new RunningSwitch(dataplane, config, token);
  }

  get config(): Config {
    return this.#config;
  }

  /** What metrics.token_file held when it was last read, at start or by a reload; null if there is none. */
  get token(): string | null {
    return this.#token;
  }

  /** Turns the running switch into the wanted one. */
  replace(wanted: Config, { dryRun }: { dryRun: boolean }): Promise<Outcome> {
    return this.#inTurn(async () => {
      const token = readToken(wanted.metrics.token_file);
      const outcome = await this.#apply(wanted, dryRun);
      if (!dryRun) this.#token = token;
      return outcome;
    });
  }

  /** Changes part of the running configuration. */
  edit(edit: Edit): Promise<Outcome> {
    return this.#inTurn(() => {
      const result = validate(edit(this.#config));
      if ("faults" in result) throw new Refusal(result.faults.map(faultText).join("\n"));
      return this.#apply(result.config, false);
    });
  }

  /** Resolves when nothing is being changed any more. */
  async settled(): Promise<void> {
    await this.#turn;
  }

  async #apply(wanted: Config, dryRun: boolean): Promise<Outcome> {
    refuseFixed(this.#config, wanted);
    const old: SwitchSpec = specsOf(this.#config);
    const changes = plan(old, specsOf(wanted));
    const text = planText(old, changes);
    if (dryRun) return { changes: text, warnings: [] };
    if (changes.length > 0) await this.dataplane.apply(changes);
    this.#config = wanted;
    return { changes: text, warnings: downSentences(this.dataplane.status(), changes) };
  }

  #inTurn<T>(work: () => T | Promise<T>): Promise<T> {
    if (this.#waiting >= WAITING_MAX) {
      return Promise.reject(new Refusal(`${WAITING_MAX} changes wait already; try again in a moment`));
    }
    this.#waiting += 1;
    const result = this.#turn.then(work).finally(() => {
      this.#waiting -= 1;
    });
    // The next one starts whether this one succeeds or not; its caller sees the failure.
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

/** What is bound once, at start. */
function refuseFixed(running: Config, wanted: Config): void {
  const fixed: [string, string, string][] = [
    ["metrics.listen", running.metrics.listen, wanted.metrics.listen],
    ["control.socket", running.control.socket, wanted.control.socket],
    ["underlay.io", running.underlay.io, wanted.underlay.io],
    ["underlay.srcport", running.underlay.srcport, wanted.underlay.srcport],
    ["underlay.workers", String(running.underlay.workers), String(wanted.underlay.workers)],
  ];
  const moved = fixed.filter(([, from, to]) => from !== to);
  if (moved.length === 0) return;
  const sentences = moved.map(
    ([path, from, to]) => `${path} cannot change from ${from} to ${to} while running; restart the daemon`,
  );
  throw new Refusal(sentences.join("\n"));
}

/** A sentence for each port or mirror among these changes that is down. */
function downSentences(status: SwitchStatus, changes: readonly Change[]): string[] {
  const touched = new Set(changes.flatMap(touchedBy));
  const things = [
    ...status.ports.map((port) => ({ ...port, what: "port" })),
    ...status.mirrors.map((mirror) => ({ ...mirror, what: "mirror" })),
  ];
  return things
    .filter((thing) => thing.state === "down" && touched.has(`${thing.what} ${keyOf(thing)}`))
    .map((thing) => `${thing.what} ${keyOf(thing)} is down: ${thing.reason}`);
}

function touchedBy(change: Change): string[] {
  if (change.op === "add-port" || change.op === "set-port") return [`port ${keyOf(change.port)}`];
  if (change.op === "add-mirror" || change.op === "set-mirror") return [`mirror ${keyOf(change.mirror)}`];
  return [];
}
