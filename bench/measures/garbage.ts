// What V8 collects while the switch forwards all it can: in the forwarding thread, where a collection holds up every frame,
// and in the control plane, where it holds up nobody.

import { setTimeout as sleep } from "node:timers/promises";
import { readTrace } from "../garbage/trace.ts";
import { generate } from "../generator.ts";
import { CLIENT2, readLink } from "../lab.ts";
import type { Measure } from "./measure.ts";
import { AT_FULL_RATE } from "./window.ts";

/** Compared with other measures: collections of a thread that makes no garbage are rare. */
const TIMES_LONGER = 30;
/** Code becomes hot and is compiled meanwhile, which V8 pays for in the heap. */
const WARM_UP_SECONDS = 3;

const PROGRAMS = {
  "forwarding-worker.js": "in the forwarding thread",
  "main.js": "in the control plane",
};

export const garbage: Measure = {
  name: "garbage",
  title: "garbage collections",
  layout: { traceGarbage: true },
  once: true,
  run: async ({ peer, seconds: base }) => {
    const seconds = base * TIMES_LONGER;
    const { sent } = generate({
      sizes: [64],
      flows: 64,
      rate: AT_FULL_RATE,
      seconds: WARM_UP_SECONDS + seconds + 1,
    });
    await sleep(WARM_UP_SECONDS * 1000);
    const [fromMs, before] = [Date.now(), readLink(CLIENT2.namespace, "vxlan0").rxPackets];
    await sleep(seconds * 1000);
    const [toMs, after] = [Date.now(), readLink(CLIENT2.namespace, "vxlan0").rxPackets];
    await sent;
    await peer.stop(); // only then is all of it written
    const trace = readTrace(peer.output?.() ?? "", fromMs, toMs);
    const row = { digits: 0, better: "less" } as const;
    const figures = Object.entries(PROGRAMS).flatMap(([program, where]) => {
      const found = trace.get(program);
      if (found === undefined) throw new Error(`${program} has left no mark in the trace`);
      const unit = `in ${seconds} s`;
      return [
        { ...row, unit, title: `scavenges ${where}`, value: found.scavenges },
        { ...row, unit, title: `mark-sweeps ${where}`, value: found.markSweeps },
      ];
    });
    const millions = (after - before) / 1e6;
    return [...figures, { title: "frames forwarded meanwhile", unit: "Mframes", digits: 1, value: millions }];
  },
};
