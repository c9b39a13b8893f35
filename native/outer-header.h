// Outer headers: Ethernet, IP, UDP and VXLAN as src/dataplane/wire/outer-header.ts has built them for a path, completed for one
// frame. Left open there:
//    IPv4   the total length, and in place of the checksum the sum of all the rest (not complemented)
//    IPv6   the payload length
//    UDP    source port, length, and over IPv6 in place of the checksum the sum of the pseudo-header without its length
#ifndef VXSWITCH_OUTER_HEADER_H
#define VXSWITCH_OUTER_HEADER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "checksum.h"
#include "layout.h"
#include "marks.h"

enum {
  OUTER_ETHERNET = 14,
  OUTER_IPV4 = 50,  // bytes of all outer headers
  OUTER_IPV6 = 70,
  OUTER_UDP_VXLAN = 16,
};

// The path in use of a destination's row, or NULL if there is none.
static inline const int32_t *path_of(const int32_t *destination) {
  int32_t at = __atomic_load_n(destination + DESTINATION_PATH, __ATOMIC_ACQUIRE);
  if (at != DESTINATION_PATH_A && at != DESTINATION_PATH_B) return NULL;
  const int32_t *path = destination + at;
  return path[PATH_HEADER_BYTES] == OUTER_IPV4 || path[PATH_HEADER_BYTES] == OUTER_IPV6 ? path : NULL;
}

static inline uint32_t outer_udp(uint32_t header_bytes) { return header_bytes - OUTER_UDP_VXLAN; }

// Returns by how much this changes the sum of the header.
static inline uint32_t replace16(uint8_t *at, uint16_t value) {
  uint32_t change = (uint32_t)(uint16_t)~load16(at) + value;
  store16(at, value);
  return change;
}

// Brings marks to the headers of a path; returns the change of their sum.
static inline uint32_t outer_mark_ipv4(uint8_t *ip, uint32_t marks) {
  uint32_t change = replace16(ip, load16(ip) | htons(marks_tos(marks)));
  if (marks_ttl(marks)) change += replace16(ip + 8, htons((uint16_t)(marks_ttl(marks) << 8 | IPPROTO_UDP)));
  return change;
}

static inline void outer_mark_ipv6(uint8_t *ip, uint32_t marks) {
  store16(ip, load16(ip) | htons((uint16_t)(marks_tos(marks) << 4)));
  if (marks_ttl(marks)) ip[7] = marks_ttl(marks);
}

// Writes the headers of `path` (of path_of) for a frame of `frame_bytes`, which with them fits an IP packet, to `out`; returns
// their length, 70 at most. The UDP checksum is zero over IPv4 (RFC 7348 section 5). Over IPv6 it is left to be filled, as
// the kernel leaves it to a network card: the field holds the sum of the pseudo-header. outer_checksum changes either.
static inline uint32_t outer_header_write(const int32_t *path, uint32_t frame_bytes, uint16_t source_port, uint32_t marks,
                                          uint8_t *out) {
  uint32_t bytes = path[PATH_HEADER_BYTES] == OUTER_IPV4 ? OUTER_IPV4 : OUTER_IPV6;
  uint8_t *ip = out + OUTER_ETHERNET, *udp = out + outer_udp(bytes);
  uint16_t udp_bytes = htons((uint16_t)(OUTER_UDP_VXLAN + frame_bytes));
  memcpy(out, path + PATH_HEADER, bytes);
  store16(udp, htons(source_port));
  store16(udp + 4, udp_bytes);
  if (bytes == OUTER_IPV4) {
    uint16_t total = htons((uint16_t)(OUTER_IPV4 - OUTER_ETHERNET + frame_bytes));
    store16(ip + 2, total);
    uint32_t sum = (uint32_t)load16(ip + 10) + total;
    if (marks) sum += outer_mark_ipv4(ip, marks);
    store16(ip + 10, (uint16_t)~checksum_fold(sum));
  } else {
    if (marks) outer_mark_ipv6(ip, marks);
    store16(ip + 4, udp_bytes);
    store16(udp + 6, checksum_fold((uint32_t)load16(udp + 6) + udp_bytes));
  }
  return bytes;
}

// Over IPv4, of finished headers that stand in front of so many datagrams: DF is cleared, so each has an identification.
void outer_allow_fragments(uint8_t *out, uint32_t datagrams);

// Whether a datagram by itself has a UDP checksum, by the OUTER_ bits of its destination. A train always has one.
static inline bool outer_has_checksum(int32_t options, bool ipv6) {
  return ipv6 ? !(options & OUTER_UDP6_ZERO_CSUM) : options & OUTER_UDP_CSUM;
}

// Of headers just written: leaves the UDP checksum to be filled, when the field holds the sum of the pseudo-header, or not
// to be there, when it is zero.
static inline void outer_checksum(uint8_t *out, uint32_t bytes, bool is_there) {
  const uint8_t *ip = out + OUTER_ETHERNET;
  uint8_t *udp = out + outer_udp(bytes);
  if (is_there == (bytes == OUTER_IPV6)) return;
  if (!is_there) {
    store16(udp + 6, 0);
    return;
  }
  uint32_t sum = checksum_add(ip + 12, 8, (uint32_t)htons(IPPROTO_UDP) + load16(udp + 4));
  store16(udp + 6, checksum_fold(sum));
}

#endif
