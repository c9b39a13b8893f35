// How the outer headers of a port are written and read, into the rows of its destinations: for the UDP sockets, and for what depends
// on the frame. A path has headers of its own (paths.ts). And what of it the sockets must be told.
import { DESTINATION_OPTIONS, DESTINATION_SHIFT, DESTINATION_TOS, DESTINATION_TTL } from "../destinations.ts";
import { takeZeroChecksums } from "../io/udp-underlay.ts";
import { fixedMarks, outerBits } from "../outer-options.ts";
import type { Group } from "./groups.ts";
import type { Port } from "./port.ts";
import type { Underlay, Underlays } from "./underlays.ts";

/** Nothing for a port that is down, or a TAP. */
export function writeOuter(destinations: Int32Array, destination: number, { opened, spec }: Port): void {
  if (opened?.type !== "vxlan" || spec.type !== "vxlan") return;
  const at = destination << DESTINATION_SHIFT;
  const { ttl, tos } = fixedMarks(spec.outer);
  destinations[at + DESTINATION_TTL] = ttl;
  destinations[at + DESTINATION_TOS] = tos;
  destinations[at + DESTINATION_OPTIONS] = outerBits(spec.outer, opened.underlay.ipv6);
}

/** Whether the sockets of a port take datagrams over IPv6 without a UDP checksum: if any port of its underlay does. */
export function refreshChecksums(
  underlays: Underlays,
  { underlay, group }: { readonly underlay: Underlay; readonly group: Group | null },
  ports: Iterable<Port>,
): void {
  const takes = Array.from(ports).some(
    ({ opened, spec }) =>
      opened?.type === "vxlan" &&
      opened.underlay === underlay &&
      spec.type === "vxlan" &&
      spec.outer.udp6ZeroCsumRx,
  );
  underlays.takeZeroChecksums(underlay, takes && underlay.ipv6);
  if (group !== null && underlay.ipv6) takeZeroChecksums(group.sockets, takes);
}
