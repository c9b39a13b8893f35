// How the outer headers of a port are written, into its destination's row: for the UDP sockets, and for what depends on the
// frame. A path has headers of its own (paths.ts).
import { DESTINATION_OPTIONS, DESTINATION_SHIFT, DESTINATION_TOS, DESTINATION_TTL } from "../destinations.ts";
import { fixedMarks, outerBits } from "../outer-options.ts";
import type { Port } from "./port.ts";

/** Nothing for a port that is down, or a TAP. */
export function writeOuter(destinations: Int32Array, { destination, opened, spec }: Port): void {
  if (opened?.type !== "vxlan" || spec.type !== "vxlan") return;
  const at = destination << DESTINATION_SHIFT;
  const { ttl, tos } = fixedMarks(spec.outer);
  destinations[at + DESTINATION_TTL] = ttl;
  destinations[at + DESTINATION_TOS] = tos;
  destinations[at + DESTINATION_OPTIONS] = outerBits(spec.outer, opened.underlay.ipv6);
}
