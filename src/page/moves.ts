// Which addresses moved from one port to another while the page watched.
import type { FdbView } from "../control/server/views.ts";

/** Addresses remembered. */
const REMEMBERED_MAX = 4096;

type Row = Pick<FdbView, "bridge" | "vlan" | "mac" | "port" | "remote">;

export interface Move {
  readonly timeMs: number;
  readonly from: string;
}

interface Place {
  readonly where: string;
  readonly move: Move | undefined;
}

export class MoveLog {
  readonly #places = new Map<string, Place>();

  /** Compares with what was seen before. */
  see(rows: readonly Row[], timeMs: number): void {
    for (const row of rows) {
      const key = keyOf(row);
      const where = row.remote === null ? row.port : `${row.port} (${row.remote})`;
      const known = this.#places.get(key);
      const move = known === undefined || known.where === where ? known?.move : { timeMs, from: known.where };
      this.#places.delete(key);
      this.#places.set(key, { where, move });
    }
    for (const key of this.#places.keys()) {
      if (this.#places.size <= REMEMBERED_MAX) break;
      this.#places.delete(key);
    }
  }

  of(row: Row): Move | undefined {
    return this.#places.get(keyOf(row))?.move;
  }
}

function keyOf({ bridge, vlan, mac }: Row): string {
  return `${bridge} ${vlan} ${mac}`;
}
