// What follows from the specification of a port alone.
import { isDeepStrictEqual } from "node:util";
import type { PortSpec, VxlanPortSpec } from "../spec.ts";

/** Of its remotes, its group, itself or those whom a hub takes in; IPv4 where nothing tells. */
export function isIpv6({ remotes, group, local, any }: VxlanPortSpec): boolean {
  const text = remotes[0] ?? group?.address ?? local ?? any?.allow[0] ?? "";
  return text.includes(":");
}

/** A port that stands in the place of a hub, for one VTEP. */
export function childOf(hub: VxlanPortSpec, name: string, remotes: readonly string[]): VxlanPortSpec {
  return { ...hub, name, remotes, any: null, hub: hub.name };
}

/** Whether nothing of a port has to be opened anew. */
export function changesInPlace(before: PortSpec, after: PortSpec): boolean {
  const { policy, impairIn, impairOut, fdb } = before;
  const marks = before.type === "vxlan" ? { outer: before.outer, any: before.any } : {};
  return isDeepStrictEqual(before, { ...after, policy, impairIn, impairOut, fdb, ...marks });
}
