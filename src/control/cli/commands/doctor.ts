// `vxswitch doctor`: what this machine offers and lacks, each with the remedy; and, where a switch runs, how it fares.
import type { Command } from "commander";
import { VXLAN_DSTPORT_DEFAULT } from "../../config/limits.ts";
import { Refusal } from "../../refusal.ts";
import type { Overview } from "../../server/views.ts";
import { clientFor } from "../client.ts";
import {
  daemonFindings,
  type Finding,
  FORWARDING,
  findingCells,
  machineFindings,
} from "../doctor-findings.ts";
import type { Io } from "../io.ts";
import { table } from "../table.ts";

const HEADINGS = ["check", "state", "needed for", "evidence -> remedy"];

/** Adds `doctor` to the program. */
export function registerDoctor(program: Command, io: Io): void {
  program
    .command("doctor")
    .description(
      "what this machine offers and lacks, each with the remedy; exit 1 if it cannot forward at all",
    )
    .option("--json", "for programs")
    .action(async ({ json = false }: { json?: boolean }, command: Command) => {
      const daemon = await askDaemon(command, io);
      const machine = machineFindings(await io.abilities(VXLAN_DSTPORT_DEFAULT), daemon);
      const running = daemon === null ? [] : daemonFindings(daemon);
      io.out(json ? `${JSON.stringify([...machine, ...running], null, 2)}\n` : text(machine, running));
      expectForwarding(machine);
    });
}

/** The overview of the running switch, or null and a word on why there is none. */
async function askDaemon(command: Command, io: Io): Promise<Overview | null> {
  try {
    return await clientFor(command, io).ask<Overview>("GET", "/v1/status");
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    io.err(`${error.message}\n`);
    return null;
  }
}

function text(machine: readonly Finding[], running: readonly Finding[]): string {
  const sections = [machine, running].filter((findings) => findings.length > 0);
  return sections.map((findings) => table(HEADINGS, findings.map(findingCells))).join("\n");
}

function expectForwarding(findings: readonly Finding[]): void {
  const lacking = findings.filter(
    (finding) => finding.state === "missing" && finding.needed_for === FORWARDING,
  );
  if (lacking.length === 0) return;
  throw new Refusal(
    `this machine cannot forward as it is; missing: ${lacking.map(({ check }) => check).join(", ")}`,
  );
}
