// Round trip from client to client by ping, one echo every 11.3 ms or more: the switch sleeps and wakes for each. (Below
// 10 ms ping does not sleep but looks again and again, which takes a processor from whoever is measured. Its sleep ends at
// a tick of the kernel's, 4 ms apart here, so that echoes share their moment with the kernel's own work: for all switches
// alike.) Under load, the generator sends 64-byte frames for as long as there are echoes: half of those that this very
// switch delivers when overloaded, or as many to every switch.
//
// Placement: the scheduler's, for a switch may poll on any of the cores. But the generator has the lowest priority, so that
// a switch that wakes on its core need not wait for a turn, and ping goes before everything else. What an echo waits for
// is then the switch, and the kernel's own work on the frames before it.

import { setTimeout as sleep } from "node:timers/promises";
import { generate } from "../generator.ts";
import { CLIENT1, CLIENT2, inside } from "../lab.ts";
import { start } from "../process.ts";
import { median, percentile } from "../statistics.ts";
import type { Figure, Measure } from "./measure.ts";
import { AT_FULL_RATE, observe } from "./window.ts";

const ECHOES = 500;
const INTERVAL_SECONDS = 0.0113;
const TIMEOUT_MS = 30_000;
const BEFORE_OTHERS = ["nice", "-n", "-20"];
const LOAD = { sizes: [64], flows: 64 };
/** Of the generator, before the first echo. */
const LEAD_SECONDS = 0.5;

export const roundTrip: Measure = {
  name: "round-trip",
  title: "round trip",
  run: async () => figures("round trip", await ping(ECHOES, [])),
};

/** At half of what this switch delivers. */
export const roundTripUnderHalfLoad: Measure = {
  name: "round-trip-load",
  title: "round trip under half load",
  run: async (setting) => {
    const { delivered, seconds } = await observe(setting, { ...LOAD, rate: AT_FULL_RATE });
    return underLoad("round trip under half load", Math.round(delivered / seconds / 2));
  },
};

/** At the same load for all. */
export function roundTripAt(rate: number): Measure {
  const title = `round trip at ${rate / 1000} kpps`;
  return { name: `round-trip-${rate / 1000}`, title, run: async () => underLoad(title, rate) };
}

async function underLoad(title: string, rate: number): Promise<Figure[]> {
  const load = generate({ ...LOAD, rate, yielding: true, seconds: TIMEOUT_MS / 1000 });
  await sleep(LEAD_SECONDS * 1000);
  const timesUs = await ping(ECHOES, BEFORE_OTHERS).finally(load.stop);
  const sent = await load.sent;
  const offered = sent.frames / sent.seconds / 1000;
  return [
    ...figures(title, timesUs),
    { title: `${title}: offered`, unit: "kpps", digits: 0, detail: true, value: offered },
  ];
}

/** The round trips in µs; of an echo that does not come back, infinite. */
async function ping(echoes: number, priority: readonly string[]): Promise<number[]> {
  const options = ["-i", String(INTERVAL_SECONDS), "-c", String(echoes), "-W", "1"];
  const command = [...priority, "ping", ...options, CLIENT2.overlay];
  const output = await start(inside(CLIENT1.namespace, command), TIMEOUT_MS).finished;
  const times = [...output.matchAll(/ time=([\d.]+) ms/g)].map((match) => Number(match[1]) * 1000);
  const lost = Math.max(0, echoes - times.length);
  return [...times, ...Array.from({ length: lost }, () => Number.POSITIVE_INFINITY)];
}

function figures(title: string, timesUs: readonly number[]): Figure[] {
  const row = { unit: "µs", digits: 0, better: "less" } as const;
  const [middle, high] = [median(timesUs), percentile(timesUs, 99)];
  if (!Number.isFinite(high)) {
    const lost = timesUs.filter((time) => !Number.isFinite(time)).length;
    throw new Error(`${lost} of ${timesUs.length} echoes were lost`);
  }
  return [
    { ...row, title: `${title}, median`, value: middle },
    { ...row, title: `${title}, 99th percentile`, value: high },
  ];
}
