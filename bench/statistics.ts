// The few statistics of a benchmark report.

/** The middle value, of an even number of values the mean of the two in the middle. Throws on none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("no values");
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The smallest and the largest value. Throws on none. */
export function spread(values: readonly number[]): { readonly min: number; readonly max: number } {
  if (values.length === 0) throw new RangeError("no values");
  return { min: Math.min(...values), max: Math.max(...values) };
}

/** The smallest value that at least `percent` of the values do not exceed. Throws on none. */
export function percentile(values: readonly number[], percent: number): number {
  if (values.length === 0) throw new RangeError("no values");
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)];
}
