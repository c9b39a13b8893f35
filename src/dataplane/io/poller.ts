// Waiting for any of the devices, or for another thread to wake this one.
import { native } from "./native.ts";

export class Poller {
  /** Bit set by poll(2) where something can be received or has gone wrong; same order as the descriptors. */
  readonly ready: Int32Array;
  private readonly fds: Int32Array;
  private readonly native = native();

  constructor(fds: readonly number[]) {
    this.fds = Int32Array.from(fds);
    this.ready = new Int32Array(fds.length);
  }

  /** Returns how many are ready; 0 ms looks without waiting. */
  wait(timeoutMs: number): number {
    return this.native.pollWait(this.fds, this.ready, this.fds.length, timeoutMs);
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
