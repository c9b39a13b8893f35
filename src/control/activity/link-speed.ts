// How fast the network devices are that frames leave by, as /sys/class/net has it. Asked for now and then: a cable may be
// plugged in anew, but not every second.
import { readFileSync } from "node:fs";

const KEEP_MS = 10_000;
/** Devices known at a time; beyond, they are asked for anew. */
const DEVICES_MAX = 1100;
/** What the kernel says of every TAP that nobody has told otherwise: no speed of anything. */
const TAP_DEFAULT_MBITS = 10;

type ReadSpeed = (device: string) => number;

export class LinkSpeeds {
  private readonly read: ReadSpeed;
  private readonly known = new Map<string, number | null>();
  private askedMs = 0;

  constructor(read: ReadSpeed = readSpeed) {
    this.read = read;
  }

  /** Bits a second; null where there is no speed, as of a bridge, or of a TAP as it comes. */
  bitsPerSecond(device: string | null, isTap: boolean, nowMs: number): number | null {
    if (device === null) return null;
    if (nowMs - this.askedMs >= KEEP_MS || this.known.size >= DEVICES_MAX) {
      this.known.clear();
      this.askedMs = nowMs;
    }
    let bits = this.known.get(device);
    if (bits === undefined) {
      const megabits = this.read(device);
      const isKnown = megabits > 0 && !(isTap && megabits === TAP_DEFAULT_MBITS);
      bits = isKnown ? megabits * 1e6 : null;
      this.known.set(device, bits);
    }
    return bits;
  }
}

/** Megabits; -1 where the kernel has none. */
function readSpeed(device: string): number {
  try {
    return Number(readFileSync(`/sys/class/net/${device}/speed`, "latin1"));
  } catch {
    return -1;
  }
}
