// What V8's --trace-gc says, told apart by thread. mark-isolate.cjs makes each thread known.

import { join } from "node:path";
import { ROOT } from "../root.ts";

const MARKER = join(ROOT, "bench/garbage/mark-isolate.cjs");

/** How many collections each program asks for at its start; no two alike. */
const MARKS: Readonly<Record<string, number>> = {
  "main.js": 2,
  "forwarding-worker.js": 3,
  "mirror-worker.js": 4,
};
const ASKED_FOR = "testing"; // V8's word for a collection by gc()

/** Environment and options with which Node.js has to be started. */
export const TRACE_ENVIRONMENT = `VXBENCH_GC_MARKS=${JSON.stringify(MARKS)}`;
export const TRACE_OPTIONS: readonly string[] = ["--trace-gc", "--expose-gc", "--require", MARKER];

/** Collections of one thread between two moments. */
export interface Collections {
  readonly scavenges: number;
  readonly markSweeps: number;
}

interface Line {
  readonly isolate: string;
  /** Since the isolate's start. */
  readonly ms: number;
  readonly isScavenge: boolean;
  readonly isMark: boolean;
}

/**
 * The collections of each program's threads from `fromMs` to `toMs` (time of day), by the program's name.
 * @throws Error if the output has lines that are torn, or a program or an isolate is not recognised
 */
export function readTrace(output: string, fromMs: number, toMs: number): Map<string, Collections> {
  const isolates = byIsolate(readLines(output));
  const result = new Map<string, Collections>();
  for (const [, program, time] of output.matchAll(/^gc-mark (\S+) (\d+)$/gm)) {
    const lines = linesOf(program, isolates);
    const lastMarkMs = Math.max(...lines.filter((line) => line.isMark).map((line) => line.ms));
    const startMs = Number(time) - lastMarkMs;
    const within = lines.filter(({ ms }) => startMs + ms >= fromMs && startMs + ms <= toMs);
    const scavenges = within.filter((line) => line.isScavenge).length;
    result.set(program, { scavenges, markSweeps: within.length - scavenges });
  }
  return result;
}

function readLines(output: string): Line[] {
  const lines = [...output.matchAll(/\[\d+:(0x[0-9a-f]+)(?::\d+)?\]\s+(\d+) ms: (Scavenge|Mark)(.*)$/gm)];
  const collections = output.match(/ ms: (Scavenge|Mark)/g)?.length ?? 0;
  if (lines.length !== collections) throw new Error("the garbage collector's lines are torn: measure again");
  return lines.map(([, isolate, ms, kind, rest]) => ({
    isolate,
    ms: Number(ms),
    isScavenge: kind === "Scavenge",
    isMark: new RegExp(`\\) ${ASKED_FOR}(;|$)`).test(rest.trimEnd()),
  }));
}

function byIsolate(lines: readonly Line[]): Map<string, Line[]> {
  const isolates = new Map<string, Line[]>();
  for (const line of lines) isolates.set(line.isolate, [...(isolates.get(line.isolate) ?? []), line]);
  return isolates;
}

function linesOf(program: string, isolates: ReadonlyMap<string, readonly Line[]>): readonly Line[] {
  const known = [...isolates.values()].filter(
    (lines) => lines.filter((line) => line.isMark).length === MARKS[program],
  );
  if (known.length !== 1)
    throw new Error(`${program}: ${known.length} isolates have its marks, expected one (was it restarted?)`);
  return known[0];
}
