// Where the frames of ports go: a row of the shared table for each TAP, remote VTEP and multicast group, and what the kernel
// knows of the way there. A port has one end or several; the first is there as long as the port.
import { type Address, formatAddress } from "../address.ts";
import {
  DESTINATION_ADDRESS,
  DESTINATION_DEVICE,
  DESTINATION_IFINDEX,
  DESTINATION_MTU,
  DESTINATION_OVERHEAD,
  DESTINATION_PORT,
  DESTINATION_SHIFT,
  DESTINATION_UDP_PORT,
  DESTINATION_VNI,
} from "../destinations.ts";
import { vtepDown, vtepUp } from "../events.ts";
import { openRouteKernel } from "../io/next-hop.ts";
import { DESTINATIONS_MAX } from "../limits.ts";
import { fixedMarks } from "../outer-options.ts";
import type { DataplaneEvent } from "../spec.ts";
import { overheadBytes } from "../wire/vxlan.ts";
import { IndexPool } from "./index-pool.ts";
import { NextHops } from "./next-hops.ts";
import { writeOuter } from "./outer-rows.ts";
import { Paths } from "./paths.ts";
import { deviceOf, type End, NO_DEVICE, type Port } from "./port.ts";
import type { RingVtep } from "./rings.ts";

/** What a path is taken for until the kernel has a route. */
export const MTU_DEFAULT_BYTES = 1500;

export class Ends {
  readonly hops = new NextHops(openRouteKernel());
  readonly paths: Paths;
  private readonly destinations: Int32Array;
  private readonly indices = new IndexPool("destinations", 0, DESTINATIONS_MAX);
  private readonly owners = new Map<number, { readonly port: Port; readonly end: End }>();

  constructor(destinations: Int32Array, isFast: boolean, onEvent: (event: DataplaneEvent) => void) {
    this.destinations = destinations;
    this.paths = new Paths(destinations, isFast);
    this.hops.onChange((destination) => this.refreshPath(destination));
    this.hops.onReach((remote, isReached) => {
      const vtep = formatAddress(remote.words);
      onEvent(isReached ? vtepUp(vtep) : vtepDown(vtep));
    });
  }

  get hasRoom(): boolean {
    return this.indices.hasRoom;
  }

  portOf(destination: number): Port | undefined {
    return this.owners.get(destination)?.port;
  }

  /** The VTEP behind a destination; null for a TAP, a group, or one that is nobody's. */
  remoteOf(destination: number): Address | null {
    const owner = this.owners.get(destination);
    return owner === undefined || owner.end.isGroup ? null : owner.end.remote;
  }

  /** The kernel has no route to a VTEP. */
  isUnreachable(destination: number): boolean {
    return this.remoteOf(destination) !== null && this.hops.pathMtuBytes(destination) === 0;
  }

  /** The first end of a port, which it keeps. */
  take(port: Omit<Port, "ends">): Port {
    const whole = { ...port, ends: [] as End[] };
    this.add(whole, null, false);
    return whole;
  }

  /** Another end of a port; throws if there is no row left. */
  add(port: Port, remote: Address | null, isGroup: boolean): End {
    const end = { destination: this.indices.take(), remote, isGroup };
    port.ends.push(end);
    this.owners.set(end.destination, { port, end });
    this.write(port, end);
    return end;
  }

  /** Gives up an end that nothing refers to any more. */
  remove(port: Port, end: End): void {
    port.ends.splice(port.ends.indexOf(end), 1);
    this.hops.unwatch(end.destination);
    this.paths.forget(end.destination);
    this.owners.delete(end.destination);
    this.indices.give(end.destination);
  }

  /** The port is gone. */
  removeAll(port: Port): void {
    for (const end of [...port.ends]) this.remove(port, end);
  }

  /** Gives a port that opens the ends that its configuration names, and no others. */
  fit(port: Port, remotes: readonly Address[], isGroup: boolean): void {
    for (const end of port.ends.slice(1)) this.remove(port, end);
    const [first] = port.ends;
    first.remote = remotes[0] ?? null;
    first.isGroup = isGroup;
    for (const remote of remotes.slice(1)) this.add(port, remote, false);
  }

  /** Writes the rows of a port: all that is known of it and its ways. */
  writeAll(port: Port): void {
    for (const end of port.ends) this.write(port, end);
  }

  /** By which device frames reach a port: none while it is down or quarantined. */
  writeDevices(port: Port): void {
    for (const end of port.ends) this.writeDevice(port, end);
  }

  /** What of a port's outer headers changes in place. */
  rewrite(port: Port): void {
    for (const { destination } of port.ends) {
      writeOuter(this.destinations, destination, port);
      this.refreshPath(destination);
    }
  }

  writeTapMtu({ ends }: Port, mtuBytes: number): void {
    this.destinations[(ends[0].destination << DESTINATION_SHIFT) + DESTINATION_MTU] = mtuBytes;
  }

  /** Asks again for what the kernel announces to nobody. */
  refresh(port: Port): void {
    for (const { destination } of port.ends) this.refreshPath(destination);
  }

  /** Of one end of a port. */
  mtuBytesOf({ destination }: End): number {
    return this.destinations[(destination << DESTINATION_SHIFT) + DESTINATION_MTU];
  }

  /** Of the narrowest way to a port. */
  pathMtuBytes({ ends }: Port): number {
    return Math.min(...ends.map((end) => this.mtuBytesOf(end)));
  }

  /** Why none of a port's VTEPs can be reached, with what tells more; "" if one can, or there is none. */
  noWay(port: Port): string {
    const { opened, ends, spec } = port;
    if (opened?.type !== "vxlan" || spec.type !== "vxlan" || opened.group !== null) return "";
    const remotes = ends.flatMap(({ remote }) => (remote === null ? [] : [formatAddress(remote.words)]));
    const isReached = ends.some(({ destination }) => this.hops.pathMtuBytes(destination) > 0);
    if (isReached || remotes.length === 0) return "";
    const from = spec.local === null ? "" : ` from ${spec.local}`;
    return `the kernel has no route to ${remotes.join(", ")}${from}: 'ip route get ${remotes[0]}${from}' tells more`;
  }

  /** Which VTEPs of ours are reached by which devices. */
  ringVteps(port: Port): RingVtep[] {
    const { opened } = port;
    if (opened?.type !== "vxlan") return [];
    return port.ends.flatMap(({ destination }) => {
      const hop = this.hops.hop(destination);
      if (!hop?.isEthernet) return [];
      const { ifindex, device: deviceName, source: local } = hop;
      const { port: udpPort, device: underlay, isWildcard } = opened.underlay;
      return [{ ifindex, deviceName, local, port: udpPort, underlay, isWildcard }];
    });
  }

  closeAll(): void {
    this.hops.close();
    this.paths.closeAll();
  }

  private writeDevice(port: Port, { destination }: End): void {
    this.destinations[(destination << DESTINATION_SHIFT) + DESTINATION_DEVICE] = port.quarantine.isOn
      ? NO_DEVICE
      : deviceOf(port);
  }

  private write(port: Port, end: End): void {
    const { destinations } = this;
    const { destination, remote, isGroup } = end;
    const { opened, spec } = port;
    const at = destination << DESTINATION_SHIFT;
    destinations[at + DESTINATION_PORT] = port.index;
    this.writeDevice(port, end);
    this.hops.unwatch(destination);
    this.paths.forget(destination);
    destinations[at + DESTINATION_MTU] = opened?.type === "tap" ? opened.mtuBytes : MTU_DEFAULT_BYTES;
    destinations[at + DESTINATION_OVERHEAD] = 0;
    destinations[at + DESTINATION_IFINDEX] = 0;
    if (opened?.type !== "vxlan" || spec.type !== "vxlan" || remote === null) return;
    destinations.set(remote.words, at + DESTINATION_ADDRESS);
    destinations[at + DESTINATION_UDP_PORT] = spec.dstport;
    destinations[at + DESTINATION_VNI] = spec.vni;
    writeOuter(destinations, destination, port);
    destinations[at + DESTINATION_OVERHEAD] = overheadBytes(opened.underlay.ipv6);
    if (isGroup && opened.group !== null) {
      destinations[at + DESTINATION_IFINDEX] = opened.group.ifindex;
      destinations[at + DESTINATION_MTU] = opened.group.mtuBytes;
      return;
    }
    this.hops.watch(destination, opened.underlay.local, remote);
    this.refreshPath(destination);
  }

  /** Writes what the kernel knows by now of the way to a VTEP: its MTU, the next hop. */
  private refreshPath(destination: number): void {
    const owner = this.owners.get(destination);
    if (owner === undefined || owner.end.remote === null || owner.end.isGroup) return;
    const { opened, spec } = owner.port;
    if (opened?.type !== "vxlan" || spec.type !== "vxlan") return;
    const mtuBytes = this.hops.pathMtuBytes(destination);
    if (mtuBytes > 0) this.destinations[(destination << DESTINATION_SHIFT) + DESTINATION_MTU] = mtuBytes;
    const { dstport: udpPort, vni, outer } = spec;
    const end = { remote: owner.end.remote, udpPort, vni, ...fixedMarks(outer) };
    this.paths.set(destination, this.hops.hop(destination), end);
  }
}
