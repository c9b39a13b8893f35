// A stream of frames and a window in its middle: what was delivered meanwhile, counted where it counts, in the receiving
// client's own devices, after its kernel has taken the frames apart.

import { setTimeout as sleep } from "node:timers/promises";
import { generate, type Stream, THERE } from "../generator.ts";
import { CLIENT2, type Client, readLink } from "../lab.ts";
import type { Peer } from "../peers/peer.ts";
import { machineCpuSeconds, processCpuSeconds } from "../usage.ts";
import type { Figure, Setting } from "./measure.ts";

const WARM_UP_SECONDS = 0.5;
const SETTLE_MS = 100;

/** As many frames as the generator can. */
export const AT_FULL_RATE = 0;

/** What one window of time saw. */
export interface Window {
  readonly seconds: number;
  /** Frames delivered to the receiving client's vxlan0. */
  readonly delivered: number;
  /** Frames delivered to the further VTEPs, all together. */
  readonly deliveredToExtra: number;
  /** Frames that the receiving client's vxlan0 counted and then had no room for. */
  readonly overflowed: number;
  readonly offeredPerSecond: number;
  readonly machineCpuSeconds: number;
  readonly peerCpuSeconds: number;
}

/** Sends a stream and looks at a window in its middle, when it has reached its full rate. */
export async function observe(setting: Setting, stream: Omit<Stream, "seconds">): Promise<Window> {
  const { sent } = generate({ ...stream, seconds: WARM_UP_SECONDS + setting.seconds + 0.5 });
  const early = sent.then(() => {
    throw new Error("the generator ended before the window did");
  });
  const window = (async () => {
    await sleep(WARM_UP_SECONDS * 1000);
    const before = look(setting, stream);
    await sleep(setting.seconds * 1000);
    return difference(before, look(setting, stream));
  })();
  const observed = await Promise.race([early, window]);
  const { frames, seconds } = await sent;
  return { ...observed, offeredPerSecond: frames / seconds };
}

/** What became of a whole stream: nothing of it is under way any more. */
export interface Outcome {
  readonly sent: number;
  readonly seconds: number;
  readonly delivered: number;
  readonly deliveredToExtra: number;
}

/** Sends a stream to its end and counts all that arrives. The clients must be hushed for the counts to be exact. */
export async function sendAll(setting: Setting, stream: Stream): Promise<Outcome> {
  const before = count(setting, stream);
  const { frames, seconds } = await generate(stream).sent;
  const after = await settle(setting, stream);
  return {
    sent: frames,
    seconds,
    delivered: after.link.rxPackets - before.link.rxPackets,
    deliveredToExtra: after.extra - before.extra,
  };
}

/** Waits until no more frames arrive. */
async function settle(setting: Setting, stream: Pick<Stream, "route">) {
  for (let before = count(setting, stream); ; ) {
    await sleep(SETTLE_MS);
    const now = count(setting, stream);
    if (now.link.rxPackets === before.link.rxPackets && now.extra === before.extra) return now;
    before = now;
  }
}

function count({ layout }: Setting, { route = THERE }: Pick<Stream, "route">) {
  return {
    link: receiver(route.to),
    extra: layout.extraPorts ? readLink(CLIENT2.namespace, "vxlan1").rxPackets : 0,
  };
}

function receiver(client: Client) {
  return readLink(client.namespace, "vxlan0");
}

function look(setting: Setting, stream: Pick<Stream, "route">) {
  const cpu = { machine: machineCpuSeconds(), peer: processCpuSeconds(setting.peer.pids) };
  // Reading the counters takes a while on a busy machine; the middle is the best guess of when they were read.
  const start = performance.now();
  const counts = count(setting, stream);
  return { ...cpu, ...counts, timeMs: (start + performance.now()) / 2 };
}

function difference(before: ReturnType<typeof look>, after: ReturnType<typeof look>) {
  return {
    seconds: (after.timeMs - before.timeMs) / 1000,
    delivered: after.link.rxPackets - before.link.rxPackets,
    deliveredToExtra: after.extra - before.extra,
    overflowed: after.link.rxDropped - before.link.rxDropped,
    machineCpuSeconds: after.machine - before.machine,
    peerCpuSeconds: after.peer - before.peer,
  };
}

/** CPU time a million delivered frames cost, of the machine and, where there is one, of the switch's process. */
export function cpuFigures(title: string, peer: Peer, window: Window): Figure[] {
  const row = { unit: "s/Mframe", digits: 2, better: "less" } as const;
  const millions = (window.delivered + window.deliveredToExtra) / 1e6;
  const machine = { ...row, title: `${title}: whole machine`, value: window.machineCpuSeconds / millions };
  const process = {
    ...row,
    title: `${title}: the switch's process`,
    value: window.peerCpuSeconds / millions,
  };
  return peer.pids.length === 0 ? [machine] : [machine, process];
}
