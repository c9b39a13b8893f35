// Which datagrams a firewall has to let pass for the ports of a configuration: for each far end one that arrives and one that
// leaves. Pure.
import { isIP } from "node:net";
import type { Question } from "./judge.ts";
import { canonical, isMulticast } from "./matches.ts";
import type { Family } from "./model.ts";

/** Whom a port of the switch exchanges datagrams with. */
export interface Peer {
  /** The VTEP, or a multicast group; null = whoever sends. */
  readonly remote: string | null;
  readonly local: string | null;
  readonly dstport: number;
  /** null = whatever the route says. */
  readonly device: string | null;
}

/** `deviceTo`: by which the route to a remote leads, null if there is none or it was not asked for. */
export function questionsOf(peers: readonly Peer[], deviceTo: (remote: string) => string | null): Question[] {
  const hasPorts = new Set(peers.map(({ dstport }) => dstport)).size > 1;
  return peers.flatMap((peer) => {
    const families = familiesOf(peer);
    return families.flatMap((family) => {
      const whom = peer.remote ?? (families.length > 1 ? `any over IPv${family}` : "any");
      const name = hasPorts ? `${whom} port ${peer.dstport}` : whom;
      return datagramsOf(peer, family, deviceTo).map((datagram) => ({ peer: name, datagram }));
    });
  });
}

function familiesOf({ remote, local }: Peer): Family[] {
  const version = isIP(remote ?? local ?? "");
  return version === 0 ? [4, 6] : [version === 6 ? 6 : 4];
}

function datagramsOf(
  { remote, local, dstport, device: fixed }: Peer,
  family: Family,
  deviceTo: (remote: string) => string | null,
): Question["datagram"][] {
  const device = fixed ?? (remote === null ? null : deviceTo(remote));
  const ours = local !== null && isIP(local) === family ? canonical(local) : null;
  const theirs = remote === null ? null : canonical(remote);
  const isGroup = remote !== null && isMulticast(remote);
  const common = { family, dstport, device };
  return [
    { ...common, hook: "input", saddr: isGroup ? null : theirs, daddr: isGroup ? theirs : ours },
    { ...common, hook: "output", saddr: ours, daddr: theirs },
  ];
}
