// How a port is called in words.
import type { PortView } from "../control/server/views.ts";

/** Its state; a quarantined port is up, but out of its bridge. */
export function stateOf(port: PortView): "up" | "down" | "quarantined" {
  if (port.state === "down") return "down";
  return port.quarantined_seconds_left > 0 ? "quarantined" : "up";
}

/** Who is at the other end of the cable. */
export function farEnd(port: PortView): string {
  if (port.type === "tap") return "this host (TAP)";
  return `${port.remote ?? "any"} · VNI ${port.vni}`;
}
