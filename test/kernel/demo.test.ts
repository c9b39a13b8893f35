// The demo as a stranger starts it: it ends well, and it removes what it made however it ends.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { sleep } from "../../src/control/lab/command.ts";
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

test.each([0.5, 2, 4])(
  "a demo that is interrupted after %d s exits 130 and leaves nothing",
  async (seconds) => {
    const demo = await runDemo(async (interrupt) => {
      await sleep(seconds * 1000);
      interrupt();
    });
    expect(demo.code, demo.said).toBe(130);
    expect(demo.left).toEqual([]);
  },
);

/** Runs the demo to its end; `left` are the namespaces of its own that are still there. */
async function runDemo(meanwhile?: (interrupt: () => void) => Promise<void>) {
  const child = spawn(process.execPath, [PROGRAM, "lab", "demo"]);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (text) => {
      said += text;
    });
  }
  const closed = once(child, "close") as Promise<[number | null]>;
  await meanwhile?.(() => child.kill("SIGINT"));
  const [code] = await closed;
  const left = (await namespaces()).filter((name) => name.includes(`-${child.pid}-`));
  return { code, said, left };
}
