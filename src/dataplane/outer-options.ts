// How the outer headers of a VXLAN port are written, in the words of ip-link(8) as far as it has them, and as the bits that
// the addon looks at. No bit is set where nothing has to be read from the inner packet.
import {
  OUTER_DF_INHERIT,
  OUTER_DF_UNSET,
  OUTER_GBP,
  OUTER_TOS_INHERIT,
  OUTER_TTL_INHERIT,
  OUTER_UDP_CSUM,
  OUTER_UDP6_ZERO_CSUM,
  OUTER_UDP6_ZERO_CSUM_RX,
} from "./destinations.ts";

export interface OuterOptions {
  /** How many hops a datagram may take, 1 to 255. */
  readonly ttl: number | "inherit";
  /** The DSCP, in the upper six bits (RFC 2474). */
  readonly tos: number | "inherit";
  /** "Don't fragment", over IPv4. */
  readonly df: "set" | "unset" | "inherit";
  /** Over IPv4: every datagram has a UDP checksum. Otherwise those of trains do, which need one. */
  readonly udpCsum: boolean;
  /** Over IPv6: no datagram has a UDP checksum (RFC 6935), so there are no trains. */
  readonly udp6ZeroCsumTx: boolean;
  /** Over IPv6: datagrams without a UDP checksum are taken. */
  readonly udp6ZeroCsumRx: boolean;
  /** The group policy that a datagram brings goes along to other ports that have this (draft-smith-vxlan-group-policy). */
  readonly gbp: boolean;
}

export const TTL_DEFAULT = 64;

export const PLAIN_OUTER: OuterOptions = {
  ttl: TTL_DEFAULT,
  tos: 0,
  df: "set",
  udpCsum: false,
  udp6ZeroCsumTx: false,
  udp6ZeroCsumRx: false,
  gbp: false,
};

/** What is the same for all frames; 0 where each has its own. */
export function fixedMarks({ ttl, tos }: OuterOptions): { ttl: number; tos: number } {
  return { ttl: ttl === "inherit" ? 0 : ttl, tos: tos === "inherit" ? 0 : tos };
}

const DF_BITS = { set: 0, unset: OUTER_DF_UNSET, inherit: OUTER_DF_INHERIT };

/** `ipv6`: the outer header is one; each family has options of its own. */
export function outerBits({ ttl, tos, gbp, ...options }: OuterOptions, ipv6: boolean): number {
  return (
    (ttl === "inherit" ? OUTER_TTL_INHERIT : 0) |
    (tos === "inherit" ? OUTER_TOS_INHERIT : 0) |
    (gbp ? OUTER_GBP : 0) |
    (ipv6 ? bitsOfIpv6(options) : bitsOfIpv4(options))
  );
}

function bitsOfIpv4({ df, udpCsum }: Pick<OuterOptions, "df" | "udpCsum">): number {
  return DF_BITS[df] | (udpCsum ? OUTER_UDP_CSUM : 0);
}

function bitsOfIpv6(options: Pick<OuterOptions, "udp6ZeroCsumTx" | "udp6ZeroCsumRx">): number {
  return (
    (options.udp6ZeroCsumTx ? OUTER_UDP6_ZERO_CSUM : 0) |
    (options.udp6ZeroCsumRx ? OUTER_UDP6_ZERO_CSUM_RX : 0)
  );
}
