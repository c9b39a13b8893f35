// `vxswitch capture`: frames as they pass the running switch, with what became of each.
import { type Command, InvalidArgumentError, Option } from "commander";
import { Refusal } from "../../refusal.ts";
import { socketPath } from "../client.ts";
import type { Io } from "../io.ts";

const EXAMPLES = `
Examples:
  vxswitch capture client1
  vxswitch capture client1 client2 -w ping.pcapng -c 100 --filter icmp
  vxswitch capture --drops-only
  vxswitch capture --drops -w drops.pcapng
  vxswitch capture -w ring.pcapng --file-size 100 --files 10
  vxswitch capture -w - | wireshark -k -i -`;

interface CaptureOptions {
  readonly write?: string;
  readonly count?: number;
  readonly direction?: string;
  readonly mirror?: string;
  readonly drops?: boolean;
  readonly dropsOnly?: boolean;
  readonly filter?: string;
  readonly snaplen?: number;
  readonly sample?: number;
  readonly fileSize?: number;
  readonly files?: number;
}

/** Adds `capture` to the program. */
export function registerCapture(program: Command, io: Io): void {
  program
    .command("capture")
    .description("show or write frames as they pass, with what became of each")
    .argument("[port...]", "of these ports alone, BRIDGE/PORT or PORT; without, of all and what no port took")
    .option("-w, --write <file>", "write pcapng there, - for standard output; without, a line a frame")
    .option("-c, --count <number>", "end after so many frames", positive)
    .addOption(
      new Option("--direction <direction>", "what the ports receive, transmit, or both").choices([
        "in",
        "out",
        "both",
      ]),
    )
    .option("--mirror <mirror>", "what this mirror takes, instead of ports")
    .option("--drops-only", "frames alone of which a copy at least is dropped")
    .option("--drops", "the last frames that were dropped, which the switch keeps, and end")
    .option("-f, --filter <expression>", "frames alone that pass, as tcpdump has it")
    .option("-s, --snaplen <bytes>", "bytes of a frame at most", positive)
    .option("--sample <number>", "every so many-th frame", positive)
    .option("--file-size <MB>", "start the next file of the ring when this one would grow beyond", positive)
    .option("--files <number>", "files of the ring: FILE is the newest, FILE.1 the one before", positive)
    .addHelpText("after", EXAMPLES)
    .action(async (ports: string[], options: CaptureOptions, command: Command) => {
      const { socket } = command.optsWithGlobals<{ socket?: string }>();
      const { runCapture } = await import("../../capture/session.ts");
      const { sinkFor } = await import("../../capture/sink-choice.ts");
      const sink = sinkFor(options, io);
      const running = { io, isLive: options.drops !== true, count: options.count };
      await runCapture(socketPath(socket, io), pathOf(ports, options), sink, running);
    });
}

function positive(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("expected a whole number from 1 on.");
}

function pathOf(ports: readonly string[], options: CaptureOptions): string {
  const { drops, dropsOnly, count, direction, mirror, filter, snaplen, sample } = options;
  if (drops && (dropsOnly || mirror !== undefined || filter !== undefined))
    throw new Refusal("--drops: frames that are kept are not selected by anything but ports");
  const words = Object.entries({ count, direction, mirror, filter, snaplen, sample })
    .filter(([, value]) => value !== undefined)
    .map(([word, value]): [string, string] => [word, String(value)]);
  const named = ports.map((port): [string, string] => ["port", port]);
  if (drops) return `/v1/drops/frames?${new URLSearchParams(named)}`;
  if (dropsOnly) words.push(["drops", "1"]);
  return `/v1/capture?${new URLSearchParams([...named, ...words])}`;
}
