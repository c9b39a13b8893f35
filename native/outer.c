#include "outer.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "checksum.h"
#include "datagram.h"
#include "ecn.h"
#include "segment.h"

enum { IP = ETH_HLEN, IPV4_HEADER = 20, IPV6_HEADER = 40, UDP_HEADER = 8, VXLAN_HEADER = 8 };

// What the headers say; offsets count from the Ethernet header.
struct outer {
  int32_t remote[4], local[4];
  uint32_t udp;
  uint32_t payload_bytes;
  uint8_t tos;
  bool ipv6;
};

// False if it is not what the classifier lets through, or lengths and checksum of the headers are wrong.
static bool parse(struct outer *outer, const uint8_t *at, uint32_t length) {
  if (length < IP + IPV4_HEADER + UDP_HEADER) return false;
  const uint8_t *ip = at + IP;
  outer->ipv6 = ip[0] >> 4 == 6;
  outer->udp = IP + (outer->ipv6 ? IPV6_HEADER : IPV4_HEADER);
  uint32_t ip_bytes;
  if (outer->ipv6) {
    if (length < IP + IPV6_HEADER + UDP_HEADER) return false;
    memcpy(outer->remote, ip + 8, 16);
    memcpy(outer->local, ip + 24, 16);
    ip_bytes = IPV6_HEADER + ntohs(load16(ip + 4));
    outer->tos = (uint8_t)(ntohs(load16(ip)) >> 4);
  } else {
    outer->remote[0] = outer->remote[1] = outer->local[0] = outer->local[1] = 0;
    outer->remote[2] = outer->local[2] = (int32_t)htonl(0xffff);
    outer->remote[3] = (int32_t)load32(ip + 12);
    outer->local[3] = (int32_t)load32(ip + 16);
    ip_bytes = ntohs(load16(ip + 2));
    outer->tos = ip[1];
    if (checksum_fold(checksum_add(ip, IPV4_HEADER, 0)) != 0xffff) return false;
  }
  uint32_t udp_bytes = ntohs(load16(at + outer->udp + 4));
  if (IP + ip_bytes > length || udp_bytes < UDP_HEADER || outer->udp - IP + udp_bytes > ip_bytes) return false;
  outer->payload_bytes = udp_bytes - UDP_HEADER;
  return true;
}

// Where the inner sender has left a checksum to its network card: the field holds the sum of the pseudo-header, and its
// offset in the frame comes back; 0 = nowhere. `l4` becomes the offset of the transport header.
static uint32_t unfilled_checksum(const uint8_t *frame, uint32_t length, uint32_t *l4) {
  struct ip_packet packet;
  if (!find_ip(frame, length, &packet) || packet.l3 + packet.bytes != length) return 0;
  if (packet.protocol != IPPROTO_TCP && packet.protocol != IPPROTO_UDP) return 0;
  const uint8_t *ip = frame + packet.l3;
  uint32_t header = packet.ipv6 ? IPV6_HEADER : (uint32_t)(ip[0] & 0x0f) * 4;
  uint32_t field = packet.protocol == IPPROTO_TCP ? TCP_CHECKSUM : UDP_CHECKSUM;
  if (header + field + 2 > packet.bytes) return 0;
  *l4 = packet.l3 + header;
  uint32_t sum = packet.ipv6 ? checksum_add(ip + 8, 32, 0) : checksum_add(ip + 12, 8, 0);
  sum += htons((uint16_t)(packet.bytes - header));
  sum += htons(packet.protocol);
  return checksum_fold(sum) == load16(frame + *l4 + field) ? *l4 + field : 0;
}

// None is always accepted over IPv4 (RFC 7348 section 5), over IPv6 if the port takes it (RFC 6935). What came over no wire
// may be left undone: then the field holds the sum of the pseudo-header. It may also be what it is to be once the inner
// checksum is filled in (the kernel's lco_csum), when all that this covers will sum up to the complement of that field.
static bool checksum_right(const struct outer *outer, const uint8_t *at, bool checked) {
  const uint8_t *udp = at + outer->udp;
  uint16_t field = load16(udp + 6);
  if (field == 0 || checked) return true;
  uint32_t udp_bytes = UDP_HEADER + outer->payload_bytes;
  uint32_t pseudo = outer->ipv6 ? checksum_add(at + IP + 8, 32, 0) : checksum_add(at + IP + 12, 8, 0);
  pseudo += htons((uint16_t)udp_bytes);
  pseudo += htons(IPPROTO_UDP);
  if (field == checksum_fold(pseudo)) return true;
  const uint8_t *inner = udp + UDP_HEADER + VXLAN_HEADER;
  uint32_t l4, inner_bytes = udp_bytes < UDP_HEADER + VXLAN_HEADER ? 0 : udp_bytes - UDP_HEADER - VXLAN_HEADER;
  uint32_t unfilled = unfilled_checksum(inner, inner_bytes, &l4);
  if (unfilled != 0) {
    uint32_t covered = (uint16_t)~load16(inner + unfilled);
    if (checksum_fold(checksum_add(udp, (uint32_t)(inner - udp) + l4, pseudo + covered)) == 0xffff) return true;
  }
  return checksum_fold(checksum_add(udp, udp_bytes, pseudo)) == 0xffff;
}

static bool is_vtep(const struct outer_reader *r, uint32_t i, const struct outer *outer, uint32_t port) {
  const int32_t *vtep = r->vteps.at + i * VTEP_WORDS;
  return vtep[VTEP_PORT] == (int32_t)port && memcmp(vtep + VTEP_ADDRESS, outer->local, sizeof outer->local) == 0;
}

// Device index of the UDP socket of the VTEP, or -1. Neighbours mostly were sent to the same one.
static int32_t find_vtep(struct outer_reader *r, const struct outer *outer, uint32_t port) {
  if (is_vtep(r, r->last, outer, port)) return r->vteps.at[r->last * VTEP_WORDS + VTEP_DEVICE];
  for (uint32_t i = 0; i < r->vteps.count / VTEP_WORDS; i++) {
    if (!is_vtep(r, i, outer, port)) continue;
    r->last = i;
    return r->vteps.at[i * VTEP_WORDS + VTEP_DEVICE];
  }
  return -1;
}

// Rows of the datagrams in a sound frame, whose VXLAN header stands at `offset`.
static uint32_t write_rows(struct outer_reader *r, const struct outer *outer, int32_t *row, uint32_t offset, uint32_t gso_size,
                           int32_t vtep) {
  uint32_t rows_max = r->rows_max - r->row_count;
  if (!ecn_tells(outer->tos))
    return datagram_rows(row, rows_max, r->arena, offset, outer->payload_bytes, gso_size, outer->remote, vtep);
  uint32_t copy = r->copies_at;
  memcpy(r->arena + copy, r->arena + offset, outer->payload_bytes);
  r->copies_at += (outer->payload_bytes + 63) & ~63u;
  uint32_t count = datagram_rows(row, rows_max, r->arena, copy, outer->payload_bytes, gso_size, outer->remote, vtep);
  ecn_decapsulate(row, count, r->arena, outer->tos);
  return count;
}

void outer_read(struct outer_reader *r, const uint8_t *at, uint32_t length, uint32_t gso_size, bool checked) {
  struct outer outer = {.udp = 0};
  bool sound = parse(&outer, at, length);
  if (outer.udp == 0) return;
  int32_t vtep = find_vtep(r, &outer, ntohs(load16(at + outer.udp + 2)));
  if (vtep < 0) return;
  uint32_t offset = (uint32_t)(at - r->arena) + outer.udp + UDP_HEADER;
  int32_t *row = r->rows + (size_t)r->row_count * FRAME_WORDS;
  if (sound && checksum_right(&outer, at, checked)) {
    uint32_t count = write_rows(r, &outer, row, offset, gso_size, vtep);
    if (outer.ipv6 && load16(at + outer.udp + 6) == 0)
      for (uint32_t i = 0; i < count; i++) row[(size_t)i * FRAME_WORDS + FRAME_FLAGS] |= FRAME_ZERO_CSUM6;
    r->row_count += count;
    return;
  }
  datagram_row(row, offset, 0, FRAME_BAD_OUTER, outer.remote, vtep);
  r->row_count++;
}
