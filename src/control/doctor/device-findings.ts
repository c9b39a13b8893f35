// What `vxswitch doctor` finds on the devices by which datagrams come and go: whether the processors share what arrives, and
// whether the kernel may move many frames at once. Pure: the reading is devices.ts's.
import type { Overview } from "../server/views.ts";
import { notInstalled } from "./ask.ts";
import type { DeviceFacts, Feature } from "./devices.ts";
import { type Finding, type Judged, note, ok } from "./finding.ts";
import { isBelow } from "./kernel-release.ts";

/** Linux whose UDP sockets take trains for a device without checksum offload. */
const KERNEL_TRAINS = [6, 11] as const;

const GRO = "generic-receive-offload";
const TUNNEL = "tx-udp_tnl-segmentation";
/** The card sums every protocol, or IPv4 and IPv6 apart; `tx-checksumming` counts SCTP as well. */
const CHECKSUMS = ["tx-checksum-ip-generic", "tx-checksum-ipv4", "tx-checksum-ipv6"];
const MASK_GROUP_BITS = 32;

/** What the devices are held against. */
export interface Load {
  /** As `uname -r` has it. */
  readonly kernel: string;
  /** The numbers of the processors that are at work. */
  readonly processors: readonly number[];
  /** Forwarding threads. */
  readonly workers: number;
  /** The switch that runs, null if none does. */
  readonly daemon: Overview | null;
}

export function deviceFindings(devices: readonly DeviceFacts[], load: Load): Finding[] {
  const rps = devices.flatMap((facts) => rpsFindings(facts, load));
  return [
    ...rps.map((judged) => ({ ...judged, needed_for: "bursts without overruns" })),
    ...offloadFindings(devices, load.kernel).map((judged) => ({ ...judged, needed_for: "frames in trains" })),
  ];
}

/** Where as many queues as processors take what arrives, RPS has nothing to share out. */
function rpsFindings({ device, queuesWithRps }: DeviceFacts, load: Load): Judged[] {
  if (queuesWithRps === null) return [];
  const check = `rps ${device}`;
  const queues = queuesWithRps.length;
  const shared = queuesWithRps.filter(Boolean).length;
  const evidence = `${counted(queues, "receive queue")}, ${rpsWords(shared, queues)}`;
  const why = suspicion(queues, load);
  if (shared > 0 || queues >= load.processors.length || why === "") return [ok(check, evidence)];
  const promise =
    "RPS may help: it shares out by flow what arrives, at the price of interrupts between processors";
  return [note(check, `${evidence}, ${why}; ${promise}`, rpsCommand(device, queues, load.processors))];
}

function rpsWords(shared: number, queues: number): string {
  if (shared === 0) return "RPS off";
  return shared === queues ? "RPS on" : `RPS on for ${shared} of them`;
}

/** Why there may be too few queues; "" if nothing speaks for it. */
function suspicion(queues: number, { workers, daemon }: Load): string {
  const overruns = daemon?.underlay.rx_overruns ?? 0;
  const fewer = queues < workers ? [`for ${counted(workers, "forwarding thread")}`] : [];
  const lost = overruns > 0 ? [`${counted(overruns, "datagram")} lost to full queues`] : [];
  return [...fewer, ...lost].join(", ");
}

function rpsCommand(device: string, queues: number, processors: readonly number[]): string {
  const mask = processorMask(processors);
  const directory = `/sys/class/net/${device}/queues`;
  if (queues === 1) return `echo ${mask} > ${directory}/rx-0/rps_cpus`;
  return `for queue in ${directory}/rx-*; do echo ${mask} > $queue/rps_cpus; done`;
}

/** As the kernel reads it: hexadecimal, in groups of 32 processors, the highest first. */
export function processorMask(processors: readonly number[]): string {
  const groups = new Uint32Array(Math.floor(Math.max(...processors) / MASK_GROUP_BITS) + 1);
  for (const number of processors)
    groups[Math.floor(number / MASK_GROUP_BITS)] |= 1 << (number % MASK_GROUP_BITS);
  const [highest = "0", ...others] = Array.from(groups, (group) => group.toString(16)).reverse();
  return [highest, ...others.map((group) => group.padStart(8, "0"))].join(",");
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** A missing tool is said once, not for each device. */
function offloadFindings(devices: readonly DeviceFacts[], kernel: string): Judged[] {
  const missing = notInstalled("ethtool");
  if (devices.some(({ featuresWhy }) => featuresWhy === missing))
    return [note("offloads", `not looked at: ${missing}`, "apt-get install ethtool")];
  return devices.map((facts) => offloadFinding(facts, kernel));
}

function offloadFinding({ device, kind, features, featuresWhy }: DeviceFacts, kernel: string): Judged {
  const check = `offloads ${device}`;
  if (features === null)
    return note(check, `not looked at: ${featuresWhy}`, `an ethtool that knows: ethtool --json -k ${device}`);
  const aspects = [groAspect(features, kind), checksumAspect(features, kernel), tunnelAspect(features)];
  const evidence = aspects.map(({ words }) => words).join("; ");
  const settings = aspects.flatMap(({ setting }) => setting ?? []);
  return settings.length === 0
    ? ok(check, evidence)
    : note(check, evidence, `ethtool -K ${device} ${settings.join(" ")}`);
}

type Features = Readonly<Record<string, Feature>>;

interface Aspect {
  readonly words: string;
  /** What ethtool -K is to set; null if there is nothing to set, or the device would not take it. */
  readonly setting: string | null;
}

/** A veth has it off by itself, and needs none: what its other end sends in one piece arrives in one piece. */
function groAspect(features: Features, kind: string | null): Aspect {
  const feature = features[GRO];
  if (feature?.active) return { words: `${GRO} on`, setting: null };
  if (kind === "veth")
    return { words: `${GRO} off, as a veth has it: super-frames of its other end stay whole`, setting: null };
  const words = `${GRO} off${stuck([feature])}: datagrams come one by one, and bulk TCP is slower`;
  return { words, setting: canBeSet(feature) ? "gro on" : null };
}

function checksumAspect(features: Features, kernel: string): Aspect {
  const known = CHECKSUMS.map((name) => features[name]);
  if (known.some((feature) => feature?.active)) return { words: "tx-checksumming on", setting: null };
  const effect = isBelow(kernel, KERNEL_TRAINS)
    ? "UDP sockets refuse trains (UDP_SEGMENT: EIO), whose frames then leave one by one"
    : "the processor sums up what leaves in trains";
  const words = `tx-checksumming off${stuck(known)}: ${effect}`;
  return { words, setting: known.some(canBeSet) ? "tx on" : null };
}

function tunnelAspect(features: Features): Aspect {
  const words = features[TUNNEL]?.active ? `${TUNNEL} on` : `${TUNNEL} off: the kernel segments in software`;
  return { words, setting: null };
}

function stuck(features: readonly (Feature | undefined)[]): string {
  return features.some(canBeSet) ? "" : " and not to be had of this device";
}

/** One that is asked for and still off is not to be had, as one that is fixed. */
function canBeSet(feature: Feature | undefined): boolean {
  return feature !== undefined && feature.fixed === false && feature.requested === false;
}
