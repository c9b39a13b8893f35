// What `vxswitch doctor` reads of the devices by which datagrams come and go: receive queues and RPS from /sys, offloads from
// ethtool(8), the kind from ip(8). Changes nothing.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import { ask } from "./ask.ts";

/** Each is asked for by two processes of its own. */
const DEVICES_MAX = 16;
/** What never leaves the host needs neither queues nor offloads. */
const LOOPBACK = "lo";
const SYS_NET = "/sys/class/net";

/** One feature of a device, as `ethtool --json -k` has it; null where it stands for several. */
export interface Feature {
  readonly active: boolean;
  readonly fixed: boolean | null;
  readonly requested: boolean | null;
}

export interface DeviceFacts {
  readonly device: string;
  /** "veth", "bridge", …; null of a card, and if unknown. */
  readonly kind: string | null;
  /** Of each receive queue, whether it has RPS; null where /sys does not show the device. */
  readonly queuesWithRps: readonly boolean[] | null;
  /** By the names of ethtool; null if they could not be had. */
  readonly features: Readonly<Record<string, Feature>> | null;
  /** Why there are no features; "" if there are. */
  readonly featuresWhy: string;
}

/** By the devices of routes, each once. */
export async function readDevices(routed: readonly string[]): Promise<DeviceFacts[]> {
  const devices = new Set(
    routed.filter((device) => device !== LOOPBACK).flatMap((device) => cardsOf(device)),
  );
  const facts: DeviceFacts[] = [];
  for (const device of [...devices].slice(0, DEVICES_MAX)) facts.push(await readDevice(device));
  return facts;
}

/** The numbers of the processors that are at work. */
export function onlineProcessors(): number[] {
  try {
    return numbersOf(readFileSync("/sys/devices/system/cpu/online", "utf8"));
  } catch {
    return cpus().map((_, index) => index);
  }
}

/** Of a list as cpuset(7) has it: "0-3,6". */
export function numbersOf(list: string): number[] {
  return list
    .trim()
    .split(",")
    .flatMap((range) => {
      const [first = 0, last = first] = range.split("-").map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
}

/** The cards beneath a bond, bridge or VLAN, for there queues and offloads are set; of any other device, itself. */
export function cardsOf(device: string, sysNet = SYS_NET): string[] {
  const cards = devicesBeneath(device, sysNet).filter((beneath) => existsSync(`${sysNet}/${beneath}/device`));
  return cards.length > 0 ? cards : [device];
}

function devicesBeneath(device: string, sysNet: string): string[] {
  const names = entriesOf(`${sysNet}/${device}`) ?? [];
  const lower = names.filter((name) => name.startsWith("lower_")).map((name) => name.slice("lower_".length));
  return lower.flatMap((name) => [name, ...devicesBeneath(name, sysNet)]);
}

async function readDevice(device: string): Promise<DeviceFacts> {
  const answer = await ask("ethtool", "--json", "-k", device);
  const known =
    typeof answer === "string"
      ? { features: featuresIn(answer), featuresWhy: "" }
      : { features: null, featuresWhy: answer.why };
  return { device, kind: await kindOf(device), queuesWithRps: queuesOf(device), ...known };
}

function featuresIn(text: string): Record<string, Feature> {
  const [{ ifname: _, ...features }] = JSON.parse(text) as [Record<string, Feature> & { ifname: unknown }];
  return features;
}

async function kindOf(device: string): Promise<string | null> {
  const answer = await ask("ip", "-j", "-d", "link", "show", "dev", device);
  if (typeof answer !== "string") return null;
  const [link] = JSON.parse(answer) as { linkinfo?: { info_kind?: string } }[];
  return link?.linkinfo?.info_kind ?? null;
}

/** In a namespace whose /sys is another's, the device is not there. */
function queuesOf(device: string): boolean[] | null {
  const queues = entriesOf(`${SYS_NET}/${device}/queues`)?.filter((name) => name.startsWith("rx-"));
  if (queues === undefined || queues.length === 0) return null;
  return queues.map((queue) => hasRps(`${SYS_NET}/${device}/queues/${queue}/rps_cpus`));
}

/** A mask of processors; a kernel built without RPS has no such file. */
function hasRps(file: string): boolean {
  return existsSync(file) && /[1-9a-f]/.test(readFileSync(file, "utf8"));
}

function entriesOf(directory: string): string[] | undefined {
  try {
    return readdirSync(directory);
  } catch {
    return undefined;
  }
}
