// Takes in VTEPs that nobody has configured, as the forwarding threads tell of them. At a port with a group they become ends
// of it, until no address is known behind them; a hub gets a port for each, until it has been silent for long. Both
// are bounded in number, and a hub looks at its list of who is allowed.
import { type Address, formatAddress, isWithin } from "../address.ts";
import { monotonicMs } from "../clock.ts";
import { vtepAdmitted, vtepByGroup, vtepRefused, vtepRemoved } from "../events.ts";
import type { Newcomer } from "../newcomers.ts";
import type { AnySpec, DataplaneEvent, VxlanPortSpec } from "../spec.ts";
import type { ForwardingCommand } from "../threads/workers.ts";
import type { AllCounters } from "./all-counters.ts";
import { textOf } from "./explain.ts";
import type { Port } from "./port.ts";
import { addEndCommand } from "./port-commands.ts";
import { childOf } from "./port-specs.ts";
import type { Ports } from "./ports.ts";

/** VTEPs of a group that frames are sent to directly; those of others go to the group. */
const GROUP_ENDS_MAX = 1024;
/** How often ends of groups are looked after: it takes a pass over the FDB. */
const LOOK_EVERY_MS = 30_000;
/** Refusals that are told in that time. */
const REFUSALS_MAX = 16;

export interface AdmissionOptions {
  readonly ports: Ports;
  readonly counters: AllCounters;
  readonly send: (commands: readonly ForwardingCommand[]) => Promise<unknown>;
  readonly onEvent: (event: DataplaneEvent) => void;
  /** Destinations at which a bridge (its index) has learnt addresses. */
  readonly learntAt: (bridge: number) => ReadonlySet<number>;
}

export class Admission {
  private readonly options: AdmissionOptions;
  private readonly refusals = new Set<string>();
  private nextLookMs = 0;

  constructor(options: AdmissionOptions) {
    this.options = options;
  }

  /** VTEPs have sent to ports that take in whoever comes; returns whether there are other ports now. */
  async admit(newcomers: readonly Newcomer[]): Promise<boolean> {
    let isOther = false;
    for (const { port: index, remote: words } of newcomers) {
      const port = Array.from(this.options.ports.all()).find((port) => port.index === index);
      if (port?.opened?.type !== "vxlan" || port.spec.type !== "vxlan") continue;
      const remote = { ipv6: port.opened.underlay.ipv6, words };
      if (port.spec.group !== null) await this.addEnd(port, remote);
      else if (port.spec.any !== null) isOther = (await this.addPort(port, port.spec, remote)) || isOther;
    }
    return isOther;
  }

  /** Once a second; returns whether ports have gone. */
  async maintain(): Promise<boolean> {
    const nowMs = monotonicMs();
    if (nowMs >= this.nextLookMs) {
      this.nextLookMs = nowMs + LOOK_EVERY_MS;
      this.refusals.clear();
      for (const port of this.options.ports.all()) await this.forgetEnds(port);
    }
    return this.removeIdle(nowMs);
  }

  private async addEnd(port: Port, remote: Address): Promise<void> {
    const isKnown = port.ends.some((end) => end.remote?.words.join() === remote.words.join());
    if (isKnown || port.ends.length > GROUP_ENDS_MAX) return;
    try {
      const end = this.options.ports.ends.add(port, remote, false);
      await this.options.send([addEndCommand(port, end)]);
    } catch (error) {
      this.refuse(vtepByGroup(port.spec, formatAddress(remote.words), textOf(error)));
    }
  }

  private async addPort(hub: Port, spec: VxlanPortSpec, remote: Address): Promise<boolean> {
    const address = formatAddress(remote.words);
    const name = `${spec.name}-${address.replaceAll(":", "-")}`;
    const reason = this.refusalOf(spec, spec.any as AnySpec, remote, name);
    if (reason !== "") {
      this.refuse(vtepRefused(hub.spec, address, reason));
      return false;
    }
    await this.options.ports.add(hub.bridge, childOf(spec, name, [address]));
    this.options.onEvent(vtepAdmitted({ bridge: spec.bridge, name }, spec.name, address));
    return true;
  }

  private refusalOf(spec: VxlanPortSpec, any: AnySpec, { words }: Address, name: string): string {
    const { ports } = this.options;
    if (any.allow.length > 0 && !any.allow.some((network) => isWithin(words, network)))
      return "it is in none of the networks of allow";
    if (ports.childrenOf(spec).length >= any.vtepsMax) return `it has its ${any.vtepsMax} VTEPs (max_vteps)`;
    if (ports.find(spec.bridge, name) !== undefined) return `there is a port ${name} already`;
    return ports.hasRoom ? "" : "there are as many ports as there can be";
  }

  private refuse(event: DataplaneEvent): void {
    if (this.refusals.has(event.message) || this.refusals.size >= REFUSALS_MAX) return;
    this.refusals.add(event.message);
    this.options.onEvent(event);
  }

  /** Of a group, those behind whom no address is known any more. */
  private async forgetEnds(port: Port): Promise<void> {
    if (port.spec.type !== "vxlan" || port.spec.group === null || port.ends.length === 1) return;
    const learnt = this.options.learntAt(port.bridge);
    const unused = port.ends.slice(1).filter(({ destination }) => !learnt.has(destination));
    if (unused.length === 0) return;
    await this.options.send(
      unused.map(({ destination }) => ({ op: "del-end", port: port.index, destination })),
    );
    // A thread may have learnt at one meanwhile: that one stays.
    const learntSince = this.options.learntAt(port.bridge);
    for (const end of unused) {
      if (learntSince.has(end.destination)) await this.options.send([addEndCommand(port, end)]);
      else this.options.ports.ends.remove(port, end);
    }
  }

  private async removeIdle(nowMs: number): Promise<boolean> {
    let isOther = false;
    for (const port of [...this.options.ports.all()]) {
      if (port.spec.type !== "vxlan" || port.spec.hub === null) continue;
      const idleMs = this.options.ports.hubOf(port.spec).idleSeconds * 1000;
      if (idleMs === 0 || port.activity.silentMs(nowMs) < idleMs) continue;
      await this.options.ports.del(port.spec.bridge, port.spec.name);
      this.options.onEvent(vtepRemoved(port.spec, idleMs / 1000));
      isOther = true;
    }
    return isOther;
  }
}
