// Watches for loops: a port at which more frames come back than chance would bring is taken out of its bridge for a while,
// one at a time, for of the two ends of a loop one is enough.
import { DROPS, portCounter } from "../counters.ts";
import { Drop } from "../drop-reason.ts";
import { type LoopsMemory, loopEvidence } from "../loops.ts";
import { formatMac } from "../wire/mac.ts";
import type { AllCounters } from "./all-counters.ts";
import type { Port } from "./port.ts";
import type { Ports } from "./ports.ts";

/** As many frames that came back are a loop: a host that moves brings one or two. */
const SUSPICION_MAX = 3;
/** Of that is forgotten from look to look: what comes back is dropped, so a quiet loop shows itself once a broadcast. */
const FORGOTTEN = 0.3;
/** Of the frame that is kept, in the log. */
const SHOWN_BYTES = 64;

export interface LoopGuardOptions {
  readonly counters: AllCounters;
  readonly loops: LoopsMemory;
  readonly ports: Ports;
}

interface Suspicion {
  readonly total: number;
  readonly suspicion: number;
}

export class LoopGuard {
  private readonly options: LoopGuardOptions;
  /** What each port had counted at the last look, and how suspect it is. */
  private before = new Map<Port, Suspicion>();

  constructor(options: LoopGuardOptions) {
    this.options = options;
  }

  /** Once a second; `quarantineMs` tells for how long a bridge (its index) wants its ports quarantined, 0 = it does not. */
  async look(quarantineMs: (bridge: number) => number): Promise<void> {
    const now = new Map<Port, Suspicion>();
    const worst = new Map<number, { port: Port; suspicion: number }>();
    for (const port of this.options.ports.all()) {
      if (quarantineMs(port.bridge) === 0) continue;
      const total = this.options.counters.sumOf(portCounter(port.index) + DROPS + Drop.loop);
      const before = this.before.get(port) ?? { total, suspicion: 0 };
      const suspicion = Math.max(0, before.suspicion - FORGOTTEN) + total - before.total;
      now.set(port, { total, suspicion });
      if (suspicion >= SUSPICION_MAX && suspicion > (worst.get(port.bridge)?.suspicion ?? 0))
        worst.set(port.bridge, { port, suspicion });
    }
    this.before = now;
    for (const [bridge, { port }] of worst) {
      const frame = loopEvidence(this.options.loops);
      const evidence = { wallMs: Date.now(), frame };
      await this.options.ports.quarantine(port, reasonOf(frame), quarantineMs(bridge), evidence);
      // The other end has done nothing since: it is innocent until more comes back.
      for (const [other, { total }] of now)
        if (other.bridge === bridge) now.set(other, { total, suspicion: 0 });
    }
  }
}

function reasonOf(frame: Buffer): string {
  const [to, from] = [0, 6].map((at) => formatMac(frame.readUInt16BE(at), frame.readInt32BE(at + 2)));
  const type = `0x${frame.readUInt16BE(12).toString(16).padStart(4, "0")}`;
  return (
    `a loop: flooded frames come back here, the last from ${from} to ${to}, type ${type} ` +
    `(${frame.toString("hex", 0, SHOWN_BYTES)}); find the second way between this port and another one`
  );
}
