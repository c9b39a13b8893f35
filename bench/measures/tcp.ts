// TCP from client to client by iperf3, with the clients' offloads as they come.

import { CLIENT1, CLIENT2, inside } from "../lab.ts";
import { isInstalled, type Running, start, waitUntil } from "../process.ts";
import type { Measure, Setting } from "./measure.ts";

const PORT = "5201";
const GRACE_SECONDS = 10;

/** From the first client to the second, from the second to the first, or both at once and added up. */
export type Direction = "there" | "back" | "both";

const DIRECTION_OPTION: Record<Direction, string[]> = { there: [], back: ["-R"], both: ["--bidir"] };

/** Throughput of parallel streams; with `both`, of as many again in the other direction. */
export function tcp(streams: number, direction: Direction = "there"): Measure {
  const title = `TCP, ${streams} ${streams === 1 ? "stream" : "streams"}${direction === "there" ? "" : `, ${direction}`}`;
  return {
    name: `tcp-${streams}${direction === "there" ? "" : `-${direction}`}`,
    title,
    optional: streams > 1 || direction !== "there",
    obstacle: () => (isInstalled("iperf3") ? undefined : "iperf3 is not installed"),
    run: async (setting) => {
      const value = (await iperf(setting, streams, direction)) / 1e9;
      return [{ title, unit: "Gb/s", digits: 2, better: "more", value }];
    },
  };
}

/** Bits a second that the receivers got. */
async function iperf({ seconds }: Setting, streams: number, direction: Direction): Promise<number> {
  const timeoutMs = (seconds + GRACE_SECONDS) * 1000;
  const listen = ["iperf3", "-s", "-1", "--forceflush", "-B", CLIENT2.overlay, "-p", PORT];
  const server = start(inside(CLIENT2.namespace, listen), timeoutMs);
  try {
    await waitUntil("iperf3 listens", 5000, () => server.output().includes("listening"));
    const options = ["-t", String(seconds), "-P", String(streams), ...DIRECTION_OPTION[direction]];
    const send = ["iperf3", "-J", "-c", CLIENT2.overlay, "-p", PORT, "--connect-timeout", "3000", ...options];
    return await receivedBitsPerSecond(start(inside(CLIENT1.namespace, send), timeoutMs));
  } finally {
    await server.stop();
  }
}

/** iperf3 tells its errors in the same JSON, and ends with exit code 1 then. */
async function receivedBitsPerSecond(client: Running): Promise<number> {
  const failure = await client.finished.then(
    () => undefined,
    (error: Error) => error,
  );
  const [, message] = /"error":\s*"([^"]*)"/.exec(client.output()) ?? [];
  if (message !== undefined) throw new Error(`iperf3: ${message}`);
  if (failure !== undefined) throw failure;
  const { end } = JSON.parse(await client.finished);
  return end.sum_received.bits_per_second + (end.sum_received_bidir_reverse?.bits_per_second ?? 0);
}
