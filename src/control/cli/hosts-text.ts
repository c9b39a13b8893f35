// `show hosts` as a table for people.
import type { HostView } from "../server/host-view.ts";
import { table } from "./table.ts";

/** A line a host; an address that another station claims as well is marked. */
export function hostsText(hosts: readonly HostView[]): string {
  const headings = [
    "bridge",
    "port",
    "vlan",
    "mac",
    "remote",
    "vni",
    "first seen",
    "last seen",
    "moves",
    "from",
  ];
  const rows = hosts.map((host) => [
    ...[host.bridge, host.port, host.vlan, host.mac, host.remote, host.vni],
    ...[time(host.first_seen), `${time(host.last_seen)}${host.gone === null ? "" : ", gone"}`],
    ...[host.moves, host.last_move?.port ?? null, host.name],
    host.addresses.map(({ address, conflict }) => address + (conflict === null ? "" : "!")).join(" "),
  ]);
  const conflicts = hosts.flatMap((host) =>
    host.addresses.flatMap(({ address, conflict }) =>
      conflict === null
        ? []
        : [`${address} of ${host.mac} was claimed by ${conflict.mac} at ${conflict.time}\n`],
    ),
  );
  return table([...headings, "name", "addresses"], rows) + conflicts.join("");
}

/** `2026-01-31 12:00:00`, UTC as in the log. */
function time(iso: string): string {
  return iso.slice(0, 19).replace("T", " ");
}
