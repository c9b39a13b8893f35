// What a switch costs that has nothing to do, and the memory it holds. Measured last, when it has worked.

import { setTimeout as sleep } from "node:timers/promises";
import { processCpuSeconds, residentBytes } from "../usage.ts";
import type { Measure } from "./measure.ts";

const SETTLE_MS = 1000;
const SECONDS_MIN = 5; // CPU time is counted in steps of 10 ms: 0.2 % of five seconds

export const idle: Measure = {
  name: "idle",
  title: "idle",
  run: async ({ peer, seconds }) => {
    if (peer.pids.length === 0) return [];
    await sleep(SETTLE_MS);
    const window = Math.max(SECONDS_MIN, seconds);
    const before = processCpuSeconds(peer.pids);
    await sleep(window * 1000);
    const share = ((processCpuSeconds(peer.pids) - before) / window) * 100;
    const memory = residentBytes(peer.pids) / 1e6;
    return [
      {
        title: "idle: CPU of the switch's process",
        unit: "% of a core",
        digits: 1,
        better: "less",
        value: share,
      },
      { title: "resident memory", unit: "MB", digits: 0, better: "less", value: memory },
    ];
  },
};
