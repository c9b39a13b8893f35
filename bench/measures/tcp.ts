// TCP from client to client by iperf3, with the clients' offloads as they come.

import { CLIENT1, CLIENT2, inside } from "../lab.ts";
import { isInstalled, start, waitUntil } from "../process.ts";
import type { Measure, Setting } from "./measure.ts";

const BASE_PORT = 5201;
const GRACE_SECONDS = 10;

/** Throughput of parallel streams; `reverse` sends from the second client to the first. */
export function tcp(streams: number, reverse = false): Measure {
  const direction = reverse ? ", reverse" : "";
  const title = `TCP, ${streams} ${streams === 1 ? "stream" : "streams"}${direction}`;
  return {
    name: `tcp-${streams}${reverse ? "-reverse" : ""}`,
    title,
    optional: streams > 1 || reverse,
    obstacle: () => (isInstalled("iperf3") ? undefined : "iperf3 is not installed"),
    run: async (setting) => {
      const value = (await iperf(setting, streams, reverse)) / 1e9;
      return [{ title, unit: "Gb/s", digits: 2, better: "more", value }];
    },
  };
}

/** Bits a second that the receiver got. */
async function iperf({ seconds }: Setting, streams: number, reverse: boolean): Promise<number> {
  const timeoutMs = (seconds + GRACE_SECONDS) * 1000;
  const port = String(BASE_PORT);
  const listen = ["iperf3", "-s", "-1", "--forceflush", "-B", CLIENT2.overlay, "-p", port];
  const server = start(inside(CLIENT2.namespace, listen), timeoutMs);
  try {
    await waitUntil("iperf3 listens", 5000, () => server.output().includes("listening"));
    const options = ["-t", String(Math.ceil(seconds)), "-P", String(streams), ...(reverse ? ["-R"] : [])];
    const send = ["iperf3", "-J", "-c", CLIENT2.overlay, "-p", port, "--connect-timeout", "3000", ...options];
    const report = JSON.parse(await start(inside(CLIENT1.namespace, send), timeoutMs).finished);
    return report.end.sum_received.bits_per_second;
  } finally {
    await server.stop();
  }
}
