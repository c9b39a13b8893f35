// A host of the lab: one network namespace, by name. What is made here is made inside the namespace; the machine's own
// namespace never holds a device, an address or a route of the lab, so nothing can be left behind in it.
import type { ChildProcess, SpawnOptions } from "node:child_process";
import { type Outcome, outcome, type RunOptions, run, start, waitUntil } from "./command.ts";

const TERM_TIMEOUT_MS = 5000;
const KILL_TIMEOUT_MS = 2000;

export class Host {
  /** `client1`, as in the drawing of topology.ts. */
  readonly name: string;
  /** `vxlab-client1`, as in `ip netns list`. */
  readonly namespace: string;

  constructor(name: string, namespace: string) {
    this.name = name;
    this.namespace = namespace;
  }

  /** Runs a program on this host that has to succeed; its standard output. */
  run(program: string, args: readonly string[] = [], options: RunOptions = {}): Promise<string> {
    return run("ip", this.inside(program, args), options);
  }

  /** Runs a program on this host and says how it ended. */
  outcome(program: string, args: readonly string[] = [], options: RunOptions = {}): Promise<Outcome> {
    return outcome("ip", this.inside(program, args), options);
  }

  /** Starts a program on this host; the child's pid is the program's own, since `ip netns exec` becomes it. */
  start(program: string, args: readonly string[] = [], options: SpawnOptions = {}): ChildProcess {
    return start("ip", this.inside(program, args), options);
  }

  /** `ip` in this namespace, as `host.ip("link", "set", "eth0", "up")`. */
  ip(...args: string[]): Promise<string> {
    return run("ip", ["-n", this.namespace, ...args]);
  }

  async hasLink(device: string): Promise<boolean> {
    const args = ["-n", this.namespace, "link", "show", "dev", device];
    return (await outcome("ip", args)).code === 0;
  }

  /** The namespace with its loopback up; made if it is missing, or if only its name is left. */
  async ensure(): Promise<void> {
    if (!(await this.hasLink("lo"))) {
      await outcome("ip", ["netns", "del", this.namespace]);
      await run("ip", ["netns", "add", this.namespace]);
    }
    await this.ip("link", "set", "lo", "up");
  }

  /** Ends what runs in the namespace and removes it with every device in it. Nothing to do is fine. */
  async remove(): Promise<void> {
    if (!(await namespaces()).includes(this.namespace)) return;
    await this.endProcesses("SIGTERM", TERM_TIMEOUT_MS);
    await this.endProcesses("SIGKILL", KILL_TIMEOUT_MS);
    await run("ip", ["netns", "del", this.namespace]);
  }

  /** The processes that run in this namespace. */
  async pids(): Promise<number[]> {
    const { code, stdout } = await outcome("ip", ["netns", "pids", this.namespace]);
    if (code !== 0) return []; // only the name is left of the namespace
    return stdout.split("\n").filter(Boolean).map(Number);
  }

  private async endProcesses(signal: NodeJS.Signals, timeoutMs: number): Promise<void> {
    for (const pid of await this.pids()) {
      try {
        process.kill(pid, signal);
      } catch {
        // It ended by itself in between.
      }
    }
    await waitUntil(async () => (await this.pids()).length === 0, timeoutMs);
  }

  private inside(program: string, args: readonly string[]): string[] {
    return ["netns", "exec", this.namespace, program, ...args];
  }
}

/** The names of all network namespaces that have one. */
export async function namespaces(): Promise<string[]> {
  const rows = (await run("ip", ["netns", "list"])).split("\n");
  return rows.map((row) => row.split(" ")[0]).filter((name) => name !== "");
}

/** Prefix of the namespaces of one run of a program, so that what a killed run has left is recognised as such. */
export function runPrefix(family: string): string {
  return `${family}-${process.pid}-`;
}

/** Removes the namespaces of runs (`runPrefix`) whose process is gone. */
export async function removeLeftovers(family: string): Promise<void> {
  for (const namespace of await namespaces()) {
    const pid = namespace.startsWith(`${family}-`)
      ? Number.parseInt(namespace.slice(family.length + 1), 10)
      : 0;
    if (pid > 0 && !isRunning(pid)) await new Host(namespace, namespace).remove();
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
