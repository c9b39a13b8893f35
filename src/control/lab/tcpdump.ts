// tcpdump on a host of the lab: started, known to be listening, and stopped after all that it saw has been printed.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { Refusal } from "../refusal.ts";
import { sleep } from "./command.ts";
import type { Host } from "./host.ts";

/** From the last frame sent until tcpdump has surely printed it. */
const SETTLE_MS = 300;
const START_TIMEOUT_MS = 5000;

export class Tcpdump {
  private readonly child: ChildProcess;
  /** Kept from the start, since whoever removes the lab may end tcpdump first. */
  private readonly closed: Promise<unknown>;
  private stdout = "";
  private stderr = "";

  /** Words after the device are tcpdump's own options and filter. */
  constructor(host: Host, device: string, args: readonly string[]) {
    const options = ["-i", device, "-n", "-l", "--immediate-mode", ...args];
    this.child = host.start("tcpdump", options, { stdio: ["ignore", "pipe", "pipe"] });
    this.closed = once(this.child, "close");
    this.child.stdout?.on("data", (text) => {
      this.stdout += text;
    });
    this.child.stderr?.on("data", (text) => {
      this.stderr += text;
    });
  }

  /** Resolves once every frame from now on will be seen. */
  async listening(): Promise<void> {
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (!this.stderr.includes("listening on")) {
      if (this.child.exitCode !== null || performance.now() > deadline)
        throw new Refusal(`tcpdump does not listen: ${this.stderr.trim()}`);
      await sleep(10);
    }
  }

  /** Stops it; the lines that it printed, one a frame unless options ask for more. */
  async stop(): Promise<string[]> {
    await sleep(SETTLE_MS);
    this.child.kill("SIGINT");
    await this.closed;
    return this.stdout.split("\n").filter((line) => line.trim() !== "");
  }
}
