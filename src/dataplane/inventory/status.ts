// Turns the shared counters and the records of the control thread into the values that it shows. Reads only.
import { type Address, formatAddress } from "../address.ts";
import { monotonicMs } from "../clock.ts";
import {
  bridgeCounter,
  DROPS,
  FDB_EVICTED,
  FDB_EXPIRED,
  FDB_LEARNED,
  FDB_MOVED,
  FLOOD_COPIES,
  IMPAIR_DUPLICATES,
  IMPAIR_HELD,
  MCAST_EVICTED,
  MIRROR_BYTES,
  MIRROR_OUTPUT_DROPS,
  MIRROR_PACKETS,
  MIRROR_QUEUE_DROPS,
  MSS_CLAMPED,
  mirrorCounter,
  NEIGH_EVICTED,
  NEIGH_REPLIES,
  portCounter,
  RX_BYTES,
  RX_PACKETS,
  TOO_BIG_REPLIES,
  TX_BYTES,
  TX_PACKETS,
  UNDERLAY_PORT,
  UNFILLED_CHECKSUMS,
} from "../counters.ts";
import { DROP_REASONS, type DropReasonName } from "../drop-reason.ts";
import type { Fdb } from "../fdb/fdb.ts";
import { queuedBytes } from "../io/frame-queue.ts";
import { remoteText } from "../remotes.ts";
import type {
  BridgeStatus,
  DropCounts,
  MirrorOutputSpec,
  MirrorStatus,
  PortStatus,
  UnderlayStatus,
  VtepStatus,
} from "../spec.ts";
import { overheadBytes } from "../wire/vxlan.ts";
import type { MirrorRecord } from "./mirrors.ts";
import type { Port } from "./port.ts";
import type { Ports } from "./ports.ts";

export function bridgeStatus(
  counters: Float64Array,
  index: number,
  name: string,
  fdb: Fdb,
): Omit<BridgeStatus, "mcastGroups"> {
  const at = bridgeCounter(index);
  return {
    name,
    fdbEntries: fdb.entryCount,
    fdbLearned: counters[at + FDB_LEARNED],
    fdbMoved: counters[at + FDB_MOVED],
    fdbExpired: counters[at + FDB_EXPIRED],
    fdbEvicted: counters[at + FDB_EVICTED],
    neighEvicted: counters[at + NEIGH_EVICTED],
    mcastEvicted: counters[at + MCAST_EVICTED],
    floodCopies: counters[at + FLOOD_COPIES],
  };
}

export function portStatus(counters: Float64Array, ports: Ports, port: Port): PortStatus {
  const { spec } = port;
  const at = portCounter(port.index);
  const nowMs = monotonicMs();
  const vxlan = spec.type === "vxlan" ? spec : null;
  return {
    bridge: spec.bridge,
    name: spec.name,
    type: spec.type,
    state: port.opened && port.reason === "" ? "up" : "down",
    reason: port.reason,
    mtuBytes: ports.mtuBytes(port),
    vni: vxlan?.vni ?? null,
    remote: vxlan && remoteText(vxlan),
    hub: vxlan?.hub ?? null,
    local: vxlan?.local ?? null,
    dstport: vxlan?.dstport ?? null,
    device: deviceName(ports, port),
    outer: vxlan?.outer ?? null,
    policy: spec.policy,
    impairIn: spec.impairIn,
    impairOut: spec.impairOut,
    rxPackets: counters[at + RX_PACKETS],
    rxBytes: counters[at + RX_BYTES],
    txPackets: counters[at + TX_PACKETS],
    txBytes: counters[at + TX_BYTES],
    tooBigReplies: counters[at + TOO_BIG_REPLIES],
    impairDuplicates: counters[at + IMPAIR_DUPLICATES],
    impairHeld: counters[at + IMPAIR_HELD],
    neighReplies: counters[at + NEIGH_REPLIES],
    mssClamped: counters[at + MSS_CLAMPED],
    unfilledChecksums: counters[at + UNFILLED_CHECKSUMS],
    lastReceived: port.activity.lastReceived(nowMs),
    quarantinedSecondsLeft: port.quarantine.secondsLeft(nowMs),
    quarantines: port.quarantine.count,
    loopEvidence: port.quarantine.evidence,
    drops: dropCounts(counters, port.index),
  };
}

/** The network device by which frames leave, as far as the kernel has a way. */
function deviceName({ ends: { hops } }: Ports, { opened, spec, ends }: Port): string | null {
  if (opened === null) return null;
  if (spec.type === "tap") return spec.name;
  if (spec.group !== null) return spec.group.dev;
  for (const { destination } of ends) {
    const hop = hops.hop(destination);
    if (hop !== null) return hop.device;
  }
  return null;
}

export function mirrorStatus(
  counters: Float64Array,
  { index, spec, queues, output, reason }: MirrorRecord,
): MirrorStatus {
  const at = mirrorCounter(index);
  return {
    bridge: spec.bridge,
    name: spec.name,
    state: output ? "up" : "down",
    reason,
    output: outputText(spec.output),
    packets: counters[at + MIRROR_PACKETS],
    bytes: counters[at + MIRROR_BYTES],
    queueBytes: queues.reduce((sum, queue) => sum + queuedBytes(queue), 0),
    queueDrops: counters[at + MIRROR_QUEUE_DROPS],
    outputDrops: counters[at + MIRROR_OUTPUT_DROPS],
  };
}

function outputText(output: MirrorOutputSpec): string {
  switch (output.type) {
    case "tap":
      return output.device;
    case "pcapng":
      return output.path;
    case "vxlan":
      return `vxlan ${output.remote} vni ${output.vni} dstport ${output.dstport}`;
    case "erspan":
      return `erspan ${output.remote} session ${output.session}`;
  }
}

/** One row for each remote VTEP or group, with the VNIs that join it. */
export function vtepStatus(ports: Ports): VtepStatus[] {
  const rows = new Map<string, VtepStatus & { vnis: number[] }>();
  for (const { spec, ends } of ports.all()) {
    if (spec.type !== "vxlan") continue;
    for (const end of ends) {
      if (end.remote === null) continue;
      const { local, dstport, vni } = spec;
      const remote = addressText(end.remote);
      const key = `${remote} ${local} ${dstport}`;
      const pathMtuBytes = ports.ends.mtuBytesOf(end);
      const overlayMtuBytes = pathMtuBytes - overheadBytes(end.remote.ipv6);
      const row = rows.get(key);
      if (row) row.vnis.push(vni);
      else rows.set(key, { remote, local, dstport, vnis: [vni], pathMtuBytes, overlayMtuBytes });
    }
  }
  return Array.from(rows.values());
}

/** Of an address that stays: a status is asked for every second, and writing a thousand addresses takes longer than the rest. */
function addressText(address: Address): string {
  const known = addressTexts.get(address);
  if (known !== undefined) return known;
  const text = formatAddress(address.words);
  addressTexts.set(address, text);
  return text;
}

const addressTexts = new WeakMap<Address, string>();

export function underlayStatus(counters: Float64Array, ports: Ports): UnderlayStatus {
  const { rings, underlays } = ports;
  const { paths, hops } = ports.ends;
  return {
    io: rings.isOpen ? "ring" : "udp",
    reason: `${rings.describe()}; ${paths.describe()}`,
    receivePackets: counters[portCounter(UNDERLAY_PORT) + RX_PACKETS],
    receiveOverruns: underlays.receiveOverruns() + rings.drops(),
    receiveQueueBytes: underlays.receiveQueueBytes(),
    pathChanges: hops.changes,
    drops: dropCounts(counters, UNDERLAY_PORT),
  };
}

/** Reasons that occurred, with their counts. */
function dropCounts(counters: Float64Array, port: number): DropCounts {
  const counts: Partial<Record<DropReasonName, number>> = {};
  const at = portCounter(port) + DROPS;
  DROP_REASONS.forEach(({ name }, reason) => {
    if (counters[at + reason] > 0) counts[name] = counters[at + reason];
  });
  return counts;
}
