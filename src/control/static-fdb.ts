// Addresses that the command line binds, forgets or flushes in the running switch. They live in the data plane alone
// and are gone after a restart; what belongs to the configuration is in the file.
import type { Dataplane, PortStatus } from "../dataplane/spec.ts";
import { VLAN_MAX } from "./config/limits.ts";
import type { Config } from "./config/schema.ts";
import { STATION_EXPECTED, stationMac } from "./config/values.ts";
import { Refusal } from "./refusal.ts";

export interface FdbKey {
  readonly bridge: string;
  readonly vlan: number;
  readonly mac: string;
}

/** Binds an address to a port for good. Throws a Refusal. */
export async function addFdb(at: Dataplane, config: Config, key: FdbKey, port: string): Promise<void> {
  checkBridge(config, key.bridge);
  if (portOf(at, key.bridge, port).remote === "any")
    throw new Refusal(`${port} is a hub, to which nothing goes; bind the address to the port of its VTEP`);
  const entry = { ...checkKey(key), port };
  if (await at.addStaticFdb(entry)) return;
  throw new Refusal(`the FDB of ${key.bridge} is full; raise maxaddress or flush it`);
}

/** Forgets one address, learnt or static. Throws a Refusal if it is not there. */
export async function delFdb(at: Dataplane, config: Config, key: FdbKey): Promise<void> {
  checkBridge(config, key.bridge);
  const { bridge, vlan, mac } = checkKey(key);
  if (await at.delFdb(bridge, vlan, mac)) return;
  throw new Refusal(`the FDB of ${bridge} has no ${mac} in VLAN ${vlan}`);
}

/** Forgets what was learnt on a bridge, or on one of its ports (null = on all); returns how many. */
export async function flushFdb(
  at: Dataplane,
  config: Config,
  bridge: string,
  port: string | null,
): Promise<number> {
  checkBridge(config, bridge);
  if (port !== null) portOf(at, bridge, port);
  return at.flushFdb(bridge, port);
}

function checkBridge(config: Config, bridge: string): void {
  if (!Object.hasOwn(config.bridges, bridge)) throw new Refusal(`there is no bridge ${bridge}`);
}

/** Configured, or in the place of a hub. */
function portOf(at: Dataplane, bridge: string, name: string): PortStatus {
  const port = at.status().ports.find((port) => port.bridge === bridge && port.name === name);
  if (port === undefined) throw new Refusal(`${bridge} has no port ${name}`);
  return port;
}

/** The key with its address in the one spelling that the data plane uses. */
function checkKey({ bridge, vlan, mac }: FdbKey): FdbKey {
  const spelt = stationMac(mac);
  if (spelt === undefined) {
    throw new Refusal(`expected ${STATION_EXPECTED}, got ${JSON.stringify(mac)}`);
  }
  if (!Number.isInteger(vlan) || vlan < 0 || vlan > VLAN_MAX) {
    throw new Refusal(`expected a VLAN ID from 0 (untagged) to ${VLAN_MAX}, got ${vlan}`);
  }
  return { bridge, vlan, mac: spelt };
}
