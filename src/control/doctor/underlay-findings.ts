// What `vxswitch doctor` finds when it holds a configuration against the host: ways to the remotes, MTUs, the firewall. Pure.
import type { VxlanPortSpec } from "../../dataplane/spec.ts";
import { overheadBytes } from "../../dataplane/wire/vxlan.ts";
import type { Config } from "../config/schema.ts";
import { specsOf } from "../config/specs.ts";
import type { Overview } from "../server/views.ts";
import { type Finding, FORWARDING, type Judged, note, ok, problem, warning } from "./finding.ts";
import type { Drop } from "./firewall/judge.ts";
import type { Peer } from "./firewall/questions.ts";
import type { HostFacts, HostQuestion, Route } from "./host.ts";

/** Each is asked for by a process of its own. */
const WAYS_MAX = 64;

/** For each the firewall is judged. */
const PEERS_MAX = 256;

/** Each is bound once, to see whether it can be. */
const UDP_PORTS_MAX = 16;

/** UDP ports that the switch listens at, the underlay's own first. */
export function udpPorts(config: Config): number[] {
  const ports = new Set([config.underlay.dstport, ...vxlanPorts(config).map(({ dstport }) => dstport)]);
  return [...ports].slice(0, UDP_PORTS_MAX);
}

/** What has to be known of the host. */
export function hostQuestion(config: Config): HostQuestion {
  const ports = vxlanPorts(config);
  const ways = new Map(
    ports.flatMap(({ remotes, local }) => remotes.map((remote) => [`${remote} ${local}`, { remote, local }])),
  );
  const peers = new Map(ports.flatMap(peersOf).map((peer) => [Object.values(peer).join(" "), peer]));
  return { ways: [...ways.values()].slice(0, WAYS_MAX), peers: [...peers.values()].slice(0, PEERS_MAX) };
}

/** `daemon` is the switch that runs with this configuration, null if none does. */
export function underlayFindings(config: Config, host: HostFacts, daemon: Overview | null): Finding[] {
  const judged = [
    ...routeFindings(host.routes),
    ...Object.keys(config.bridges).flatMap((bridge) => mtuFindings(config, bridge, host.routes, daemon)),
    firewallFinding(host, daemon),
  ];
  return judged.map((finding) => ({ ...finding, needed_for: FORWARDING }));
}

/** A group is sent to, and everyone in it is heard. */
function peersOf({ remotes, group, local, dstport }: VxlanPortSpec): Peer[] {
  const common = { local, dstport, device: group?.dev ?? null };
  const others = group === null ? [] : [group.address];
  const named = [...remotes, ...others].map((remote) => ({ remote, ...common }));
  return remotes.length > 0 ? named : [...named, { remote: null, ...common }];
}

function vxlanPorts(config: Config): VxlanPortSpec[] {
  return specsOf(config).ports.filter((port) => port.type === "vxlan");
}

function routeFindings(routes: readonly Route[]): Judged[] {
  const devices = new Set(routes.flatMap(({ device }) => device ?? []));
  const lost = routes.filter(({ device }) => device === null);
  if (lost.length === 0 && routes.length > 0)
    return [ok("routes", `to all ${routes.length} remotes, by ${[...devices].join(", ")}`)];
  return lost.map(({ remote, why }) => {
    const remedy = `ip route add ${remote} via GATEWAY dev DEVICE, or correct 'remote' or 'local'`;
    return warning(`route ${remote}`, why, remedy);
  });
}

/** The stations of a bridge may use what its narrowest way carries. */
function mtuFindings(
  config: Config,
  bridge: string,
  routes: readonly Route[],
  daemon: Overview | null,
): Judged[] {
  const remotes = new Set(vxlanPorts(config).flatMap((port) => (port.bridge === bridge ? port.remotes : [])));
  const ways = routes.flatMap(({ remote, device, mtuBytes }) =>
    mtuBytes === null || !remotes.has(remote)
      ? []
      : [{ remote, device, mtuBytes, overlayBytes: mtuBytes - overheadBytes(remote.includes(":")) }],
  );
  if (ways.length === 0) return [];
  const narrowest = ways.reduce((least, way) => (way.overlayBytes < least.overlayBytes ? way : least));
  const { device, mtuBytes, overlayBytes } = narrowest;
  const evidence = `${device} carries ${mtuBytes} bytes, so stations of ${bridge} ${overlayBytes}`;
  const tooBig =
    daemon?.ports.filter((port) => port.bridge === bridge && (port.drops.too_big ?? 0) > 0) ?? [];
  const dropped = tooBig.reduce((sum, { drops }) => sum + (drops.too_big ?? 0), 0);
  const taps = tapMtus(config, bridge, daemon).filter(({ mtu }) => mtu > overlayBytes);
  const findings = taps.map(({ name, mtu }) => {
    const remedy = `ip link set ${name} mtu ${overlayBytes}, or ip link set ${device} mtu ${mtuBytes + mtu - overlayBytes} on the whole way`;
    return warning(`mtu ${bridge}/${name}`, `${name} has ${mtu}; ${evidence}`, remedy);
  });
  if (dropped > 0) {
    const remedy = `on the stations: ip link set vxlan0 mtu ${overlayBytes}; or a larger MTU of ${device} and the whole way`;
    return [...findings, warning(`mtu ${bridge}`, `${dropped} frames were too big; ${evidence}`, remedy)];
  }
  return findings.length > 0 ? findings : [ok(`mtu ${bridge}`, evidence)];
}

function tapMtus(config: Config, bridge: string, daemon: Overview | null): { name: string; mtu: number }[] {
  if (daemon !== null)
    return daemon.ports.flatMap(({ bridge: of, type, port, mtu }) =>
      of === bridge && type === "tap" ? [{ name: port, mtu }] : [],
    );
  return Object.entries(config.bridges[bridge]?.ports ?? {}).flatMap(([name, port]) =>
    port.type === "tap" && port.mtu !== undefined ? [{ name, mtu: port.mtu }] : [],
  );
}

/** So many are named; the rest is counted. */
const NAMED_MAX = 4;

/** Past a receive ring, INPUT is not asked. */
function firewallFinding({ drops, firewallWhy }: HostFacts, daemon: Overview | null): Judged {
  if (firewallWhy !== "")
    return note("firewall", `not looked at: ${firewallWhy}`, "as root, with nftables or iptables installed");
  if (drops.length === 0) return ok("firewall", "no rule or policy drops or rejects VXLAN");
  const isPassedBy = daemon?.underlay.io === "ring" && drops.every(({ hook }) => hook === "input");
  const evidence = listed(drops.map(dropWords), "; ") + (isPassedBy ? "; the receive ring passes by it" : "");
  const certain = drops.filter(({ isCertain }) => isCertain);
  if (certain.length === 0)
    return note(
      "firewall",
      evidence,
      "if VXLAN is lost: a rule before it that accepts UDP to the port (nft -a list ruleset, iptables -S)",
    );
  const remedy =
    "delete the rule, or put one before it that accepts VXLAN (nft -a list ruleset, iptables -S)";
  if (isPassedBy) return note("firewall", evidence, remedy);
  const hits = certain.some(({ packets }) => (packets ?? 0) > 0);
  return hits ? problem("firewall", evidence, remedy) : warning("firewall", evidence, remedy);
}

function dropWords({ where, action, packets, isCertain, peers }: Drop): string {
  const certainty = isCertain ? "" : " for some datagrams";
  const whose = peers.length === 0 ? "" : ` (${listed(peers, ", ")})`;
  const counted = packets === null ? "" : `, ${packets} packets so far`;
  return `${where}: ${action}${certainty}${whose}${counted}`;
}

function listed(words: readonly string[], separator: string): string {
  const rest = words.length - NAMED_MAX;
  const named = words.slice(0, NAMED_MAX);
  return [...named, ...(rest > 0 ? [`${rest} more`] : [])].join(separator);
}
