// The end-to-end benchmark: kernel VXLAN clients at both ends, each switch in turn between them, in interleaved rounds.
//
// To add a switch: a file in peers/ and a line in its index. To add a measure: a file in measures/ and a line in a suite.
// A lab is built anew for each switch, layout and round, so that nothing one of them does to it reaches the next.

import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Progress } from "../src/control/progress.ts";
import { buildGenerator, startSinks } from "./generator.ts";
import { acquaint, labDown, labUp } from "./lab.ts";
import { describeMachine } from "./machine.ts";
import type { Measure } from "./measures/measure.ts";
import type { Layout, Peer, PeerKind } from "./peers/peer.ts";
import { type Plan, readPlan, UsageError } from "./plan.ts";
import { DRY_PLOTS, PLOTS, plotsOf, writePlots } from "./plots.ts";
import { Report } from "./report.ts";
import { writeSection } from "./results.ts";
import { ROOT } from "./root.ts";
import { Samples } from "./samples.ts";
import type { Suite } from "./suites.ts";
import { targetsMarkdown } from "./targets.ts";
import { machineCpuSeconds, stolenCpuSeconds } from "./usage.ts";

/** While it measures. */
let progress: Progress | null = null;

const BUSY_WINDOW_MS = 500;
/** What the last lab leaves to the kernel (a million addresses to free) is done below this. */
const QUIET_PERCENT = 10;
const QUIET_WINDOWS_MAX = 20;

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

/** One run: its plan and what came of it so far. */
class Run {
  readonly samples = new Samples();
  readonly reports: ReadonlyMap<Suite, Report>;
  readonly #plan: Plan;
  highestLoadPercent = 0;

  constructor(plan: Plan) {
    this.#plan = plan;
    const names = plan.peers.map((peer) => peer.name);
    this.reports = new Map(
      plan.suites.map((suite) => [
        suite,
        new Report(
          names.filter((name) => this.#compares(suite, name)),
          this.samples,
        ),
      ]),
    );
  }

  #compares(suite: Suite, peer: string): boolean {
    return this.#plan.peersNamed || (suite.peers?.includes(peer) ?? true);
  }

  async measureAll(): Promise<void> {
    const { rounds, peers } = this.#plan;
    for (let round = 1; round <= rounds; round++) {
      for (const kind of peers) {
        const measures = this.#measuresFor(kind, round);
        if (measures.length === 0) continue;
        const busy = await quietPercent();
        this.highestLoadPercent = Math.max(this.highestLoadPercent, busy);
        say(`round ${round} of ${rounds}: ${kind.name} (machine before: ${busy.toFixed(0)} % busy)`);
        await this.#measurePeer(kind, measures);
      }
    }
  }

  /** Of all peers and rounds; those that turn out to be impossible included. */
  get measureCount(): number {
    const { rounds, peers } = this.#plan;
    let count = 0;
    for (let round = 1; round <= rounds; round++)
      for (const kind of peers) count += this.#measuresFor(kind, round).length;
    return count;
  }

  /** Each measure once, whichever suites it is in. */
  #measuresFor(kind: PeerKind, round: number): Measure[] {
    const suites = this.#plan.suites.filter((suite) => this.#compares(suite, kind.name));
    const all = [...new Set(suites.flatMap((suite) => suite.measures))];
    return all.filter(
      (measure) => (kind.measures?.includes(measure.name) ?? true) && (measure.once !== true || round === 1),
    );
  }

  async #measurePeer(kind: PeerKind, measures: readonly Measure[]): Promise<void> {
    const obstacle = kind.obstacle();
    if (obstacle !== undefined) {
      for (const report of this.#reportsOf(measures)) report.absent(kind.name, obstacle);
      return;
    }
    for (const group of byLayout(measures)) {
      const layout = group[0].layout ?? {};
      const lack = kind.lacks?.(layout);
      if (lack === undefined) await this.#measureInLab(kind, layout, group);
      else for (const measure of group) this.#fail(kind, measure, lack);
    }
  }

  async #measureInLab(kind: PeerKind, layout: Layout, measures: readonly Measure[]): Promise<void> {
    labUp(layout.extraPorts);
    try {
      await startSinks();
      const peer = await kind.start(layout);
      try {
        for (const measure of measures) await this.#measureOnce(kind, peer, layout, measure);
      } finally {
        await peer.stop();
      }
    } catch (error) {
      say(`  ${reason(error)}`);
      for (const report of this.#reportsOf(measures)) report.absent(kind.name, reason(error));
    } finally {
      labDown();
    }
  }

  async #measureOnce(kind: PeerKind, peer: Peer, layout: Layout, measure: Measure): Promise<void> {
    progress?.step(`${kind.name}: ${measure.title}`);
    const obstacle = measure.obstacle?.();
    if (obstacle !== undefined) return this.#fail(kind, measure, obstacle);
    try {
      acquaint(); // a switch may have forgotten them under load
      for (const figure of await measure.run({ peer, layout, seconds: this.#plan.seconds })) {
        say(`  ${figure.title}: ${figure.value.toFixed(figure.digits)} ${figure.unit}`);
        this.samples.add(kind.name, figure.title, figure.value);
        for (const report of this.#reportsOf([measure])) report.add(measure, figure);
      }
    } catch (error) {
      say(`  ${measure.title}: ${reason(error)}`);
      this.#fail(kind, measure, reason(error));
    }
  }

  #fail(kind: PeerKind, measure: Measure, why: string): void {
    for (const report of this.#reportsOf([measure])) report.fail(kind.name, measure, why);
  }

  #reportsOf(measures: readonly Measure[]): Report[] {
    const concerned = [...this.reports].filter(([suite]) =>
      suite.measures.some((one) => measures.includes(one)),
    );
    return concerned.map(([, report]) => report);
  }
}

/** Measures that need the same lab and switch, one after the other in the same. */
function byLayout(measures: readonly Measure[]): Measure[][] {
  const groups = new Map<string, Measure[]>();
  for (const measure of measures) {
    const key = JSON.stringify(measure.layout ?? {});
    groups.set(key, [...(groups.get(key) ?? []), measure]);
  }
  return [...groups.values()];
}

/** Waits for the machine to be quiet, but not for ever; returns how busy it still is. */
async function quietPercent(): Promise<number> {
  let busy = await busyPercent();
  for (let window = 1; busy > QUIET_PERCENT && window < QUIET_WINDOWS_MAX; window++)
    busy = await busyPercent();
  return busy;
}

/** How busy the machine is with other things, which would be measured along. */
async function busyPercent(): Promise<number> {
  const before = machineCpuSeconds();
  await sleep(BUSY_WINDOW_MS);
  return ((machineCpuSeconds() - before) / (BUSY_WINDOW_MS / 1000) / availableParallelism()) * 100;
}

/** Errors end up in a Markdown list: one line. */
function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/\s+/g, " ").slice(0, 400);
}

function say(line: string): void {
  progress?.clear();
  process.stderr.write(`${line}\n`);
}

function section(plan: Plan, machine: string, suite: Suite, report: Report, samples: Samples): string {
  const conclusion = suite.conclusion?.(report.peers, samples);
  return `## ${suite.title}

Kernel VXLAN clients at both ends, the switch between them, three network namespaces joined by veth. Medians of
${plan.rounds} interleaved rounds, ${plan.seconds} s a measurement, in parentheses the lowest and the highest, then the ratio to ${report.peers[0]}.
${suite.about}

${machine}

${[report.markdown(), ...(conclusion === undefined ? [] : [conclusion])].join("\n\n")}
`;
}

async function main(): Promise<void> {
  const plan = readPlan();
  if (process.getuid?.() !== 0) throw new Error("needs root: it makes network namespaces");
  await excludeOthers();
  cleanUpAtExit();
  buildGenerator();
  const command = describeMachine(["npm run bench --", ...process.argv.slice(2)].join(" "));
  const stolenBefore = stolenCpuSeconds();
  const run = new Run(plan);
  progress = new Progress(run.measureCount);
  try {
    await run.measureAll();
  } finally {
    progress.end();
    progress = null;
  }
  writeFileSync(join(ROOT, "build/bench/samples.json"), JSON.stringify(run.samples, null, 2));
  const machine = `${command}
- other load before the measurements: at most ${run.highestLoadPercent.toFixed(0)} % of the machine
- taken away by the hypervisor during the run: ${(stolenCpuSeconds() - stolenBefore).toFixed(1)} CPU seconds`;
  for (const [suite, report] of run.reports) {
    publish(plan, suite.name, section(plan, machine, suite, report, run.samples));
    const plots = plotsOf(suite, report.rows, report.peers, run.samples);
    writePlots(plan.dryRun ? DRY_PLOTS : PLOTS, suite.name, plots);
  }
  const targets = `## Targets\n\n${machine}\n\n${targetsMarkdown(run.samples)}\n`;
  if (plan.complete) publish(plan, "targets", targets);
  else process.stdout.write(targets);
}

function publish(plan: Plan, name: string, markdown: string): void {
  process.stdout.write(`${markdown}\n`);
  if (!plan.dryRun) writeSection(name, markdown);
}

try {
  await main();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
