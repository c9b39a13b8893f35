// What is measured, in the order of the report's rows. Idle comes last, so that it sees a switch that has worked.

import { cpuPerFrame, frames } from "./frames.ts";
import { idle } from "./idle.ts";
import type { Measure } from "./measure.ts";
import { roundTrip } from "./round-trip.ts";
import { tcp } from "./tcp.ts";

export const MEASURES: readonly Measure[] = [
  frames([64], 1),
  frames([64], 64),
  frames([1400], 1),
  frames([1400], 64),
  tcp(1),
  tcp(1, "back"),
  tcp(1, "both"),
  tcp(8),
  tcp(8, "back"),
  tcp(8, "both"),
  roundTrip,
  cpuPerFrame(64, 64, 100_000),
  idle,
];
