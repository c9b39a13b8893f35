// Captures on a host of the lab and what an independent decoder (tshark) reads in them. In a user namespace tcpdump cannot
// give up its privileges and therefore refuses; dumpcap, which comes with tshark, captures there.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { run, sleep, waitUntil } from "../../../src/control/lab/command.ts";
import { inUserNamespace } from "../../../src/control/lab/privilege.ts";
import type { Peer } from "./peer.ts";

/** From the last frame sent until a capture has surely written it. */
const SETTLE_MS = 400;
const START_TIMEOUT_MS = 5000;
/** Holds whatever a test sends, so that a capture is whole however late its program is served. */
const BUFFER_MIB = 128;

/** tshark verifies these only if told to. */
const VERIFY_CHECKSUMS = ["ip", "udp", "tcp"].flatMap((protocol) => [
  "-o",
  `${protocol}.check_checksum:TRUE`,
]);

export class Capture {
  readonly path: string;
  private readonly child: ChildProcess;
  private readonly closed: Promise<unknown>;
  private words = "";

  private constructor(peer: Peer, device: string, path: string) {
    const program = inUserNamespace() ? "dumpcap" : "tcpdump";
    const options = inUserNamespace()
      ? ["-q", "-P", "-B", String(BUFFER_MIB)]
      : ["-n", "-U", "--immediate-mode", "-Z", "root", "-B", String(BUFFER_MIB * 1024)];
    this.path = path;
    this.child = peer.host.start(program, ["-i", device, ...options, "-w", path]);
    this.closed = once(this.child, "close");
    this.child.stderr?.on("data", (text) => {
      this.words += text;
    });
  }

  /** Starts a capture into a file; resolves when every frame from now on will be in it. */
  static async start(peer: Peer, device: string, path: string): Promise<Capture> {
    const capture = new Capture(peer, device, path);
    const started = () => /listening on|^File:/m.test(capture.words);
    if (await waitUntil(started, START_TIMEOUT_MS, 10)) return capture;
    throw new Error(`the capture on ${device} does not start: ${capture.words}`);
  }

  /** Ends the capture; `decode` then reads its file. */
  async stop(): Promise<void> {
    await sleep(SETTLE_MS);
    this.child.kill("SIGINT");
    await this.closed;
  }

  /** Ends the capture and counts the frames in it that match a display filter. */
  async stopAndCount(filter: string): Promise<number> {
    await this.stop();
    return (await decode(this.path, filter, ["frame.number"])).length;
  }
}

/** The values of some fields of every frame that matches a display filter, as tshark decodes a capture file. */
export async function decode(path: string, filter: string, fields: readonly string[]): Promise<string[][]> {
  const columns = fields.flatMap((field) => ["-e", field]);
  const args = ["-n", ...VERIFY_CHECKSUMS, "-r", path, "-Y", filter, "-T", "fields", ...columns];
  const text = await run("tshark", args);
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split("\t"));
}
