// What the control plane sees of single frames: the last that were dropped, and those that captures watch.
import type { DropReasonName } from "./drop-reason.ts";

/** A port, and the VTEP behind it that is meant. */
export interface FramePlace {
  readonly bridge: string;
  readonly port: string;
  /** null for a TAP or a group. */
  readonly remote: string | null;
  readonly vni: number | null;
}

/** One thing that became of a frame. `place` is null for a port that has gone, or before one was known. */
export type FrameFate =
  | { readonly kind: "sent"; readonly place: FramePlace | null }
  /** By the cable of an impaired port. */
  | { readonly kind: "held"; readonly place: FramePlace | null }
  | { readonly kind: "mirrored"; readonly mirror: string }
  | { readonly kind: "dropped"; readonly place: FramePlace | null; readonly reason: DropReasonName };

/** A frame as it was received. */
export interface SeenFrame {
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly originalBytes: number;
  /** Where it came in; null = it never got as far as a port: then `bytes` are a datagram's, from its VXLAN header on. */
  readonly from: FramePlace | null;
  /** Who sent such a datagram. */
  readonly sender: string | null;
  /** Valid until the next one is taken. */
  readonly bytes: Uint8Array;
}

export interface CapturedFrame extends SeenFrame {
  readonly fates: readonly FrameFate[];
  /** There were more fates than are kept. */
  readonly hasMore: boolean;
}

/** One of the last frames that were dropped for a reason. */
export interface DroppedFrame extends SeenFrame {
  readonly reason: DropReasonName;
  /** Of the port that its drop is counted at. */
  readonly at: FramePlace | null;
}

/** Which frames a capture is of. */
export interface CaptureSpec {
  /** null = all, and what was dropped before a port was known. */
  readonly ports: readonly { readonly bridge: string; readonly name: string }[] | null;
  /** What these ports received, transmitted (or were to), or both. */
  readonly direction: "in" | "out" | "both";
  /** Instead of ports: what a mirror takes. */
  readonly mirror: { readonly bridge: string; readonly name: string } | null;
  /** Only frames that were dropped, if only for one of several ports. */
  readonly dropsOnly: boolean;
  readonly program: readonly number[] | null;
  /** Every so many-th; 1 = all. */
  readonly sampleEvery: number;
  /** 0 = whole frames. */
  readonly snaplenBytes: number;
}

export interface CaptureHandle {
  /** Takes up to so many of the frames that wait; returns how many. Read every few milliseconds: 4 MiB may wait. */
  read(atMost: number, take: (frame: CapturedFrame) => void): number;
  /** Frames for which there was no room. */
  readonly lost: number;
  close(): Promise<void>;
}
