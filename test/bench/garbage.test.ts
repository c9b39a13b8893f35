// The garbage collector's trace, told apart by thread.
import { describe, expect, test } from "vitest";
import { readTrace } from "../../bench/garbage/trace.ts";

const MAIN = "0x5f0e0b0";
const FORWARDING = "0x7f00aa000f00";
const START_MS = 1_000_000;

function collection(isolate: string, ms: number, kind = "Scavenge", why = "allocation failure"): string {
  return `[77:${isolate}] ${ms} ms: ${kind} 3.5 (4.2) -> 3.3 (5.2) MB, 0.36 / 0.00 ms  (average mu = 1.000, current mu = 1.000) ${why}; `;
}

/** As a thread does at its start, which is 100 ms before. */
function marks(isolate: string, program: string, count: number): string[] {
  const asked = Array.from({ length: count }, () => collection(isolate, 100, "Scavenge", "testing"));
  return [...asked, `gc-mark ${program} ${START_MS + 100}`];
}

const STARTED = [...marks(MAIN, "main.js", 2), ...marks(FORWARDING, "forwarding-worker.js", 3)];

describe("a trace", () => {
  test("counts for each program what its own isolate did, within the time", () => {
    const output = [
      ...STARTED,
      collection(FORWARDING, 900), // before
      collection(MAIN, 1500),
      collection(FORWARDING, 1600),
      collection(MAIN, 1700, "Mark-Compact (reduce)", "task"),
      collection(FORWARDING, 2100), // after
    ].join("\n");
    const trace = readTrace(output, START_MS + 1000, START_MS + 2000);
    expect(trace.get("main.js")).toEqual({ scavenges: 1, markSweeps: 1 });
    expect(trace.get("forwarding-worker.js")).toEqual({ scavenges: 1, markSweeps: 0 });
  });

  test("is read in the form of newer versions of V8, which number the isolates", () => {
    const output = [...STARTED, collection(FORWARDING, 1500)].join("\n").replaceAll("] ", ":0] ");
    expect(readTrace(output, START_MS + 1000, START_MS + 2000).get("forwarding-worker.js")?.scavenges).toBe(
      1,
    );
  });

  test("with a torn line is refused, lest a collection be missed", () => {
    const torn = collection(MAIN, 1500).replace(`[77:${MAIN}] `, "[77:");
    expect(() => readTrace([...STARTED, torn].join("\n"), 0, START_MS * 2)).toThrow("torn");
  });

  test("in which a thread was started twice is refused", () => {
    const again = marks("0x7f00bb000f00", "forwarding-worker.js", 3);
    expect(() => readTrace([...STARTED, ...again].join("\n"), 0, START_MS * 2)).toThrow("2 isolates");
  });
});
