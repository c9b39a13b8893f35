// Our switch, with the underlay of choice.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TRACE_ENVIRONMENT, TRACE_OPTIONS } from "../garbage/trace.ts";
import { CLIENT1, CLIENT2, EXTRA, inside, SWITCH } from "../lab.ts";
import { type Running, start, waitUntil } from "../process.ts";
import { ROOT } from "../root.ts";
import { startWatchers } from "../watchers/start.ts";
import type { Layout, MirrorCount, Peer, PeerKind } from "./peer.ts";

const PROGRAM = join(ROOT, "dist/control/cli/main.js");
const START_TIMEOUT_MS = 10_000;
const LIFETIME_MS = 15 * 60_000;
/** Where its page is, if it is watched. */
const METRICS_ADDRESS = "127.0.0.1:9475";

type Underlay = Readonly<Record<string, unknown>>;

/** A peer that runs `vxswitch run` with `underlay.io` set to `io`. */
export function vxswitch(io: string): PeerKind {
  return vxswitchWith(`vxswitch-${io}`, { io });
}

/** One with options of the underlay of its own, perhaps for some measures alone. */
export function vxswitchWith(name: string, underlay: Underlay, measures?: readonly string[]): PeerKind {
  return {
    name,
    ...(measures && { measures }),
    obstacle: () => (existsSync(PROGRAM) ? undefined : "not built: run `npm run build`"),
    start: (layout) => startSwitch({ local: SWITCH.underlay, dstport: 4789, ...underlay }, layout),
  };
}

async function startSwitch(underlay: Underlay, layout: Layout): Promise<Peer> {
  const directory = mkdtempSync(join(tmpdir(), "vxbench-"));
  const socket = join(directory, "vxswitch.sock");
  const file = join(directory, "vxswitch.yaml");
  writeFileSync(file, configuration(underlay, layout, socket));
  const node = layout.traceGarbage
    ? ["env", TRACE_ENVIRONMENT, process.execPath, ...TRACE_OPTIONS]
    : [process.execPath];
  const command = [...node, PROGRAM, "run", "--config", file];
  const running = start(inside(SWITCH.namespace, command), LIFETIME_MS);
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
  return {
    pids: [running.pid],
    stop,
    output: () => running.output(),
    ...(layout.mirror && { mirrorCount: () => countMirrored(socket) }),
    ...(layout.watched && {
      watch: () =>
        startWatchers({
          address: METRICS_ADDRESS,
          top: [process.execPath, PROGRAM, "top", "--socket", socket],
        }),
    }),
  };
}

/** In JSON, which is YAML. */
function configuration(underlay: Underlay, layout: Layout, socket: string): string {
  const { extraPorts = 0, mirror, addressesMax, watched } = layout;
  const port = (vni: number, remote: string) => ({ type: "vxlan", vni, remote });
  const extra = Array.from({ length: extraPorts }, (_, index) => [
    `extra${index}`,
    port(EXTRA.vni, EXTRA.underlay(index)),
  ]);
  const ports = {
    client1: port(CLIENT1.vni, CLIENT1.underlay),
    client2: port(CLIENT2.vni, CLIENT2.underlay),
    ...Object.fromEntries(extra),
  };
  const br0 = {
    ports,
    ...(addressesMax && { maxaddress: addressesMax }),
    ...(mirror && { mirrors: { m0: { select_all: true, output: { tap: "mirror0" } } } }),
  };
  const metrics = watched ? { metrics: { listen: METRICS_ADDRESS } } : {};
  return JSON.stringify({ underlay, bridges: { br0 }, control: { socket }, ...metrics }, null, 2);
}

/** The control socket's `GET /v1/mirrors`, summed up. */
async function countMirrored(socketPath: string): Promise<MirrorCount> {
  const text = await new Promise<string>((resolve, reject) => {
    const request = get({ socketPath, path: "/v1/mirrors" }, async (response) => {
      response.setEncoding("utf8");
      resolve((await response.toArray()).join(""));
    });
    request.on("error", reject);
  });
  const [{ packets, drops }] = JSON.parse(text) as [{ packets: number; drops: Record<string, number> }];
  return { mirrored: packets, lost: Object.values(drops).reduce((sum, count) => sum + count, 0) };
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
