#include "marks.h"

#include <arpa/inet.h>
#include <stdbool.h>

#include "checksum.h"
#include "segment.h"

enum { TTL_DEFAULT = 64, IPV4_TTL = 8, IPV6_HOP_LIMIT = 7, IPV4_FRAGMENT = 6, DF = 0x4000 };

// Zero if there is no IP header.
static uint32_t inner_tos(const uint8_t *ip, bool ipv6) {
  if (!ip) return 0;
  return ipv6 ? (ntohs(load16(ip)) >> 4) & 0xff : ip[1];
}

static uint32_t inner_ttl(const uint8_t *ip, bool ipv6) {
  uint32_t ttl = ip ? ip[ipv6 ? IPV6_HOP_LIMIT : IPV4_TTL] : 0;
  return ttl ? ttl : TTL_DEFAULT;
}

// As the kernel's vxlan has it: IPv6 is never fragmented on its way, and what is not IP cares not.
static bool inner_df(const uint8_t *ip, bool ipv6) { return ip && (ipv6 || ntohs(load16(ip + IPV4_FRAGMENT)) & DF); }

uint32_t marks_by_frame(const int32_t *destination, const int32_t *row, const uint8_t *frame) {
  int32_t options = destination[DESTINATION_OPTIONS];
  bool ipv6;
  uint32_t l3 = find_ip_header(frame, (uint32_t)row[FRAME_LENGTH], &ipv6);
  const uint8_t *ip = l3 ? frame + l3 : NULL;
  uint32_t tos = (uint32_t)row[FRAME_FLAGS] >> FRAME_ECN_SHIFT & ECN_MASK;
  if (options & OUTER_TOS_INHERIT) tos |= inner_tos(ip, ipv6);
  uint32_t ttl = options & OUTER_TTL_INHERIT ? inner_ttl(ip, ipv6) : 0;
  bool df_clear = options & OUTER_DF_UNSET || (options & OUTER_DF_INHERIT && !inner_df(ip, ipv6));
  return tos | ttl << 8 | (df_clear ? MARK_DF_CLEAR : 0);
}
