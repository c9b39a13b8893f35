// `vxswitch completion`: the script for a shell; and `vxswitch complete`, which that script asks at each Tab.
import { Argument, type Command } from "commander";
import { createClient, socketPath } from "../client.ts";
import type { Names } from "../completion.ts";
import { COMPLETION_SCRIPTS } from "../completion-scripts.ts";
import type { Io } from "../io.ts";

const EXAMPLES = `
Examples:
  source <(vxswitch completion bash)
  vxswitch completion zsh > "\${fpath[1]}/_vxswitch"
  vxswitch completion fish > ~/.config/fish/completions/vxswitch.fish`;

/** Whoever pressed Tab does not wait longer for a daemon that hangs. */
const ANSWER_MS_MAX = 1000;
const NO_NAMES: Names = { bridges: [], ports: [], mirrors: [] };

/** Adds `completion`, and `complete`, which no help mentions, to the program. */
export function registerCompletion(program: Command, io: Io): void {
  program
    .command("completion")
    .description("print a script that completes commands, options, words and names in a shell")
    .addArgument(new Argument("<shell>").choices(Object.keys(COMPLETION_SCRIPTS)))
    .addHelpText("after", EXAMPLES)
    .action((shell: string) => io.out(COMPLETION_SCRIPTS[shell]!));
  program
    .command("complete", { hidden: true })
    .argument("[word...]")
    .action(async (words: string[]) => {
      const { complete } = await import("../completion.ts");
      const ask = (socket: string | undefined) => askNames(socketPath(socket, io));
      const found = await complete(program, words, ask);
      io.out(found.map((word) => `${word}\n`).join(""));
    });
}

/** Without a daemon, or with one that refuses, there are no names to offer. */
function askNames(socket: string): Promise<Names> {
  return createClient(socket, ANSWER_MS_MAX)
    .ask<Names>("GET", "/v1/status")
    .catch(() => NO_NAMES);
}
