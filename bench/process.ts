// Programs that the benchmark starts: each has an output that is collected, a time limit, and an end that comes
// with the end of the benchmark, whatever ends it. No shell is involved.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const STOP_TIMEOUT_MS = 5000;
const COMMAND_TIMEOUT_MS = 10_000;

/** A started program; `finished` resolves with its standard output, or rejects naming command, reason and stderr. */
export interface Running {
  readonly pid: number;
  readonly finished: Promise<string>;
  /** What it has written so far on both outputs together. */
  output(): string;
  /** Sends SIGTERM, after five seconds SIGKILL, and resolves once the program has ended. */
  stop(): Promise<void>;
}

const children = new Set<ChildProcess>();

process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/**
 * Starts a program and returns at once; after `timeoutMs` it is killed and `finished` rejects.
 * @throws Error if the program cannot be started
 */
export function start(command: readonly string[], timeoutMs: number): Running {
  const child = spawn(command[0], command.slice(1), { stdio: ["ignore", "pipe", "pipe"] });
  children.add(child);
  let stdout = "";
  let all = "";
  child.stdout.on("data", (data) => {
    stdout += data;
    all += data;
  });
  child.stderr.on("data", (data) => {
    all += data;
  });
  const finished = outcome(child, command, timeoutMs).then(
    () => stdout,
    (error: Error) => {
      throw new Error(`${error.message}${all === "" ? "" : `: ${all.trim().slice(-300)}`}`);
    },
  );
  finished.catch(() => undefined); // whoever waits for it sees the error; nobody has to wait
  if (child.pid === undefined) throw new Error(`cannot start ${command[0]}`);
  return { pid: child.pid, finished, output: () => all, stop: () => stop(child, finished) };
}

function outcome(child: ChildProcess, command: readonly string[], timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const name = shortName(command);
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`${name}: still running after ${timeoutMs / 1000} s`));
    }, timeoutMs);
    child.on("error", (error) => reject(error));
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      children.delete(child);
      if (code === 0) resolve();
      else reject(new Error(`${name}: ${signal ?? `exit code ${code}`}`));
    });
  });
}

/** Enough to tell which program it was, without the host it ran in, its environment, directory and many arguments. */
function shortName(command: readonly string[]): string {
  const words = command.slice(0, 3).join(" ") === "ip netns exec" ? command.slice(4) : command;
  const program = words.filter((word) => word !== "env" && !/^(\w+=|--)/.test(word));
  return program
    .slice(0, 2)
    .map((word) => basename(word))
    .join(" ");
}

async function stop(child: ChildProcess, finished: Promise<unknown>): Promise<void> {
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  child.kill("SIGTERM");
  await finished.catch(() => undefined);
  clearTimeout(timer);
}

/** Runs a short command to its end and returns its standard output; `input` goes to its standard input. */
export function run(command: readonly string[], input = ""): string {
  return execFileSync(command[0], command.slice(1), {
    encoding: "utf8",
    input,
    stdio: ["pipe", "pipe", "pipe"],
    timeout: COMMAND_TIMEOUT_MS,
  });
}

/** Asks `condition` every 20 ms until it is true; rejects after `timeoutMs`, saying what was waited for. */
export async function waitUntil(
  what: string,
  timeoutMs: number,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${timeoutMs / 1000} s`);
    await sleep(20);
  }
}

/** Whether a program of that name is in the search path. */
export function isInstalled(program: string): boolean {
  try {
    run([program, "--version"]);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ENOENT";
  }
}
