// Where a mirror's frames go as ERSPAN: one row of shared memory, which the control thread fills and whose sequence the
// mirror thread counts up, so that it goes on when that thread is started again (native/layout.h has the same numbers).
// Type II over GRE and IPv4; native/erspan.c draws the headers.

/** Four words, wire order: the collector's IPv4 address, as destinations.ts has it. */
export const ERSPAN_ADDRESS = 0;
export const ERSPAN_SESSION = 4;
export const ERSPAN_INDEX = 5;
/** Bytes of an outer IP packet that reach the collector. */
export const ERSPAN_MTU = 6;
/** Of the next datagram, modulo 2^32. */
export const ERSPAN_SEQUENCE = 7;
export const ERSPAN_WORDS = 8;

export type ErspanMemory = SharedArrayBuffer;

export function allocateErspan(): ErspanMemory {
  return new SharedArrayBuffer(ERSPAN_WORDS * Int32Array.BYTES_PER_ELEMENT);
}
