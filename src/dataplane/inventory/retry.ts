// When to try again what the system refused: after a second, then ever more seldom.

const FIRST_MS = 1000;
const MAX_MS = 30_000;

export class Retry {
  private pauseMs = FIRST_MS;
  private nextMs = 0;

  /** It failed at `nowMs`. */
  failed(nowMs: number): void {
    this.nextMs = nowMs + this.pauseMs;
    this.pauseMs = Math.min(this.pauseMs * 2, MAX_MS);
  }

  succeeded(): void {
    this.pauseMs = FIRST_MS;
  }

  isDue(nowMs: number): boolean {
    return nowMs >= this.nextMs;
  }
}
