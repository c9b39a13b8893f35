// `vxswitch lab demo`: half a minute that shows a stranger what the switch does, and proves each claim while it does so.
// Runs beside a `lab up`: its namespaces are named after this process. Whatever happens, it removes what it made.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sentenceOf } from "../refusal.ts";
import { configText, labConfig } from "./config.ts";
import type { DemoScene, DemoStep } from "./demo-scene.ts";
import { DEMO_STEPS } from "./demo-steps.ts";
import { removeLeftovers, runPrefix } from "./host.ts";
import { createLab } from "./lab.ts";
import { enterUserNamespace, isRoot, prepareUserNamespace, requireLabPrivileges } from "./privilege.ts";
import { SwitchProcess, switchFiles } from "./switch-process.ts";
import { DEMO_FAMILY } from "./up-down.ts";

const EXIT_FAILED = 1;
const EXIT_INTERRUPTED = 130;

/** Shows all steps and sets the exit code: 0 if each held, 1 if one failed, 130 if interrupted. */
export async function labDemo(): Promise<void> {
  if (!isRoot()) await enterUserNamespace();
  const interruption = onInterruption();
  await prepareUserNamespace();
  await requireLabPrivileges();
  await removeLeftovers(DEMO_FAMILY);
  const directory = mkdtempSync(join(tmpdir(), "vxswitch-demo-"));
  try {
    process.exitCode = await play(directory, interruption);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The demo from the first step to the last or to an interruption; its exit code. The lab is removed in every case. */
async function play(directory: string, interruption: Promise<boolean>): Promise<number> {
  const scene = prepareScene(directory);
  let step: Promise<void> = Promise.resolve();
  try {
    for (const [index, next] of DEMO_STEPS.entries()) {
      step = showStep(scene, next, index + 1);
      if (await Promise.race([step.then(() => false), interruption])) {
        say("\nInterrupted; everything is being removed.");
        return EXIT_INTERRUPTED;
      }
    }
    say("\nAll of this held.");
    return 0;
  } catch (error) {
    say(`      FAILED: ${sentenceOf(error)}\n\nEverything is being removed.`);
    return EXIT_FAILED;
  } finally {
    await cleanUp(scene, step);
  }
}

function prepareScene(directory: string): DemoScene {
  const lab = createLab({ prefix: runPrefix(DEMO_FAMILY) });
  const files = switchFiles(directory);
  const config = configText(labConfig(lab, files));
  return { lab, directory, startSwitch: () => new SwitchProcess(lab.test, { files, config }), running: null };
}

async function showStep(scene: DemoScene, step: DemoStep, number: number): Promise<void> {
  say(`\n[${number}/${DEMO_STEPS.length}] ${step.title}`);
  for (const line of await step.show(scene)) say(`      ${line}`);
}

/** True as soon as somebody wants the demo to end, or no longer reads it. */
function onInterruption(): Promise<boolean> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve(true));
    // The program as a whole ends at once when nobody reads it any more; the demo has something to remove first.
    process.stdout.removeAllListeners("error").on("error", () => resolve(true));
  });
}

/** Removing the lab ends what a step has running in it; what the step still makes meanwhile is removed after it. */
async function cleanUp(scene: DemoScene, step: Promise<void>): Promise<void> {
  await scene.running?.stop();
  await scene.lab.down();
  await step.catch(() => {}); // play() has told of it
  await scene.lab.down();
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
