// The VXLAN header (RFC 7348 section 5):
//
//    0               1               2               3
//   | flags (I=0x08) | reserved                        |
//   | VNI                                   | reserved |
//
// With a group policy (draft-smith-vxlan-group-policy) the first word is
//
//   | G=0x80, I=0x08 | D=0x40, A=0x08 | policy         |

export const VXLAN_HEADER_BYTES = 8;
export const VXLAN_FLAG_VNI = 0x08;
/** Of the first word: "don't learn" and "policy applied", the latter becoming bit 0 when shifted. */
export const GBP_BITS = 9;
export const GBP_BITS_SHIFT = 19;

/** Outer headers in front of the inner frame: IP, UDP, VXLAN, and the inner Ethernet header that an MTU does not count. */
export const OVERHEAD_IPV4_BYTES = 20 + 8 + VXLAN_HEADER_BYTES + 14;
export const OVERHEAD_IPV6_BYTES = 40 + 8 + VXLAN_HEADER_BYTES + 14;

/** What the encapsulation takes of the MTU of an IPv6 or IPv4 underlay. */
export function overheadBytes(ipv6: boolean): number {
  return ipv6 ? OVERHEAD_IPV6_BYTES : OVERHEAD_IPV4_BYTES;
}
