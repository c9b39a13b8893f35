// A port out of its bridge for a while: until when, how often so far, and the frame that last gave the reason.

/** A flooded frame that came back. */
export interface LoopEvidence {
  /** When it was noticed, within a second: milliseconds since 1970. */
  readonly wallMs: number;
  /** Its first bytes. */
  readonly frame: Buffer;
}

export class Quarantine {
  /** How often the port was quarantined since it is there. */
  count = 0;
  /** Of the last time; kept as long as the port. */
  evidence: LoopEvidence | null = null;
  private untilMs = 0;

  get isOn(): boolean {
    return this.untilMs > 0;
  }

  /** Times in milliseconds of the monotonic clock. */
  begin(nowMs: number, forMs: number, evidence: LoopEvidence): void {
    this.untilMs = nowMs + forMs;
    this.evidence = evidence;
    this.count++;
  }

  /** Whether it is on, and has been for long enough. */
  isDue(nowMs: number): boolean {
    return this.isOn && nowMs >= this.untilMs;
  }

  end(): void {
    this.untilMs = 0;
  }

  /** Rounded up, and not 0 before its end. */
  secondsLeft(nowMs: number): number {
    return this.isOn ? Math.max(1, Math.ceil((this.untilMs - nowMs) / 1000)) : 0;
  }
}
