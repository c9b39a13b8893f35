// Captured frames as pcapng: an interface for each port where frames came in, described when it appears; a comment with
// each frame says what became of it.
import type { CapturedFrame, DroppedFrame } from "../../dataplane/spec.ts";
import { OUTER_BYTES_MAX } from "../../dataplane/wire/outer-header.ts";
import {
  commentedPacket,
  interfaceDescription,
  interfaceStatistics,
  SNAPLEN_ALL,
  sectionHeader,
  type Time,
} from "../../dataplane/wire/pcapng.ts";
import { VERSION } from "../version.ts";
import { headersBefore } from "./stray-datagram.ts";
import { verdictText } from "./verdict.ts";

/** Ports that come and go (`remote: any`) do not make a reader's table of interfaces grow without bound. */
export const INTERFACES_MAX = 1024;
const UNDERLAY = "underlay";
const OTHERS = "other ports";

const NOTHING: readonly Uint8Array[] = [];

export class PcapngStream {
  private readonly snaplenBytes: number;
  private readonly interfaces = new Map<string, number>();
  private received = 0;

  /** 0 = whole frames. */
  constructor(snaplenBytes: number) {
    this.snaplenBytes = snaplenBytes;
  }

  start(): Buffer {
    return sectionHeader(`vxswitch ${VERSION}`);
  }

  /** The blocks of a frame: the packet, and before it the interface if it is new. */
  frame(frame: CapturedFrame): Buffer[] {
    const { seconds, nanoseconds, sender } = frame;
    const wanted = interfaceName(frame);
    const name = this.interfaces.has(wanted) || this.interfaces.size < INTERFACES_MAX - 1 ? wanted : OTHERS;
    const described = this.interfaces.has(name) ? [] : [this.describe(name)];
    const before = sender === null ? NOTHING : [headersBefore(sender, frame.originalBytes)];
    const headerBytes = before.reduce((sum, { length }) => sum + length, 0);
    this.received++;
    const packet = commentedPacket({
      seconds,
      nanoseconds,
      interfaceNumber: this.interfaces.get(name)!,
      bytes: [...before, frame.bytes],
      originalBytes: headerBytes + frame.originalBytes,
      comment: verdictText(frame),
    });
    return [...described, packet];
  }

  /** How many frames there were, and how many were lost, of all interfaces: told of the first. */
  statistics(time: Time, lost: number): Buffer[] {
    const described = this.interfaces.size === 0 ? [this.describe(UNDERLAY)] : [];
    return [...described, interfaceStatistics(0, time, this.received + lost, lost)];
  }

  private describe(name: string): Buffer {
    this.interfaces.set(name, this.interfaces.size);
    if (this.snaplenBytes === 0) return interfaceDescription(name, SNAPLEN_ALL);
    const beforeBytes = name === UNDERLAY ? OUTER_BYTES_MAX : 0;
    return interfaceDescription(name, this.snaplenBytes + beforeBytes);
  }
}

function interfaceName({ from, sender }: CapturedFrame): string {
  if (from !== null) return `${from.bridge}/${from.port}`;
  return sender === null ? OTHERS : UNDERLAY;
}

/** A frame that was recorded when it was dropped, as one that is captured. */
export function asCaptured({ reason, at, ...seen }: DroppedFrame): CapturedFrame {
  return { ...seen, fates: [{ kind: "dropped", place: at, reason }], hasMore: false };
}
