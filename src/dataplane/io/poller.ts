// Waiting for any of the devices, or for another thread to wake this one.
import { native, type View } from "./native.ts";

export class Poller {
  /** Bit set by poll(2) where something can be received or has gone wrong; same order as the descriptors. */
  readonly ready: Int32Array;
  private readonly count: number;
  private readonly fdsView: View<Int32Array>;
  private readonly readyView: View<Int32Array>;
  private readonly native = native();

  constructor(fds: readonly number[]) {
    this.count = fds.length;
    this.ready = new Int32Array(fds.length);
    this.fdsView = this.native.view(Int32Array.from(fds));
    this.readyView = this.native.view(this.ready);
  }

  /** Returns how many are ready; 0 us looks without waiting, -1 waits for ever. */
  wait(timeoutUs: number): number {
    return this.native.pollWait(this.fdsView, this.readyView, this.count, timeoutUs);
  }
}

/** A descriptor by which one thread wakes another. */
export class WakeUp {
  readonly fd: number;

  constructor(fd: number = native().wakeOpen()) {
    this.fd = fd;
  }

  signal(): void {
    native().wakeSignal(this.fd);
  }

  clear(): void {
    native().wakeClear(this.fd);
  }

  close(): void {
    native().closeFd(this.fd);
  }
}
