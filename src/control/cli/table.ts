// Rows as aligned columns, two spaces apart: numbers to the right, words to the left.

export type Cell = string | number | null;

/** A heading and a line a row, each ended; null is shown as `-`. */
export function table(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const texts = rows.map((row) => row.map((cell) => (cell === null || cell === "" ? "-" : String(cell))));
  const widths = headings.map((heading, column) =>
    texts.reduce((width, row) => Math.max(width, row[column]!.length), heading.length),
  );
  const isRight = headings.map((_, column) => rows.some((row) => typeof row[column] === "number"));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) =>
        isRight[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
      )
      .join("  ")
      .trimEnd();
  return [headings, ...texts].map((cells) => `${line(cells)}\n`).join("");
}
