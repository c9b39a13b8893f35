// `vxswitch check`: a file's faults, all at once, without a daemon.
import type { Command } from "commander";
import type { Io } from "../io.ts";

/** Adds `check` to the program. */
export function registerCheck(program: Command, io: Io): void {
  program
    .command("check")
    .description("validate a configuration; every error at once, as FILE:LINE:COL")
    .argument("<file>", "the configuration, YAML")
    .action(async (file: string) => {
      const { loadConfig } = await import("../../config/file.ts");
      const bridges = Object.values(loadConfig(file).bridges);
      const ports = bridges.reduce((sum, bridge) => sum + Object.keys(bridge.ports).length, 0);
      const mirrors = bridges.reduce((sum, bridge) => sum + Object.keys(bridge.mirrors).length, 0);
      io.err(`${file}: valid; bridges ${bridges.length}, ports ${ports}, mirrors ${mirrors}\n`);
    });
}
