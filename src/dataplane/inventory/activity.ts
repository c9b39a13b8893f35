// When a port last received a frame, to the second: its counter is looked at once a second, frames pay nothing for it.

/** Of a port that has received. */
export interface LastReceived {
  /** Milliseconds since 1970. */
  readonly wallMs: number;
  readonly agoSeconds: number;
}

export class Activity {
  private received = 0;
  private sinceMs: number;
  private wallMs = 0;

  /** Times in milliseconds of the monotonic clock, where they are not of the wall's. */
  constructor(nowMs: number) {
    this.sinceMs = nowMs;
  }

  /** Tells how many frames the port has received so far. */
  look(received: number, nowMs: number, wallMs: number): void {
    if (received === this.received) return;
    this.received = received;
    this.sinceMs = nowMs;
    this.wallMs = wallMs;
  }

  /** Since it last received, or is there. */
  silentMs(nowMs: number): number {
    return nowMs - this.sinceMs;
  }

  /** null if it has never received. */
  lastReceived(nowMs: number): LastReceived | null {
    if (this.received === 0) return null;
    return { wallMs: this.wallMs, agoSeconds: Math.floor(this.silentMs(nowMs) / 1000) };
  }
}
