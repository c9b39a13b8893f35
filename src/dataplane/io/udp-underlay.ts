// The `udp` underlay: one UDP socket for a (local address, port), and a set of sockets that lend their source ports; as
// many of both as there are workers. Needs no privilege, no route and no neighbour table: those stay the kernel's work.
import type { Device } from "../device.ts";
import { SLOT_COUNT, type TransmitList } from "../frames.ts";
import { DYNAMIC_PORTS, type PortRange, SOURCE_PORTS } from "../limits.ts";
import { errorCode, SystemError } from "../system-error.ts";
import { type Arena, SLOT_BYTES } from "./arena.ts";
import { native, type View } from "./native.ts";

/** Sockets that lend their source ports, and those ports; for whoever only sends. */
export interface UdpSenders {
  readonly sockets: Int32Array;
  readonly ports: Int32Array;
}

/** Descriptors of an underlay socket, opened by the control thread and used by one forwarding thread. */
export interface UdpSockets {
  readonly ipv6: boolean;
  /** Bound to the VXLAN port; receives. -1 = another worker's does. */
  readonly receiver: number;
  /** Bound to ports of the range for them (`srcport`); a flow always leaves by the same one. */
  readonly senders: Int32Array;
  /** The port of each sender. */
  readonly ports: Int32Array;
}

const BIND_ATTEMPTS_MAX = 256;

/** With whom a socket shares its port when it is bound (native/udp-socket.c). */
const SHARE_NOTHING = 0;
const SHARE_ADDRESS = 1;
const SHARE_PORT = 2;

/**
 * Opens the sockets of one VTEP address for each worker: receivers on the same address and port, among which the kernel
 * chooses by the hash of addresses and ports, so that an outer flow stays with one worker. The first is bound alone, as
 * if there were no others: whoever holds the port already, another switch too, is in its way. Later only sockets of the
 * same effective user that ask for it (SO_REUSEPORT) could join them; that is the kernel's rule. `sharing` as below.
 * Throws SystemError.
 */
export function openWorkersUdpSockets(
  ipv6: boolean,
  local: Int32Array,
  port: number,
  bufferBytes: number,
  sharing: readonly number[],
  workers: number,
  sourcePorts = DYNAMIC_PORTS,
): UdpSockets[] {
  const sets = [openUdpSockets(ipv6, local, port, bufferBytes, sharing, sourcePorts)];
  if (workers === 1) return sets;
  try {
    native().udpSharePort(sets[0].receiver);
    while (sets.length < workers) {
      const receiver = native().udpOpen(Number(ipv6), local, port, 1, bufferBytes, SHARE_PORT, 0);
      sets.push(addSenders(ipv6, local, bufferBytes, receiver, sourcePorts));
    }
    return sets;
  } catch (error) {
    for (const sockets of sets) closeUdpSockets(sockets);
    throw error;
  }
}

/**
 * Opens the sockets of one VTEP address. `sharing` are the receivers of this switch on the same UDP port whose addresses
 * overlap this one (a wildcard beside a specific address). Throws SystemError.
 */
export function openUdpSockets(
  ipv6: boolean,
  local: Int32Array,
  port: number,
  bufferBytes: number,
  sharing: readonly number[],
  sourcePorts = DYNAMIC_PORTS,
): UdpSockets {
  const receiver = openReceiver(ipv6, local, port, bufferBytes, sharing, 0);
  return addSenders(ipv6, local, bufferBytes, receiver, sourcePorts);
}

/**
 * Opens the socket that receives what is sent to a multicast group on a device; `sharing` as above. It sends nothing: that
 * leaves from the VTEP's own address. Throws SystemError.
 */
export function openGroupSocket(
  ipv6: boolean,
  group: Int32Array,
  port: number,
  ifindex: number,
  bufferBytes: number,
  sharing: readonly number[],
): UdpSockets {
  const receiver = openReceiver(ipv6, group, port, bufferBytes, sharing, ifindex);
  return { ipv6, receiver, senders: new Int32Array(0), ports: new Int32Array(0) };
}

/** The same for the other workers: of a datagram to a group each socket would get a copy. */
export function withoutReceiver(sockets: UdpSockets): UdpSockets {
  return { ...sockets, receiver: -1 };
}

/** The set around a receiver, which is closed if the others cannot be opened. */
function addSenders(
  ipv6: boolean,
  local: Int32Array,
  bufferBytes: number,
  receiver: number,
  sourcePorts: PortRange,
): UdpSockets {
  try {
    const { sockets: senders, ports } = openUdpSenders(ipv6, local, bufferBytes, sourcePorts);
    return { ipv6, receiver, senders, ports };
  } catch (error) {
    native().closeFd(receiver);
    throw error;
  }
}

/** Opens sockets at an address that only send. Throws SystemError. */
export function openUdpSenders(
  ipv6: boolean,
  local: Int32Array,
  bufferBytes: number,
  sourcePorts = DYNAMIC_PORTS,
): UdpSenders {
  const sockets = new Int32Array(SOURCE_PORTS).fill(-1);
  const ports = new Int32Array(SOURCE_PORTS);
  try {
    for (let i = 0; i < SOURCE_PORTS; i++)
      [sockets[i], ports[i]] = openSender(ipv6, local, bufferBytes, sourcePorts);
    return { sockets, ports };
  } catch (error) {
    closeUdpSenders({ sockets: sockets.filter((fd) => fd >= 0), ports });
    throw error;
  }
}

export function closeUdpSenders({ sockets }: UdpSenders): void {
  for (const fd of sockets) native().closeFd(fd);
}

export function closeUdpSockets({ receiver, senders, ports }: UdpSockets): void {
  if (receiver >= 0) native().closeFd(receiver);
  closeUdpSenders({ sockets: senders, ports });
}

/** Whether datagrams over IPv6 without a UDP checksum come in. */
export function takeZeroChecksums({ receiver }: UdpSockets, on: boolean): void {
  native().udpTakeZeroChecksums(receiver, Number(on));
}

/** Datagrams that found the receive queue full since the sockets were opened, modulo 2^32. */
export function udpDrops(sockets: UdpSockets): number {
  return sockets.receiver < 0 ? 0 : native().udpDrops(sockets.receiver) >>> 0;
}

/** Bytes of kernel memory that the datagrams in the receive queue take, which is more than they have. */
export function udpQueuedBytes(sockets: UdpSockets): number {
  return sockets.receiver < 0 ? 0 : native().udpQueued(sockets.receiver);
}

/** Bytes of an outer packet that reach the remote, as the kernel knows it; 0 if it has no route now. */
export function udpPathMtu(ipv6: boolean, local: Int32Array, remote: Int32Array, port: number): number {
  try {
    return native().udpPathMtu(Number(ipv6), local, remote, port);
  } catch {
    return 0;
  }
}

function openReceiver(
  ipv6: boolean,
  local: Int32Array,
  port: number,
  bufferBytes: number,
  sharing: readonly number[],
  ifindex: number,
): number {
  const share = sharing.length > 0 ? SHARE_ADDRESS : SHARE_NOTHING;
  for (const fd of sharing) native().udpShareAddress(fd, 1);
  try {
    const fd = native().udpOpen(Number(ipv6), local, port, 1, bufferBytes, share, ifindex);
    if (sharing.length > 0) native().udpShareAddress(fd, 0);
    return fd;
  } finally {
    for (const fd of sharing) native().udpShareAddress(fd, 0);
  }
}

/** A socket and its port: any of the range, or the next one that is free. */
function openSender(
  ipv6: boolean,
  local: Int32Array,
  bufferBytes: number,
  { min, max }: PortRange,
): [number, number] {
  const count = max - min + 1;
  const first = Math.floor(Math.random() * count);
  const attempts = Math.min(count, BIND_ATTEMPTS_MAX);
  for (let attempt = 0; attempt < attempts; attempt++) {
    const port = min + ((first + attempt) % count);
    try {
      return [native().udpOpen(Number(ipv6), local, port, 0, bufferBytes, SHARE_NOTHING, 0), port];
    } catch (error) {
      if (errorCode(error) !== "EADDRINUSE") throw error;
    }
  }
  throw new SystemError(`no free UDP source port in ${min}-${max} after ${attempts} attempts`);
}

/** A forwarding thread's side. */
export class UdpUnderlay implements Device {
  readonly encapsulated = true;
  readonly tellsOffloads = false;
  readonly spins = false;
  readonly fd: number;
  private readonly index: number;
  private readonly ipv6: number;
  private readonly slotBase: number;
  private readonly senders: View<Int32Array>;
  private readonly ports: View<Int32Array>;
  private readonly arena: View<Uint8Array>;
  private readonly staging: View<Uint8Array>;
  private readonly frames: View<Int32Array>;
  private readonly destinations: View<Int32Array>;
  private readonly native = native();

  /** `index` is the device's own. */
  constructor(
    index: number,
    sockets: UdpSockets,
    arena: Arena,
    frames: Int32Array,
    destinations: Int32Array,
  ) {
    this.index = index;
    this.fd = sockets.receiver;
    this.ipv6 = Number(sockets.ipv6);
    this.slotBase = arena.slotBase;
    this.senders = this.native.view(sockets.senders);
    this.ports = this.native.view(sockets.ports);
    this.arena = this.native.view(arena.bytes);
    this.staging = this.native.view(arena.staging);
    this.frames = this.native.view(frames);
    this.destinations = this.native.view(destinations);
  }

  receive(): number {
    return this.native.udpReceive(
      this.fd,
      this.arena,
      this.frames,
      this.slotBase,
      SLOT_BYTES,
      SLOT_COUNT,
      this.index,
    );
  }

  transmit(list: TransmitList): number {
    return this.native.udpTransmit(
      this.ipv6,
      this.senders,
      this.ports,
      this.arena,
      this.frames,
      list.copies,
      list.count,
      this.destinations,
      this.staging,
    );
  }
}
