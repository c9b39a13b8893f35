// `vxswitch events`: what happens to the running switch, as it happens.
import type { Command } from "commander";
import type { SwitchEvent } from "../../events.ts";
import { Refusal } from "../../refusal.ts";
import { createClient, socketPath } from "../client.ts";
import type { Io } from "../io.ts";
import { stopOnSignal } from "../stop-signals.ts";
import { eventsIn, stream } from "../stream.ts";

const EXAMPLES = `
Examples:
  vxswitch events
  vxswitch events --type learnt,moved,address_conflict
  vxswitch events --since 10m --no-follow --json`;

/** Shown of the past unless the command line says otherwise. */
const LINES = "10";
/** How long the daemon has to show that it is still there. */
const ANSWER_MS_MAX = 5000;

interface EventsOptions {
  readonly json?: boolean;
  readonly type?: string;
  readonly since?: string;
  readonly lines?: string;
  readonly follow: boolean;
}

/** Adds `events` to the program. */
export function registerEvents(program: Command, io: Io): void {
  program
    .command("events")
    .description("print what happens to the running switch, as it happens")
    .option("--type <types>", "of these types alone, separated by commas")
    .option("--since <when>", "begin with those since then: 10m ago, or a time")
    .option("-n, --lines <number>", `begin with so many of the past (default: ${LINES}, with --since all)`)
    .option("--no-follow", "print those of the past and end")
    .option("--json", "for programs: an object a line")
    .addHelpText("after", EXAMPLES)
    .action(async (options: EventsOptions, command: Command) => {
      const { socket } = command.optsWithGlobals<{ socket?: string }>();
      await print(socketPath(socket, io), options, io);
    });
}

async function print(socket: string, options: EventsOptions, io: Io): Promise<void> {
  const { json = false, follow } = options;
  const { controller, done } = stopOnSignal(io);
  let hasStopped = false;
  try {
    const chunks = stream(socket, pathOf(options), controller.signal);
    for await (const event of eventsIn<SwitchEvent>(chunks)) {
      hasStopped = event.type === "stop";
      io.out(json ? `${JSON.stringify(event)}\n` : lineOf(event));
    }
  } catch (error) {
    if (!controller.signal.aborted) throw error;
  } finally {
    done();
  }
  if (!follow || controller.signal.aborted) return;
  if (!hasStopped) throw new Refusal(await whyEnded(socket));
  io.err("vxswitch: the daemon has stopped\n");
}

/** Of a stream whose end the daemon has not announced: it still answers if it cut off who read too slowly. */
async function whyEnded(socket: string): Promise<string> {
  const answers = await createClient(socket, ANSWER_MS_MAX)
    .ask("GET", "/v1/status")
    .then(
      () => true,
      () => false,
    );
  return answers
    ? "the daemon has cut these events off, for they were read too slowly; --since begins with those of the past again"
    : "the daemon has ended without having been stopped; its log may say why";
}

function pathOf({ type, since, lines, follow }: EventsOptions): string {
  const last = lines ?? (since === undefined ? LINES : undefined);
  const words = { types: type, since, last, follow: String(follow) };
  const given = Object.entries(words).filter((word): word is [string, string] => word[1] !== undefined);
  return `/v1/events?${new URLSearchParams(given)}`;
}

/** Several sentences stay one event: what follows the first is indented. */
function lineOf({ time, type, message, changes = [], warnings = [] }: SwitchEvent): string {
  const [first, ...rest] = [...message.split("\n"), ...changes, ...warnings];
  return [`${time} ${type.padEnd(16)} ${first}`, ...rest.map((line) => `    ${line}`), ""].join("\n");
}
