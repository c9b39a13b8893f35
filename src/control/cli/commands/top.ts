// `vxswitch top`: what the switch does, live. In a terminal a screen with keys, else blocks of lines as sar prints them.
import { type Command, InvalidArgumentError } from "commander";
import { plainBlock } from "../../top/plain.ts";
import { printRates, showTop, type TopOptions } from "../../top/session.ts";
import { clientFor } from "../client.ts";
import type { Io } from "../io.ts";
import { stopOnSignal } from "../stop-signals.ts";

/** The history has no longer spans by the second. */
const INTERVAL_SECONDS_MAX = 300;

const EXAMPLES = `
Columns are those of sar -n DEV and -n EDEV; h explains them and the keys.

Examples:
  vxswitch top                     in a terminal, every second
  vxswitch top 5                   averages over five seconds
  vxswitch top 1 10 > rates.txt    ten blocks of lines, one a second
  vxswitch top --json | jq .total`;

interface Options {
  readonly plain?: boolean;
  readonly json?: boolean;
}

/** Adds `top` to the program. */
export function registerTop(program: Command, io: Io): void {
  program
    .command("top")
    .description("show live what each port receives, delivers and drops, and who talks with whom")
    .argument("[interval]", "seconds to average over, 1 unless given", wholeFrom1(INTERVAL_SECONDS_MAX))
    .argument("[count]", "how many times, then end", wholeFrom1(Number.MAX_SAFE_INTEGER))
    .option("--plain", "lines instead of a screen, as where there is no terminal")
    .option("--json", "a line of JSON each time, for programs")
    .addHelpText("after", EXAMPLES)
    .action(
      async (intervalSeconds = 1, count = Number.POSITIVE_INFINITY, options: Options, command: Command) => {
        // As q does, so that the terminal is given back, also by one that hangs up.
        const { controller, done } = stopOnSignal(io, "SIGHUP");
        try {
          await top(io, command, options, { intervalSeconds, count, signal: controller.signal });
        } finally {
          done();
        }
      },
    );
}

async function top(io: Io, command: Command, { plain, json }: Options, options: TopOptions): Promise<void> {
  const client = clientFor(command, io);
  const streams = plain || json || io.env.TERM === "dumb" ? null : io.terminal();
  if (streams === null) {
    await printRates(client, options, (rates) =>
      io.out(json ? `${JSON.stringify(rates)}\n` : plainBlock(rates)),
    );
    return;
  }
  const { NO_COLOR: noColour = "", LC_ALL, LC_CTYPE, LANG } = io.env;
  const isUnicode = /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || "");
  await showTop(client, options, { streams, isUnicode, hasColours: noColour === "" });
}

function wholeFrom1(max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isSafeInteger(value) && value >= 1 && value <= max) return value;
    throw new InvalidArgumentError(`expected a whole number from 1 to ${max}, got ${JSON.stringify(text)}.`);
  };
}
