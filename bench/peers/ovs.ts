// Open vSwitch in userspace (Debian's openvswitch-switch), started for the benchmark alone: its own database and
// directories, no kernel module. Each uplink is a port of a bridge that carries the switch's address, as its native
// tunnelling wants it; the VXLAN ports are on a third one. Its users have to type `ethtool -K eth0 tx off` on every
// client, or TCP does not pass; so that is done here, and only here.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CLIENT1,
  CLIENT2,
  type Client,
  EXTRA,
  inside,
  ip,
  readLink,
  SWITCH,
  switchOffChecksums,
} from "../lab.ts";
import { isInstalled, type Running, run, start, waitUntil } from "../process.ts";
import type { Layout, Peer, PeerKind } from "./peer.ts";

const SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema";
/** OVS takes the source address of a tunnel from a subnet that holds the remote: one that only client1 is in, and a wider. */
const UPLINKS = [
  [CLIENT1, 23],
  [CLIENT2, 22],
] as const;
const START_TIMEOUT_MS = 15_000;
const LIFETIME_MS = 15 * 60_000;

/** How OVS reads and writes the uplinks: `afxdp` with AF_XDP, `system` with AF_PACKET. */
export function openVswitch(name: string, portType: "afxdp" | "system"): PeerKind {
  return {
    name,
    obstacle: () =>
      isInstalled("ovs-vswitchd") && isInstalled("ethtool")
        ? undefined
        : "not installed: apt-get install openvswitch-switch ethtool",
    lacks: ({ traceGarbage }) => (traceGarbage ? "collects no garbage" : undefined),
    start: (layout) => startOvs(portType, layout),
  };
}

async function startOvs(portType: string, layout: Layout): Promise<Peer> {
  const directory = mkdtempSync(join(tmpdir(), "vxbench-ovs-"));
  const running: Running[] = [];
  const stop = async () => {
    for (const one of running.toReversed()) await one.stop();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    running.push(startDatabase(directory));
    await waitUntil("the OVS database", START_TIMEOUT_MS, () => answers(directory, ["show"]));
    const daemon = startDaemon(directory);
    running.push(daemon);
    await waitUntil("ovs-vswitchd", START_TIMEOUT_MS, () => answers(directory, ["--timeout=1", "init"]));
    configure(directory, portType);
    addLayout(directory, layout);
    return { pids: [daemon.pid], stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function startDatabase(directory: string): Running {
  const database = join(directory, "conf.db");
  run(["ovsdb-tool", "create", database, SCHEMA]);
  const options = [`--remote=punix:${join(directory, "db.sock")}`, `--unixctl=${join(directory, "db.ctl")}`];
  return start(inSwitch(directory, ["ovsdb-server", database, ...options]), LIFETIME_MS);
}

function startDaemon(directory: string): Running {
  const options = [`--unixctl=${join(directory, "vswitchd.ctl")}`, "--disable-system", "-vsyslog:off"];
  return start(
    inSwitch(directory, ["ovs-vswitchd", `unix:${join(directory, "db.sock")}`, ...options]),
    LIFETIME_MS,
  );
}

function inSwitch(directory: string, command: readonly string[]): string[] {
  return inside(SWITCH.namespace, ["env", `OVS_RUNDIR=${directory}`, ...command]);
}

function vsctl(directory: string, words: readonly string[]): string {
  return run(
    inSwitch(directory, ["ovs-vsctl", "--timeout=8", `--db=unix:${join(directory, "db.sock")}`, ...words]),
  );
}

function answers(directory: string, words: readonly string[]): boolean {
  try {
    vsctl(directory, ["--no-wait", ...words]);
    return true;
  } catch {
    return false;
  }
}

function configure(directory: string, portType: string): void {
  vsctl(directory, ["add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev"]);
  for (const [client, prefixLength] of UPLINKS) {
    addUplink(directory, client, prefixLength, portType);
    addTunnel(directory, `vx${client.vni}`, client.underlay, client.vni);
    switchOffChecksums(client);
  }
}

function addTunnel(directory: string, port: string, remote: string, vni: number): void {
  const options = [`options:remote_ip=${remote}`, `options:key=${vni}`];
  vsctl(directory, ["add-port", "br0", port, "--", "set", "interface", port, "type=vxlan", ...options]);
}

/** What a measure asks for beyond two ports. The route to further VTEPs went with the uplink's address. */
function addLayout(directory: string, { extraPorts = 0, mirror, addressesMax }: Layout): void {
  const bridge = `br-${CLIENT2.uplink}`;
  if (extraPorts > 0)
    ip(SWITCH.namespace, [`route replace ${EXTRA.range} via ${CLIENT2.underlay} dev ${bridge}`]);
  for (let index = 0; index < extraPorts; index++) {
    addTunnel(directory, `extra${index}`, EXTRA.underlay(index), EXTRA.vni);
  }
  if (addressesMax !== undefined)
    vsctl(directory, ["set", "bridge", "br0", `other-config:mac-table-size=${addressesMax}`]);
  if (mirror) addMirror(directory);
}

/** An internal port takes part in the bridge until the mirror reserves it. */
function addMirror(directory: string): void {
  const port = ["add-port", "br0", "mirror0", "--", "set", "interface", "mirror0", "type=internal"];
  const mirror = ["--id=@m", "create", "mirror", "name=m0", "select_all=true", "output_port=@p"];
  const reserve = ["--", "--id=@p", "get", "port", "mirror0", "--", ...mirror];
  vsctl(directory, [...port, ...reserve, "--", "set", "bridge", "br0", "mirrors=@m"]);
  ip(SWITCH.namespace, ["link set mirror0 up"]);
}

/** The uplink's address moves to the bridge that takes it in; neighbours are told, for OVS only learns them by chance. */
function addUplink(directory: string, client: Client, prefixLength: number, portType: string): void {
  const bridge = `br-${client.uplink}`;
  const mac = readLink(SWITCH.namespace, client.uplink).mac;
  const bridgeOptions = ["datapath_type=netdev", `other-config:hwaddr="${mac}"`];
  vsctl(directory, ["add-br", bridge, "--", "set", "bridge", bridge, ...bridgeOptions]);
  ip(SWITCH.namespace, [`addr flush dev ${client.uplink}`]);
  vsctl(directory, [
    "add-port",
    bridge,
    client.uplink,
    "--",
    "set",
    "interface",
    client.uplink,
    `type=${portType}`,
  ]);
  ip(SWITCH.namespace, [
    `addr add ${SWITCH.underlay}/${prefixLength} dev ${bridge}`,
    `link set ${bridge} up`,
  ]);
  const appctl = ["ovs-appctl", "-t", join(directory, "vswitchd.ctl")];
  const neighbour = [bridge, client.underlay, readLink(client.namespace, "eth0").mac];
  run(inSwitch(directory, [...appctl, "tnl/neigh/set", ...neighbour]));
}
