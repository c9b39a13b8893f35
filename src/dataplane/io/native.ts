// The addon: its calls with their types, and the sentence for each way in which it can be missing.
// Only the files of src/dataplane/io import this one.
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { SystemError } from "../system-error.ts";

declare const viewed: unique symbol;

/** An array that the addon has looked at once: cheaper to hand over than the array, for calls of every batch. */
export interface View<T> {
  readonly [viewed]: T;
}

export type Words = Int32Array | View<Int32Array>;
export type Bytes = Uint8Array | View<Uint8Array>;

/** Table rows and copies are those of frames.ts; `-errno` stands for a failed call where a number comes back. */
export interface Native {
  /** Lives as long as it is referred to, as does the array; its buffer must not be transferred. */
  view(array: Int32Array): View<Int32Array>;
  view(array: Uint8Array): View<Uint8Array>;
  /** Maps packet memory; throws ENOMEM. */
  arenaMap(bytes: number): ArrayBuffer;
  /** Jobs are (offset in source, offset in target, bytes); returns how many fitted. */
  copyFrames(source: Bytes, target: Bytes, jobs: Words, count: number): number;
  /** poll(2): `ready[i]` becomes the events of `fds[i]`; -1 waits for ever. */
  pollWait(fds: Words, ready: Words, count: number, timeoutUs: number): number;
  /** Microseconds of the monotonic clock, modulo 2^32; `wall` becomes [seconds, nanoseconds] since 1970. */
  readClock(wall: Words): number;
  wakeOpen(): number;
  wakeSignal(fd: number): void;
  wakeClear(fd: number): void;
  closeFd(fd: number): void;
  /** `ifindex` > 0: `local` is a group, joined on that device. Throws EADDRINUSE, EADDRNOTAVAIL, EACCES, ENODEV … */
  udpOpen(
    ipv6: number,
    local: Int32Array,
    port: number,
    receives: number,
    bufferBytes: number,
    share: number,
    ifindex: number,
  ): number;
  udpShareAddress(fd: number, on: number): void;
  udpSharePort(fd: number): void;
  /** Over IPv6. */
  udpTakeZeroChecksums(fd: number, on: number): void;
  /** Datagrams that found the receive queue full since the socket was opened, as an int32 that wraps. */
  udpDrops(fd: number): number;
  udpQueued(fd: number): number;
  /** Throws ENETUNREACH, EADDRNOTAVAIL … */
  udpPathMtu(ipv6: number, local: Int32Array, remote: Int32Array, port: number): number;
  udpReceive(
    fd: number,
    arena: Bytes,
    frames: Words,
    slotBase: number,
    slotBytes: number,
    slotCount: number,
    vtep: number,
  ): number;
  udpTransmit(
    ipv6: number,
    sockets: Words,
    ports: Words,
    arena: Bytes,
    frames: Words,
    copies: Words,
    count: number,
    destinations: Words,
    staging: Bytes,
  ): number;
  /** Throws EPERM (CAP_NET_RAW), EADDRNOTAVAIL. */
  erspanOpen(local: Int32Array, bufferBytes: number): number;
  /** `tunnel` has the row of erspan.ts; a copy's destination is 1 where only the beginning of a frame is there. */
  erspanTransmit(
    fd: number,
    tunnel: Words,
    arena: Bytes,
    frames: Words,
    copies: Words,
    count: number,
    staging: Bytes,
  ): number;
  /** Descriptor of a packet socket on a device; throws EPERM (CAP_NET_RAW), ENOPROTOOPT before Linux 6.5, ENODEV. */
  packetOpen(ifindex: number, bufferBytes: number): number;
  /** Index of the device that a packet socket sends by, -1 once that is gone. */
  packetDevice(fd: number): number;
  /** Throws EPERM (CAP_NET_ADMIN), ENOENT (no /dev/net/tun), EBUSY (name taken). */
  tapOpen(name: string): number;
  tapReceive(
    fd: number,
    arena: Bytes,
    frames: Words,
    slotBase: number,
    slotBytes: number,
    slotCount: number,
  ): number;
  tapTransmit(
    fd: number,
    arena: Bytes,
    frames: Words,
    copies: Words,
    count: number,
    mtuBytes: number,
  ): number;
  /** As tapOpen; throws EINVAL where the kernel does not know tunnel offloads (before Linux 6.17). */
  tunnelTapOpen(name: string): number;
  /** All that the TAP receives leaves by the device; ends with the descriptor. Throws EPERM (CAP_BPF, CAP_NET_ADMIN) … */
  tunnelRedirect(name: string, ifindex: number): number;
  /** Fills a HOP_ row. 0, or -errno: EAGAIN if only the neighbour's MAC is missing. */
  nextHop(local: Int32Array, remote: Int32Array, hop: Int32Array): number;
  /** 0, or -errno. */
  neighbourProbe(ifindex: number, address: Int32Array): number;
  routeEventsOpen(): number;
  /** 1 if something has changed since the last call, 0 if not, or -errno. */
  routeEventsRead(fd: number): number;
  /** Throws ENODEV. */
  linkIndex(name: string): number;
  /** Throws ENODEV. */
  linkMtu(name: string): number;
  /** `passive`: the host neither resolves nor answers addresses on it. */
  linkSet(name: string, mtuBytes: number, up: number, passive: number): void;
  linkAddress(name: string, ipv6: number, address: Int32Array, prefixLength: number, add: number): void;
  /** Throws EPERM (CAP_BPF). */
  classifierOpen(): number;
  classifierSet(map: number, address: Int32Array, ifindex: number, port: number, taken: number): void;
  /** Throws EPERM (CAP_BPF), ENOMEM. */
  ringOpen(bytes: number): number;
  ringStateOpen(): number;
  /** Throws EINVAL before Linux 6.6, ENODEV. */
  ringLink(classifier: number, state: number, buffers: Int32Array, ifindex: number): number;
  /** Index of the device that a link runs on, 0 once that is gone. */
  ringDevice(link: number): number;
  /** Frames that found a ring full, as an int32 that wraps. */
  ringDrops(state: number): number;
  ringMap(ring: Int32Array, arena: Uint8Array): void;
  ringUnmap(ring: Int32Array, arena: Uint8Array): void;
  ringSleep(ring: Words, arena: Bytes): void;
  /** `vteps` has the rows of vteps.ts; of what is received, that which changes on the way is copied to the room for copies. */
  ringReceive(
    ring: Words,
    arena: Bytes,
    frames: Words,
    vteps: Words,
    recordsMax: number,
    copiesBase: number,
    copiesBytes: number,
  ): number;
  /** Takes the error that a socket has pending; 0 = none. */
  socketError(fd: number): number;
  /** Opens and closes a socket of a PROBE_ kind; throws what the kernel answers. */
  socketProbe(kind: number): void;
  /** Bytes of the receive queue that the kernel granted. */
  socketBufferBytes(fd: number): number;
  /** Segments written, or -1 (metadata does not fit), -2 (no room). */
  segmentFrame(
    frame: Uint8Array,
    row: Int32Array,
    frameMaxBytes: number,
    out: Uint8Array,
    lengths: Int32Array,
  ): number;
  /** Positions of `count` copies, each given as (train, flow, length), in the order in which they leave. */
  orderTrains(passengers: Int32Array, count: number, order: Int32Array): void;
}

/** Where the addon stands: beside dist/ or src/, in build/. */
const ADDON_PATH = fileURLToPath(new URL("../../../build/vxswitch.node", import.meta.url));

let loaded: Native | null = null;

/** Loads the addon at first use; throws SystemError with the remedy. */
export function native(): Native {
  if (loaded) return loaded;
  if (process.platform !== "linux") {
    throw new SystemError(
      `vxswitch needs Linux (this is ${process.platform}): it switches through its sockets and TAPs`,
    );
  }
  try {
    loaded = createRequire(import.meta.url)(ADDON_PATH) as Native;
    return loaded;
  } catch (error) {
    const why = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw new SystemError(`the addon ${ADDON_PATH} does not load (${why}): build it with 'npm run build'`);
  }
}
