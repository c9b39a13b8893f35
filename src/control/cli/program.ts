// The command line as a whole: one line a command, and what every command has in common. What only one command needs
// (the schema, the daemon, the lab) it imports when it runs, for most commands are to answer at once.
import { Command, CommanderError } from "commander";
import { registerLab } from "../lab/index.ts";
import { errorLine, logReader } from "../log-reader.ts";
import { sentenceOf } from "../refusal.ts";
import { VERSION } from "../version.ts";
import { DEFAULT_SOCKET } from "./client.ts";
import { registerApply } from "./commands/apply.ts";
import { registerCapture } from "./commands/capture.ts";
import { registerCheck } from "./commands/check.ts";
import { registerCompletion } from "./commands/completion.ts";
import { registerDoctor } from "./commands/doctor.ts";
import { registerEvents } from "./commands/events.ts";
import { registerExtcap } from "./commands/extcap.ts";
import { registerFdb } from "./commands/fdb.ts";
import { registerMirror } from "./commands/mirror.ts";
import { registerPort } from "./commands/port.ts";
import { registerRun } from "./commands/run.ts";
import { registerShow } from "./commands/show.ts";
import { registerTop } from "./commands/top.ts";
import { registerTrace } from "./commands/trace.ts";
import { Exit, type Io } from "./io.ts";

/** Runs one command line, without the program's name; returns the exit code and never throws. */
export async function runCli(args: readonly string[], io: Io): Promise<number> {
  const program = createProgram(io);
  try {
    await program.parseAsync(args, { from: "user" });
    return Exit.done;
  } catch (error) {
    // Help and version come as errors too, with exit code 0. Everything else that commander throws is wrong usage,
    // and it has said so already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? Exit.done : Exit.usage;
    const reader = logReader(io.env);
    for (const line of sentenceOf(error).split("\n")) io.err(errorLine(line, reader));
    return Exit.failed;
  }
}

/** The program with all its commands. */
export function createProgram(io: Io): Command {
  const program = new Command("vxswitch")
    .description("A userspace VXLAN switch: forwards, learns, mirrors and measures.")
    .version(VERSION)
    .option("--socket <path>", `the daemon's control socket (default: $VXSWITCH_SOCKET or ${DEFAULT_SOCKET})`)
    .configureOutput({ writeOut: io.out, writeErr: io.err })
    .exitOverride()
    .showHelpAfterError("(vxswitch --help, or vxswitch COMMAND --help, tells more)");
  registerRun(program, io);
  registerCheck(program, io);
  registerShow(program, io);
  registerTop(program, io);
  registerPort(program, io);
  registerFdb(program, io);
  registerMirror(program, io);
  registerApply(program, io);
  registerEvents(program, io);
  registerTrace(program, io);
  registerCapture(program, io);
  registerExtcap(program, io);
  registerDoctor(program, io);
  registerLab(program);
  registerCompletion(program, io);
  return program;
}
