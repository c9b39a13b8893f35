// What an explanation must know beside the engine: the names that the control thread has for the engine's numbers.
import type { Impairment } from "../cables/impairment.ts";

export interface TracePort {
  readonly index: number;
  readonly bridge: string;
  readonly name: string;
  /** Why it is down, "" while up. */
  readonly reason: string;
  readonly impairIn: Impairment | null;
  readonly impairOut: Impairment | null;
}

/** Where a copy goes. */
export interface TraceEnd {
  /** A VTEP or a group; null for a TAP. */
  readonly remote: string | null;
  readonly vni: number | null;
  readonly mtuBytes: number;
  /** The outer UDP source port of a flow; null for a TAP, and where it is not known before. */
  sourcePort(flow: number): number | null;
}

export interface TraceMirror {
  readonly name: string;
  readonly sampleEvery: number;
}

export interface TraceNames {
  /** By index; there is one. */
  port(index: number): TracePort;
  end(destination: number): TraceEnd;
  mirror(index: number): TraceMirror;
}
