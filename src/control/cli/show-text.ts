// The answers of the daemon as text for people: an overview in the manner of `ovs-vsctl show`, tables for the rest.

import { impairmentText } from "../../dataplane/cables/impairment-words.ts";
import { VXLAN_SRCPORT_DEFAULT } from "../config/limits.ts";
import { unusualOuter } from "../outer-words.ts";
import { unusualPolicy } from "../policy-words.ts";
import type { FdbView, MirrorView, Overview, PortView, VtepView } from "../server/views.ts";
import { table } from "./table.ts";

/** `show`. */
export function overviewText(overview: Overview): string {
  const { underlay, workers, bridges, ports, mirrors } = overview;
  const why = underlay.reason === "" ? "" : ` (${underlay.reason})`;
  const lines = [`vxswitch ${overview.version}, underlay ${underlay.io}${why}`];
  if (underlay.srcport !== VXLAN_SRCPORT_DEFAULT) lines[0] += `, srcport ${underlay.srcport}`;
  if (workers.length > 1) lines[0] += `, ${workers.length} workers`;
  if (!overview.alive) lines.push("    a forwarding thread does not answer");
  if (overview.worker_restarts > 0) lines.push(`    worker restarts: ${overview.worker_restarts}`);
  for (const { bridge, ageing, maxaddress, fdb_entries: entries, ...row } of bridges) {
    const bpdu = row.forward_bpdu ? "" : ", forward_bpdu false";
    const guard = row.loop_guard === 0 ? "" : `, loop_guard ${row.loop_guard}s`;
    const snooping = row.mcast_snooping ? `, mcast_snooping true, groups ${row.mcast_groups}` : "";
    const options = `ageing ${ageing}s, addresses ${entries} of ${maxaddress}${bpdu}${guard}${snooping}`;
    lines.push(`    Bridge ${bridge}`, `        ${options}`);
    for (const port of ports.filter((port) => port.bridge === bridge)) {
      lines.push(`        Port ${port.port}`, `            ${portLine(port)}`);
      lines.push(...reasonLines(port), ...quarantineLines(port));
    }
    for (const mirror of mirrors.filter((mirror) => mirror.bridge === bridge)) {
      const selected = pairs(mirror.select);
      lines.push(`        Mirror ${mirror.mirror}`, `            ${selected} output ${mirror.output}`);
      lines.push(...reasonLines(mirror));
    }
  }
  return `${lines.join("\n")}\n`;
}

function portLine(port: PortView): string {
  const { type, vni, remote, local, dstport, mtu } = port;
  const policy = { ...unusualPolicy(port), ...impairments(port) };
  if (type === "tap") return `type tap ${setPairs({ mtu, ...policy })}`;
  return `type vxlan ${setPairs({ vni, remote, local, dstport, ...unusualOuter(port), ...policy })}`;
}

function impairments(port: PortView): Record<string, string> {
  return { impair_in: impairmentText(port.impair_in), impair_out: impairmentText(port.impair_out) };
}

function reasonLines({ state, reason }: { state: string; reason: string }): string[] {
  return state === "up" ? [] : [`            down: ${reason}`];
}

/** Of a port that was quarantined, now or before; `show ports --json` has the bytes. */
function quarantineLines({
  quarantines,
  quarantined_seconds_left: seconds,
  loop_evidence: last,
}: PortView): string[] {
  if (quarantines === 0) return [];
  const left = seconds === 0 ? "" : `, ${seconds} s left`;
  return [`            quarantines ${quarantines}${left}, the last for a frame of ${last?.time}`];
}

/** Without what is not set. */
function setPairs(words: Readonly<Record<string, unknown>>): string {
  return pairs(
    Object.fromEntries(Object.entries(words).filter(([, value]) => value !== null && value !== "")),
  );
}

function pairs(words: Readonly<Record<string, unknown>>): string {
  return Object.entries(words)
    .map(([word, value]) => `${word} ${value}`)
    .join(" ");
}

/** `show ports`. */
export function portsText(ports: readonly PortView[]): string {
  const headings = ["bridge", "port", "type", "state", "mtu", "vni", "remote"];
  const counted = ["rx packets", "rx bytes", "rx idle", "tx packets", "tx bytes", "drops"];
  const rows = ports.map((port) => [
    ...[port.bridge, port.port, port.type, port.state, port.mtu, port.vni, port.remote],
    ...[
      port.rx_packets,
      port.rx_bytes,
      idleText(port),
      port.tx_packets,
      port.tx_bytes,
      sum(Object.values(port.drops)),
    ],
  ]);
  const down = ports.filter(({ state }) => state === "down");
  const reasons = down.map(({ bridge, port, reason }) => `${bridge}/${port} is down: ${reason}\n`);
  const impaired = ports.filter((port) => port.impair_in !== null || port.impair_out !== null);
  return table([...headings, ...counted], rows) + reasons.join("") + impaired.map(impairedLine).join("");
}

/** Since it last received; `-` = never. */
function idleText({ rx_idle_seconds: seconds }: PortView): string | null {
  return seconds === null ? null : `${seconds}s`;
}

function impairedLine(port: PortView): string {
  const counted = `${port.impair_held} frames held, ${port.impair_duplicates} duplicates made`;
  return `${port.bridge}/${port.port} is impaired: ${setPairs(impairments(port))} (${counted})\n`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** `show fdb`. */
export function fdbText(rows: readonly FdbView[]): string {
  return table(
    ["bridge", "port", "vlan", "mac", "remote", "vni", "age"],
    rows.map((row) => {
      const age = row.static ? "static" : row.age_seconds;
      return [row.bridge, row.port, row.vlan, row.mac, row.remote, row.vni, age];
    }),
  );
}

/** `show mirrors`. */
export function mirrorsText(mirrors: readonly MirrorView[]): string {
  const headings = [
    "bridge",
    "mirror",
    "state",
    "packets",
    "bytes",
    "queue drops",
    "output drops",
    "output",
    "select",
  ];
  const rows = mirrors.map((mirror) => [
    ...[mirror.bridge, mirror.mirror, mirror.state, mirror.packets, mirror.bytes],
    ...[mirror.drops.queue, mirror.drops.output, mirror.output, pairs(mirror.select)],
  ]);
  const down = mirrors.filter(({ state }) => state === "down");
  const reasons = down.map(({ bridge, mirror, reason }) => `${bridge}/${mirror} is down: ${reason}\n`);
  return table(headings, rows) + reasons.join("");
}

/** `show vteps`. */
export function vtepsText(vteps: readonly VtepView[]): string {
  return table(
    ["remote", "local", "dstport", "vni", "path mtu", "overlay mtu"],
    vteps.map((vtep) => {
      return [vtep.remote, vtep.local, vtep.dstport, vtep.vnis.join(","), vtep.path_mtu, vtep.overlay_mtu];
    }),
  );
}
