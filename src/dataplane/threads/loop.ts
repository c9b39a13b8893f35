// The forwarding thread's life: wait for devices, let each ready one deliver a batch, forward it, look at the clock.
// Spins briefly after the last frame, then blocks: an idle switch costs next to nothing.
import { monotonicMs, wallBaseMs } from "../clock.ts";
import type { Device } from "../device.ts";
import type { Forwarder } from "../forwarder.ts";
import type { BatchClock } from "../io/mirror-queue.ts";
import { Poller, type WakeUp } from "../io/poller.ts";

/** After the last frame; about the time in which the next one of a busy flow arrives. */
const SPIN_MS = 0.05;
const TICK_MS = 1000;

export interface LoopHost {
  /** Another thread has something to say; false ends the loop. */
  answer(): boolean;
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
  private wallBaseMs = wallBaseMs();
  private readonly wakeUp: WakeUp;
  private readonly forwarder: Forwarder;
  private readonly clock: BatchClock;
  private readonly host: LoopHost;

  constructor(forwarder: Forwarder, wakeUp: WakeUp, clock: BatchClock, host: LoopHost) {
    this.forwarder = forwarder;
    this.wakeUp = wakeUp;
    this.clock = clock;
    this.host = host;
    this.poller = new Poller([wakeUp.fd]);
  }

  /** Polls these devices from now on; null where an index has none. */
  setDevices(devices: readonly (Device | null)[]): void {
    this.poll(devices.flatMap((device, index) => (device && device.fd >= 0 ? [{ device, index }] : [])));
  }

  /** Runs until the host says stop. */
  run(): void {
    let lastFrameMs = 0;
    let nextTickMs = 0;
    for (;;) {
      const beforeMs = monotonicMs();
      if (beforeMs >= nextTickMs) {
        this.tick(beforeMs);
        nextTickMs = beforeMs + TICK_MS;
      }
      const blocks = beforeMs - lastFrameMs > SPIN_MS;
      if (this.poller.wait(blocks ? Math.ceil(nextTickMs - beforeMs) : 0) === 0) continue;
      if (this.poller.ready[0] !== 0) {
        this.wakeUp.clear();
        if (!this.host.answer()) return;
        continue;
      }
      const nowMs = monotonicMs();
      this.setClock(nowMs);
      if (this.breathe() > 0) lastFrameMs = nowMs;
    }
  }

  /** One batch from each ready device; returns the frames. */
  private breathe(): number {
    let frames = 0;
    for (let i = 0; i < this.polled.length; i++) {
      if (this.poller.ready[i + 1] === 0) continue;
      const { device, index } = this.polled[i];
      const count = device.receive();
      if (count > 0) {
        this.forwarder.forward(index, count);
        frames += count;
      } else if (count < 0) {
        this.poll(this.polled.filter((polled) => polled.device !== device));
        this.host.failed(index, -count);
        break;
      }
    }
    return frames;
  }

  private poll(polled: readonly Polled[]): void {
    this.polled = polled;
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
