// The forwarding thread's life: wait for devices, let each ready one deliver a batch, forward it, look at the clock.
// Spins briefly after the last frame, then blocks: an idle switch costs next to nothing. Where a look costs no call into
// the kernel (rings), the loop looks in each turn; the others and the control thread are asked by poll(2), in turns that
// found nothing and at least every so often.
import { monotonicMs, wallBaseMs } from "../clock.ts";
import type { Device } from "../device.ts";
import type { Forwarder } from "../forwarder.ts";
import type { BatchClock } from "../io/mirror-queue.ts";
import { Poller, type WakeUp } from "../io/poller.ts";

/** Between two polls at the most, while rings keep the loop busy. */
const POLL_EVERY_MS = 0.02;
const TICK_MS = 1000;
/** POLLERR and POLLHUP of poll(2). */
const POLL_ERROR = 0x18;

export interface LoopHost {
  /** Another thread has something to say; false ends the loop. */
  answer(): boolean;
  /** Before frames are received: what do other workers know? */
  hear(): void;
  /** After frames were forwarded. */
  batchDone(): void;
  /** Once a second. */
  tick(nowSeconds: number): void;
  /** A device no longer works; it is not polled again. */
  failed(device: number, errno: number): void;
}

interface Polled {
  readonly device: Device;
  readonly index: number;
}

export class Loop {
  private poller: Poller;
  /** In the poller's order, which has the wake-up in front. */
  private polled: readonly Polled[] = [];
  /** Those of them that are looked at in each turn. */
  private spinning: readonly Polled[] = [];
  private wallBaseMs = wallBaseMs();
  private readonly wakeUp: WakeUp;
  private readonly forwarder: Forwarder;
  private readonly clock: BatchClock;
  private readonly spinMs: number;
  private readonly host: LoopHost;

  /** `spinMs`: how long after the last frame the loop goes on looking; Infinity = for ever. */
  constructor(forwarder: Forwarder, wakeUp: WakeUp, clock: BatchClock, spinMs: number, host: LoopHost) {
    this.forwarder = forwarder;
    this.wakeUp = wakeUp;
    this.clock = clock;
    this.spinMs = spinMs;
    this.host = host;
    this.poller = new Poller([wakeUp.fd]);
  }

  /** Polls these devices from now on; null where an index has none. */
  setDevices(devices: readonly (Device | null)[]): void {
    this.setPolled(devices.flatMap((device, index) => (device && device.fd >= 0 ? [{ device, index }] : [])));
  }

  /** Runs until the host says stop. */
  run(): void {
    let lastFrameMs = 0;
    let nextTickMs = 0;
    let nextPollMs = 0;
    for (;;) {
      const nowMs = monotonicMs();
      if (nowMs >= nextTickMs) {
        this.tick(nowMs);
        nextTickMs = nowMs + TICK_MS;
      }
      this.setClock(nowMs);
      this.host.hear();
      let frames = this.breatheRings();
      if (frames === 0 || nowMs >= nextPollMs) {
        const blocks = frames === 0 && nowMs - lastFrameMs > this.spinMs;
        if (this.poller.wait(blocks ? Math.ceil(nextTickMs - nowMs) : 0) > 0) {
          if (this.poller.ready[0] !== 0 && !this.answer()) return;
          if (blocks) this.setClock(monotonicMs());
          this.host.hear();
          frames += this.breathe();
        }
        nextPollMs = nowMs + POLL_EVERY_MS;
      }
      if (frames === 0) continue;
      this.host.batchDone();
      lastFrameMs = monotonicMs();
    }
  }

  /** One batch from each ring; returns the frames. */
  private breatheRings(): number {
    let frames = 0;
    for (let i = 0; i < this.spinning.length; i++) {
      const count = this.receive(this.spinning[i]);
      if (count < 0) break;
      frames += count;
    }
    return frames;
  }

  /** One batch from each ready device; returns the frames. */
  private breathe(): number {
    let frames = 0;
    for (let i = 0; i < this.polled.length; i++) {
      const ready = this.poller.ready[i + 1];
      if (ready === 0) continue;
      const polled = this.polled[i];
      if ((ready & POLL_ERROR) !== 0) polled.device.clearError?.();
      const count = this.receive(polled);
      if (count < 0) break;
      frames += count;
    }
    return frames;
  }

  /** One batch of a device; -1 if it no longer works. */
  private receive({ device, index }: Polled): number {
    const count = device.receive();
    if (count > 0) this.forwarder.forward(index, count);
    if (count >= 0) return count;
    this.setPolled(this.polled.filter((polled) => polled.device !== device));
    this.host.failed(index, -count);
    return -1;
  }

  /** The devices may be others afterwards, and nothing is known of them yet. */
  private answer(): boolean {
    this.wakeUp.clear();
    return this.host.answer();
  }

  private setPolled(polled: readonly Polled[]): void {
    this.polled = polled;
    this.spinning = polled.filter(({ device }) => device.spins);
    this.poller = new Poller([this.wakeUp.fd, ...polled.map(({ device }) => device.fd)]);
  }

  private tick(nowMs: number): void {
    this.wallBaseMs = wallBaseMs();
    this.host.tick(Math.floor(nowMs / 1000));
  }

  private setClock(nowMs: number): void {
    const wallMs = this.wallBaseMs + nowMs;
    this.clock.seconds = Math.floor(wallMs / 1000);
    this.clock.microseconds = Math.floor((wallMs % 1000) * 1000);
  }
}
