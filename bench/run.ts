// The end-to-end benchmark: kernel VXLAN clients at both ends, each switch in turn between them, in interleaved rounds.
//
// To add a switch: a file in peers/ and a line in its index. To add a measure: a file in measures/ and a line in its
// index. A lab is built anew for each switch and round, so that nothing one of them does to it reaches the next.

import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { buildGenerator } from "./generator.ts";
import { acquaint, labDown, labUp } from "./lab.ts";
import { describeMachine } from "./machine.ts";
import { MEASURES } from "./measures/index.ts";
import type { Measure } from "./measures/measure.ts";
import { PEERS } from "./peers/index.ts";
import type { Peer, PeerKind } from "./peers/peer.ts";
import { Report } from "./report.ts";
import { writeSection } from "./results.ts";
import { ROOT } from "./root.ts";
import { machineCpuSeconds, stolenCpuSeconds } from "./usage.ts";

const BUSY_WINDOW_MS = 500;

const USAGE = `usage: npm run bench -- [options]
  --rounds N        rounds, each with every switch in turn (default 5)
  --seconds N       length of a measurement (default 3)
  --only A,B        these switches alone: ${PEERS.map((peer) => peer.name).join(", ")}
  --measures A,B    these measures alone, or "all" for the optional ones too:
                    ${MEASURES.map((measure) => measure.name + (measure.optional ? "*" : "")).join(", ")} (* optional)
  --dry-run         print the tables, leave bench/RESULTS.md as it is`;

interface Plan {
  readonly rounds: number;
  readonly seconds: number;
  readonly peers: readonly PeerKind[];
  readonly measures: readonly Measure[];
  readonly dryRun: boolean;
}

class UsageError extends Error {}

function readPlan(): Plan {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "3" },
      only: { type: "string", default: "all" },
      measures: { type: "string" },
      "dry-run": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) throw new UsageError(USAGE);
  return {
    rounds: parseCount("rounds", values.rounds, 100),
    seconds: parseCount("seconds", values.seconds, 300),
    peers: select("only", PEERS, values.only),
    measures:
      values.measures === undefined
        ? MEASURES.filter((measure) => measure.optional !== true)
        : select("measures", MEASURES, values.measures),
    dryRun: values["dry-run"],
  };
}

function parseCount(option: string, text: string, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw new UsageError(`--${option}: expected a whole number from 1 to ${max}, got "${text}"`);
}

function select<T extends { readonly name: string }>(option: string, all: readonly T[], words: string): T[] {
  if (words === "all") return [...all];
  const names = words.split(",");
  const unknown = names.filter((name) => !all.some((one) => one.name === name));
  if (unknown.length > 0) throw new UsageError(`--${option}: there is no ${unknown.join(", ")}\n\n${USAGE}`);
  return all.filter((one) => names.includes(one.name));
}

/** Holds a name that only one process can have: two benchmarks at a time would measure each other. */
function excludeOthers(): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", () => reject(new Error("another benchmark is running on this machine")));
    server.listen("\0vxswitch-bench", resolve);
    server.unref();
  });
}

/** The lab goes with the process, whatever ends it. */
function cleanUpAtExit(): void {
  process.on("exit", labDown);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(130));
}

async function measureAll(plan: Plan): Promise<Report> {
  const report = new Report(plan.peers.map((peer) => peer.name));
  for (let round = 1; round <= plan.rounds; round++) {
    for (const kind of plan.peers) {
      const busy = await busyPercent();
      report.noteLoad(busy);
      say(`round ${round} of ${plan.rounds}: ${kind.name} (machine before: ${busy.toFixed(0)} % busy)`);
      await measurePeer(plan, kind, report);
    }
  }
  return report;
}

/** How busy the machine is with other things, which would be measured along. */
async function busyPercent(): Promise<number> {
  const before = machineCpuSeconds();
  await sleep(BUSY_WINDOW_MS);
  return ((machineCpuSeconds() - before) / (BUSY_WINDOW_MS / 1000) / availableParallelism()) * 100;
}

async function measurePeer(plan: Plan, kind: PeerKind, report: Report): Promise<void> {
  const obstacle = kind.obstacle();
  if (obstacle !== undefined) return report.absent(kind.name, obstacle);
  labUp();
  try {
    const peer = await kind.start();
    try {
      acquaint();
      for (const measure of plan.measures) await measureOnce(plan, kind, peer, measure, report);
    } finally {
      await peer.stop();
    }
  } catch (error) {
    say(`  ${reason(error)}`);
    report.absent(kind.name, reason(error));
  } finally {
    labDown();
  }
}

async function measureOnce(plan: Plan, kind: PeerKind, peer: Peer, measure: Measure, report: Report) {
  const obstacle = measure.obstacle?.();
  if (obstacle !== undefined) return report.fail(kind.name, measure, obstacle);
  try {
    acquaint(); // a switch may have forgotten them under load
    for (const figure of await measure.run({ peer, seconds: plan.seconds })) {
      say(`  ${figure.title}: ${figure.value.toFixed(figure.digits)} ${figure.unit}`);
      report.add(kind.name, measure, figure);
    }
  } catch (error) {
    say(`  ${measure.title}: ${reason(error)}`);
    report.fail(kind.name, measure, reason(error));
  }
}

/** Errors end up in a Markdown list: one line. */
function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/\s+/g, " ").slice(0, 400);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function section(plan: Plan, machine: string, report: Report, stolenSeconds: number): string {
  return `## End to end

Kernel VXLAN clients at both ends, the switch between them, three network namespaces joined by veth. Medians of
${plan.rounds} interleaved rounds, ${plan.seconds} s a measurement, in parentheses the lowest and the highest, then the ratio to ${plan.peers[0].name}.
Frames are inner Ethernet frames; a second's are those delivered into the receiving client's own vxlan device while
the generator offers more than the switch forwards.

${machine}
- other load before the measurements: at most ${report.highestLoadPercent.toFixed(0)} % of the machine
- taken away by the hypervisor during the run: ${stolenSeconds.toFixed(1)} CPU seconds

${report.markdown()}
`;
}

async function main(): Promise<void> {
  const plan = readPlan();
  if (process.getuid?.() !== 0) throw new Error("needs root: it makes network namespaces");
  await excludeOthers();
  cleanUpAtExit();
  buildGenerator();
  const machine = describeMachine(["npm run bench --", ...process.argv.slice(2)].join(" "));
  const stolenBefore = stolenCpuSeconds();
  const report = await measureAll(plan);
  const markdown = section(plan, machine, report, stolenCpuSeconds() - stolenBefore);
  writeFileSync(join(ROOT, "build/bench/samples.json"), JSON.stringify(report.samples(), null, 2));
  process.stdout.write(markdown);
  if (!plan.dryRun) writeSection("end-to-end", markdown);
}

try {
  await main();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
