// Round trip from client to client by ping, one echo every 2 ms: the switch sleeps and wakes for each.

import { CLIENT1, CLIENT2, inside } from "../lab.ts";
import { start } from "../process.ts";
import { median, percentile } from "../statistics.ts";
import type { Measure } from "./measure.ts";

const ECHOES = 500;
const TIMEOUT_MS = 30_000;

export const roundTrip: Measure = {
  name: "round-trip",
  title: "round trip",
  run: async () => {
    const command = ["ping", "-i", "0.002", "-c", String(ECHOES), "-W", "1", CLIENT2.overlay];
    const output = await start(inside(CLIENT1.namespace, command), TIMEOUT_MS).finished;
    const timesUs = [...output.matchAll(/ time=([\d.]+) ms/g)].map((match) => Number(match[1]) * 1000);
    const row = { unit: "µs", digits: 0, better: "less" } as const;
    return [
      { ...row, title: "round trip, median", value: median(timesUs) },
      { ...row, title: "round trip, 99th percentile", value: percentile(timesUs, 99) },
    ];
  },
};
