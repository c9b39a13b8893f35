// `vxswitch top` without a terminal: a block an interval, as sar prints them. Pure.
import { COLUMNS, cellText, type Rates, rowsOf } from "./rows.ts";

const NAME_WIDTH_MIN = 16;

/** A heading and a line a port, each with the time of the sample, and an empty line behind them. */
export function plainBlock(rates: Rates): string {
  const rows = rowsOf(rates);
  // Of the clock on the wall, as sar.
  const time = new Date(rates.time).toTimeString().slice(0, 8);
  const nameWidth = Math.max(NAME_WIDTH_MIN, ...rows.map(({ key }) => key.length + 2));
  const headings = COLUMNS.map(({ heading, width }) => heading.padStart(width + 1));
  const lines = rows.map(({ key, values }) => {
    const cells = COLUMNS.map((column) => cellText(column, values[column.letter]).padStart(column.width + 1));
    return `${time}  ${key.padEnd(nameWidth)}${cells.join("")}`;
  });
  return `${[`${time}  ${"PORT".padEnd(nameWidth)}${headings.join("")}`, ...lines].join("\n")}\n\n`;
}
