// What the kernel knows of the way to a remote VTEP, asked by rtnetlink; and hearing that something about it has changed.
import { constants } from "node:os";
import type { Address } from "../address.ts";
import { native } from "./native.ts";
import { udpPathMtu } from "./udp-underlay.ts";

// The row that the addon fills (native/layout.h).
export const HOP_IFINDEX = 0;
export const HOP_FLAGS = 1;
export const HOP_MTU = 2;
export const HOP_SOURCE = 4;
export const HOP_NEIGHBOUR = 8;
export const HOP_REMOTE_MAC = 12;
export const HOP_LOCAL_MAC = 14;
export const HOP_DEVICE = 16;
export const HOP_WORDS = 20;

export const HOP_IS_ETHERNET = 1;
export const HOP_IS_UP = 2;
export const HOP_IS_STALE = 4;

const DEVICE_NAME_BYTES = 16;
const MAC_BYTES = 6;

/** Where the kernel would send a datagram. */
export interface NextHop {
  readonly ifindex: number;
  readonly device: string;
  /** Of the device. */
  readonly mtuBytes: number;
  readonly isEthernet: boolean;
  readonly isUp: boolean;
  readonly source: Address;
  /** Whose MAC it takes: the gateway or the remote itself, in four words. Of either family. */
  readonly neighbour: Int32Array;
  /** Six bytes; null while the neighbour is not resolved. */
  readonly remoteMac: Uint8Array | null;
  readonly localMac: Uint8Array;
  /** The kernel would like to see the neighbour confirmed before it believes in it for much longer. */
  readonly isStale: boolean;
}

/** What the main thread asks of the kernel; tests have one of their own. */
export interface RouteKernel {
  /** Null while it has no route. */
  nextHop(local: Address, remote: Address): NextHop | null;
  /** Bytes of an outer packet that reach the remote; 0 while there is no route. */
  pathMtuBytes(local: Address, remote: Address): number;
  /** Whether a device, neighbour, address or route may have changed since the last call. */
  hasChanged(): boolean;
  /** Has the kernel ask whether the neighbour is still there. */
  probe(hop: NextHop): void;
  close(): void;
}

/** Opens the kernel's events; throws the addon's error. */
export function openRouteKernel(): RouteKernel {
  const fd = native().routeEventsOpen();
  return {
    nextHop,
    pathMtuBytes: (local, remote) => udpPathMtu(remote.ipv6, local.words, remote.words, 1),
    hasChanged: () => native().routeEventsRead(fd) !== 0,
    probe: ({ ifindex, neighbour }) => void native().neighbourProbe(ifindex, neighbour),
    close: () => native().closeFd(fd),
  };
}

function nextHop(local: Address, remote: Address): NextHop | null {
  const words = new Int32Array(HOP_WORDS);
  const result = native().nextHop(local.words, remote.words, words);
  // Without a route the row says nothing; with all but a MAC (EAGAIN) it does.
  if (result < 0 && result !== -constants.errno.EAGAIN) return null;
  const flags = words[HOP_FLAGS];
  return {
    ifindex: words[HOP_IFINDEX],
    device: textAt(words, HOP_DEVICE),
    mtuBytes: words[HOP_MTU],
    isEthernet: (flags & HOP_IS_ETHERNET) !== 0,
    isUp: (flags & HOP_IS_UP) !== 0,
    source: { ipv6: remote.ipv6, words: words.slice(HOP_SOURCE, HOP_SOURCE + 4) },
    neighbour: words.slice(HOP_NEIGHBOUR, HOP_NEIGHBOUR + 4),
    remoteMac: result === 0 ? macAt(words, HOP_REMOTE_MAC) : null,
    localMac: macAt(words, HOP_LOCAL_MAC),
    isStale: (flags & HOP_IS_STALE) !== 0,
  };
}

function macAt(words: Int32Array, at: number): Uint8Array {
  return new Uint8Array(words.buffer, at * Int32Array.BYTES_PER_ELEMENT, MAC_BYTES).slice();
}

function textAt(words: Int32Array, at: number): string {
  const bytes = Buffer.from(words.buffer, at * Int32Array.BYTES_PER_ELEMENT, DEVICE_NAME_BYTES);
  return bytes.toString("latin1").replace(/\0.*$/s, "");
}
