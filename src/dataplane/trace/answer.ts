// What is asked of a trace, and what it answers: plain values, like those of spec.ts.
import type { DropReasonName } from "../drop-reason.ts";

const FRAME_BYTES_MIN = 14;
/** What a slot holds of a datagram, less its VXLAN header. */
export const FRAME_BYTES_MAX = 65_499;

/** A frame and where it comes in. */
export type TraceQuestion =
  /** As its sender at a port would have it; `remote` tells which of the port's VTEPs sends it, null = the first. */
  | {
      readonly bridge: string;
      readonly port: string;
      readonly remote: string | null;
      readonly frame: Uint8Array;
    }
  /** In a datagram to the switch, whoever sends it. */
  | {
      readonly port: null;
      readonly remote: string;
      readonly vni: number;
      readonly dstport: number;
      readonly frame: Uint8Array;
    };

/** Where in the forwarder something was decided (forwarder.ts has the order). */
export type TraceStage =
  | "port"
  | "decap"
  | "inspect"
  | "police"
  | "impair"
  | "vlan"
  | "mirror"
  | "learn"
  | "look up"
  | "flood"
  | "clamp"
  | "transmit"
  | "answer";

export interface TraceStep {
  readonly stage: TraceStage;
  /** A sentence without its full stop. */
  readonly text: string;
}

/** A copy for a port, or for one of the VTEPs of a port. */
export interface TraceCopyRow {
  readonly port: string;
  readonly remote: string | null;
  readonly vni: number | null;
  /** Of the tag that it leaves with, null = untagged. */
  readonly vlan: number | null;
  readonly bytes: number;
  /** Outer UDP source port; null for a TAP, and where it is not known before: of several threads each has its own. */
  readonly sourcePort: number | null;
  /** Why it does not leave, null = it does. */
  readonly drop: DropReasonName | null;
}

export interface TraceAnswer {
  /** null where the frame belongs to no port. */
  readonly bridge: string | null;
  readonly port: string | null;
  readonly steps: readonly TraceStep[];
  /** Of a frame that goes nowhere; `port` null = the underlay. */
  readonly drop: { readonly port: string | null; readonly reason: DropReasonName } | null;
  readonly copies: readonly TraceCopyRow[];
  /** What the switch itself sends because of the frame. */
  readonly answers: readonly TraceCopyRow[];
  /** By name. */
  readonly mirrors: readonly string[];
  /** The whole in a line. */
  readonly verdict: string;
}

/** Why a question has no answer: a sentence for who asks. */
export class TraceRefusal extends Error {
  override readonly name = "TraceRefusal";
}

/** Throws a TraceRefusal if bytes are no frame. */
export function checkFrame(frame: Uint8Array): void {
  if (frame.length < FRAME_BYTES_MIN) {
    const parts = "destination, source and type take 14";
    throw new TraceRefusal(`${frame.length} bytes are no Ethernet frame: ${parts}`);
  }
  if (frame.length > FRAME_BYTES_MAX)
    throw new TraceRefusal(
      `${frame.length} bytes are more than a datagram holds: ${FRAME_BYTES_MAX} at most`,
    );
}
