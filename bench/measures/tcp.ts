// TCP from client to client.

import { iperf, iperfObstacle } from "./iperf.ts";
import type { Measure } from "./measure.ts";

/** From the first client to the second, from the second to the first, or both at once and added up. */
export type Direction = "there" | "back" | "both";

const DIRECTION_OPTION: Record<Direction, string[]> = { there: [], back: ["-R"], both: ["--bidir"] };

/** Throughput of parallel streams; with `both`, of as many again in the other direction. */
export function tcp(streams: number, direction: Direction = "there"): Measure {
  const suffix = direction === "there" ? "" : `, ${direction}`;
  const title = `TCP, ${streams} ${streams === 1 ? "stream" : "streams"}${suffix}`;
  return {
    name: `tcp-${streams}${direction === "there" ? "" : `-${direction}`}`,
    title,
    obstacle: iperfObstacle,
    run: async ({ seconds }) => {
      const end = await iperf(seconds, ["-P", String(streams), ...DIRECTION_OPTION[direction]]);
      const there = end.sum_received.bits_per_second;
      const value = (there + (end.sum_received_bidir_reverse?.bits_per_second ?? 0)) / 1e9;
      return [{ title, unit: "Gb/s", digits: 2, better: "more", value }];
    },
  };
}
