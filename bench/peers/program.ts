// Peers that are a Node program of one file: started in the middle host, ready when they say so.

import { CLIENT1, CLIENT2, inside, SWITCH, switchOffChecksums } from "../lab.ts";
import { start, waitUntil } from "../process.ts";
import type { Peer } from "./peer.ts";

const START_TIMEOUT_MS = 10_000;
const LIFETIME_MS = 60 * 60_000;

/**
 * Starts `node program ...words REMOTE=VNI...` and resolves once it has written "ready". One that `completes` what clients
 * leave undone gets them as they come.
 */
export async function startProgram(
  program: string,
  words: readonly string[],
  { completes = false } = {},
): Promise<Peer> {
  const ports = [CLIENT1, CLIENT2].map((client) => `${client.underlay}=${client.vni}`);
  const command = [process.execPath, program, ...words, ...ports];
  const running = start(inside(SWITCH.namespace, command), LIFETIME_MS);
  const stop = async () => {
    await running.stop();
    await running.finished;
  };
  const ended = running.finished.then((output) => {
    throw new Error(`the switch ended: ${output}`);
  });
  try {
    await Promise.race([
      ended,
      waitUntil("the switch's start", START_TIMEOUT_MS, () => running.output().includes("ready")),
    ]);
  } catch (error) {
    await stop().catch(() => undefined);
    throw error;
  }
  // The others forward what they cannot complete: their users would have to type this on each client.
  if (!completes) for (const client of [CLIENT1, CLIENT2]) switchOffChecksums(client);
  return { pids: [running.pid], stop };
}
