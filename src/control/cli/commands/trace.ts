// `vxswitch trace`: what the running switch would do with a frame, step by step, and why; after `ovs-appctl ofproto/trace`.
import { type Command, InvalidArgumentError } from "commander";
import { checkFrame, TraceRefusal } from "../../../dataplane/trace/answer.ts";
import { Refusal } from "../../refusal.ts";
import type { TraceBody, TraceView } from "../../server/trace.ts";
import type { FrameWords } from "../../trace/frame-words.ts";
import { bytesOfHex } from "../../trace/hex.ts";
import type { Words } from "../../trace/place-words.ts";
import { clientFor } from "../client.ts";
import type { Io } from "../io.ts";

const FRAMES_USUAL = 10;
const FRAMES_MAX = 1000;
const STAGE_CHARACTERS = 8;

const HELP = `
Words, each with its value:
  in PORT | BRIDGE/PORT          where the frame comes in
  from ADDRESS vni N [dstport N] the same by the VTEP that sends it
  src MAC  dst MAC  vlan N  type arp|ipv4|ipv6|N  sip ADDRESS  dip ADDRESS
  proto icmp|tcp|udp  sport N  dport N  length N

Examples:
  vxswitch trace in client1 src 02:00:00:00:00:01 dst 02:00:00:00:00:02 vlan 10
  vxswitch trace from 10.122.0.22 vni 4100 src 02:00:00:00:00:01 type arp dip 192.168.0.2
  vxswitch trace in client1 --pcap lost.pcap --nr 7
  vxswitch trace --pcap underlay.pcap         # of VXLAN datagrams, each as from the VTEP that sends it`;

interface Options {
  readonly hex?: string;
  readonly pcap?: string;
  readonly nr: number;
  readonly count: number;
  readonly json?: boolean;
}

interface Question {
  /** Of the frame in its file; null = it is from none. */
  readonly number: number | null;
  readonly body: TraceBody;
}

/** Adds `trace` to the program. */
export function registerTrace(program: Command, io: Io): void {
  program
    .command("trace")
    .description("tell what the running switch would do with a frame, and why; nothing is sent or learnt")
    .argument("[word...]", "where the frame comes in and what it is, as below")
    .option("-x, --hex <digits>", "the frame, from its destination address on")
    .option("--pcap <file>", "frames of a capture, pcap or pcapng, each as if it were alone")
    .option("--nr <n>", "the number of the first of them", readCount(Number.MAX_SAFE_INTEGER), 1)
    .option("-c, --count <n>", "how many of them at most", readCount(FRAMES_MAX), FRAMES_USUAL)
    .option("--json", "for programs")
    .addHelpText("after", HELP)
    .action(async (words: string[], options: Options, command: Command) => {
      const { place, frame } = await readLine(words, options, command);
      const client = clientFor(command, io);
      const traces: (TraceView & { nr: number | null })[] = [];
      const questions = frame === null ? await readCapture(place, options, io) : [questionOf(place, frame)];
      for (const { number, body } of questions)
        traces.push({ nr: number, ...(await client.ask<TraceView>("POST", "/v1/trace", body)) });
      io.out(options.json ? `${JSON.stringify(traces, null, 2)}\n` : traces.map(traceText).join("\n"));
    });
}

interface Line {
  readonly place: Words["place"];
  /** null = those of a capture. */
  readonly frame: Uint8Array | null;
}

function questionOf(place: Words["place"], frame: Uint8Array): Question {
  return { number: null, body: { ...place, frame: Buffer.from(frame).toString("hex") } };
}

async function readCapture(
  place: Words["place"],
  { pcap, nr, count }: Options,
  io: Io,
): Promise<readonly Question[]> {
  const { readCaptureFile } = await import("../../trace/capture-file.ts");
  const { captureQuestions } = await import("../../trace/capture-questions.ts");
  const { questions, note } = captureQuestions(pcap!, readCaptureFile(pcap!, nr, count), place);
  if (note !== null) io.err(`vxswitch: ${note}\n`);
  return questions;
}

/** What the command line says; what is wrong with it is wrong usage, whatever the switch is like. */
async function readLine(words: readonly string[], options: Options, command: Command): Promise<Line> {
  const { isPlaced, nowhere, readWords } = await import("../../trace/place-words.ts");
  const { frameOfWords } = await import("../../trace/frame-words.ts");
  try {
    const { place, frame } = readWords(words);
    const bytes = bytesOf(frame, options, frameOfWords);
    if (bytes !== null && !isPlaced(place)) throw nowhere();
    return { place, frame: bytes };
  } catch (error) {
    if (error instanceof Refusal || error instanceof TraceRefusal) command.error(`error: ${error.message}`);
    throw error;
  }
}

/** Of the frame, which is given once; null = it is in a capture. */
function bytesOf(
  words: FrameWords,
  { hex, pcap }: Options,
  frameOfWords: (words: FrameWords) => Uint8Array,
): Uint8Array | null {
  const [word] = Object.keys(words);
  const given = [hex === undefined ? "" : "--hex", pcap === undefined ? "" : "--pcap", word ?? ""].filter(
    Boolean,
  );
  if (given.length > 1) throw new Refusal(`the frame is given twice: by ${given.join(" and by ")}`);
  if (given.length === 0)
    throw new Refusal("say what the frame is: src MAC dst MAC …, --hex DIGITS, or --pcap FILE");
  if (pcap !== undefined) return null;
  const bytes = hex === undefined ? frameOfWords(words) : bytesOfHex(hex);
  checkFrame(bytes);
  return bytes;
}

/** A line a step, and what it all comes to. */
function traceText({ nr, steps, verdict }: TraceView & { nr: number | null }): string {
  const head = nr === null ? "" : `frame ${nr}\n`;
  const lines = steps.map(({ stage, text }) => `${stage.padEnd(STAGE_CHARACTERS)}  ${text}\n`);
  return `${head}${lines.join("")}${"=>".padEnd(STAGE_CHARACTERS)}  ${verdict}\n`;
}

function readCount(max: number): (text: string) => number {
  return (text) => {
    const number = /^\d{1,15}$/.test(text) ? Number(text) : 0;
    if (number >= 1 && number <= max) return number;
    throw new InvalidArgumentError(`expected a whole number from 1${max > 1e6 ? "" : ` to ${max}`}.`);
  };
}
