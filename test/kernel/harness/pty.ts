// A program in a terminal of its own (script(1) makes it), for tests that press keys and look at what is sent to the screen.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { expect } from "vitest";
import { run, waitUntil } from "../../../src/control/lab/command.ts";

const SEEN_TIMEOUT_MS = 10_000;

export class Pty {
  /** Everything that the terminal was sent. */
  output = "";
  private readonly child: ChildProcess;
  private readonly ended: Promise<unknown>;

  /** Behind the command, `stty -a` tells in what state it leaves the terminal. */
  constructor(command: string, env: Readonly<Record<string, string>>) {
    const script = `tty; stty rows 24 cols 100; sh -c 'echo pid $$; exec ${command}'; echo "ended with $?"; stty -a`;
    this.child = spawn("script", ["--quiet", "--return", "--command", script, "/dev/null"], {
      env: { ...process.env, TERM: "xterm", ...env },
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.output += text;
    });
    this.ended = once(this.child, "exit");
  }

  press(keys: string): void {
    this.child.stdin?.write(keys);
  }

  /** Resolves when this was sent after what has been seen before; forgets all up to there. */
  async sees(text: string): Promise<void> {
    const from = this.seen;
    const isThere = async () => this.output.indexOf(text, from) >= 0;
    expect(await waitUntil(isThere, SEEN_TIMEOUT_MS, 20), `${text} in ${this.output.slice(from)}`).toBe(true);
    this.seen = this.output.indexOf(text, from) + text.length;
  }

  /** Makes the terminal another size, as a window that is dragged. */
  async resize(rows: number, columns: number): Promise<void> {
    const device = /\/dev\/pts\/\d+/.exec(this.output)?.[0] ?? "";
    await run("stty", ["-F", device, "rows", String(rows), "cols", String(columns)]);
  }

  /** Waits for its end; what came after the command. */
  async end(): Promise<string> {
    await this.ended;
    return this.output.slice(this.output.indexOf("ended with"));
  }

  /** Sends the command a signal. */
  signal(name: NodeJS.Signals): void {
    process.kill(Number(/pid (\d+)/.exec(this.output)?.[1]), name);
  }

  kill(): void {
    this.child.kill("SIGKILL");
  }

  private seen = 0;
}
