// What the data plane reports, in the public shapes of `show --json`: snake_case, one object a row. The names are
// relied upon from outside: add to them, do not change them.

import { impairmentWords } from "../../dataplane/cables/impairment-words.ts";
import { DROP_REASONS } from "../../dataplane/drop-reason.ts";
import type {
  BridgeStatus,
  DropCounts,
  DroppedFrame,
  FdbRow,
  MirrorStatus,
  PortStatus,
  SwitchStatus,
  UnderlayStatus,
  VtepStatus,
  WorkerStatus,
} from "../../dataplane/spec.ts";
import type { Config } from "../config/schema.ts";
import { specsOf } from "../config/specs.ts";
import { DROP_REMEDIES } from "../drop-remedies.ts";
import { keyOf } from "../key.ts";
import { outerWords } from "../outer-words.ts";
import { mirrorWords } from "../plan-text.ts";
import { policyWords } from "../policy-words.ts";
import { VERSION } from "../version.ts";

export type PortView = ReturnType<typeof portView>;
export type BridgeView = ReturnType<typeof bridgeView>;
export type MirrorView = ReturnType<typeof mirrorViews>[number];
export type VtepView = ReturnType<typeof vtepView>;
export type FdbView = ReturnType<typeof fdbView>;
export type DropView = ReturnType<typeof dropViews>[number];
export type Overview = ReturnType<typeof overview>;

/** Everything but the FDB. */
export function overview(status: SwitchStatus, config: Config, alive: boolean) {
  return {
    version: VERSION,
    pid: process.pid,
    alive,
    workers: status.workers.map(workerView),
    learning_drops: status.learningDrops,
    hosts: status.hosts.present,
    hosts_evicted: status.hosts.evicted,
    host_events_lost: status.hosts.eventsLost,
    worker_restarts: status.workerRestarts,
    underlay: underlayView(status.underlay, config),
    bridges: status.bridges.map((bridge) => bridgeView(bridge, config)),
    ports: status.ports.map(portView),
    mirrors: mirrorViews(status.mirrors, config),
    vteps: status.vteps.map(vtepView),
  };
}

function underlayView(underlay: UnderlayStatus, config: Config) {
  return {
    io: underlay.io,
    reason: underlay.reason,
    srcport: config.underlay.srcport,
    rx_packets: underlay.receivePackets,
    rx_overruns: underlay.receiveOverruns,
    drops: underlay.drops,
  };
}

function workerView({ alive, receivePackets }: WorkerStatus) {
  return { alive, rx_packets: receivePackets };
}

function bridgeView(bridge: BridgeStatus, config: Config) {
  return {
    bridge: bridge.name,
    ageing: config.bridges[bridge.name]?.ageing ?? null,
    maxaddress: config.bridges[bridge.name]?.maxaddress ?? null,
    forward_bpdu: config.bridges[bridge.name]?.forward_bpdu ?? true,
    loop_guard: config.bridges[bridge.name]?.loop_guard ?? 0,
    mcast_snooping: config.bridges[bridge.name]?.mcast_snooping ?? false,
    fdb_entries: bridge.fdbEntries,
    fdb_learned: bridge.fdbLearned,
    fdb_moved: bridge.fdbMoved,
    fdb_expired: bridge.fdbExpired,
    fdb_evicted: bridge.fdbEvicted,
    neigh_evicted: bridge.neighEvicted,
    mcast_groups: bridge.mcastGroups,
    mcast_evicted: bridge.mcastEvicted,
    flood_copies: bridge.floodCopies,
  };
}

/** A row of `show ports --json`. */
function portView(port: PortStatus) {
  return {
    bridge: port.bridge,
    port: port.name,
    type: port.type,
    state: port.state,
    reason: port.reason,
    mtu: port.mtuBytes,
    vni: port.vni,
    remote: port.remote,
    hub: port.hub,
    local: port.local,
    dstport: port.dstport,
    ...outerWords(port.outer),
    ...policyWords(port.policy),
    impair_in: port.impairIn && impairmentWords(port.impairIn),
    impair_out: port.impairOut && impairmentWords(port.impairOut),
    rx_packets: port.rxPackets,
    rx_bytes: port.rxBytes,
    tx_packets: port.txPackets,
    tx_bytes: port.txBytes,
    too_big_replies: port.tooBigReplies,
    impair_duplicates: port.impairDuplicates,
    impair_held: port.impairHeld,
    neigh_replies: port.neighReplies,
    mss_clamped: port.mssClamped,
    unfilled_checksums: port.unfilledChecksums,
    rx_idle_seconds: port.lastReceived?.agoSeconds ?? null,
    quarantined_seconds_left: port.quarantinedSecondsLeft,
    quarantines: port.quarantines,
    loop_evidence: port.loopEvidence && evidenceView(port.loopEvidence),
    drops: port.drops,
  };
}

function evidenceView({ wallMs, frame }: NonNullable<PortStatus["loopEvidence"]>) {
  return { time: new Date(wallMs).toISOString(), frame: frame.toString("hex") };
}

/** The rows of `show mirrors --json`. */
function mirrorViews(mirrors: readonly MirrorStatus[], config: Config) {
  const words = new Map(specsOf(config).mirrors.map((mirror) => [keyOf(mirror), mirrorWords(mirror)]));
  return mirrors.map((mirror) => ({
    bridge: mirror.bridge,
    mirror: mirror.name,
    state: mirror.state,
    reason: mirror.reason,
    select: selection(words.get(keyOf(mirror)) ?? {}),
    output: mirror.output,
    packets: mirror.packets,
    bytes: mirror.bytes,
    drops: { queue: mirror.queueDrops, output: mirror.outputDrops },
  }));
}

function selection(words: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(words).filter(([word, value]) => word !== "output" && value !== ""),
  );
}

/** A row of `show vteps --json`. */
function vtepView(vtep: VtepStatus) {
  return {
    remote: vtep.remote,
    local: vtep.local,
    dstport: vtep.dstport,
    vnis: vtep.vnis,
    path_mtu: vtep.pathMtuBytes,
    overlay_mtu: vtep.overlayMtuBytes,
  };
}

/** A row of `show fdb --json`. */
export function fdbView(row: FdbRow) {
  const { bridge, vlan, mac, port, remote, vni, ageSeconds, static: isStatic } = row;
  return { bridge, vlan, mac, port, remote, vni, age_seconds: ageSeconds, static: isStatic };
}

/** The rows of `show drops --json`: what was dropped, where and why; before a port is known, the port is `underlay`. */
export function dropViews(status: SwitchStatus, dropped: readonly DroppedFrame[]) {
  return [
    ...dropRows("", "underlay", status.underlay.drops, dropped),
    ...status.ports.flatMap(({ bridge, name, drops }) => dropRows(bridge, name, drops, dropped)),
  ];
}

function dropRows(bridge: string, port: string, drops: DropCounts, dropped: readonly DroppedFrame[]) {
  const isHere = ({ at }: DroppedFrame): boolean =>
    (at?.bridge ?? "") === bridge && (at?.port ?? "underlay") === port;
  return DROP_REASONS.filter(({ name }) => (drops[name] ?? 0) > 0).map(({ name, text }) => ({
    bridge,
    port,
    reason: name,
    count: drops[name] ?? 0,
    text,
    remedy: DROP_REMEDIES[name],
    recent: dropped.filter((frame) => frame.reason === name && isHere(frame)).map(droppedView),
  }));
}

/** One of the last frames that were dropped; `port` is where it came in, or who sent what no port took. */
function droppedView({ seconds, nanoseconds, from, sender, originalBytes, bytes }: DroppedFrame) {
  return {
    time: new Date(seconds * 1000 + Math.floor(nanoseconds / 1e6)).toISOString(),
    port: from?.port ?? sender,
    length: originalBytes,
    bytes: Buffer.from(bytes).toString("hex"),
  };
}
