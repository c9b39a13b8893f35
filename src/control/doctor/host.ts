// What `vxswitch doctor` reads from the host beside what it tries: routes to the remotes, their devices, and rules of the firewall,
// asked of the tools that an operator would ask. Changes nothing, sends nothing.
import { readFileSync } from "node:fs";
import { Progress } from "../progress.ts";
import { ask } from "./ask.ts";
import { type DeviceFacts, onlineProcessors, readDevices } from "./devices.ts";
import { type DropRule, iptablesDropRules, nftDropRules } from "./firewall.ts";

/** One way to a VTEP. */
export interface Route {
  readonly remote: string;
  /** null = there is none. */
  readonly device: string | null;
  /** Of the device, or of the route if that is given there and smaller; null if unknown. */
  readonly mtuBytes: number | null;
  /** What the kernel says if there is none; "" otherwise. */
  readonly why: string;
}

export interface HostFacts {
  readonly routes: readonly Route[];
  readonly dropRules: readonly DropRule[];
  /** Why the firewall could not be read; "" if it was. */
  readonly firewallWhy: string;
  /** Those by which the routes lead. */
  readonly devices: readonly DeviceFacts[];
  /** The numbers of those that are at work. */
  readonly processors: readonly number[];
}

/** What is asked for. */
export interface HostQuestion {
  readonly ways: readonly { readonly remote: string; readonly local: string | null }[];
  readonly dstports: readonly number[];
}

/** One after the other: this is no reason to start many processes at once. */
export async function readHost(question: HostQuestion): Promise<HostFacts> {
  const progress = new Progress(question.ways.length + 2);
  try {
    const routes: Route[] = [];
    for (const way of question.ways) {
      progress.step(`route to ${way.remote}`);
      routes.push(await routeTo(way));
    }
    progress.step("devices");
    const devices = await readDevices(routes.flatMap(({ device }) => device ?? []));
    progress.step("firewall");
    const firewall = await readFirewall(question.dstports);
    return { routes, devices, processors: onlineProcessors(), ...firewall };
  } finally {
    progress.end();
  }
}

interface RouteAnswer {
  readonly dev?: string;
  readonly metrics?: readonly { readonly mtu?: number }[];
}

async function routeTo({ remote, local }: HostQuestion["ways"][number]): Promise<Route> {
  const from = local === null ? [] : ["from", local];
  const answer = await ask("ip", "-j", "route", "get", remote, ...from);
  if (typeof answer !== "string") return { remote, device: null, mtuBytes: null, why: answer.why };
  const [{ dev = null, metrics = [] } = {} as RouteAnswer] = JSON.parse(answer) as RouteAnswer[];
  const mtus = [deviceMtu(dev), ...metrics.map(({ mtu }) => mtu ?? null)].filter((mtu) => mtu !== null);
  return { remote, device: dev, mtuBytes: mtus.length === 0 ? null : Math.min(...mtus), why: "" };
}

function deviceMtu(device: string | null): number | null {
  try {
    return Number(readFileSync(`/sys/class/net/${device}/mtu`, "utf8"));
  } catch {
    return null; // in a namespace whose /sys is another's
  }
}

async function readFirewall(ports: readonly number[]): Promise<Pick<HostFacts, "dropRules" | "firewallWhy">> {
  const nft = await ask("nft", "-j", "list", "ruleset");
  if (typeof nft === "string")
    return { dropRules: ports.flatMap((port) => nftDropRules(nft, port)), firewallWhy: "" };
  const saved = [await ask("iptables-save", "-c"), await ask("ip6tables-save", "-c")];
  const texts = saved.filter((text) => typeof text === "string");
  if (texts.length === 0) return { dropRules: [], firewallWhy: nft.why };
  const dropRules = ports.flatMap((port) => texts.flatMap((text) => iptablesDropRules(text, port)));
  return { dropRules, firewallWhy: "" };
}
