// `vxswitch run`: the daemon in the foreground, driven by signals.
import { type Command, Option } from "commander";
import type { Daemon as RunningDaemon } from "../../daemon.ts";
import { LOG_LEVELS, type LogLevel } from "../../log-level.ts";
import { logReader } from "../../log-reader.ts";
import { ServiceManager } from "../../service-manager.ts";
import { Exit, type Io } from "../io.ts";

/** Adds `run` to the program. */
export function registerRun(program: Command, io: Io): void {
  program
    .command("run")
    .description("run the switch in the foreground; SIGTERM and SIGINT stop it, SIGHUP reloads its file")
    .requiredOption("--config <file>", "the configuration, YAML")
    .addOption(new Option("--log-level <level>", "what to log").choices(LOG_LEVELS).default("info"))
    .action(async ({ config, logLevel }: { config: string; logLevel: LogLevel }) => {
      const { Daemon } = await import("../../daemon.ts");
      const { createLog } = await import("../../log.ts");
      const log = createLog(logLevel, io.err, logReader(io.env));
      const stop = nextStop(io);
      const manager = new ServiceManager(io.env, log);
      let daemon: RunningDaemon | null = null;
      // Listened to from the beginning: by default SIGHUP ends a process, also one that is still starting.
      const reload = () => void (daemon && reloadAndTell(daemon, manager));
      io.signals.on("SIGHUP", reload);
      try {
        daemon = await Daemon.start({ configFile: config, open: io.open, log });
        const { dataplane } = daemon.running;
        void manager.ready();
        manager.watch(() => dataplane.alive);
        log.info(`stopping on ${await stop.asked}`);
        void manager.stopping();
        await daemon.close();
      } finally {
        io.signals.off("SIGHUP", reload);
        stop.done();
      }
    });
}

async function reloadAndTell(daemon: RunningDaemon, manager: ServiceManager): Promise<void> {
  void manager.reloading();
  await daemon.reload();
  await manager.ready();
}

const STOP_SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** The first signal asks for a clean stop, also while still starting; the second does not wait for it. */
function nextStop(io: Io): { asked: Promise<string>; done(): void } {
  let count = 0;
  let ask: (signal: string) => void;
  const asked = new Promise<string>((resolve) => {
    ask = resolve;
  });
  const onSignal = (signal: string) => {
    count += 1;
    if (count > 1) io.exit(Exit.failed);
    ask(signal);
  };
  for (const signal of STOP_SIGNALS) io.signals.on(signal, onSignal);
  return {
    asked,
    done() {
      for (const signal of STOP_SIGNALS) io.signals.off(signal, onSignal);
    },
  };
}
