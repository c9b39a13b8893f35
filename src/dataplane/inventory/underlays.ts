// The control thread's view of the underlay: sockets for each (family, local address, UDP port) that a port uses, a set
// for each worker, opened with the first port and closed with the last.
import { type Address, parseAddress, wildcard } from "../address.ts";
import {
  closeUdpSockets,
  openWorkersUdpSockets,
  takeZeroChecksums,
  type UdpSockets,
  udpDrops,
  udpQueuedBytes,
} from "../io/udp-underlay.ts";
import type { PortRange } from "../limits.ts";
import { SystemError } from "../system-error.ts";
import type { ForwardingCommand, PerWorker } from "../threads/workers.ts";
import { explainSocket } from "./explain.ts";
import type { IndexPool } from "./index-pool.ts";

export interface Underlay {
  readonly device: number;
  readonly ipv6: boolean;
  readonly local: Address;
  readonly isWildcard: boolean;
  readonly port: number;
  readonly sockets: PerWorker<UdpSockets>;
  users: number;
  /** Datagrams over IPv6 without a UDP checksum come in. */
  takesZeroChecksums: boolean;
}

export interface Guest {
  readonly ipv6: boolean;
  readonly port: number;
  readonly receiver: number;
}

export class Underlays {
  /** Receivers of others on a UDP port, each at an address of its own. */
  readonly guests = new Set<Guest>();
  private readonly open = new Map<string, Underlay>();
  private readonly indices: IndexPool;
  private readonly bufferBytes: number;
  private readonly workers: number;
  private readonly sourcePorts: PortRange | undefined;
  /** Of sockets that are closed by now. */
  private pastOverruns = 0;

  constructor(indices: IndexPool, bufferBytes: number, workers: number, sourcePorts?: PortRange) {
    this.sourcePorts = sourcePorts;
    this.indices = indices;
    this.bufferBytes = bufferBytes;
    this.workers = workers;
  }

  /** The sockets for a port, opened if need be; throws SystemError with the remedy. */
  acquire(local: string | null, ipv6: boolean, port: number): Underlay {
    const key = `${ipv6 ? 6 : 4} ${local ?? "*"} ${port}`;
    const known = this.open.get(key);
    if (known) {
      known.users++;
      return known;
    }
    const address = local === null ? wildcard(ipv6) : parseAddress(local);
    if (address.ipv6 !== ipv6)
      throw new SystemError(`local ${local} and the remote are not of one address family`);
    const sockets = this.openSockets(local, address, port);
    const device = this.indices.take();
    const place = { device, ipv6, local: address, isWildcard: local === null, port };
    const underlay = { ...place, sockets, users: 1, takesZeroChecksums: false };
    this.open.set(key, underlay);
    return underlay;
  }

  /** A UDP socket does not tell which datagrams had none: what one port takes, all ports of an underlay do. */
  takeZeroChecksums(underlay: Underlay, on: boolean): void {
    if (underlay.takesZeroChecksums === on) return;
    for (const sockets of underlay.sockets) takeZeroChecksums(sockets, on);
    underlay.takesZeroChecksums = on;
  }

  /** Gives up one use; true if it was the last and the caller must take the device from the engine, then `close` it. */
  release(underlay: Underlay): boolean {
    underlay.users--;
    return underlay.users === 0;
  }

  close(underlay: Underlay): void {
    for (const [key, open] of this.open) if (open === underlay) this.open.delete(key);
    this.pastOverruns += overrunsOf(underlay);
    underlay.sockets.forEach(closeUdpSockets);
    this.indices.give(underlay.device);
  }

  closeAll(): void {
    for (const underlay of this.open.values()) underlay.sockets.forEach(closeUdpSockets);
    this.open.clear();
  }

  /** Datagrams that the kernel dropped because a receive queue was full. */
  receiveOverruns(): number {
    let total = this.pastOverruns;
    for (const underlay of this.open.values()) total += overrunsOf(underlay);
    return total;
  }

  /** What waits in the receive queues, in bytes of kernel memory. */
  receiveQueueBytes(): number {
    let total = 0;
    for (const { sockets } of this.open.values()) for (const set of sockets) total += udpQueuedBytes(set);
    return total;
  }

  /** All devices with their fallbacks, which change as wildcard sockets come and go. */
  commands(): ForwardingCommand[] {
    return Array.from(this.open.values(), (underlay) => ({
      op: "add-device",
      device: underlay.device,
      make: underlay.sockets.map((sockets) => ({ type: "udp", sockets })),
      fallback: this.fallback(underlay),
    }));
  }

  /** Receivers at every local address. */
  wildcardReceivers(ipv6: boolean, port: number): number[] {
    return Array.from(this.open.values())
      .filter((other) => other.isWildcard && other.port === port && other.ipv6 === ipv6)
      .flatMap(receiversOf);
  }

  private fallback(underlay: Underlay): number {
    for (const other of this.open.values()) {
      if (other.isWildcard && other.port === underlay.port && other.ipv6 === underlay.ipv6)
        return other.device;
    }
    return underlay.device;
  }

  private allReceivers(ipv6: boolean, port: number): number[] {
    const own = Array.from(this.open.values()).flatMap((underlay) =>
      receiversOf(underlay).map((receiver) => ({ ipv6: underlay.ipv6, port: underlay.port, receiver })),
    );
    return [...own, ...this.guests]
      .filter((other) => other.port === port && other.ipv6 === ipv6)
      .map(({ receiver }) => receiver);
  }

  private openSockets(local: string | null, address: Address, port: number): PerWorker<UdpSockets> {
    const { ipv6, words } = address;
    const { bufferBytes, workers, sourcePorts } = this;
    const sharing = local === null ? this.allReceivers(ipv6, port) : this.wildcardReceivers(ipv6, port);
    try {
      return openWorkersUdpSockets(ipv6, words, port, bufferBytes, sharing, workers, sourcePorts);
    } catch (error) {
      throw new SystemError(explainSocket(error, local, port));
    }
  }
}

function receiversOf({ sockets }: Underlay): number[] {
  return sockets.map(({ receiver }) => receiver);
}

function overrunsOf({ sockets }: Underlay): number {
  return sockets.reduce((sum, set) => sum + udpDrops(set), 0);
}
