// UDP from client to client, as fast as iperf3 sends it: what arrives, and what was lost on the way.

import { iperf, iperfObstacle } from "./iperf.ts";
import type { Measure } from "./measure.ts";

const PAYLOAD_BYTES = 1400;
const UNLIMITED = "0";

/** Throughput and loss of parallel streams of large datagrams. */
export function udp(streams: number): Measure {
  const title = `UDP, ${streams} ${streams === 1 ? "stream" : "streams"}`;
  return {
    name: `udp-${streams}`,
    title,
    obstacle: iperfObstacle,
    run: async ({ seconds }) => {
      const options = ["-u", "-b", UNLIMITED, "-l", String(PAYLOAD_BYTES), "-P", String(streams)];
      const { sum_sent: sent, sum_received: received } = await iperf(seconds, options);
      const lostPercent = (1 - received.bytes / sent.bytes) * 100;
      return [
        { title, unit: "Gb/s", digits: 2, better: "more", value: received.bits_per_second / 1e9 },
        { title: `${title}: lost`, unit: "%", digits: 1, detail: true, value: lostPercent },
      ];
    },
  };
}
