// The switch as a process on a host of the lab: started from a configuration, waited for, asked, and stopped.
// Its configuration, control socket and log lie in one directory, which the caller makes and removes.
import type { ChildProcess } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Refusal } from "../refusal.ts";
import { type RunOptions, run, waitUntil } from "./command.ts";
import type { Host } from "./host.ts";

/** The program beside this file, once compiled. */
const PROGRAM = fileURLToPath(new URL("../cli/main.js", import.meta.url));

const READY_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 10_000;
const LOG_LINES_SHOWN = 10;
/** By http, which starts in half the time that fetch takes. */
const SCRAPE = 'require("node:http").get(process.argv[1], (reply) => reply.pipe(process.stdout))';

export interface SwitchFiles {
  readonly directory: string;
  readonly config: string;
  readonly socket: string;
  readonly log: string;
}

export interface SwitchOptions {
  readonly files: SwitchFiles;
  /** What the configuration file is to hold. */
  readonly config: string;
  /** `dist/control/cli/main.js`; the one beside this file unless given. */
  readonly program?: string;
  /** Words to put in front of the command, such as `setpriv` with its options. */
  readonly wrapper?: readonly string[];
}

/** Where a switch of the lab keeps its files. */
export function switchFiles(directory: string): SwitchFiles {
  return {
    directory,
    config: join(directory, "vxswitch.yaml"),
    socket: join(directory, "vxswitch.sock"),
    log: join(directory, "vxswitch.log"),
  };
}

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class SwitchProcess {
  readonly host: Host;
  readonly files: SwitchFiles;
  readonly exited: Promise<Exit>;
  private readonly program: string;
  private readonly child: ChildProcess;
  private exit: Exit | null = null;

  /** Writes the configuration and starts the switch; `ready()` waits for it. */
  constructor(host: Host, options: SwitchOptions) {
    this.host = host;
    this.files = options.files;
    this.program = options.program ?? PROGRAM;
    writeFileSync(this.files.config, options.config);
    this.child = this.launch(options.wrapper ?? []);
    this.exited = new Promise((resolve) => {
      this.child.on("exit", (code, signal) => {
        this.exit = { code, signal };
        resolve(this.exit);
      });
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Waits until the switch answers; refuses with the end of its log if it ends instead. */
  async ready(): Promise<void> {
    const { socket } = this.files;
    const settled = await waitUntil(
      async () => this.exit !== null || (await answers(socket)),
      READY_TIMEOUT_MS,
    );
    if (settled && this.exit === null) return;
    const what =
      this.exit === null ? `does not answer on ${socket}` : `ended with exit code ${this.exit.code}`;
    const lines = this.log().trim().split("\n").slice(-LOG_LINES_SHOWN);
    throw new Refusal(`the switch ${what}; its log says:\n${lines.join("\n")}`);
  }

  /** All that the switch has said so far. */
  log(): string {
    return readFileSync(this.files.log, "utf8");
  }

  /** Runs another `vxswitch` command against this switch; its standard output. */
  command(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const env = { ...process.env, VXSWITCH_SOCKET: this.files.socket };
    return run(process.execPath, [this.program, ...args], { env, ...options });
  }

  /** `vxswitch show WHAT --json`, parsed. The caller names the shape that interface and `--json` promise. */
  async show<Row>(what: string): Promise<Row[]> {
    return JSON.parse(await this.command(["show", what, "--json"])) as Row[];
  }

  /** What a Prometheus server on the switch's own host would get. */
  scrape(listen = METRICS_LISTEN): Promise<string> {
    return this.host.run(process.execPath, ["-e", SCRAPE, `http://${listen}/metrics`]);
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Asks the switch to end, and kills it if it does not in time. */
  async stop(): Promise<Exit> {
    if (this.exit === null) this.signal("SIGTERM");
    if (!(await waitUntil(() => this.exit !== null, STOP_TIMEOUT_MS))) this.signal("SIGKILL");
    return this.exited;
  }

  /** Lets this program end while the switch runs on. */
  leaveRunning(): void {
    this.child.unref();
  }

  /** In a session of its own, so that Ctrl-C at the terminal reaches the lab first, which then stops it in order. */
  private launch(wrapper: readonly string[]): ChildProcess {
    const [first, ...rest] = [
      ...wrapper,
      process.execPath,
      this.program,
      "run",
      "--config",
      this.files.config,
    ];
    const log = openSync(this.files.log, "a");
    try {
      return this.host.start(first, rest, { stdio: ["ignore", log, log], detached: true });
    } finally {
      closeSync(log);
    }
  }
}

/** Where the switches of the lab serve metrics, each on the loopback of its own namespace. */
export const METRICS_LISTEN = "127.0.0.1:9478";

/** Whether somebody listens on a control socket. */
export function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(socket);
    connection.on("connect", () => {
      connection.destroy();
      resolve(true);
    });
    connection.on("error", () => resolve(false));
  });
}
