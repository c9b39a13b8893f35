// The demo as a stranger starts it: it ends well, and it removes what it made however it ends.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { namespaces } from "../../src/control/lab/host.ts";
import { PROGRAM } from "./harness/kernel-lab.ts";

test("the demo shows every step, exits 0 and leaves nothing", async () => {
  const demo = await runDemo();
  expect(demo.code, demo.said).toBe(0);
  const steps = [...demo.said.matchAll(/^\[(\d+)\/(\d+)\]/gm)];
  expect(steps.map(([, number]) => number)).toEqual(steps.map((_, index) => String(index + 1)));
  expect(steps.at(-1)![1]).toBe(steps.at(-1)![2]);
  expect(demo.left).toEqual([]);
});

// Side by side: they mostly wait, and each has names of its own.
test.concurrent.each([1, 2, 5, 7])(
  "a demo that is interrupted in step %d exits 130 and leaves nothing",
  async (step) => {
    const demo = await runDemo(step);
    expect(demo.code, demo.said).toBe(130);
    expect(demo.left).toEqual([]);
  },
);

/** Runs the demo to its end, or interrupts it once it shows a step; `left` are the namespaces of its own that remain. */
async function runDemo(interruptedStep?: number) {
  const child = spawn(process.execPath, [PROGRAM, "lab", "demo"]);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (text) => {
      said += text;
      if (said.includes(`\n[${interruptedStep}/`)) child.kill("SIGINT");
    });
  }
  const [code] = (await once(child, "close")) as [number | null];
  const left = (await namespaces()).filter((name) => name.includes(`-${child.pid}-`));
  return { code, said, left };
}
