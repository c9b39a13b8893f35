// Who is where: the addresses that the switch has learnt, with a search, and which of them have moved while the page watched.
import { useEffect, useRef, useState } from "preact/hooks";
import type { FdbView } from "../control/server/views.ts";
import { clock, duration, grouped } from "./format.ts";
import { usePolled } from "./hooks.ts";
import { type Move, MoveLog } from "./moves.ts";
import { TableCard } from "./table-card.tsx";

const ROWS_MAX = 100;

interface FdbAnswer {
  readonly total: number;
  readonly rows: readonly FdbView[];
}

export function Fdb() {
  const [search, setSearch] = useState("");
  const query = new URLSearchParams({ search: search.trim(), limit: String(ROWS_MAX) });
  const { value } = usePolled<FdbAnswer>(`fdb-search?${query}`, 3000);
  const moves = useMoves(value?.rows);
  return (
    <TableCard
      label="FDB"
      heading={
        <>
          FDB <small data-testid="fdb-total">{value ? `${grouped(value.total)} found` : ""}</small>
        </>
      }
      search={{ label: "search the FDB", placeholder: "MAC, port, VTEP, vlan=10", onInput: setSearch }}
      columns={["MAC", "Port", "VTEP", { number: "VLAN" }, { number: "Age" }, "Moved"]}
      rows={value?.rows.map((row) => (
        <FdbRow key={`${row.bridge} ${row.vlan} ${row.mac}`} row={row} move={moves.of(row)} />
      ))}
    >
      {value && value.rows.length === 0 && (
        <p class="quiet">{search === "" ? "Nobody has been heard yet." : "Nobody of that kind."}</p>
      )}
    </TableCard>
  );
}

function FdbRow({ row, move }: { row: FdbView; move: Move | undefined }) {
  return (
    <tr class={move && "moved"}>
      <th scope="row">
        <code>{row.mac}</code>
      </th>
      <td>
        {row.port} <small>{row.bridge}</small>
      </td>
      <td>{row.remote ?? "–"}</td>
      <td class="number">{row.vlan === 0 ? "–" : row.vlan}</td>
      <td class="number">{row.static ? "static" : duration(row.age_seconds)}</td>
      <td>{move && `${clock(move.timeMs)} from ${move.from}`}</td>
    </tr>
  );
}

function useMoves(rows: readonly FdbView[] | undefined): MoveLog {
  const log = useRef(new MoveLog());
  useEffect(() => {
    if (rows) log.current.see(rows, Date.now());
  }, [rows]);
  return log.current;
}
