// The `vxswitch lab` commands. What they build is drawn in topology.ts.
import { type Command, InvalidArgumentError, Option } from "commander";
import { LAB_PREFIX } from "./topology.ts";
import type { LabCommandOptions } from "./up-down.ts";

/** A prefix becomes part of file names. */
const PREFIX = /^[a-z][a-z0-9-]{0,40}$/;

/** Adds `lab up|down|demo` to the program. Each rejects with a Refusal for what the operator can put right. */
export function registerLab(program: Command): void {
  const lab = program
    .command("lab")
    .description("two kernel VXLAN clients and this switch, in network namespaces");
  lab
    .command("up")
    .description("build the lab, start the switch in it, and say what to try")
    .addOption(prefix())
    .action(async (options: LabCommandOptions) => (await import("./up-down.ts")).labUp(options));
  lab
    .command("down")
    .description("stop the switch and remove the lab")
    .addOption(prefix())
    .action(async (options: LabCommandOptions) => (await import("./up-down.ts")).labDown(options));
  lab
    .command("demo")
    .description("show in half a minute what the switch does, and prove it; cleans up after itself")
    .action(async () => (await import("./demo.ts")).labDemo());
}

/** With names of its own, a lab stands beside others. */
function prefix(): Option {
  const option = new Option("--prefix <prefix>", "in front of the name of every namespace").default(
    LAB_PREFIX,
  );
  return option.argParser((value) => {
    if (PREFIX.test(value)) return value;
    throw new InvalidArgumentError("Small letters, digits and hyphens, a letter first.");
  });
}
