// The steps of a trace from the look-up on: where the frame goes and why, which ports get none, what the switch answers.
import { DROP_REASONS, Drop, type DropReasonName } from "../drop-reason.ts";
import { FRAME_FLOW } from "../frames.ts";
import {
  POLICY_ISOLATED,
  POLICY_NEIGH_SUPPRESS,
  POLICY_NO_BCAST_FLOOD,
  POLICY_NO_FLOOD,
  POLICY_NO_MCAST_FLOOD,
} from "../policy.ts";
import { ETHERTYPE_SERVICE_VLAN, ETHERTYPE_VLAN } from "../stages/inner.ts";
import { formatMac, isBroadcast, isMulticast } from "../wire/mac.ts";
import type { TraceCopyRow, TraceStep } from "./answer.ts";
import { isDropped, sentenceOf, vlanText } from "./ingress-steps.ts";
import type { TracedCopy } from "./replica.ts";
import type { Scene } from "./scene.ts";

/** Drops that end a frame before its target is looked up. */
const BEFORE: readonly DropReasonName[] = [
  "vxlan_short",
  "vxlan_flags",
  "vtep_unknown",
  "vni_unknown",
  "vtep_unadmitted",
  "outer_malformed",
  "inner_malformed",
  "source_mac_invalid",
  "offload_invalid",
  "ecn_invalid",
  "policed",
  "quarantined",
  "impair_loss",
  "static_moved",
  "locked",
];

/** From the look-up to the devices. */
export function egressSteps(scene: Scene): TraceStep[] {
  const { evidence } = scene;
  if (evidence.port === null || isDropped(scene, BEFORE)) return [];
  if (isDropped(scene, ["vlan_refused"]) && scene.isRefusedOnTheWayIn) return [];
  const steps: TraceStep[] = [{ stage: "look up", text: lookUpText(scene) }];
  if (evidence.isFlooded) steps.push(...floodSteps(scene));
  if (evidence.isClamped)
    steps.push({
      stage: "clamp",
      text: "it offers TCP segments larger than fit the way: its MSS is lowered",
    });
  for (const copy of evidence.copies) steps.push({ stage: "transmit", text: copyText(scene, copy) });
  for (const { port, reason } of evidence.lost)
    steps.push({
      stage: "transmit",
      text: `${scene.names.port(port).name}: ${lostText(scene, port, reason)}`,
    });
  for (const answer of evidence.answers)
    steps.push({ stage: "answer", text: `the switch answers: ${copyText(scene, answer)}` });
  return steps;
}

/** A copy in the answer's words. */
export function copyRow(scene: Scene, { destination, row, bytes, refusal }: TracedCopy): TraceCopyRow {
  const { remote, vni, sourcePort } = scene.names.end(destination);
  return {
    port: scene.names.port(scene.portOf(destination)).name,
    remote,
    vni,
    vlan: tagOf(bytes),
    bytes: bytes.length,
    sourcePort: sourcePort(row[FRAME_FLOW]),
    drop: refusal === 0 ? null : (DROP_REASONS[refusal].name as DropReasonName),
  };
}

function isSplit(reason: DropReasonName | undefined): boolean {
  return reason === "split_horizon";
}

function lookUpText(scene: Scene): string {
  const { evidence, vlan } = scene;
  const { keys, targetEntry, drop } = evidence;
  const mac = formatMac(keys.target, keys.targetLow);
  if (isBroadcast(keys.target, keys.targetLow)) return "a broadcast: to be flooded";
  if (isMulticast(keys.target)) return `${mac} is a multicast address: to be flooded`;
  const reason = drop === null ? "" : `: ${sentenceOf(drop.reason)}`;
  if (targetEntry === null && isSplit(drop?.reason)) return `${mac} is its own source${reason}`;
  if (targetEntry === null)
    return `${mac} is not known${vlan === 0 ? "" : ` in ${vlanText(vlan)}`}: to be flooded`;
  const place = `${scene.placeText(targetEntry.destination)}, ${scene.ageText(targetEntry)}`;
  if (evidence.isFlooded) return `${mac} was at ${place}, and has made room in the FDB: to be flooded`;
  return `${mac} is at ${place}${reason}`;
}

function floodSteps(scene: Scene): TraceStep[] {
  const { evidence, names, tables } = scene;
  const steps: TraceStep[] = [];
  const bridge = tables.bridges[tables.portBridge[evidence.port as number]];
  const served = new Set([
    ...evidence.copies.map(({ destination }) => scene.portOf(destination)),
    ...evidence.lost.map(({ port }) => port),
  ]);
  const isEnded = isDropped(scene, ["bpdu", "loop", "storm"]);
  const others = Array.from(bridge?.flood.slice(0, bridge.floodCount) ?? [], (to) => scene.portOf(to));
  for (const port of new Set(isEnded ? [] : others)) {
    if (port === evidence.port || served.has(port)) continue;
    steps.push({ stage: "flood", text: `${names.port(port).name} gets none: ${barText(scene, port)}` });
  }
  if (evidence.drop !== null) steps.push({ stage: "flood", text: sentenceOf(evidence.drop.reason) });
  return steps;
}

/** Why flooding passes a port by. */
function barText(scene: Scene, port: number): string {
  const { tables, policy, vlan, evidence } = scene;
  const bits = tables.portPolicy[port];
  const { target, targetLow } = evidence.keys;
  if ((bits & policy & POLICY_ISOLATED) !== 0) return "both ports are isolated (isolated: true)";
  if (!tables.vlans.carries(port, vlan)) return `it does not carry ${vlanText(vlan)}`;
  if (!isMulticast(target) && (bits & POLICY_NO_FLOOD) !== 0)
    return "it takes no frames to unknown addresses (flood: false)";
  if (isBroadcast(target, targetLow) && (bits & POLICY_NO_BCAST_FLOOD) !== 0)
    return "it takes no broadcasts (bcast_flood: false)";
  if (isMulticast(target) && !isBroadcast(target, targetLow) && (bits & POLICY_NO_MCAST_FLOOD) !== 0)
    return "it takes no multicasts (mcast_flood: false)";
  if ((bits & POLICY_NEIGH_SUPPRESS) !== 0 && scene.isQuestion)
    return "who is asked for is known (neigh_suppress: true)";
  return "nobody behind it listens to the group (mcast_snooping: true)";
}

function copyText(scene: Scene, copy: TracedCopy): string {
  const { destination, refusal } = copy;
  const { remote, vni, vlan, bytes, sourcePort, drop } = copyRow(scene, copy);
  const { name, impairOut } = scene.names.port(scene.portOf(destination));
  const { mtuBytes } = scene.names.end(destination);
  const tag = vlan === null ? "untagged" : `tagged ${vlan}`;
  const from = sourcePort === null ? "" : ` from UDP port ${sourcePort}`;
  const way = remote === null ? `MTU ${mtuBytes}` : `to ${remote} in VNI ${vni}${from}, path MTU ${mtuBytes}`;
  const cable = impairOut === null || refusal !== 0 ? "" : `; ${scene.cableText(impairOut)}`;
  return `${name}: ${bytes} bytes, ${tag}, ${way}${drop === null ? cable : `: ${sentenceOf(drop)}`}`;
}

function lostText({ names }: Scene, port: number, reason: DropReasonName): string {
  const why = Drop[reason] === Drop.port_down && names.port(port).reason;
  return sentenceOf(reason) + (why ? ` (${why})` : "");
}

function tagOf(bytes: Uint8Array): number | null {
  if (bytes.length < 18) return null;
  const type = (bytes[12] << 8) | bytes[13];
  if (type !== ETHERTYPE_VLAN && type !== ETHERTYPE_SERVICE_VLAN) return null;
  return ((bytes[14] << 8) | bytes[15]) & 0xfff;
}
