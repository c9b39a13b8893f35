// Filters of mirrors are expressions of pcap-filter(7); tcpdump(8), which everybody has who writes them, compiles them to
// the program that the data plane runs. Asked once for each expression: what a reload or an edit has again is known.
import { spawnSync } from "node:child_process";
import { FILTER_INSTRUCTIONS_MAX, programFault } from "../../dataplane/packet-filter.ts";
import { Refusal } from "../refusal.ts";
import { describe, type Fault, faultText, type Path } from "./fault.ts";

/** Compiling takes a few milliseconds; only an expression with names in it may wait for their server. */
const COMPILE_MS_MAX = 1000;
/** Of an instruction's line, 25 characters at most. */
const OUTPUT_BYTES_MAX = 32 * FILTER_INSTRUCTIONS_MAX;
/** Expressions remembered, those used last: many times what a configuration can hold. */
const REMEMBERED_MAX = 256;

/** Four numbers an instruction. */
type Program = readonly number[];
type FilterFault = Omit<Fault, "path">;
interface Compiled {
  readonly program: Program;
  readonly fault: FilterFault | null;
  /** tcpdump did not answer: asking for more would only take longer. */
  readonly hung: boolean;
}

const remembered = new Map<string, Program>();

/** The program of an expression that was checked. Throws a Refusal if it cannot be had any more. */
export function filterProgram(expression: string): Program {
  const { program, fault } = compile(expression);
  if (fault !== null) throw new Refusal(faultText({ ...fault, path: ["filter"] }));
  return program;
}

/** What is wrong with these expressions, each with its place. */
export function filterFaults(filters: readonly { readonly path: Path; readonly text: string }[]): Fault[] {
  const faults: Fault[] = [];
  for (const { path, text } of filters) {
    const { fault, hung } = compile(text);
    if (fault !== null) faults.push({ path, ...fault });
    if (hung) break;
  }
  return faults;
}

function compile(expression: string): Compiled {
  const known = remembered.get(expression);
  if (known === undefined) return remember(expression, ask(expression));
  return remember(expression, { program: known, fault: null, hung: false });
}

/** Failures are not remembered: tcpdump may be installed, or a name become known. */
function remember(expression: string, compiled: Compiled): Compiled {
  if (compiled.fault !== null) return compiled;
  remembered.delete(expression);
  remembered.set(expression, compiled.program);
  if (remembered.size > REMEMBERED_MAX) remembered.delete(remembered.keys().next().value as string);
  return compiled;
}

function ask(expression: string): Compiled {
  const { error, status, stdout, stderr } = spawnSync("tcpdump", ["-ddd", "-y", "EN10MB", "--", expression], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: COMPILE_MS_MAX,
    killSignal: "SIGKILL",
    maxBuffer: OUTPUT_BYTES_MAX,
  });
  if (error !== undefined) return systemFault(error, expression);
  if (status !== 0) {
    const got = `${describe(expression)}, of which tcpdump says: ${lastLine(stderr)}`;
    return failed({ expected: "an expression of pcap-filter(7)", got });
  }
  return read(stdout, expression);
}

function systemFault(error: NodeJS.ErrnoException, expression: string): Compiled {
  switch (error.code) {
    case "ENOENT":
      return failed({
        expected: "tcpdump on this machine, which compiles filters",
        got: "none",
        remedy: "apt-get install tcpdump",
      });
    case "ETIMEDOUT": {
      const expected = `an expression that tcpdump compiles within ${COMPILE_MS_MAX} ms`;
      const remedy = "addresses instead of names wait for no name server";
      return { ...failed({ expected, got: describe(expression), remedy }), hung: true };
    }
    case "ENOBUFS":
      return failed(tooLong(expression));
    default:
      return failed({ expected: "a tcpdump that can be started", got: error.message });
  }
}

/** The first line is the number of instructions, each of the others is one. */
function read(text: string, expression: string): Compiled {
  const [count, ...program] = text.trim().split(/\s+/).map(Number);
  const fault = programFault(program);
  if (fault === "" && program.length === count! * 4) return { program, fault: null, hung: false };
  if (count! > FILTER_INSTRUCTIONS_MAX) return failed(tooLong(expression));
  const got = `${describe(expression)}, of whose program ${fault || "the length is another than it says"}`;
  return failed({ expected: "an expression whose program has no loops, as protochain has", got });
}

function tooLong(expression: string): FilterFault {
  const expected = `an expression that compiles to at most ${FILTER_INSTRUCTIONS_MAX} instructions`;
  return { expected, got: describe(expression) };
}

function failed(fault: FilterFault): Compiled {
  return { program: [], fault, hung: false };
}

/** Without the program's name. */
function lastLine(text: string): string {
  const line = text.trim().split("\n").at(-1) ?? "";
  return line.replace(/^tcpdump: /, "") || "nothing";
}
