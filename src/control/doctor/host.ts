// What `vxswitch doctor` reads from the host beside what it tries: routes to the remotes, their devices, and rules of the firewall,
// asked of the tools that an operator would ask. Changes nothing, sends nothing.
import { readFileSync } from "node:fs";
import { Progress } from "../progress.ts";
import { ask } from "./ask.ts";
import { type DeviceFacts, onlineProcessors, readDevices } from "./devices.ts";
import { readFirewall } from "./firewall/ask.ts";
import { type Drop, dropsOf } from "./firewall/judge.ts";
import { type Peer, questionsOf } from "./firewall/questions.ts";

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
  /** What the firewall does to the datagrams of these peers. */
  readonly drops: readonly Drop[];
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
  readonly peers: readonly Peer[];
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
    const { chains, why } = await readFirewall();
    const deviceTo = new Map(routes.map(({ remote, device }) => [remote, device]));
    const questions = questionsOf(question.peers, (remote) => deviceTo.get(remote) ?? null);
    const drops = dropsOf(chains, questions);
    return { routes, devices, processors: onlineProcessors(), drops, firewallWhy: why };
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
