// What the engines must be told about one port.
import { type Impairment, seedOfPort } from "../impairment.ts";
import { parseFdbAddress } from "../mac.ts";
import type { BoundAddress, PortSpec } from "../spec.ts";
import { everyWorker, type ForwardingCommand } from "../threads/workers.ts";
import { deviceOf, type Port } from "./port.ts";

/** The port and the device that is its own, if it has one; in the order in which they are told. */
export function portCommands(port: Port, workers: number): ForwardingCommand[] {
  return [...deviceCommands(port, workers), addPortCommand(port), ...impairCommands(port)];
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

/** A port that is down still stands in the flood list and counts drops. */
export function addPortCommand(port: Port): ForwardingCommand {
  const { index, bridge, destination, opened, spec } = port;
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
        ? { remote: opened.remote.words, vni: spec.vni }
        : null,
  };
}

/** Addresses that were bound to a port before `port.spec`, and no longer are. */
export function unbindCommand(
  { bridge, destination, spec }: Port,
  before: readonly BoundAddress[],
): ForwardingCommand {
  const isBound = ({ vlan, mac }: BoundAddress) =>
    spec.fdb.some((now) => now.vlan === vlan && now.mac === mac);
  const addresses = before.filter((address) => !isBound(address)).map(parseFdbAddress);
  return { op: "fdb-unbind", bridge, addresses, destination };
}
