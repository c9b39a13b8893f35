// What systemd is told, sent by the real systemd-notify to a socket that stands in for systemd's.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, test } from "vitest";
import { compilePeer } from "../kernel/harness/compile.ts";
import { Harness } from "./harness.ts";

const HAS_NOTIFY = spawnSync("systemd-notify", ["--version"]).status === 0;
if (!HAS_NOTIFY) console.warn("NOT TESTED: what systemd is told; systemd-notify is not installed");

/** Far more than the test takes: it must not time out, and is never waited for. */
const LONG_USEC = 3_600_000_000;

let harness: Harness;
let systemd: FakeSystemd;
beforeEach(async () => {
  harness = new Harness();
  systemd = await FakeSystemd.start(harness.directory);
});
afterEach(async () => {
  await harness[Symbol.asyncDispose]();
  await systemd.stop();
});

test.skipIf(!HAS_NOTIFY)("systemd is told when the switch serves, reloads and stops, in order", async () => {
  harness.env = systemd.environment();
  await harness.start();
  await systemd.told("READY=1");
  await harness.signal("SIGHUP", / reloaded, /);
  await systemd.told("READY=1", 2);
  expect(await harness.stop()).toBe(0);
  await systemd.told("STOPPING=1");
  expect(systemd.words).toEqual(["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]);
});

test.skipIf(!HAS_NOTIFY)("a reload that is refused leaves the service ready", async () => {
  harness.env = systemd.environment();
  await harness.start();
  harness.write("config.yaml", "bridges: { br0: { ports: 7 } }\n");
  await harness.signal("SIGHUP", / not reloaded;/);
  await systemd.told("READY=1", 2);
  expect(systemd.words).toEqual(["READY=1", "RELOADING=1", "READY=1"]);
});

test.skipIf(!HAS_NOTIFY)("a watchdog hears of the switch again and again, until it stops", async () => {
  harness.env = systemd.environment({ WATCHDOG_USEC: "20000", WATCHDOG_PID: String(process.pid) });
  await harness.start();
  await systemd.told("WATCHDOG=1", 3);
  await harness.stop();
  await systemd.told("STOPPING=1");
  expect(systemd.words[0]).toBe("READY=1");
  expect(systemd.words.at(-1)).toBe("STOPPING=1");
});

test.skipIf(!HAS_NOTIFY)(
  "a watchdog hears nothing while a forwarding thread hangs, and of its return",
  async () => {
    harness.dataplane.alive = false;
    harness.env = systemd.environment({ WATCHDOG_USEC: "20000" });
    await harness.start();
    await systemd.told("READY=1");
    // As many words as a reload takes, each a process, pass without one for the watchdog.
    await harness.signal("SIGHUP", / reloaded, /);
    await systemd.told("READY=1", 2);
    expect(systemd.words).toEqual(["READY=1", "RELOADING=1", "READY=1"]);
    harness.dataplane.alive = true;
    await systemd.told("WATCHDOG=1");
  },
);

test.skipIf(!HAS_NOTIFY)("a watchdog that is meant for another process is left alone", async () => {
  harness.env = systemd.environment({ WATCHDOG_USEC: "20000", WATCHDOG_PID: "1" });
  await harness.start();
  await systemd.told("READY=1");
  await harness.signal("SIGHUP", / reloaded, /);
  await systemd.told("READY=1", 2);
  expect(systemd.words).not.toContain("WATCHDOG=1");
});

test("where systemd cannot be told, the log says so and the switch serves", async () => {
  harness.env = { ...systemd.environment({ WATCHDOG_USEC: String(LONG_USEC) }), PATH: harness.directory };
  const said = harness.logged(/ systemd was not told READY=1: .*ENOENT/);
  await harness.start();
  await said;
  expect((await harness.run("show")).code).toBe(0);
});

class FakeSystemd {
  readonly words: string[] = [];
  readonly #socket: string;
  readonly #peer: ChildProcess;
  #onWord = () => {};

  private constructor(socket: string, peer: ChildProcess) {
    this.#socket = socket;
    this.#peer = peer;
    createInterface({ input: peer.stdout! }).on("line", (word) => {
      if (word !== "BARRIER=1") this.words.push(word);
      this.#onWord();
    });
  }

  static async start(directory: string): Promise<FakeSystemd> {
    const socket = join(directory, "notify.sock");
    const systemd = new FakeSystemd(socket, spawn(compilePeer("notify-socket", directory), [socket]));
    await systemd.told("ready");
    systemd.words.length = 0;
    return systemd;
  }

  environment(watchdog: Readonly<Record<string, string>> = {}) {
    return { PATH: process.env.PATH, NOTIFY_SOCKET: this.#socket, ...watchdog };
  }

  /** Resolves once a word has come so many times. */
  told(word: string, times = 1): Promise<void> {
    const isTold = () => this.words.filter((told) => told === word).length >= times;
    return new Promise((resolve) => {
      this.#onWord = () => isTold() && resolve();
      this.#onWord();
    });
  }

  async stop(): Promise<void> {
    const ended = once(this.#peer, "exit");
    this.#peer.kill();
    await ended;
  }
}
