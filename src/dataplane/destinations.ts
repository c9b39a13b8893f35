// Where a frame can go: one row for each TAP and each remote VTEP, in shared memory. The control plane writes a row
// before the engine hears of it; the addon reads the address, the VNI, the path MTU and the path (native/layout.h).
//
//    0        11       16          40          64
//    | … PATH | …      | path A    | path B    |
//
// A path is how frames reach the destination past the UDP sockets. PATH tells which of the two is in use; the control
// plane writes the other and then switches over, so a forwarding thread never sees half of one and half of another.
import { DESTINATIONS_MAX } from "./limits.ts";

export const DESTINATION_DEVICE = 0;
export const DESTINATION_PORT = 1;
/** Of the device that leads to a multicast group; 0 = the kernel's route decides. */
export const DESTINATION_IFINDEX = 2;
/** Four words, wire order: the remote VTEP. */
export const DESTINATION_ADDRESS = 4;
export const DESTINATION_UDP_PORT = 8;
export const DESTINATION_VNI = 9;
/** Bytes of an outer IP packet that reach the remote, written again whenever the kernel learns better; the MTU of a TAP. */
export const DESTINATION_MTU = 10;
/** Where in the row the path in use begins, 0 = none. */
export const DESTINATION_PATH = 11;
/** What the encapsulation takes of the MTU, 0 for a TAP; written with the address. */
export const DESTINATION_OVERHEAD = 12;
/** Of the outer header, where frames leave by the UDP sockets; a path has its own. */
export const DESTINATION_TTL = 13;
export const DESTINATION_TOS = 14;
/** How outer headers are written and read beside that (bits OUTER_), whatever way frames take. */
export const DESTINATION_OPTIONS = 15;
export const OUTER_TTL_INHERIT = 1;
export const OUTER_TOS_INHERIT = 2;
export const OUTER_DF_INHERIT = 4;
export const OUTER_DF_UNSET = 8;
/** Over IPv4 every datagram has a UDP checksum. */
export const OUTER_UDP_CSUM = 16;
/** Over IPv6 none that is sent has one. */
export const OUTER_UDP6_ZERO_CSUM = 32;
/** Over IPv6 one without is taken. */
export const OUTER_UDP6_ZERO_CSUM_RX = 64;
/** Group policies are taken, and go along. */
export const OUTER_GBP = 128;
export const DESTINATION_PATH_A = 16;
export const DESTINATION_PATH_B = 40;
export const DESTINATION_WORDS = 64;
export const DESTINATION_SHIFT = 6;

/** Descriptor + 1 of the TAP that takes super-frames whole, 0 = none. */
export const PATH_TUNNEL = 0;
/** Descriptor + 1 of the packet socket that takes trains, 0 = none. */
export const PATH_TRAINS = 1;
export const PATH_HEADER_BYTES = 2;
/** The outer headers as wire/outer-header.ts builds them. */
export const PATH_HEADER = 4;
export const PATH_WORDS = 24;

export type DestinationsMemory = SharedArrayBuffer;

/** A table of one row, for what is no port: the collector of a mirror. */
export function allocateOneDestination(): DestinationsMemory {
  return new SharedArrayBuffer(DESTINATION_WORDS * Int32Array.BYTES_PER_ELEMENT);
}

export function allocateDestinations(): DestinationsMemory {
  return new SharedArrayBuffer(DESTINATIONS_MAX * DESTINATION_WORDS * Int32Array.BYTES_PER_ELEMENT);
}
