// What the engines must be told about one port.
import type { Address } from "../address.ts";
import { type Impairment, seedOfPort } from "../cables/impairment.ts";
import { ANYONE } from "../ingress-table.ts";
import type { BoundAddress, PortSpec, VxlanPortSpec } from "../spec.ts";
import { everyWorker, type ForwardingCommand } from "../threads/workers.ts";
import { parseFdbAddress } from "../wire/mac.ts";
import { deviceOf, type End, isHub, type Port } from "./port.ts";

/** The port and the device that is its own, if it has one; in the order in which they are told. */
export function portCommands(port: Port, workers: number): ForwardingCommand[] {
  return [...deviceCommands(port, workers), ...addPortCommands(port), ...impairCommands(port)];
}

/** Of the port's cables; nothing if they are not impaired, nor have been (`before`). */
export function impairCommands({ index, spec }: Port, before: PortSpec = spec): ForwardingCommand[] {
  const impairments = [before.impairIn, before.impairOut, spec.impairIn, spec.impairOut];
  if (impairments.every((impairment) => impairment === null)) return [];
  const [incoming, outgoing] = [seeded(spec, spec.impairIn), seeded(spec, spec.impairOut)];
  return [{ op: "impair-port", port: index, incoming, outgoing }];
}

function seeded({ bridge, name }: PortSpec, impairment: Impairment | null): Impairment | null {
  return impairment && { ...impairment, seed: seedOfPort(impairment.seed, bridge, name) };
}

/** Of the device that is a port's own; one of the workers receives from it. */
export function deviceCommands({ index, opened }: Port, workers: number): ForwardingCommand[] {
  if (opened?.type !== "tap") return [];
  const { device, fd, mtuBytes } = opened;
  const receiver = index % workers;
  const make = everyWorker(workers, (worker) => {
    return { type: "tap", fd, receives: worker === receiver, mtuBytes } as const;
  });
  return [{ op: "add-device", device, make, fallback: device }];
}

/** The port with all its ends. One that is down still stands in the flood list and counts drops. */
export function addPortCommands(port: Port): ForwardingCommand[] {
  const { index, opened, spec, ends } = port;
  if (opened?.type !== "vxlan" || spec.type !== "vxlan") return [addPortCommand(port)];
  if (isHub(port)) return [{ op: "add-hub", port: index, device: deviceOf(port), vni: spec.vni }];
  return [addPortCommand(port), ...ends.slice(1).map((end) => addEndCommand(port, end))];
}

/** A further VTEP of an open VXLAN port; what is flooded reaches those of a group by the group. */
export function addEndCommand(port: Port, { destination, remote }: End): ForwardingCommand {
  const { vni, group } = port.spec as VxlanPortSpec;
  const words = (remote as Address).words;
  const [device, floods] = [deviceOf(port), group === null];
  return { op: "add-end", port: port.index, destination, device, remote: words, vni, floods };
}

function addPortCommand(port: Port): ForwardingCommand {
  const { index, bridge, ends, opened, spec } = port;
  const [{ destination, remote, isGroup }] = ends;
  return {
    op: "add-port",
    bridge,
    port: index,
    destination,
    policy: spec.policy,
    isQuarantined: port.quarantine.isOn,
    bound: spec.fdb.map(parseFdbAddress),
    device: deviceOf(port),
    ingress:
      opened?.type === "vxlan" && spec.type === "vxlan"
        ? { remote: isGroup ? ANYONE : (remote as Address).words, vni: spec.vni }
        : null,
    hasManyEnds: isGroup || ends.length > 1,
  };
}

/** Addresses that were bound to a port before `port.spec`, and no longer are. */
export function unbindCommand(
  { bridge, ends, spec }: Port,
  before: readonly BoundAddress[],
): ForwardingCommand {
  const isBound = ({ vlan, mac }: BoundAddress) =>
    spec.fdb.some((now) => now.vlan === vlan && now.mac === mac);
  const addresses = before.filter((address) => !isBound(address)).map(parseFdbAddress);
  return { op: "fdb-unbind", bridge, addresses, destination: ends[0].destination };
}
