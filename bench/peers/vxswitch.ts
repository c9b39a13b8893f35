// Our switch, with the underlay of choice: what vxswitch-*.ts have in common.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CLIENT1, CLIENT2, type Client, inside, SWITCH } from "../lab.ts";
import { type Running, start, waitUntil } from "../process.ts";
import { ROOT } from "../root.ts";
import type { Peer, PeerKind } from "./peer.ts";

const PROGRAM = join(ROOT, "dist/control/cli/main.js");
const START_TIMEOUT_MS = 10_000;
const LIFETIME_MS = 15 * 60_000;

/** A peer that runs `vxswitch run` with `underlay.io` set to `io`; options in `underlay` come on top of it. */
export function vxswitch(io: string, underlay: Readonly<Record<string, unknown>> = {}): PeerKind {
  return {
    name: `vxswitch-${io}`,
    obstacle: () => (existsSync(PROGRAM) ? undefined : "not built: run `npm run build`"),
    start: () => startSwitch({ local: SWITCH.underlay, dstport: 4789, io, ...underlay }),
  };
}

async function startSwitch(underlay: Readonly<Record<string, unknown>>): Promise<Peer> {
  const directory = mkdtempSync(join(tmpdir(), "vxbench-"));
  const socket = join(directory, "vxswitch.sock");
  const file = join(directory, "vxswitch.yaml");
  writeFileSync(file, configuration(underlay, socket));
  const running = start(
    inside(SWITCH.namespace, [process.execPath, PROGRAM, "run", "--config", file]),
    LIFETIME_MS,
  );
  const stop = async () => {
    await running.stop();
    rmSync(directory, { recursive: true, force: true });
    await running.finished; // a switch that does not end well is worth a note
  };
  try {
    await waitUntil("the switch's control socket", START_TIMEOUT_MS, () => isReady(running, socket));
  } catch (error) {
    await stop().catch(() => undefined);
    throw error;
  }
  return { pids: [running.pid], stop };
}

/** In JSON, which is YAML. */
function configuration(underlay: Readonly<Record<string, unknown>>, socket: string): string {
  const port = (client: Client) => ({ type: "vxlan", vni: client.vni, remote: client.underlay });
  const ports = { client1: port(CLIENT1), client2: port(CLIENT2) };
  return JSON.stringify({ underlay, bridges: { br0: { ports } }, control: { socket } }, null, 2);
}

/** True once the control socket accepts; rejects if the program has ended instead. */
async function isReady(running: Running, socket: string): Promise<boolean> {
  const ended = running.finished.then(() => {
    throw new Error(`the switch ended: ${running.output()}`);
  });
  return Promise.race([ended, accepts(socket)]);
}

function accepts(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket);
    connection.on("connect", () => {
      connection.destroy();
      resolve(true);
    });
    connection.on("error", () => resolve(false));
  });
}
