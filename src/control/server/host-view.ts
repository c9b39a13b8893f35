// A row of `show hosts --json`. The names are relied upon from outside: add to them, do not change them.
import type { HostRow } from "../../dataplane/spec.ts";

export type HostView = ReturnType<typeof hostView>;

export function hostView(host: HostRow) {
  const { bridge, vlan, mac, port, remote, vni, static: isStatic, name, lastMove } = host;
  return {
    ...{ bridge, vlan, mac, port, remote, vni, static: isStatic, name },
    addresses: host.addresses.map(({ address, by, firstSeenMs, lastSeenMs, conflict }) => ({
      address,
      by,
      first_seen: isoTime(firstSeenMs),
      last_seen: isoTime(lastSeenMs),
      conflict: conflict && { mac: conflict.mac, time: isoTime(conflict.timeMs) },
    })),
    first_seen: isoTime(host.firstSeenMs),
    last_seen: isoTime(host.lastSeenMs),
    gone: host.goneMs === 0 ? null : isoTime(host.goneMs),
    moves: host.moves,
    last_move: lastMove && { time: isoTime(lastMove.timeMs), port: lastMove.port, remote: lastMove.remote },
  };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
