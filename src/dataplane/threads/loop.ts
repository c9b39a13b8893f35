// The forwarding thread's life: wait for devices, let each ready one deliver a batch, forward it, look at the clock, release
// what impaired cables have held long enough.
// Spins briefly after the last frame, then blocks: an idle switch costs next to nothing. Where a look costs no call into
// the kernel (rings), the loop looks in each turn; the others and the control thread are asked by poll(2), every so often
// and before it blocks.
import { monotonicMs } from "../clock.ts";
import type { Device } from "../device.ts";
import type { Forwarder } from "../forwarder.ts";
import { Poller, type WakeUp } from "../io/poller.ts";
import type { TurnClock } from "../io/turn-clock.ts";

/** Between two polls, while there are rings to look at. */
const POLL_EVERY_US = 20;
const TICK_US = 1_000_000;
/** POLLERR and POLLHUP of poll(2). */
const POLL_ERROR = 0x18;

/** Longer than two readings of the clock can be apart. */
export const SPIN_ALWAYS_US = 0x7fffffff;

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
  private readonly wakeUp: WakeUp;
  private readonly forwarder: Forwarder;
  private readonly clock: TurnClock;
  private readonly spinUs: number;
  private readonly host: LoopHost;

  /** `spinUs`: how long after the last frame the loop goes on looking; SPIN_ALWAYS_US = for ever. */
  constructor(forwarder: Forwarder, wakeUp: WakeUp, clock: TurnClock, spinUs: number, host: LoopHost) {
    this.forwarder = forwarder;
    this.wakeUp = wakeUp;
    this.clock = clock;
    this.spinUs = spinUs;
    this.host = host;
    this.poller = new Poller([wakeUp.fd]);
  }

  /** Polls these devices from now on; null where an index has none. */
  setDevices(devices: readonly (Device | null)[]): void {
    this.setPolled(devices.flatMap((device, index) => (device && device.fd >= 0 ? [{ device, index }] : [])));
  }

  /** Runs until the host says stop. */
  run(): void {
    let lastFrameUs = this.clock.read();
    let nextTickUs = lastFrameUs;
    let nextPollUs = lastFrameUs;
    for (;;) {
      const nowUs = this.clock.read();
      this.forwarder.setMicroseconds(nowUs);
      if (since(nextTickUs, nowUs) >= 0) {
        this.host.tick(Math.floor(monotonicMs() / 1000));
        nextTickUs = (nowUs + TICK_US) | 0;
      }
      this.host.hear();
      let frames = this.forwarder.release() + this.breatheRings();
      const blocks = frames === 0 && since(lastFrameUs, nowUs) > this.spinUs;
      if (blocks || this.spinning.length === 0 || since(nextPollUs, nowUs) >= 0) {
        if (blocks) this.fallAsleep();
        if (this.poller.wait(blocks ? this.forwarder.untilDueUs(since(nowUs, nextTickUs)) : 0) > 0) {
          if (this.poller.ready[0] !== 0 && !this.answer()) return;
          if (blocks) this.forwarder.setMicroseconds(this.clock.read());
          this.host.hear();
          frames += this.breathe();
        }
        nextPollUs = (nowUs + POLL_EVERY_US) | 0;
        // However long it sleeps, the last frame never seems to be yet to come.
        if (blocks) lastFrameUs = (nowUs - this.spinUs - 1) | 0;
      }
      if (frames === 0) continue;
      this.host.batchDone();
      lastFrameUs = this.clock.read();
    }
  }

  private fallAsleep(): void {
    for (let i = 0; i < this.spinning.length; i++) this.spinning[i].device.sleep?.();
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
}

/** Microseconds from one time to another, less than half an hour apart; the clock wraps. */
function since(thenUs: number, nowUs: number): number {
  return (nowUs - thenUs) | 0;
}
