// Time for threads that compare it: performance.now() starts anew in each thread, so both kinds get a common base.

const nowParts = process.hrtime();
/** What to add to performance.now() for the system's monotonic clock. */
const MONOTONIC_BASE_MS = nowParts[0] * 1000 + nowParts[1] / 1e6 - performance.now();

/** Milliseconds of the monotonic clock that all threads of the machine share. */
export function monotonicMs(): number {
  return MONOTONIC_BASE_MS + performance.now();
}

/** Wall-clock time of a batch, read once for all its frames. */
export interface BatchClock {
  readonly seconds: number;
  readonly nanoseconds: number;
}
