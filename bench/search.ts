// The binary search of RFC 2544: the highest load that a switch stands.

/** What came of a trial at some load: the load that really was, and whether the switch stood it. */
export interface Trial {
  readonly load: number;
  readonly passed: boolean;
}

/** Where to search, and how finely. */
export interface SearchRange {
  readonly high: number;
  /** Ends when what passed and what failed are no further apart than this share of `high`. */
  readonly resolution: number;
  /** How often a load that failed is tried again before it counts as failed: other work on the machine costs frames too. */
  readonly retries: number;
}

/**
 * The highest load between 0 and `high` at which a trial passes, taking that at 0 for granted; 0 if none does. Begins
 * with `high` itself, then halves.
 */
export async function searchHighest(
  range: SearchRange,
  tryLoad: (load: number) => Promise<Trial>,
): Promise<number> {
  const first = await tryAgain(range, range.high, tryLoad);
  if (first.passed) return first.load;
  let [passed, failed, best] = [0, range.high, 0];
  while (failed - passed > range.high * range.resolution) {
    const load = (passed + failed) / 2;
    const trial = await tryAgain(range, load, tryLoad);
    if (trial.passed) {
      passed = load;
      best = trial.load;
    } else failed = load;
  }
  return best;
}

async function tryAgain(
  range: SearchRange,
  load: number,
  tryLoad: (load: number) => Promise<Trial>,
): Promise<Trial> {
  let trial = await tryLoad(load);
  for (let retry = 0; !trial.passed && retry < range.retries; retry++) trial = await tryLoad(load);
  return trial;
}
