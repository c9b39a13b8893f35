// The measuring topology: the three hosts of the scenario, each client joined to the switch by a veth pair of its own.
//
//     vxbench-PID-client1             vxbench-PID-switch             vxbench-PID-client2
//     eth0 10.122.0.22/16 ───────── e1 10.122.1.103 e2 ───────── eth0 10.122.3.152/16
//     vxlan0 192.168.0.1/24, VNI 4100                  vxlan0 192.168.0.2/24, VNI 4101
//
// The clients are the kernel's own VXLAN, left as they come. Each device is made inside a namespace; the machine's
// own is not touched. The VNIs differ because the kernel's bridge, which we compare with, needs that.
//
// For measures that need more ports, client2 answers to a whole range of further VTEP addresses. What is sent to them,
// with a VNI of their own, arrives in its vxlan1, which is silent: whatever it counts, the generator has sent.

import { existsSync } from "node:fs";
import { run } from "./process.ts";

/** With the id of this process, so that two processes with a lab each do not tear down the other's. */
const PREFIX = `vxbench-${process.pid}-`;

/** One VXLAN endpoint: its namespace, its addresses, and the switch's device that leads to it. */
export interface Client {
  readonly namespace: string;
  readonly underlay: string;
  readonly overlay: string;
  readonly vni: number;
  readonly uplink: string;
}

/** What `ip -s link` tells about a device. */
export interface Link {
  readonly mac: string;
  readonly rxPackets: number;
  readonly rxDropped: number;
}

export const SWITCH = { namespace: `${PREFIX}switch`, underlay: "10.122.1.103" } as const;
export const CLIENT1: Client = {
  namespace: `${PREFIX}client1`,
  underlay: "10.122.0.22",
  overlay: "192.168.0.1",
  vni: 4100,
  uplink: "e1",
};
export const CLIENT2: Client = {
  namespace: `${PREFIX}client2`,
  underlay: "10.122.3.152",
  overlay: "192.168.0.2",
  vni: 4101,
  uplink: "e2",
};
/** Further VTEPs, all of them in the second client. `underlay(i)`, i from 0, is an address of the range. */
export const EXTRA = {
  vni: 4102,
  range: "10.122.128.0/17",
  underlay: (index: number) => `10.122.${128 + ((index + 1) >> 8)}.${(index + 1) & 255}`,
} as const;
const NAMESPACES = [SWITCH.namespace, CLIENT1.namespace, CLIENT2.namespace];

/** Builds the three hosts anew, with further VTEPs if asked; what a killed run may have left behind is removed first. */
export function labUp(extraPorts = 0): void {
  labDown();
  removeLeftovers();
  for (const namespace of NAMESPACES) {
    run(["ip", "netns", "add", namespace]);
    ip(namespace, ["link set lo up"]);
  }
  for (const client of [CLIENT1, CLIENT2]) {
    connect(client);
    plugIn(client);
  }
  if (extraPorts > 0) plugInExtra();
}

/** Ends whatever runs in the hosts and removes them; does nothing where there are none. */
export function labDown(): void {
  const present = namespaces();
  for (const namespace of NAMESPACES) if (present.includes(namespace)) remove(namespace);
}

/** Removes the hosts of processes that are no more. */
function removeLeftovers(): void {
  for (const namespace of namespaces()) {
    const [, pid] = /^vxbench-(\d+)-/.exec(namespace) ?? [];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) remove(namespace);
  }
}

function namespaces(): string[] {
  const lines = run(["ip", "netns", "list"]).split("\n");
  return lines.map((line) => line.split(" ")[0]); // behind the name there may be an id
}

function remove(namespace: string): void {
  for (const pid of run(["ip", "netns", "pids", namespace]).split("\n").filter(Boolean)) kill(Number(pid));
  run(["ip", "netns", "delete", namespace]);
}

/** Runs lines of the `ip` command in a host, in one process. */
export function ip(namespace: string, lines: readonly string[]): void {
  run(["ip", "-n", namespace, "-batch", "-"], `${lines.join("\n")}\n`);
}

/** The command that runs `command` in a host. */
export function inside(namespace: string, command: readonly string[]): string[] {
  return ["ip", "netns", "exec", namespace, ...command];
}

/** Address and counters of a host's device. */
export function readLink(namespace: string, device: string): Link {
  const [link] = JSON.parse(run(["ip", "-n", namespace, "-s", "-j", "link", "show", device]));
  return { mac: link.address, rxPackets: link.stats64.rx.packets, rxDropped: link.stats64.rx.dropped };
}

/**
 * Lets the clients exchange pings until one comes back: from then on everyone knows everyone's address.
 * @throws Error if none does within ten attempts
 */
export function acquaint(): void {
  for (let attempt = 1; ; attempt++) {
    try {
      run(inside(CLIENT1.namespace, ["ping", "-q", "-c", "2", "-i", "0.01", "-W", "0.5", CLIENT2.overlay]));
      return;
    } catch {
      if (attempt === 10) throw new Error("no ping passes from client to client");
    }
  }
}

function connect(client: Client): void {
  ip(client.namespace, [
    `link add eth0 type veth peer name ${client.uplink} netns ${SWITCH.namespace}`,
    `addr add ${client.underlay}/16 dev eth0`,
    "link set eth0 up",
  ]);
  ip(SWITCH.namespace, [
    `addr add ${SWITCH.underlay}/32 dev ${client.uplink}`,
    `link set ${client.uplink} up`,
    `route add ${client.underlay}/32 dev ${client.uplink} src ${SWITCH.underlay}`,
  ]);
}

/** The three lines that a researcher types on a client. */
function plugIn(client: Client): void {
  ip(client.namespace, [
    `link add vxlan0 type vxlan id ${client.vni} dstport 4789 remote ${SWITCH.underlay} local ${client.underlay} dev eth0`,
    `addr add ${client.overlay}/24 dev vxlan0`,
    "link set vxlan0 up",
  ]);
}

/** One route leads to all further VTEPs, by way of the second client's own address: it is the only neighbour to ask for. */
function plugInExtra(): void {
  ip(SWITCH.namespace, [
    `route add ${EXTRA.range} via ${CLIENT2.underlay} dev ${CLIENT2.uplink} src ${SWITCH.underlay}`,
  ]);
  ip(CLIENT2.namespace, [
    `route add local ${EXTRA.range} dev lo`,
    `link add vxlan1 type vxlan id ${EXTRA.vni} dstport 4789 remote ${SWITCH.underlay} local ${CLIENT2.underlay} dev eth0 nolearning`,
  ]);
  disableIpv6(CLIENT2, "vxlan1");
  ip(CLIENT2.namespace, ["link set vxlan1 up"]);
}

/** A device with IPv6 speaks of itself: neighbours, routers, groups. */
function disableIpv6(client: Client, device: string): void {
  const script = `echo 1 > /proc/sys/net/ipv6/conf/${device}/disable_ipv6`;
  run(inside(client.namespace, ["sh", "-c", script]));
}

/**
 * Makes the clients say nothing of their own and learn nothing: from then on every frame that their vxlan0 counts is the
 * generator's, and costs there the same whatever its source. They must be acquainted.
 */
export function hush(): void {
  for (const [client, other] of [
    [CLIENT1, CLIENT2],
    [CLIENT2, CLIENT1],
  ]) {
    disableIpv6(client, "vxlan0");
    ip(client.namespace, [
      `neigh replace ${other.overlay} lladdr ${readLink(other.namespace, "vxlan0").mac} dev vxlan0 nud permanent`,
      "link set vxlan0 type vxlan nolearning",
    ]);
  }
}

/** What users of switches have to type that drop the clients' offloads: without it their TCP does not pass. */
export function switchOffChecksums(client: Client): void {
  run(inside(client.namespace, ["ethtool", "-K", "eth0", "tx", "off"]));
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // it has ended by itself
  }
}
