// A card with a heading, a search and a table: what the ports, the FDB and the hosts have in common.
import type { ComponentChildren } from "preact";

/** Rows of a table that is searched in the page, shown at once. */
export const ROWS_MAX = 200;

interface Search {
  readonly label: string;
  readonly placeholder: string;
  readonly onInput: (text: string) => void;
}

interface Props {
  readonly label: string;
  readonly heading: ComponentChildren;
  /** null = there is too little to search in. */
  readonly search: Search | null;
  /** Those of numbers stand in braces. */
  readonly columns: readonly (string | { readonly number: string })[];
  readonly rows: ComponentChildren;
  /** Below the table. */
  readonly children?: ComponentChildren;
}

export function TableCard({ label, heading, search, columns, rows, children }: Props) {
  return (
    <section class="card" aria-label={label}>
      <div class="head">
        <h2>{heading}</h2>
        {search !== null && (
          <input
            type="search"
            aria-label={search.label}
            placeholder={search.placeholder}
            onInput={(event) => search.onInput(event.currentTarget.value)}
          />
        )}
      </div>
      <div class="scroll tall">
        <table>
          <thead>
            <tr>
              {columns.map((column) =>
                typeof column === "string" ? (
                  <th key={column}>{column}</th>
                ) : (
                  <th key={column.number} class="number">
                    {column.number}
                  </th>
                ),
              )}
            </tr>
          </thead>
          <tbody>{rows}</tbody>
        </table>
      </div>
      {children}
    </section>
  );
}

/** How many of the found rows are not shown. */
export function Rest({ found }: { found: number }) {
  if (found <= ROWS_MAX) return null;
  return <p class="quiet">{found - ROWS_MAX} more; search narrows them down.</p>;
}
