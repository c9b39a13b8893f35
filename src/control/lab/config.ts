// The configuration that a switch needs to stand in the middle of a lab: a bridge, a port per client, a leg of its own.
import { stringify } from "yaml";
import type { Lab } from "./lab.ts";
import { METRICS_LISTEN, type SwitchFiles } from "./switch-process.ts";
import { addressOf } from "./topology.ts";

/** A configuration as the YAML file has it, for tests to change before it is written. */
export interface LabConfig {
  underlay: Record<string, unknown>;
  bridges: Record<string, BridgeConfig>;
  metrics: { listen: string };
  control: { socket: string };
}

export interface BridgeConfig {
  [option: string]: unknown;
  ports: Record<string, Record<string, unknown>>;
  mirrors?: Record<string, Record<string, unknown>>;
}

/** One bridge `br0` that joins the first cable of every client that has one, and the switch's own leg of the same name. */
export function labConfig(lab: Lab, files: SwitchFiles): LabConfig {
  const ports: BridgeConfig["ports"] = {};
  for (const { spec } of lab.clients) {
    const remote = addressOf(spec.underlay);
    if (spec.cables.length > 0) ports[spec.name] = { type: "vxlan", vni: spec.cables[0].vni, remote };
  }
  ports.br0 = { type: "tap", address: [...lab.testSpec.addresses] };
  return {
    underlay: { local: addressOf(lab.testSpec.underlay) },
    bridges: { br0: { ports } },
    metrics: { listen: METRICS_LISTEN },
    control: { socket: files.socket },
  };
}

export function configText(config: LabConfig): string {
  return stringify(config);
}
