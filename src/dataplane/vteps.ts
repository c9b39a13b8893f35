// The local VTEPs whose datagrams the ring takes: an address and a UDP port, and the device index of the socket that
// holds them, under which the ingress table knows the ports. In shared memory; the control thread writes, the addon reads
// (native/outer.h keeps the same numbers).
import { VTEPS_MAX } from "./limits.ts";

/** Four words, wire order. */
export const VTEP_ADDRESS = 0;
/** UDP port; 0 = the row is free. Written last, cleared first. */
export const VTEP_PORT = 4;
export const VTEP_DEVICE = 5;
export const VTEP_WORDS = 8;

export type VtepsMemory = SharedArrayBuffer;

export function allocateVteps(): VtepsMemory {
  return new SharedArrayBuffer(VTEPS_MAX * VTEP_WORDS * Int32Array.BYTES_PER_ELEMENT);
}
