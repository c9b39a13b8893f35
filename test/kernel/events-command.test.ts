// `vxswitch events` as a process: how it ends by a signal, with its reader, and with the daemon.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { KernelLab, PROGRAM } from "./harness/kernel-lab.ts";

/** For a process that has nothing left to do, on a busy machine. */
const PROMPTLY_MS = 1500;

let lab: KernelLab;
beforeAll(async () => {
  lab = await KernelLab.start();
});
afterAll(() => lab?.end());

test.each(["SIGINT", "SIGTERM"] as const)(
  "%s ends it at once, with exit code 0 and no word",
  async (signal) => {
    const events = follow(process.execPath, PROGRAM, "events");
    await events.line;
    const started = performance.now();
    events.child.kill(signal);
    expect(await events.ended()).toEqual({ code: 0, signal: null, err: "" });
    expect(performance.now() - started).toBeLessThan(PROMPTLY_MS);
  },
);

test("when its reader has had enough it ends with the next event, without a word", async () => {
  // By dash, whose `$?` is that of head; its own goes to stderr.
  const command = `{ ${process.execPath} ${PROGRAM} events; echo "exit code $?" >&2; } | head -1`;
  const events = follow("sh", "-c", command);
  await events.line;
  await somethingHappens();
  expect(await events.ended()).toEqual({ code: 0, signal: null, err: "exit code 0\n" });
});

test("it says that the daemon was stopped, which is the end that was to come", async () => {
  const events = follow(process.execPath, PROGRAM, "events");
  await events.line;
  await lab.running.stop();
  expect(await events.ended()).toEqual({ code: 0, signal: null, err: "vxswitch: the daemon has stopped\n" });
  await lab.restart();
});

test("a daemon that is killed is told of with exit code 1, and so is one that is not there", async () => {
  const events = follow(process.execPath, PROGRAM, "events");
  await events.line;
  lab.running.signal("SIGKILL");
  await lab.running.exited;
  const err = "vxswitch: the daemon has ended without having been stopped; its log may say why\n";
  expect(await events.ended()).toEqual({ code: 1, signal: null, err });
  const late = follow(process.execPath, PROGRAM, "events");
  expect(await late.ended()).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^vxswitch: no daemon answers at \S+; start one with [^\n]+\n$/),
  });
  await lab.restart();
});

/** Starts a command whose standard output is a pipe; `line` resolves with the first that comes of it. */
function follow(command: string, ...args: string[]) {
  const child: ChildProcess = spawn(command, args, {
    env: { ...process.env, VXSWITCH_SOCKET: lab.files.socket },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let err = "";
  child.stderr?.on("data", (chunk) => {
    err += chunk;
  });
  const closed = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  const line = once(child.stdout as NodeJS.EventEmitter, "data");
  const ended = async () => {
    const [code, signal] = await closed;
    return { code, signal, err };
  };
  return { child, line, ended };
}

/** Of which there is an event. */
async function somethingHappens(): Promise<void> {
  await lab.vxswitch("port", "set", "br0", "client1", "isolated=true");
  await lab.vxswitch("port", "set", "br0", "client1", "isolated=false");
}
