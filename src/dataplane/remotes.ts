// The far side of a VXLAN port in one word, as it is shown.
import type { VxlanPortSpec } from "./spec.ts";

/** An address or several, a group with its device, or `any`. */
export function remoteText({
  remotes,
  group,
  any,
}: Pick<VxlanPortSpec, "remotes" | "group" | "any">): string {
  if (any !== null) return "any";
  return group === null ? remotes.join(",") : `${group.address} dev ${group.dev}`;
}
