// `vxswitch doctor`: what this machine offers and lacks, how it suits a configuration, and, where a switch runs, how it
// fares; each with the remedy.
import type { Command } from "commander";
import type { Abilities } from "../../../dataplane/inventory/abilities.ts";
import { VXLAN_DSTPORT_DEFAULT } from "../../config/limits.ts";
import type { Config } from "../../config/schema.ts";
import { type Finding, FORWARDING, findingCells } from "../../doctor/finding.ts";
import { machineFindings } from "../../doctor/machine-findings.ts";
import { runningFindings } from "../../doctor/running-findings.ts";
import { Refusal } from "../../refusal.ts";
import type { Overview } from "../../server/views.ts";
import { clientFor } from "../client.ts";
import type { Io } from "../io.ts";
import { table } from "../table.ts";

const HEADINGS = ["check", "state", "needed for", "evidence -> remedy"];

interface Running {
  readonly overview: Overview;
  readonly config: Config;
}

/** Adds `doctor` to the program. */
export function registerDoctor(program: Command, io: Io): void {
  program
    .command("doctor")
    .description(
      "what this machine offers and lacks, each with the remedy; exit 1 if it cannot forward at all",
    )
    .option("--config <file>", "what to hold against the machine, unless a switch runs")
    .option("--json", "for programs")
    .action(async (options: { config?: string; json?: boolean }, command: Command) => {
      const running = await askDaemon(command, io);
      const { loadConfig } = await import("../../config/file.ts");
      const config = running?.config ?? (options.config === undefined ? null : loadConfig(options.config));
      const overview = running?.overview ?? null;
      const abilities = await io.abilities(await udpPortsOf(config), overview?.pid ?? null);
      const sections = [
        machineFindings(abilities, overview),
        config === null ? [] : await hostFindings(config, abilities, overview, io),
        overview === null ? [] : runningFindings(overview),
      ];
      io.out(options.json ? `${JSON.stringify(sections.flat(), null, 2)}\n` : text(sections));
      expectForwarding(sections[0] ?? []);
    });
}

/** Where a switch of this configuration listens. */
async function udpPortsOf(config: Config | null): Promise<number[]> {
  if (config === null) return [VXLAN_DSTPORT_DEFAULT];
  const { udpPorts } = await import("../../doctor/underlay-findings.ts");
  return udpPorts(config);
}

/** How the host suits a configuration. */
async function hostFindings(
  config: Config,
  { kernel }: Abilities,
  daemon: Overview | null,
  io: Io,
): Promise<Finding[]> {
  const { hostQuestion, underlayFindings } = await import("../../doctor/underlay-findings.ts");
  const { deviceFindings } = await import("../../doctor/device-findings.ts");
  const host = await io.host(hostQuestion(config));
  const workers = daemon?.workers.length ?? config.underlay.workers;
  const load = { kernel, processors: host.processors, workers, daemon };
  return [...underlayFindings(config, host, daemon), ...deviceFindings(host.devices, load)];
}

/** The running switch and its configuration, or null and a word on why there is none. */
async function askDaemon(command: Command, io: Io): Promise<Running | null> {
  try {
    const client = clientFor(command, io);
    const { config } = await client.ask<{ config: Config }>("GET", "/v1/config");
    return { config, overview: await client.ask<Overview>("GET", "/v1/status") };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    io.err(`${error.message}\n`);
    return null;
  }
}

function text(sections: readonly (readonly Finding[])[]): string {
  const filled = sections.filter((findings) => findings.length > 0);
  return filled.map((findings) => table(HEADINGS, findings.map(findingCells))).join("\n");
}

function expectForwarding(machine: readonly Finding[]): void {
  const lacking = machine.filter(
    (finding) => finding.state === "problem" && finding.needed_for === FORWARDING,
  );
  if (lacking.length === 0) return;
  throw new Refusal(
    `this machine cannot forward as it is; missing: ${lacking.map(({ check }) => check).join(", ")}`,
  );
}
