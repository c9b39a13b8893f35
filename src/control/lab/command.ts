// Runs programs for the lab: by execFile or spawn, never through a shell, and never without a bound in time.
// What fails is refused in a sentence for the operator, with what the program said.
import { type ChildProcess, execFile, type SpawnOptions, spawn } from "node:child_process";
import { Refusal } from "../refusal.ts";

export interface RunOptions {
  /** The program is killed after this; 20 s unless given. */
  readonly timeoutMs?: number;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

export interface Outcome {
  /** null = killed, by the time limit or another signal. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const TIMEOUT_MS = 20_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** Runs a program to its end and says how it ended; rejects only if it cannot be started at all. */
export function outcome(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Outcome> {
  const limits = {
    timeout: options.timeoutMs ?? TIMEOUT_MS,
    killSignal: "SIGKILL",
    maxBuffer: OUTPUT_BYTES_MAX,
    cwd: options.cwd,
    env: options.env,
  } as const;
  return new Promise((resolve, reject) => {
    execFile(program, args, limits, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === "string")
        reject(new Refusal(`${program} cannot be run: ${explain(program, code)}`));
      else resolve({ code: code ?? null, stdout, stderr });
    });
  });
}

/** Runs a program that has to succeed; its standard output. */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await outcome(program, args, options);
  if (code === 0) return stdout;
  const end = code === null ? "did not end in time" : `failed with exit code ${code}`;
  throw new Refusal(`${[program, ...args].join(" ")}: ${end}: ${lastWords(stderr || stdout)}`);
}

/** Starts a program and leaves it running. Its caller ends it. */
export function start(program: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  return spawn(program, args, options);
}

/** Whether a program is there to be run. */
export async function isInstalled(program: string): Promise<boolean> {
  return (await outcome("which", [program])).code === 0;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Asks every `everyMs` until the answer is true; false if it has not been by `timeoutMs`. */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number,
  everyMs = 50,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() >= deadline) return false;
    await sleep(everyMs);
  }
  return true;
}

function explain(program: string, code: string): string {
  if (code === "ENOENT") return `it is not installed (scripts/setup installs what the lab needs)`;
  return `${program} said ${code}`;
}

function lastWords(text: string): string {
  return text.trim().split("\n").slice(-3).join("; ");
}
