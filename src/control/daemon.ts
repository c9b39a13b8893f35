// The daemon: a data plane with its configuration, control socket and metrics, from start to close. `run` drives it
// with signals, tests call it directly. Whatever is opened on the way in is closed on the way out, also of a failure.
import type { DataplaneOptions } from "../dataplane/dataplane.ts";
import type { Dataplane } from "../dataplane/spec.ts";
import { Activity } from "./activity/activity.ts";
import { loadConfig } from "./config/file.ts";
import type { Config } from "./config/schema.ts";
import { portRangeOf } from "./config/values.ts";
import { Events } from "./events.ts";
import { type Log, logLines } from "./log.ts";
import { sentenceOf } from "./refusal.ts";
import { RunningSwitch } from "./running-switch.ts";
import { createApi } from "./server/api.ts";
import { claimSocketPath, listenOnSocket } from "./server/control-socket.ts";
import { closeServer, createServer } from "./server/http.ts";
import { listenForMetrics } from "./server/metrics-listener.ts";
import { VERSION } from "./version.ts";
import { noRefusals } from "./web/refusals.ts";

export type OpenDataplane = (options: DataplaneOptions) => Promise<Dataplane>;

export interface DaemonOptions {
  readonly configFile: string;
  readonly open: OpenDataplane;
  readonly log: Log;
}

type Closer = () => Promise<void>;

export class Daemon {
  readonly running: RunningSwitch;
  readonly metricsUrl: string;
  readonly #options: DaemonOptions;
  readonly #events: Events;
  readonly #closers: readonly Closer[];

  private constructor(
    options: DaemonOptions,
    parts: { running: RunningSwitch; events: Events; metricsUrl: string; closers: readonly Closer[] },
  ) {
    this.#options = options;
    this.running = parts.running;
    this.#events = parts.events;
    this.metricsUrl = parts.metricsUrl;
    this.#closers = parts.closers;
  }

  /** Resolves when everything serves. Rejects with a Refusal, and leaves nothing behind. */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const config = loadConfig(options.configFile);
    const closers: Closer[] = [];
    try {
      const parts = await startParts(options, config, closers);
      options.log.info(`vxswitch ${VERSION} serves ${config.control.socket} and ${parts.metricsUrl}`);
      return new Daemon(options, { ...parts, closers });
    } catch (error) {
      await closeAll(closers, options.log);
      throw error;
    }
  }

  /** Reads the file again. What is wrong goes to the log, and the running configuration stays. */
  async reload(): Promise<void> {
    const { configFile } = this.#options;
    try {
      const outcome = await this.running.replace(loadConfig(configFile), { dryRun: false });
      this.#events.changed("reload", `${configFile} reloaded`, outcome);
    } catch (error) {
      const message = `${configFile} not reloaded; the running configuration stays`;
      this.#events.emit({ type: "reload", level: "error", message: `${sentenceOf(error)}\n${message}` });
    }
  }

  /** Ends what is being changed, then everything. */
  async close(): Promise<void> {
    await this.running.settled();
    this.#events.emit({ type: "stop", level: "debug", message: "vxswitch stops" });
    await closeAll(this.#closers, this.#options.log);
  }
}

/** The order matters: a second daemon is refused at the socket, before it could disturb the first one's ports. */
async function startParts({ open, log }: DaemonOptions, config: Config, closers: Closer[]) {
  await claimSocketPath(config.control.socket);
  const { io: wantedIo, spin, workers, srcport } = config.underlay;
  const dataplane = await open({ io: wantedIo, spin, workers, sourcePorts: portRangeOf(srcport) });
  closers.push(() => dataplane.close());
  const events = new Events(log);
  dataplane.onEvent((event) => events.emit(event));
  const running = await RunningSwitch.start(dataplane, config);
  const { io, reason } = dataplane.status().underlay;
  log.info(`underlay ${io}${reason === "" ? "" : `: ${reason}`}`);
  const activity = new Activity(dataplane);
  closers.push(async () => activity.close());
  activity.start();
  const parts = { running, activity, events, log, refusals: noRefusals() };
  const metrics = await listenForMetrics(parts);
  closers.push(() => closeServer(metrics.server));
  const control = createServer(createApi(parts));
  closers.push(() => closeServer(control));
  await listenOnSocket(control, config.control.socket, log);
  return { running, events, metricsUrl: metrics.url };
}

/** Last opened, first closed; one that fails does not keep the others open. */
async function closeAll(closers: readonly Closer[], log: Log): Promise<void> {
  for (const close of closers.toReversed()) {
    await close().catch((error: unknown) => logLines(log, "error", sentenceOf(error)));
  }
}
