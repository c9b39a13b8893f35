// An endpoint of a kernel test: a host of the lab, and what tests have it do.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { waitUntil } from "../../../src/control/lab/command.ts";
import type { Host } from "../../../src/control/lab/host.ts";

const SCRIPT_TIMEOUT_MS = 20_000;
const READY_TIMEOUT_MS = 5000;

export interface PingOptions {
  readonly count?: number;
  readonly intervalSeconds?: number;
  /** For an answer, 2 unless given. */
  readonly waitSeconds?: number;
  /** Bytes of payload. */
  readonly size?: number;
  /** `do` = set DF and never fragment. */
  readonly pmtuDiscovery?: "do" | "dont";
  /** Type of service or traffic class. */
  readonly tos?: number;
  /** TTL or hop limit. */
  readonly ttl?: number;
}

export class Peer {
  readonly host: Host;

  constructor(host: Host) {
    this.host = host;
  }

  /** Runs a program here that has to succeed; its standard output. */
  run(...command: [string, ...string[]]): Promise<string> {
    return this.host.run(command[0], command.slice(1), { timeoutMs: SCRIPT_TIMEOUT_MS });
  }

  /** How many of the pings were answered. */
  async ping(address: string, options: PingOptions = {}): Promise<number> {
    const args = [
      "-n",
      "-W",
      String(options.waitSeconds ?? 2),
      "-c",
      String(options.count ?? 3),
      "-i",
      // Once one is answered, ping waits for the last as long as this, and no longer: on a busy machine answers are late.
      String(options.intervalSeconds ?? 0.2),
    ];
    if (options.size !== undefined) args.push("-s", String(options.size));
    if (options.pmtuDiscovery !== undefined) args.push("-M", options.pmtuDiscovery);
    if (options.tos !== undefined) args.push("-Q", String(options.tos));
    if (options.ttl !== undefined) args.push("-t", String(options.ttl));
    const { stdout } = await this.host.outcome("ping", [...args, address], { timeoutMs: SCRIPT_TIMEOUT_MS });
    return Number(/(\d+) received/.exec(stdout)?.[1] ?? 0);
  }

  /** The hardware address of a device here. */
  async mac(device: string): Promise<string> {
    const text = await this.host.run("ip", ["-j", "link", "show", "dev", device]);
    return (JSON.parse(text) as { address: string }[])[0].address;
  }

  /** Starts one of the scripts in `peers/`. */
  script(name: string, ...args: (string | number)[]): PeerScript {
    return new PeerScript(this.host.start(process.execPath, [pathOf(name), ...args.map(String)]));
  }
}

/** A script of `peers/`: may print `ready`, and prints what it has found out as JSON on its last line. */
export class PeerScript {
  private readonly child: ChildProcess;
  private readonly closed: Promise<unknown>;
  private output = "";

  constructor(child: ChildProcess) {
    this.child = child;
    this.closed = once(child, "close");
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (text) => {
        this.output += text;
      });
    }
  }

  /** Resolves once the script listens. */
  async ready(): Promise<this> {
    if (await waitUntil(() => this.output.includes("ready"), READY_TIMEOUT_MS, 10)) return this;
    throw new Error(`the script is not ready: ${this.output}`);
  }

  /** What the script printed at its end; rejects if it takes too long or fails. */
  async result<Result>(): Promise<Result> {
    const timer = setTimeout(() => this.child.kill("SIGKILL"), SCRIPT_TIMEOUT_MS);
    await this.closed;
    clearTimeout(timer);
    if (this.child.exitCode !== 0) throw new Error(`the script failed: ${this.output}`);
    return JSON.parse(this.output.trim().split("\n").at(-1)!) as Result;
  }

  /** Asks a script that runs until told to end. */
  end(): void {
    this.child.kill("SIGTERM");
  }
}

function pathOf(script: string): string {
  return fileURLToPath(new URL(`peers/${script}`, import.meta.url));
}
