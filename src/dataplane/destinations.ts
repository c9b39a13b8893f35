// Where a frame can go: one row for each TAP and each remote VTEP, in shared memory. The control plane writes a row
// before the engine hears of it; the addon reads the address, the VNI and the path MTU (native/layout.h).
import { DESTINATIONS_MAX } from "./limits.ts";

export const DESTINATION_DEVICE = 0;
export const DESTINATION_PORT = 1;
/** Four words, wire order: the remote VTEP. */
export const DESTINATION_ADDRESS = 4;
export const DESTINATION_UDP_PORT = 8;
export const DESTINATION_VNI = 9;
/** Bytes of an outer IP packet that reach the remote. Written again whenever the kernel learns better. */
export const DESTINATION_MTU = 10;
/** Descriptor + 1 of the TAP that takes super-frames whole, 0 = none; then these hold what their outer headers need. */
export const DESTINATION_TUNNEL = 11;
/** IPv4 source address, wire order. */
export const DESTINATION_SOURCE = 12;
/** Two words each, the six bytes in front: of the next hop, and of the device that leads there. */
export const DESTINATION_REMOTE_MAC = 13;
export const DESTINATION_LOCAL_MAC = 2;
export const DESTINATION_WORDS = 16;
export const DESTINATION_SHIFT = 4;

export type DestinationsMemory = SharedArrayBuffer;

export function allocateDestinations(): DestinationsMemory {
  return new SharedArrayBuffer(DESTINATIONS_MAX * DESTINATION_WORDS * Int32Array.BYTES_PER_ELEMENT);
}
