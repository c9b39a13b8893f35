// Where and with what a benchmark ran: the list at the head of its section of the results.

import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { run } from "./process.ts";
import { ROOT } from "./root.ts";

/** A Markdown list of machine, kernel, versions, date and the command line that began the run. */
export function describeMachine(command: string): string {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const facts = {
    machine: `${cpus()[0].model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.arch}`,
    kernel: `Linux ${release()}`,
    versions: [`vxswitch ${version} (${revision()})`, `Node.js ${process.version}`, ...toolVersions()].join(
      ", ",
    ),
    date: new Date().toISOString().slice(0, 10),
    command: `\`${command}\``,
  };
  return Object.entries(facts)
    .map(([name, value]) => `- ${name}: ${value}`)
    .join("\n");
}

function revision(): string {
  try {
    return run(["git", "-C", ROOT, "describe", "--always", "--dirty"]).trim();
  } catch {
    return "not a git checkout";
  }
}

function toolVersions(): string[] {
  const tools = { iproute2: ["ip", "-V"], iperf3: ["iperf3", "--version"], ping: ["ping", "-V"] };
  return Object.entries(tools).flatMap(([name, command]) => {
    try {
      const [version] = /\d+[\d.]+\d/.exec(run(command)) ?? ["of unknown version"];
      return `${name} ${version}`;
    } catch {
      return [];
    }
  });
}
