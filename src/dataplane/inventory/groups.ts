// Multicast groups that ports have joined: a socket for each (group, device, UDP port), which receives what is sent to the group
// there. What is sent to the group leaves by the VTEP's own sockets. A datagram from there that nobody knows is looked up as
// if it had come to the VTEP's own socket.
import { parseAddress } from "../address.ts";
import { linkIndex, linkMtuBytes } from "../io/link.ts";
import { closeUdpSockets, openGroupSocket, type UdpSockets, withoutReceiver } from "../io/udp-underlay.ts";
import type { GroupSpec } from "../spec.ts";
import { SystemError } from "../system-error.ts";
import { everyWorker, type ForwardingCommand } from "../threads/workers.ts";
import { explainGroup } from "./explain.ts";
import type { IndexPool } from "./index-pool.ts";
import type { Guest, Underlay, Underlays } from "./underlays.ts";

export interface Group {
  readonly device: number;
  readonly spec: GroupSpec;
  readonly ifindex: number;
  /** Of the device that leads to it. */
  readonly mtuBytes: number;
  readonly underlay: Underlay;
  readonly sockets: UdpSockets;
  readonly guest: Guest;
  users: number;
}

export class Groups {
  private readonly open = new Map<string, Group>();
  private readonly indices: IndexPool;
  private readonly underlays: Underlays;
  private readonly bufferBytes: number;
  private readonly workers: number;

  constructor(indices: IndexPool, underlays: Underlays, bufferBytes: number, workers: number) {
    this.indices = indices;
    this.underlays = underlays;
    this.bufferBytes = bufferBytes;
    this.workers = workers;
  }

  /** Joins a group for a port of this underlay, if none has yet; throws SystemError with the remedy. */
  join(spec: GroupSpec, underlay: Underlay): Group {
    const key = `${spec.address} ${spec.dev} ${underlay.port}`;
    const known = this.open.get(key);
    if (known) {
      known.users++;
      return known;
    }
    const { ipv6, words } = parseAddress(spec.address);
    try {
      const [ifindex, mtuBytes] = [linkIndex(spec.dev), linkMtuBytes(spec.dev)];
      const sharing = this.underlays.wildcardReceivers(ipv6, underlay.port);
      const sockets = openGroupSocket(ipv6, words, underlay.port, ifindex, this.bufferBytes, sharing);
      const guest = { ipv6, port: underlay.port, receiver: sockets.receiver };
      const device = this.indices.take();
      const group = { device, spec, ifindex, mtuBytes, underlay, sockets, guest, users: 1 };
      this.open.set(key, group);
      this.underlays.guests.add(guest);
      return group;
    } catch (error) {
      throw new SystemError(explainGroup(error, spec, underlay.port));
    }
  }

  /** Gives up one use; true if it was the last and the caller must take the device from the engine, then `close` it. */
  release(group: Group): boolean {
    group.users--;
    return group.users === 0;
  }

  /** The kernel leaves the group with the socket. */
  close(group: Group): void {
    for (const [key, open] of this.open) if (open === group) this.open.delete(key);
    this.underlays.guests.delete(group.guest);
    closeUdpSockets(group.sockets);
    this.indices.give(group.device);
  }

  closeAll(): void {
    for (const { sockets } of this.open.values()) closeUdpSockets(sockets);
    this.open.clear();
  }

  /** Whether the device on which the group was joined is still there: the kernel forgets who had joined with it. */
  isJoined({ spec, ifindex, mtuBytes }: Group): boolean {
    try {
      return linkIndex(spec.dev) === ifindex && linkMtuBytes(spec.dev) === mtuBytes;
    } catch {
      return false;
    }
  }

  /** All devices; the first worker receives, for each socket would get a copy. */
  commands(): ForwardingCommand[] {
    return Array.from(this.open.values(), ({ device, sockets, underlay }) => {
      const make = everyWorker(this.workers, (worker) => {
        return { type: "udp", sockets: worker === 0 ? sockets : withoutReceiver(sockets) } as const;
      });
      return { op: "add-device", device, make, fallback: underlay.device };
    });
  }
}
