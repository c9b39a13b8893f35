// iperf3 from the first client to the second, or to the switch's host, with offloads as they come.

import { CLIENT1, CLIENT2, inside, SWITCH } from "../lab.ts";
import { isInstalled, type Running, start, waitUntil } from "../process.ts";

const PORT = "5201";
const GRACE_SECONDS = 10;

/** What iperf3 says at its end of one direction, as far as it is read here. */
interface Sum {
  readonly bits_per_second: number;
  readonly bytes: number;
}

/** The end of iperf3's report: what was sent and received, and with --bidir also in the other direction. */
export interface End {
  readonly sum_sent: Sum;
  readonly sum_received: Sum;
  readonly sum_received_bidir_reverse?: Sum;
}

/** Where the server runs, and on which address. */
interface Server {
  readonly namespace: string;
  readonly address: string;
}

const SECOND_CLIENT: Server = { namespace: CLIENT2.namespace, address: CLIENT2.overlay };
/** Reached by the underlay, without VXLAN. */
export const SWITCH_HOST: Server = { namespace: SWITCH.namespace, address: SWITCH.underlay };

/** Why iperf3 cannot run here; undefined if it can. */
export function iperfObstacle(): string | undefined {
  return isInstalled("iperf3") ? undefined : "iperf3 is not installed";
}

/** Runs a server, and at the first client a client with these options on top. */
export async function iperf(
  seconds: number,
  options: readonly string[],
  { namespace, address } = SECOND_CLIENT,
): Promise<End> {
  const timeoutMs = (seconds + GRACE_SECONDS) * 1000;
  const listen = ["iperf3", "-s", "-1", "--forceflush", "-B", address, "-p", PORT];
  const server = start(inside(namespace, listen), timeoutMs);
  try {
    await waitUntil("iperf3 listens", 5000, () => server.output().includes("listening"));
    const send = ["iperf3", "-J", "-c", address, "-p", PORT, "--connect-timeout", "3000"];
    const client = [...send, "-t", String(seconds), ...options];
    return await endOf(start(inside(CLIENT1.namespace, client), timeoutMs));
  } finally {
    await server.stop();
  }
}

/** iperf3 tells its errors in the same JSON, and ends with exit code 1 then. */
async function endOf(client: Running): Promise<End> {
  const failure = await client.finished.then(
    () => undefined,
    (error: Error) => error,
  );
  const [, message] = /"error":\s*"([^"]*)"/.exec(client.output()) ?? [];
  if (message !== undefined) throw new Error(`iperf3: ${message}`);
  if (failure !== undefined) throw failure;
  const { end } = JSON.parse(await client.finished);
  return end;
}
