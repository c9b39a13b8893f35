// What it costs the forwarding to be watched: the same frames by turns with everybody looking and with nobody, many times,
// since the difference is smaller than what two rounds differ by.

import { setTimeout as sleep } from "node:timers/promises";
import { median } from "../statistics.ts";
import type { Figure, Measure, Setting } from "./measure.ts";
import { AT_FULL_RATE, observe, type Window } from "./window.ts";

const TURNS = 6;
const WINDOWS_A_TURN = 2;
/** Programs start up meanwhile, which is not what is measured. */
const SETTLE_MS = 2000;
/** For so long the switch goes on to sample frames for who has asked for the talkers. */
const TALKERS_KEPT_MS = 11_000;
const FLOWS = 64;

export const WATCHING_COSTS = `64-byte frames, ${FLOWS} flows: lost while watched`;

export const watched: Measure = {
  name: "watched",
  title: "64-byte frames while watched",
  layout: { watched: true },
  once: true,
  run: async (setting) => {
    const [watched, alone]: Window[][] = [[], []];
    for (let turn = 0; turn < TURNS; turn++) {
      watched.push(...(await observeWatched(setting)));
      await sleep(TALKERS_KEPT_MS);
      alone.push(...(await observeSome(setting)));
    }
    return figures(watched, alone);
  },
};

async function observeWatched(setting: Setting): Promise<Window[]> {
  if (setting.peer.watch === undefined) throw new Error("nobody can watch this switch");
  const stop = await setting.peer.watch();
  try {
    await sleep(SETTLE_MS);
    return await observeSome(setting);
  } finally {
    await stop();
  }
}

async function observeSome(setting: Setting): Promise<Window[]> {
  const windows: Window[] = [];
  for (let window = 0; window < WINDOWS_A_TURN; window++)
    windows.push(await observe(setting, { sizes: [64], flows: FLOWS, rate: AT_FULL_RATE }));
  return windows;
}

function figures(watched: readonly Window[], alone: readonly Window[]): Figure[] {
  const kpps = (windows: readonly Window[]) =>
    median(windows.map(({ delivered, seconds }) => delivered / seconds / 1000));
  const switchSeconds = (windows: readonly Window[]) =>
    median(windows.map(({ peerCpuSeconds, delivered }) => peerCpuSeconds / (delivered / 1e6)));
  const lost = (1 - kpps(watched) / kpps(alone)) * 100;
  const rate = { unit: "kpps", digits: 0, better: "more" } as const;
  const cpu = { unit: "s/Mframe", digits: 2, better: "less", detail: true } as const;
  const title = `64-byte frames, ${FLOWS} flows`;
  return [
    { ...rate, title: `${title}: nobody watches`, value: kpps(alone) },
    { ...rate, title: `${title}: watched`, value: kpps(watched) },
    { unit: "%", digits: 1, title: WATCHING_COSTS, value: lost },
    { ...cpu, title: `${title}: nobody watches: the switch's process`, value: switchSeconds(alone) },
    { ...cpu, title: `${title}: watched: the switch's process`, value: switchSeconds(watched) },
  ];
}
