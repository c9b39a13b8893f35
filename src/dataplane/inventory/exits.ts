// The ways out past the UDP sockets, for each device that leads to a remote: a packet socket for trains, a tunnel TAP for
// super-frames, a transmit ring for single frames. Opened when a path first needs them; where one is refused, its frames take the sockets. A device
// that no path uses any more (it is gone, the route has moved) keeps them for a while: one that comes back soon finds them
// still there, and a forwarding thread in the middle of a batch finds them valid.
import { monotonicMs } from "../clock.ts";
import { closeSingles, isQueued, openSingles, singlesError } from "../io/singles.ts";
import { closeTrains, openTrains, trainsLeaveBy } from "../io/trains.ts";
import { closeTunnel, openTunnel } from "../io/tunnel.ts";
import { textOf } from "./explain.ts";
import { Retry } from "./retry.ts";

/** Devices that lead to remotes; by others, all frames take the sockets. */
const DEVICES_WITH_EXITS_MAX = 16;
/** Far longer than a batch takes. */
const UNUSED_MS = 5000;

/** One exit of one device, opened again after ever longer pauses where it was refused. */
class Exit<T> {
  value: T | null = null;
  /** Why it was refused; "" if it was not. */
  refusal = "";
  private readonly opener: (ifindex: number) => T;
  private readonly closer: (value: T) => void;
  private readonly retry = new Retry();

  constructor(opener: (ifindex: number) => T, closer: (value: T) => void) {
    this.opener = opener;
    this.closer = closer;
  }

  acquire(ifindex: number, nowMs: number): T | null {
    if (this.value !== null || !this.retry.isDue(nowMs)) return this.value;
    try {
      this.value = this.opener(ifindex);
      this.refusal = "";
    } catch (error) {
      this.refusal = textOf(error);
      this.retry.failed(nowMs);
    }
    return this.value;
  }

  close(): void {
    if (this.value !== null) this.closer(this.value);
    this.value = null;
  }
}

interface DeviceExits {
  readonly trains: Exit<number>;
  readonly tunnel: Exit<ReturnType<typeof openTunnel>>;
  readonly singles: Exit<number>;
  /**
   * No path may have single frames leave by the ring: they would pass by those that wait in the device's queue, or the ring
   * has failed. Looked at from time to time.
   */
  withheld: boolean;
  /** The device was replaced by another one of its index, and the packet socket is dead: no path may have it. */
  trainsLost: boolean;
  usedMs: number;
}

/** What there is of one kind of exit, over all devices. */
export interface ExitsStatus {
  readonly openCount: number;
  /** Why a device that leads to a remote has none; "" if all have. */
  readonly refusal: string;
}

/** Descriptors, and the number of the ring for single frames; -1 for what there is not. */
export interface ExitsOfDevice {
  readonly trainsFd: number;
  readonly tunnelFd: number;
  readonly singles: number;
}

const NO_EXITS: ExitsOfDevice = { trainsFd: -1, tunnelFd: -1, singles: -1 };

export class Exits {
  private readonly devices = new Map<number, DeviceExits>();

  get trains(): ExitsStatus {
    return statusOf(Array.from(this.devices.values(), ({ trains }) => trains));
  }

  get tunnels(): ExitsStatus {
    return statusOf(Array.from(this.devices.values(), ({ tunnel }) => tunnel));
  }

  get singles(): ExitsStatus {
    return statusOf(Array.from(this.devices.values(), ({ singles }) => singles));
  }

  /** What leads to a device. */
  acquire(ifindex: number): ExitsOfDevice {
    const nowMs = monotonicMs();
    let exits = this.devices.get(ifindex);
    if (!exits) {
      if (this.devices.size >= DEVICES_WITH_EXITS_MAX) return NO_EXITS;
      const trains = new Exit(openTrains, closeTrains);
      const tunnel = new Exit((to) => openTunnel(`vxs${to}`, to), closeTunnel);
      const singles = new Exit(openSingles, closeSingles);
      exits = { trains, tunnel, singles, withheld: isQueued(ifindex), trainsLost: false, usedMs: nowMs };
      this.devices.set(ifindex, exits);
    }
    exits.usedMs = nowMs;
    return {
      trainsFd: (exits.trainsLost ? null : exits.trains.acquire(ifindex, nowMs)) ?? -1,
      tunnelFd: exits.tunnel.acquire(ifindex, nowMs)?.fd ?? -1,
      singles: (exits.withheld ? null : exits.singles.acquire(ifindex, nowMs)) ?? -1,
    };
  }

  /**
   * Tells which devices have a path now; closes what has been without one for a while, and rings that have failed. Between
   * two calls every path has been brought up to date.
   */
  sweep(usedIfindexes: ReadonlySet<number>): void {
    const nowMs = monotonicMs();
    for (const [ifindex, exits] of this.devices) {
      if (usedIfindexes.has(ifindex)) exits.usedMs = nowMs;
      // Only when every path was brought up to date without it: the next ring, of another device, may get its number.
      if (exits.withheld && hasFailed(exits)) exits.singles.close();
      if (exits.trainsLost) exits.trains.close();
      exits.trainsLost = exits.trains.value !== null && !trainsLeaveBy(exits.trains.value, ifindex);
      exits.withheld = isQueued(ifindex) || hasFailed(exits);
      if (nowMs - exits.usedMs < UNUSED_MS) continue;
      this.close(exits);
      this.devices.delete(ifindex);
    }
  }

  closeAll(): void {
    for (const exits of this.devices.values()) this.close(exits);
    this.devices.clear();
  }

  private close({ trains, tunnel, singles }: DeviceExits): void {
    trains.close();
    tunnel.close();
    singles.close();
  }
}

function hasFailed({ singles }: DeviceExits): boolean {
  return singles.value !== null && singlesError(singles.value) !== 0;
}

function statusOf(exits: readonly { value: unknown; refusal: string }[]): ExitsStatus {
  const openCount = exits.filter(({ value }) => value !== null).length;
  return { openCount, refusal: exits.map(({ refusal }) => refusal).find(Boolean) ?? "" };
}
