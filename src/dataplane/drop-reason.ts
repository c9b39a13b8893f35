// Why a frame was not forwarded: the closed list behind every drop counter.
// An index in this list is the number in shared memory and in the addon (native/layout.h keeps the same numbers),
// so entries are appended, never reordered.

/** One reason: its name in metrics and `show drops`, and the sentence that explains it to an operator. */
export interface DropReasonText {
  readonly name: string;
  readonly text: string;
}

export const DROP_REASONS = [
  {
    name: "vxlan_short",
    text: "the datagram is too short for a VXLAN header and an Ethernet frame (RFC 7348 section 5)",
  },
  {
    name: "vxlan_flags",
    text: "the VXLAN header lacks the I flag, so it carries no VNI (RFC 7348 section 5)",
  },
  { name: "vtep_unknown", text: "no port of this switch has the sender as its remote" },
  { name: "vni_unknown", text: "the sender is a remote of this switch, but no port joins it with this VNI" },
  { name: "datagram_truncated", text: "the datagram was larger than a receive slot" },
  { name: "source_mac_invalid", text: "the source address is zero or multicast (802.3 clause 3.2.3)" },
  { name: "inner_malformed", text: "the inner IP header contradicts the length of the frame" },
  { name: "offload_invalid", text: "the offload metadata (checksum or segmentation) does not fit the frame" },
  {
    name: "static_moved",
    text: "a static FDB entry, or a sticky port, binds the source address to another port",
  },
  { name: "split_horizon", text: "the destination was learnt where the frame came from" },
  { name: "no_destination", text: "the bridge has no other port that flooding reaches" },
  {
    name: "port_down",
    text: "the destination port is down, or the port went away whose cable held the frame",
  },
  {
    name: "too_big",
    text: "the frame does not fit the path MTU and must not be fragmented (RFC 7348 section 4.3)",
  },
  { name: "queue_full", text: "the kernel's transmit queue was full" },
  { name: "unreachable", text: "the kernel has no route to the remote VTEP, or a firewall refused it" },
  { name: "transmit_failed", text: "the kernel refused the frame for another reason" },
  {
    name: "outer_malformed",
    text: "the outer IP or UDP header contradicts the datagram's length, or one of their checksums is wrong",
  },
  { name: "isolated", text: "both ports are isolated: they exchange no frames (isolated: true)" },
  {
    name: "locked",
    text: "the port is locked, and the FDB does not have the source address there (locked: true)",
  },
  {
    name: "policed",
    text: "the port sent more than it may (ingress_policing_rate, ingress_policing_kpkts_rate)",
  },
  { name: "storm", text: "the port sent more frames to be flooded than it may (storm_control)" },
  {
    name: "bpdu",
    text: "the destination address is reserved for the link, 01:80:c2:00:00:0x (forward_bpdu: false)",
  },
  {
    name: "loop",
    text: "the frame was flooded less than a second ago and came back at another port (loop_guard)",
  },
  {
    name: "quarantined",
    text: "the port is out of its bridge for a while, for it is a part of a loop (loop_guard)",
  },
  {
    name: "vlan_refused",
    text: "the port, or that of the destination, does not carry the frame's VLAN (tag, trunks, vlan_mode, inner_vlan)",
  },
  { name: "impair_loss", text: "the port's cable is to lose so many frames (loss of impair_in, impair_out)" },
  {
    name: "impair_limit",
    text: "the port's cable holds as many frames as it may (limit of impair_in, impair_out)",
  },
  {
    name: "ecn_invalid",
    text: "the network marked congestion, but the inner sender does not take part in ECN (RFC 6040 section 4.2)",
  },
  {
    name: "neigh_suppressed",
    text: "who is asked for (ARP, ND) is known, and no port but those with neigh_suppress is left to ask",
  },
  {
    name: "vtep_unadmitted",
    text: "a VTEP that remote: any has no port for: seen for the first time, not allowed (allow), or one too many (max_vteps)",
  },
  {
    name: "no_listener",
    text: "behind no other port does anybody listen to the multicast group (mcast_snooping)",
  },
] as const satisfies readonly DropReasonText[];

export type DropReasonName = (typeof DROP_REASONS)[number]["name"];

export const DROP_REASON_COUNT = DROP_REASONS.length;

/** Name to number, for the code that counts. */
export const Drop = Object.freeze(
  Object.fromEntries(DROP_REASONS.map((reason, index) => [reason.name, index])),
) as Readonly<Record<DropReasonName, number>>;
