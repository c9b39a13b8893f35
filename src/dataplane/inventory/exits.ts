// The ways out past the UDP sockets, for each device that leads to a remote: a packet socket for trains and single frames, a
// tunnel TAP for super-frames. Opened when a path first needs them; where one is refused, its frames take the sockets.
// A device that no path uses any more (it is gone, the route has moved) keeps them for a while: one that comes back soon
// finds them still there, and a forwarding thread in the middle of a batch finds them valid.
import { monotonicMs } from "../clock.ts";
import { closeTrains, openTrains, trainsLeaveBy } from "../io/trains.ts";
import { closeTunnel, openTunnel } from "../io/tunnel.ts";
import { textOf } from "./explain.ts";
import { Retry } from "./retry.ts";

/** Devices that lead to remotes; by others, all frames take the sockets. */
const DEVICES_WITH_EXITS_MAX = 16;
/** Far longer than a batch takes. */
const UNUSED_MS = 5000;

/** How exits of one kind are opened, closed and found dead. */
interface ExitKind<T> {
  /** Throws an error that says why it is refused. */
  open(ifindex: number): T;
  close(value: T): void;
  /** It will never send by that device again. */
  isDead(value: T, ifindex: number): boolean;
}

const TRAINS: ExitKind<number> = {
  open: openTrains,
  close: closeTrains,
  isDead: (fd, ifindex) => !trainsLeaveBy(fd, ifindex),
};
const TUNNEL: ExitKind<ReturnType<typeof openTunnel>> = {
  open: (ifindex) => openTunnel(`vxs${ifindex}`, ifindex),
  close: closeTunnel,
  isDead: () => false,
};

/** One exit of one device, opened again after ever longer pauses where it was refused. */
class Exit<T> {
  value: T | null = null;
  /** Why it was refused; "" if it was not. */
  refusal = "";
  /** It was found dead: no path may have it. */
  private dead = false;
  private readonly kind: ExitKind<T>;
  private readonly retry = new Retry();

  constructor(kind: ExitKind<T>) {
    this.kind = kind;
  }

  acquire(ifindex: number, nowMs: number): T | null {
    if (this.dead) return null;
    if (this.value !== null || !this.retry.isDue(nowMs)) return this.value;
    try {
      this.value = this.kind.open(ifindex);
      this.refusal = "";
    } catch (error) {
      this.refusal = textOf(error);
      this.retry.failed(nowMs);
    }
    return this.value;
  }

  /**
   * Between two calls every path has been brought up to date: what was dead at the last one is in none of them any more.
   * Only then may it be closed, for the next one, of another device, may get its number.
   */
  sweep(ifindex: number): void {
    if (this.dead) this.close();
    this.dead = this.value !== null && this.kind.isDead(this.value, ifindex);
  }

  close(): void {
    if (this.value !== null) this.kind.close(this.value);
    this.value = null;
  }
}

interface DeviceExits {
  readonly trains: Exit<number>;
  readonly tunnel: Exit<ReturnType<typeof openTunnel>>;
  usedMs: number;
}

/** What there is of one kind of exit, over all devices. */
export interface ExitsStatus {
  readonly openCount: number;
  /** Why a device that leads to a remote has none; "" if all have. */
  readonly refusal: string;
}

/** Descriptors; -1 for what there is not. */
export interface ExitsOfDevice {
  readonly trainsFd: number;
  readonly tunnelFd: number;
}

const NO_EXITS: ExitsOfDevice = { trainsFd: -1, tunnelFd: -1 };

export class Exits {
  private readonly devices = new Map<number, DeviceExits>();

  get trains(): ExitsStatus {
    return statusOf(Array.from(this.devices.values(), ({ trains }) => trains));
  }

  get tunnels(): ExitsStatus {
    return statusOf(Array.from(this.devices.values(), ({ tunnel }) => tunnel));
  }

  /** What leads to a device. */
  acquire(ifindex: number): ExitsOfDevice {
    const nowMs = monotonicMs();
    let exits = this.devices.get(ifindex);
    if (!exits) {
      if (this.devices.size >= DEVICES_WITH_EXITS_MAX) return NO_EXITS;
      exits = { trains: new Exit(TRAINS), tunnel: new Exit(TUNNEL), usedMs: nowMs };
      this.devices.set(ifindex, exits);
    }
    exits.usedMs = nowMs;
    return {
      trainsFd: exits.trains.acquire(ifindex, nowMs) ?? -1,
      tunnelFd: exits.tunnel.acquire(ifindex, nowMs)?.fd ?? -1,
    };
  }

  /** Tells which devices have a path now; closes what is dead, and what has been without a path for a while. */
  sweep(usedIfindexes: ReadonlySet<number>): void {
    const nowMs = monotonicMs();
    for (const [ifindex, exits] of this.devices) {
      if (usedIfindexes.has(ifindex)) exits.usedMs = nowMs;
      for (const exit of exitsOf(exits)) exit.sweep(ifindex);
      if (nowMs - exits.usedMs < UNUSED_MS) continue;
      this.close(exits);
      this.devices.delete(ifindex);
    }
  }

  closeAll(): void {
    for (const exits of this.devices.values()) this.close(exits);
    this.devices.clear();
  }

  private close(exits: DeviceExits): void {
    for (const exit of exitsOf(exits)) exit.close();
  }
}

function exitsOf({ trains, tunnel }: DeviceExits): Pick<Exit<unknown>, "sweep" | "close">[] {
  return [trains, tunnel];
}

function statusOf(exits: readonly { value: unknown; refusal: string }[]): ExitsStatus {
  const openCount = exits.filter(({ value }) => value !== null).length;
  return { openCount, refusal: exits.map(({ refusal }) => refusal).find(Boolean) ?? "" };
}
