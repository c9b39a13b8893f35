// The tunnel TAPs, one for each device that leads to a remote, opened when a path first needs it. One that no path uses any
// more (its device is gone, the route has moved) is closed after a while: a device that comes back soon finds it still
// there, and a forwarding thread in the middle of a batch finds the descriptor valid.
import { monotonicMs } from "../clock.ts";
import { closeTunnel, openTunnel, type Tunnel } from "../io/tunnel.ts";
import { textOf } from "./explain.ts";
import { Retry } from "./retry.ts";

/** Devices that lead to remotes; beyond, super-frames are cut. */
const TUNNELS_MAX = 16;
/** Far longer than a batch takes. */
const UNUSED_MS = 5000;

interface Record {
  /** Null while it cannot be opened. */
  tunnel: Tunnel | null;
  usedMs: number;
  readonly retry: Retry;
}

export class Tunnels {
  /** Why the last one that could not be opened was not; "" if none failed. */
  refusal = "";
  /** By interface index. */
  private readonly records = new Map<number, Record>();

  get openCount(): number {
    return Array.from(this.records.values()).filter(({ tunnel }) => tunnel !== null).length;
  }

  /** Descriptor of the TAP that leads to a device; -1 if there is none, and `refusal` says why. */
  acquire(ifindex: number): number {
    const nowMs = monotonicMs();
    let record = this.records.get(ifindex);
    if (!record) {
      if (this.records.size >= TUNNELS_MAX) {
        this.refusal = `no more than ${TUNNELS_MAX} devices`;
        return -1;
      }
      record = { tunnel: null, usedMs: nowMs, retry: new Retry() };
      this.records.set(ifindex, record);
    }
    record.usedMs = nowMs;
    if (record.tunnel === null && record.retry.isDue(nowMs)) this.open(ifindex, record);
    return record.tunnel?.fd ?? -1;
  }

  /** Tells which devices have a path now, and closes what has been without one for a while. */
  sweep(usedIfindexes: ReadonlySet<number>): void {
    const nowMs = monotonicMs();
    for (const [ifindex, record] of this.records) {
      if (usedIfindexes.has(ifindex)) record.usedMs = nowMs;
      if (nowMs - record.usedMs < UNUSED_MS) continue;
      if (record.tunnel) closeTunnel(record.tunnel);
      this.records.delete(ifindex);
    }
  }

  closeAll(): void {
    for (const { tunnel } of this.records.values()) if (tunnel) closeTunnel(tunnel);
    this.records.clear();
  }

  private open(ifindex: number, record: Record): void {
    try {
      record.tunnel = openTunnel(`vxs${ifindex}`, ifindex);
      this.refusal = "";
    } catch (error) {
      this.refusal = textOf(error);
      record.retry.failed(monotonicMs());
    }
  }
}
