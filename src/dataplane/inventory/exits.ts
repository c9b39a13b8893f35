// The ways out past the UDP sockets, for each device that leads to a remote: a tunnel TAP for super-frames, a transmit
// ring for single frames. Opened when a path first needs them; where one is refused, its frames take the sockets. A device
// that no path uses any more (it is gone, the route has moved) keeps them for a while: one that comes back soon finds them
// still there, and a forwarding thread in the middle of a batch finds them valid.
import { monotonicMs } from "../clock.ts";
import { closeSingles, isQueued, openSingles, singlesError } from "../io/singles.ts";
import { closeTunnel, openTunnel } from "../io/tunnel.ts";
import { textOf } from "./explain.ts";
import { Retry } from "./retry.ts";

/** Devices that lead to remotes; by others, all frames take the sockets. */
const DEVICES_WITH_EXITS_MAX = 16;
/** Far longer than a batch takes. */
const UNUSED_MS = 5000;

/** One kind of exit: how it is opened and closed, and why it was last refused. */
class Kind<T> {
  /** "" if none was refused. */
  refusal = "";
  openCount = 0;
  private readonly opener: (ifindex: number) => T;
  private readonly closer: (exit: T) => void;

  constructor(opener: (ifindex: number) => T, closer: (exit: T) => void) {
    this.opener = opener;
    this.closer = closer;
  }

  open(ifindex: number): T | null {
    try {
      const exit = this.opener(ifindex);
      this.refusal = "";
      this.openCount++;
      return exit;
    } catch (error) {
      this.refusal = textOf(error);
      return null;
    }
  }

  close(exit: T): void {
    this.openCount--;
    this.closer(exit);
  }
}

/** The exit of one device, opened again after ever longer pauses where it was refused. */
class Exit<T> {
  value: T | null = null;
  private readonly kind: Kind<T>;
  private readonly retry = new Retry();

  constructor(kind: Kind<T>) {
    this.kind = kind;
  }

  acquire(ifindex: number, nowMs: number): T | null {
    if (this.value !== null || !this.retry.isDue(nowMs)) return this.value;
    this.value = this.kind.open(ifindex);
    if (this.value === null) this.retry.failed(nowMs);
    return this.value;
  }

  close(): void {
    if (this.value !== null) this.kind.close(this.value);
    this.value = null;
  }
}

interface DeviceExits {
  readonly tunnel: Exit<ReturnType<typeof openTunnel>>;
  readonly singles: Exit<number>;
  /** Single frames must not pass by those that wait there; looked at from time to time. */
  queued: boolean;
  usedMs: number;
}

export class Exits {
  readonly tunnels = new Kind((ifindex) => openTunnel(`vxs${ifindex}`, ifindex), closeTunnel);
  readonly singles = new Kind(openSingles, closeSingles);
  private readonly devices = new Map<number, DeviceExits>();

  /** Descriptor of the TAP and number of the ring that lead to a device, -1 for what there is not. */
  acquire(ifindex: number): { tunnelFd: number; singles: number } {
    const nowMs = monotonicMs();
    let exits = this.devices.get(ifindex);
    if (!exits) {
      if (this.devices.size >= DEVICES_WITH_EXITS_MAX) return { tunnelFd: -1, singles: -1 };
      const [tunnel, singles] = [new Exit(this.tunnels), new Exit(this.singles)];
      exits = { tunnel, singles, queued: isQueued(ifindex), usedMs: nowMs };
      this.devices.set(ifindex, exits);
    }
    exits.usedMs = nowMs;
    return {
      tunnelFd: exits.tunnel.acquire(ifindex, nowMs)?.fd ?? -1,
      singles: (exits.queued ? null : exits.singles.acquire(ifindex, nowMs)) ?? -1,
    };
  }

  /** Tells which devices have a path now; closes what has been without one for a while, and rings that have failed. */
  sweep(usedIfindexes: ReadonlySet<number>): void {
    const nowMs = monotonicMs();
    for (const [ifindex, exits] of this.devices) {
      if (usedIfindexes.has(ifindex)) exits.usedMs = nowMs;
      exits.queued = isQueued(ifindex);
      // A ring that has failed is used by nobody.
      if (exits.singles.value !== null && singlesError(exits.singles.value) !== 0) exits.singles.close();
      if (nowMs - exits.usedMs < UNUSED_MS) continue;
      this.close(exits);
      this.devices.delete(ifindex);
    }
  }

  closeAll(): void {
    for (const exits of this.devices.values()) this.close(exits);
    this.devices.clear();
  }

  private close({ tunnel, singles }: DeviceExits): void {
    tunnel.close();
    singles.close();
  }
}
