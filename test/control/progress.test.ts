// The line that tells how far something long has come: at a terminal only, on stderr only, and gone at the end.
import { expect, test, vi } from "vitest";
import { Progress } from "../../src/control/progress.ts";

const CLEAR = "\r\x1b[K";

function watched(isTTY: boolean, columns = 80) {
  const written: string[] = [];
  return { written, isTTY, columns, write: (text: string) => written.push(text) };
}

test("each step writes the line anew, with the time that is left by the average of those before", () => {
  const out = watched(true);
  let nowMs = 0;
  const progress = new Progress(4, out, {}, () => nowMs);
  progress.step("one");
  nowMs = 61_000;
  progress.step("two");
  progress.end();
  expect(out.written).toEqual([
    `${CLEAR}[1/4] one, 0 s`,
    `${CLEAR}[2/4] two, 1 min 1 s, about 3 min 3 s left`,
    CLEAR,
  ]);
});

test("within a step the line is written again each second, until the end", () => {
  vi.useFakeTimers();
  try {
    const out = watched(true);
    let nowMs = 0;
    const progress = new Progress(1, out, {}, () => nowMs);
    progress.step("one");
    nowMs = 1000;
    vi.advanceTimersByTime(1000);
    expect(out.written.at(-1)).toBe(`${CLEAR}[1/1] one, 1 s`);
    progress.end();
    const { length } = out.written;
    vi.advanceTimersByTime(5000);
    expect(out.written).toHaveLength(length);
  } finally {
    vi.useRealTimers();
  }
});

test("it never wraps", () => {
  const out = watched(true, 20);
  const progress = new Progress(1, out, {});
  progress.step("something with a long name");
  progress.end();
  expect(out.written[0]).toBe(`${CLEAR}[1/1] something with`.slice(0, CLEAR.length + 19));
});

test.each([
  ["a pipe", false, {}],
  ["CI", true, { CI: "true" }],
  ["a terminal that cannot write over a line", true, { TERM: "dumb" }],
])("to %s nothing is written", (_, isTTY, env) => {
  const out = watched(isTTY);
  const progress = new Progress(1, out, env);
  progress.step("one");
  progress.clear();
  progress.end();
  expect(out.written).toEqual([]);
});
