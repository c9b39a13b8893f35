// The `vxswitch lab` commands. What they build is drawn in topology.ts.
import type { Command } from "commander";
import { labDemo } from "./demo.ts";
import { labDown, labUp } from "./up-down.ts";

/** Adds `lab up|down|demo` to the program. Each rejects with a Refusal for what the operator can put right. */
export function registerLab(program: Command): void {
  const lab = program
    .command("lab")
    .description("two kernel VXLAN clients and this switch, in network namespaces");
  lab
    .command("up")
    .description("build the lab, start the switch in it, and say what to try")
    .action(() => labUp());
  lab
    .command("down")
    .description("stop the switch and remove the lab")
    .action(() => labDown());
  lab
    .command("demo")
    .description("show in half a minute what the switch does, and prove it; cleans up after itself")
    .action(() => labDemo());
}
