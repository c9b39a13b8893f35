// Hosts: which addresses each station has, by what that is known, and when it moved (GET /v1/hosts).
import { useState } from "preact/hooks";
import { clock } from "./format.ts";
import { usePolled } from "./hooks.ts";
import { Rest, ROWS_MAX, TableCard } from "./table-card.tsx";

/** What the page takes of a row. */
export interface Host {
  readonly bridge: string;
  readonly vlan: number;
  readonly mac: string;
  readonly port: string;
  readonly remote: string | null;
  readonly name: string | null;
  readonly addresses: readonly {
    readonly address: string;
    readonly by: string;
    readonly conflict: unknown;
  }[];
  readonly last_seen: string;
  readonly gone: string | null;
  readonly moves: number;
  readonly last_move: { readonly time: string; readonly port: string } | null;
}

export function Hosts() {
  const { value } = usePolled<readonly Host[]>("hosts", 3000);
  const [search, setSearch] = useState("");
  if (value === undefined) return null;
  const found = value.filter((host) => isFound(host, search));
  return (
    <TableCard
      label="Hosts"
      heading={
        <>
          Hosts <small>{found.length} found</small>
        </>
      }
      search={{ label: "search hosts", placeholder: "IP, name, MAC, port", onInput: setSearch }}
      columns={["Address", "Name", "MAC", "Port", "Last seen", "Moved"]}
      rows={found
        .slice(0, ROWS_MAX)
        .map((host) => <HostRow key={`${host.bridge} ${host.vlan} ${host.mac}`} host={host} />)}
    >
      <Rest found={found.length} />
    </TableCard>
  );
}

/** True if every word of the search is a part of something that the host is called. */
export function isFound({ bridge, mac, port, remote, name, addresses }: Host, search: string): boolean {
  const called = [mac, port, bridge, remote ?? "", name ?? "", ...addresses.map(({ address }) => address)];
  const text = called.join(" ").toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

function HostRow({ host }: { host: Host }) {
  const { addresses, name, mac, port, bridge, gone, last_seen, moves, last_move } = host;
  return (
    <tr class={last_move ? "moved" : ""}>
      <th scope="row">
        {addresses.map(({ address, by, conflict }) => (
          <span key={address} title={`by ${by}`} class={conflict ? "warn" : ""}>
            {address} {conflict ? "⚠ claimed twice " : ""}
          </span>
        ))}
      </th>
      <td>{name ?? ""}</td>
      <td>
        <code>{mac}</code>
      </td>
      <td>
        {port} <small>{bridge}</small>
      </td>
      <td>{gone === null ? clock(Date.parse(last_seen)) : `gone since ${clock(Date.parse(gone))}`}</td>
      <td>{last_move && `${clock(Date.parse(last_move.time))} from ${last_move.port}, ${moves} in all`}</td>
    </tr>
  );
}
