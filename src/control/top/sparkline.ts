// Small charts of text: a line of bars for a table, and one of several lines. Pure.

const BLOCKS = "▁▂▃▄▅▆▇█";
/** Where the locale has no UTF-8. */
const PLAIN = "_.:-=+*#";
/** Steps of one character of a chart. */
const STEPS = 8;

export type Values = readonly (number | null)[];

/** The last values, one a character, the newest to the right: nothing is the lowest bar, whatever is more is a higher one. */
export function sparkline(values: Values, width: number, isUnicode: boolean): string {
  const bars = isUnicode ? BLOCKS : PLAIN;
  const shown = values.slice(-width);
  const max = maxOf(shown);
  const bar = (value: number | null) => {
    if (value === null) return " ";
    return bars[max > 0 ? Math.ceil((value / max) * (STEPS - 1)) : 0];
  };
  return shown.map(bar).join("").padStart(width);
}

/** The last values as columns of a height, in lines from the top. */
export function chart(values: Values, width: number, height: number, isUnicode: boolean): string[] {
  const shown = values.slice(-width);
  const max = maxOf(shown);
  const levels = shown.map((value) => (max > 0 ? Math.ceil(((value ?? 0) / max) * height * STEPS) : 0));
  return Array.from({ length: height }, (_, line) => {
    const below = (height - 1 - line) * STEPS;
    return levels
      .map((level) => cell(Math.min(level - below, STEPS), isUnicode))
      .join("")
      .padStart(width);
  });
}

function cell(steps: number, isUnicode: boolean): string {
  if (steps <= 0) return " ";
  if (isUnicode) return BLOCKS[steps - 1];
  return steps > STEPS / 2 ? "#" : ".";
}

/** The largest; 0 if there is none. */
export function maxOf(values: Values): number {
  return values.reduce<number>((max, value) => Math.max(max, value ?? 0), 0);
}
