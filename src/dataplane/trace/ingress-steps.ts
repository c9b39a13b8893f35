// The steps of a trace up to where the frame's addresses are judged: how it came in, what it is, which bounds it met, what the FDB
// learns of it.
import { FDB_EVICTED, FDB_LEARNED, FDB_MOVED } from "../counters.ts";
import { DROP_REASONS, type DropReasonName } from "../drop-reason.ts";
import { FLAG_NEEDS_CSUM, FRAME_FLAGS, FRAME_GSO_TYPE, GSO_NONE } from "../frames.ts";
import type { Meters } from "../meters.ts";
import { POLICY_NO_LEARNING } from "../policy.ts";
import { ETHERTYPE_SERVICE_VLAN, ETHERTYPE_VLAN } from "../stages/inner.ts";
import { formatMac } from "../wire/mac.ts";
import type { TraceStep } from "./answer.ts";
import type { Scene } from "./scene.ts";

const ETHERTYPES: Readonly<Record<number, string>> = { 2048: "IPv4", 2054: "ARP", 34525: "IPv6" };
const PROTOCOLS: Readonly<Record<number, string>> = { 1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6" };

/** The stages at which a frame is dropped before it has a VLAN. */
const POLICE_DROPS: readonly DropReasonName[] = ["policed", "quarantined"];
const INSPECT_DROPS: readonly DropReasonName[] = [
  "inner_malformed",
  "source_mac_invalid",
  "offload_invalid",
  "ecn_invalid",
];

export function sentenceOf(reason: DropReasonName): string {
  const found = DROP_REASONS.find(({ name }) => name === reason);
  return `dropped, ${reason}: ${found?.text}`;
}

/** From the wire to the FDB. */
export function ingressSteps(scene: Scene): TraceStep[] {
  const { evidence, names } = scene;
  const steps = [...decapSteps(scene)];
  if (evidence.port === null) return steps;
  const port = names.port(evidence.port);
  steps.push({ stage: "inspect", text: inspectText(scene) });
  if (isDropped(scene, INSPECT_DROPS)) return steps;
  steps.push(...policeSteps(scene));
  if (isDropped(scene, POLICE_DROPS)) return steps;
  if (port.impairIn !== null) steps.push({ stage: "impair", text: impairText(scene) });
  if (isDropped(scene, ["impair_loss"])) return steps;
  steps.push(...vlanSteps(scene));
  if (isDropped(scene, ["vlan_refused"]) && scene.isRefusedOnTheWayIn) return steps;
  for (const index of evidence.mirrors) {
    const { name, sampleEvery } = names.mirror(index);
    const sample = sampleEvery === 1 ? "" : `, if it is the one of ${sampleEvery} that its sample has`;
    steps.push({ stage: "mirror", text: `${name} gets a copy${sample}` });
  }
  return [...steps, { stage: "learn", text: learnText(scene) }];
}

export function isDropped({ evidence }: Scene, reasons: readonly DropReasonName[]): boolean {
  return evidence.drop !== null && reasons.includes(evidence.drop.reason);
}

function decapSteps({ evidence, names, datagram }: Scene): TraceStep[] {
  if (datagram === null) return [];
  const from = `a datagram from ${datagram.remote} to UDP port ${datagram.dstport}, VNI ${datagram.vni}`;
  const outcome =
    evidence.port === null
      ? sentenceOf(evidence.drop?.reason ?? "vtep_unknown")
      : `it is for ${names.port(evidence.port).name} of ${names.port(evidence.port).bridge}`;
  return [{ stage: "decap", text: `${from}: ${outcome}` }];
}

function inspectText(scene: Scene): string {
  const { evidence, frame, row } = scene;
  const what = `${describe(frame)}, ${frame.length} bytes`;
  if (isDropped(scene, INSPECT_DROPS)) return `${what}: ${sentenceOf(evidence.drop!.reason)}`;
  const checksum =
    (row[FRAME_FLAGS] & FLAG_NEEDS_CSUM) !== 0 ? "; its checksum is left to be filled on the way out" : "";
  const cut = row[FRAME_GSO_TYPE] === GSO_NONE ? "" : "; cut into segments where the way out needs it";
  return what + checksum + cut;
}

/** `02:… -> 02:…, VLAN 7, IPv4 TCP`. */
export function describe(frame: Uint8Array): string {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const mac = (at: number): string => formatMac(view.getUint16(at), view.getInt32(at + 2));
  let [type, at, tags] = [view.getUint16(12), 14, ""];
  while ((type === ETHERTYPE_VLAN || type === ETHERTYPE_SERVICE_VLAN) && frame.length >= at + 4) {
    tags += `, VLAN ${view.getUint16(at) & 0xfff}`;
    type = view.getUint16(at + 2);
    at += 4;
  }
  const protocolAt = type === 0x0800 ? at + 9 : type === 0x86dd ? at + 6 : -1;
  const protocol = protocolAt > 0 && protocolAt < frame.length ? (PROTOCOLS[frame[protocolAt]] ?? "") : "";
  const name = ETHERTYPES[type] ?? `type 0x${type.toString(16).padStart(4, "0")}`;
  return `${mac(6)} -> ${mac(0)}${tags}, ${name}${protocol && ` ${protocol}`}`;
}

function policeSteps(scene: Scene): TraceStep[] {
  const { evidence, metersBefore } = scene;
  if (isDropped(scene, POLICE_DROPS))
    return [
      {
        stage: "police",
        text: `${leftText(metersBefore, evidence.port!)}${sentenceOf(evidence.drop!.reason)}`,
      },
    ];
  const left = leftText(metersBefore, evidence.port!);
  return left === "" ? [] : [{ stage: "police", text: `${left}it passes` }];
}

function leftText(meters: Meters, port: number): string {
  const { bits, frames } = meters.levels(port);
  const left = [bits === null ? "" : `${bits} bits`, frames === null ? "" : `${frames} frames`].filter(
    Boolean,
  );
  return left.length === 0 ? "" : `at the last look it might send ${left.join(" and ")}: `;
}

function impairText(scene: Scene): string {
  const { evidence, names } = scene;
  if (isDropped(scene, ["impair_loss"])) return sentenceOf("impair_loss");
  return `${scene.cableText(names.port(evidence.port!).impairIn!)}; taken for one that passes at once`;
}

function vlanSteps(scene: Scene): TraceStep[] {
  const { evidence, vlansAreUsed, vlan, isRefusedOnTheWayIn } = scene;
  if (!vlansAreUsed) return [];
  const text = isRefusedOnTheWayIn ? sentenceOf(evidence.drop!.reason) : `it is in ${vlanText(vlan)}`;
  return [{ stage: "vlan", text }];
}

export function vlanText(vlan: number): string {
  return vlan === 0 ? "no VLAN" : `VLAN ${vlan}`;
}

function learnText(scene: Scene): string {
  const { evidence, names, policy } = scene;
  const { sourceEntry, keys, bridgeCounts } = evidence;
  const mac = formatMac(keys.source, keys.sourceLow);
  const here = scene.placeText(evidence.source);
  const before =
    sourceEntry === null ? "" : `${scene.placeText(sourceEntry.destination)}, ${scene.ageText(sourceEntry)}`;
  if (isDropped(scene, ["static_moved", "locked"]))
    return `${mac} is ${before === "" ? "not known" : `known at ${before}`}: ${sentenceOf(evidence.drop!.reason)}`;
  if (bridgeCounts[FDB_MOVED] > 0) return `${mac} moves from ${before}, to ${here}`;
  const room = bridgeCounts[FDB_EVICTED] > 0 ? ", and the oldest of another makes room" : "";
  if (bridgeCounts[FDB_LEARNED] > 0) return `${mac} is new, and learnt at ${here}${room}`;
  if (sourceEntry !== null) return `${mac} is known at ${before}`;
  if ((policy & POLICY_NO_LEARNING) !== 0)
    return `${mac} is not learnt: ${names.port(evidence.port!).name} learns nothing (learning: false)`;
  return `${mac} is not learnt: the FDB is full of static entries`;
}
