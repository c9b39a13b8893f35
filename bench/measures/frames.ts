// Frames a second, counted where they count: delivered into the second client's own vxlan0, after its kernel has taken
// them apart. The generator offers more than any switch here forwards.

import { setTimeout as sleep } from "node:timers/promises";
import { generate, type Stream } from "../generator.ts";
import { CLIENT2, readLink } from "../lab.ts";
import type { Peer } from "../peers/peer.ts";
import { machineCpuSeconds, processCpuSeconds } from "../usage.ts";
import type { Figure, Measure, Setting } from "./measure.ts";

const WARM_UP_SECONDS = 0.5;
const AT_FULL_RATE = 0;

/** What one window of time saw. */
export interface Window {
  readonly seconds: number;
  /** Frames delivered to the receiving client. */
  readonly delivered: number;
  /** Frames that the receiving client's vxlan0 counted and then had no room for. */
  readonly overflowed: number;
  readonly offeredPerSecond: number;
  readonly machineCpuSeconds: number;
  readonly peerCpuSeconds: number;
}

/** Delivered frames a second under overload, of one size or of several in turn. */
export function frames(sizes: readonly number[], flows: number): Measure {
  const title = `${sizes.join("/")}-byte frames, ${flows} ${flows === 1 ? "flow" : "flows"}`;
  return {
    name: `frames-${sizes.join("+")}-${flows}`,
    title,
    run: async (setting) => {
      const window = await observe(setting, { sizes, flows, rate: AT_FULL_RATE });
      const row = { unit: "kpps", digits: 0 };
      return [
        { ...row, title, better: "more", value: window.delivered / window.seconds / 1000 },
        { ...row, title: `${title}: offered`, detail: true, value: window.offeredPerSecond / 1000 },
        ...overflow(title, window),
        ...cpu(title, setting.peer, window).map((figure) => ({ ...figure, detail: true })),
      ];
    },
  };
}

/** CPU time a frame costs at a rate that each switch forwards without loss. */
export function cpuPerFrame(size: number, flows: number, rate: number): Measure {
  const title = `CPU, ${size}-byte frames, ${flows} flows at ${rate / 1000} kpps`;
  return {
    name: "cpu",
    title,
    run: async (setting) => {
      const window = await observe(setting, { sizes: [size], flows, rate });
      const share = (window.delivered / window.seconds / window.offeredPerSecond) * 100;
      return [
        ...cpu(title, setting.peer, window),
        { title: `${title}: delivered`, unit: "%", digits: 1, detail: true, value: share },
      ];
    },
  };
}

/** Sends a stream and looks at a window in its middle, when it has reached its full rate. */
export async function observe(setting: Setting, stream: Omit<Stream, "seconds">): Promise<Window> {
  const { sent } = generate({ ...stream, seconds: WARM_UP_SECONDS + setting.seconds + 0.5 });
  const early = sent.then(() => {
    throw new Error("the generator ended before the window did");
  });
  const window = (async () => {
    await sleep(WARM_UP_SECONDS * 1000);
    const before = look(setting.peer);
    await sleep(setting.seconds * 1000);
    return difference(before, look(setting.peer));
  })();
  const observed = await Promise.race([early, window]);
  const { frames, seconds } = await sent;
  return { ...observed, offeredPerSecond: frames / seconds };
}

function look(peer: Peer) {
  const cpu = { machine: machineCpuSeconds(), peer: processCpuSeconds(peer.pids) };
  // Reading the counter takes a while on a busy machine; the middle is the best guess of when it was read.
  const start = performance.now();
  const link = readLink(CLIENT2.namespace, "vxlan0");
  return { ...cpu, link, timeMs: (start + performance.now()) / 2 };
}

function difference(before: ReturnType<typeof look>, after: ReturnType<typeof look>) {
  const overflowed = after.link.rxDropped - before.link.rxDropped;
  return {
    seconds: (after.timeMs - before.timeMs) / 1000,
    delivered: after.link.rxPackets - before.link.rxPackets,
    overflowed,
    machineCpuSeconds: after.machine - before.machine,
    peerCpuSeconds: after.peer - before.peer,
  };
}

function overflow(title: string, window: Window): Figure[] {
  const value = window.overflowed / window.seconds / 1000;
  return [{ title: `${title}: overflowed in client2`, unit: "kpps", digits: 0, detail: true, value }];
}

function cpu(title: string, peer: Peer, window: Window): Figure[] {
  const row = { unit: "s/Mframe", digits: 2, better: "less" } as const;
  const millions = window.delivered / 1e6;
  const machine = { ...row, title: `${title}: whole machine`, value: window.machineCpuSeconds / millions };
  const process = {
    ...row,
    title: `${title}: the switch's process`,
    value: window.peerCpuSeconds / millions,
  };
  return peer.pids.length === 0 ? [machine] : [machine, process];
}
