// What can grow, and how far. Indices fit these tables, which are allocated at start.

/** Ports of all bridges, row 0 being the underlay itself. */
export const PORTS_MAX = 1025;
export const BRIDGES_MAX = 64;
/** Mirrors of all bridges: a port's selection is one bit each of a 32-bit word. */
export const MIRRORS_MAX = 31;
/** Captures at a time, each with a queue of 4 MiB for every forwarding thread. */
export const CAPTURES_MAX = 8;
/** Where a frame can go: a TAP, or one remote VTEP of a port. */
export const DESTINATIONS_MAX = 4096;
/** TAP devices and underlay sockets (each with the source ports it lends). */
export const DEVICES_MAX = 1000;
/** Network devices that the ring receives from. */
export const RINGS_MAX = 16;
/** Local addresses (with UDP port) whose datagrams the ring takes; those of further ones take the UDP sockets. */
export const VTEPS_MAX = 64;
/** Forwarding threads. */
export const WORKERS_MAX = 8;
/** Kernel buffer wanted for each socket and ring: what waits while a forwarding thread pauses. */
export const SOCKET_BUFFER_BYTES = 32 << 20;
/** FDB entries of one bridge. */
export const ADDRESSES_MAX = 1 << 20;

/** UDP ports, both ends included. */
export interface PortRange {
  readonly min: number;
  readonly max: number;
}

/** From where source ports are lent unless given (RFC 7348 section 5). */
export const DYNAMIC_PORTS: PortRange = { min: 49_152, max: 65_535 };
/**
 * Source ports lent. More spread flows better over equal-cost paths and receive queues; fewer let the frames of
 * different flows share a train.
 */
export const SOURCE_PORTS = 8;
