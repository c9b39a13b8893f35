// All who may watch the switch at the same time, in its own host: a page that is open, three scrapes a second, `vxswitch top`
// in a terminal, which asks for the talkers too. What they need of CPU is taken from the same cores that forward.

import { join } from "node:path";
import { inside, SWITCH } from "../lab.ts";
import { type Running, start, waitUntil } from "../process.ts";
import { ROOT } from "../root.ts";

const READER = join(ROOT, "build/bench/watchers/reader.js");
const LIFETIME_MS = 15 * 60_000;
const START_TIMEOUT_MS = 5000;
/** The beginning of the screen that `top` draws. */
const SCREEN = "rxpck/s";

/** What is watched: where its page is, and the command that runs `vxswitch top`. */
export interface Watched {
  readonly address: string;
  readonly top: readonly string[];
}

/** Resolves once each of them has been answered, with how to end them; that rejects if one has ended before. */
export async function startWatchers({ address, top }: Watched): Promise<() => Promise<void>> {
  // A terminal of its own, which `script` gives it.
  const terminal = ["script", "-qfec", top.map((word) => `'${word}'`).join(" "), "/dev/null"];
  const screen = start(inside(SWITCH.namespace, ["env", "TERM=xterm", ...terminal]), LIFETIME_MS);
  const reader = start(inside(SWITCH.namespace, [process.execPath, READER, address]), LIFETIME_MS);
  const stop = async () => {
    await Promise.all([reader.stop(), screen.stop()]);
    await reader.finished;
  };
  try {
    await Promise.race([
      ended(screen),
      ended(reader),
      waitUntil(
        "the watchers' first answers",
        START_TIMEOUT_MS,
        () => screen.output().includes(SCREEN) && reader.output().includes("ready"),
      ),
    ]);
  } catch (error) {
    await stop().catch(() => undefined);
    throw error;
  }
  return stop;
}

async function ended(running: Running): Promise<never> {
  await running.finished;
  throw new Error(`a watcher ended: ${running.output()}`);
}
