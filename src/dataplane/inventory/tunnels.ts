// Which destinations may send their super-frames whole. For each device that leads to a remote there is one tunnel TAP; a
// destination's row names it as long as the kernel knows the next hop, which is asked again every second. Whatever is
// missing (an old kernel, a privilege, a neighbour), super-frames are cut and sent by the UDP socket as before.
import type { Address } from "../address.ts";
import {
  DESTINATION_LOCAL_MAC,
  DESTINATION_REMOTE_MAC,
  DESTINATION_SHIFT,
  DESTINATION_SOURCE,
  DESTINATION_TUNNEL,
} from "../destinations.ts";
import { closeTap } from "../io/tap.ts";
import { type NextHop, nextHop, openTunnel } from "../io/tunnel.ts";
import { textOf } from "./explain.ts";

/** Devices that lead to remotes; beyond, super-frames are cut. */
const TUNNELS_MAX = 16;

export class Tunnels {
  private readonly destinations: Int32Array;
  /** Descriptor by interface index; -1 where it could not be opened. */
  private readonly fds = new Map<number, number>();
  /** Why a tunnel could not be opened; "" if none failed. */
  private refusal = "";
  private readonly enabled: boolean;

  constructor(destinations: Int32Array, enabled: boolean) {
    this.destinations = destinations;
    this.enabled = enabled;
  }

  /** Asks the kernel for the next hop and writes the destination's row. */
  refresh(destination: number, local: Address, remote: Address): void {
    if (!this.enabled || remote.ipv6) return;
    const at = destination << DESTINATION_SHIFT;
    const hop = nextHop(local, remote);
    const fd = hop === null ? -1 : this.acquire(hop);
    if (hop === null || fd < 0) {
      this.forget(destination);
      return;
    }
    const { destinations } = this;
    const row = [hop.source, ...hop.remoteMac, ...hop.localMac];
    const places = [DESTINATION_SOURCE, DESTINATION_REMOTE_MAC, DESTINATION_REMOTE_MAC + 1];
    places.push(DESTINATION_LOCAL_MAC, DESTINATION_LOCAL_MAC + 1);
    const isCurrent =
      destinations[at + DESTINATION_TUNNEL] === fd + 1 &&
      places.every((place, i) => destinations[at + place] === row[i]);
    if (isCurrent) return;
    // No frame may leave with half of the old addresses and half of the new.
    Atomics.store(destinations, at + DESTINATION_TUNNEL, 0);
    places.forEach((place, i) => {
      destinations[at + place] = row[i];
    });
    Atomics.store(destinations, at + DESTINATION_TUNNEL, fd + 1);
  }

  /** In a sentence, how super-frames leave, and why so. */
  describe(): string {
    if (!this.enabled) return "UDP sockets alone, as configured: super-frames are cut";
    const open = Array.from(this.fds.values()).filter((fd) => fd >= 0).length;
    if (this.refusal !== "")
      return `UDP sockets; super-frames are cut, for there is no tunnel TAP: ${this.refusal}`;
    if (open === 0) return "UDP sockets; super-frames are cut until a remote's next hop is known";
    return "UDP sockets; super-frames leave whole by a tunnel TAP";
  }

  /** From now on this destination's super-frames are cut. */
  forget(destination: number): void {
    Atomics.store(this.destinations, (destination << DESTINATION_SHIFT) + DESTINATION_TUNNEL, 0);
  }

  closeAll(): void {
    for (const fd of this.fds.values()) if (fd >= 0) closeTap(fd);
    this.fds.clear();
  }

  private acquire({ ifindex, device }: NextHop): number {
    const known = this.fds.get(ifindex);
    if (known !== undefined) return known;
    let fd = -1;
    if (this.fds.size >= TUNNELS_MAX) {
      this.refusal = `no more than ${TUNNELS_MAX} devices`;
    } else {
      try {
        fd = openTunnel(`vxs${ifindex}`, device);
      } catch (error) {
        this.refusal = textOf(error);
      }
    }
    this.fds.set(ifindex, fd);
    return fd;
  }
}
