// What a run of the benchmark is to do, from its command line.

import { parseArgs } from "node:util";
import type { Measure } from "./measures/measure.ts";
import { PEERS } from "./peers/index.ts";
import type { PeerKind } from "./peers/peer.ts";
import { SUITES, type Suite } from "./suites.ts";

export interface Plan {
  readonly rounds: number;
  readonly seconds: number;
  readonly peers: readonly PeerKind[];
  /** Those of the suites that are run, with those of their measures that are. */
  readonly suites: readonly Suite[];
  /** The peers were named: then a suite's own choice of peers does not count. */
  readonly peersNamed: boolean;
  /** Every suite that is not optional, with all its measures and peers. */
  readonly complete: boolean;
  readonly dryRun: boolean;
}

/** The command line is wrong, or asks what it could be; the message says. */
export class UsageError extends Error {}

const MEASURES: readonly Measure[] = [...new Set(SUITES.flatMap((suite) => suite.measures))];

const USAGE = `usage: npm run bench -- [options]
  --rounds N        rounds, each with every switch in turn (default 3)
  --seconds N       length of a measurement (default 2)
  --suite A,B       these suites alone, or "all": ${SUITES.map((suite) => suite.name + (suite.optional ? "*" : "")).join(", ")} (* optional)
  --only A,B        these switches alone: ${PEERS.map((peer) => peer.name).join(", ")}
  --measures A,B    these measures alone: ${MEASURES.map((measure) => measure.name).join(", ")}
  --dry-run         print the tables, draw the charts in build/bench/plots, change nothing else`;

/** @throws UsageError */
export function readPlan(): Plan {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "3" },
      seconds: { type: "string", default: "2" },
      suite: { type: "string" },
      only: { type: "string" },
      measures: { type: "string" },
      "dry-run": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) throw new UsageError(USAGE);
  return {
    rounds: parseCount("rounds", values.rounds, 100),
    seconds: parseCount("seconds", values.seconds, 300),
    peers: select("only", PEERS, values.only ?? "all"),
    suites: chooseSuites(values.suite, values.measures),
    peersNamed: values.only !== undefined,
    complete: values.suite === undefined && values.only === undefined && values.measures === undefined,
    dryRun: values["dry-run"],
  };
}

/** Measures that are named are found in whichever suite they are. */
function chooseSuites(suiteWords: string | undefined, measureWords: string | undefined): Suite[] {
  const byDefault = measureWords === undefined ? SUITES.filter((suite) => suite.optional !== true) : SUITES;
  const suites = suiteWords === undefined ? byDefault : select("suite", SUITES, suiteWords);
  if (measureWords === undefined) return [...suites];
  const chosen = new Set(select("measures", MEASURES, measureWords));
  return suites
    .map((suite) => ({ ...suite, measures: suite.measures.filter((measure) => chosen.has(measure)) }))
    .filter((suite) => suite.measures.length > 0);
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
