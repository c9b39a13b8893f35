// `vxswitch apply`: turns the running switch into what a file describes, touching only what differs.
import { resolve } from "node:path";
import type { Command } from "commander";
import type { Outcome } from "../../running-switch.ts";
import { clientFor } from "../client.ts";
import type { Io } from "../io.ts";
import { expectWorking } from "../outcome.ts";

/** Adds `apply` to the program. */
export function registerApply(program: Command, io: Io): void {
  program
    .command("apply")
    .description("print how a configuration differs from the running one, and apply it")
    .argument("<file>", "the configuration, YAML")
    .option("--dry-run", "print only")
    .action(async (file: string, { dryRun = false }: { dryRun?: boolean }, command: Command) => {
      const { readText } = await import("../../config/file.ts");
      // The daemon names the file in its faults as it was named here, but must be able to open nothing by it.
      const body = { file, text: readText(resolve(file)), dry_run: dryRun };
      const outcome = await clientFor(command, io).ask<Outcome>("POST", "/v1/apply", body);
      for (const line of outcome.changes) io.out(`${line}\n`);
      if (outcome.changes.length === 0) io.err("nothing differs\n");
      expectWorking(outcome);
    });
}
