#include "outer.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "checksum.h"
#include "datagram.h"
#include "segment.h"

enum { IP = ETH_HLEN, IPV4_HEADER = 20, IPV6_HEADER = 40, UDP_HEADER = 8, VXLAN_HEADER = 8 };
enum { NEEDS_CSUM = VIRTIO_NET_HDR_F_NEEDS_CSUM, VALID = VIRTIO_NET_HDR_F_DATA_VALID };

// What the headers say; offsets count from the Ethernet header.
struct outer {
  int32_t remote[4], local[4];
  uint32_t udp;
  uint32_t payload_bytes;
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
  } else {
    outer->remote[0] = outer->remote[1] = outer->local[0] = outer->local[1] = 0;
    outer->remote[2] = outer->local[2] = (int32_t)htonl(0xffff);
    outer->remote[3] = (int32_t)load32(ip + 12);
    outer->local[3] = (int32_t)load32(ip + 16);
    ip_bytes = ntohs(load16(ip + 2));
    if (checksum_fold(checksum_add(ip, IPV4_HEADER, 0)) != 0xffff) return false;
  }
  uint32_t udp_bytes = ntohs(load16(at + outer->udp + 4));
  if (IP + ip_bytes > length || udp_bytes < UDP_HEADER || outer->udp - IP + udp_bytes > ip_bytes) return false;
  outer->payload_bytes = udp_bytes - UDP_HEADER;
  return true;
}

// None is always accepted over IPv4 (RFC 7348 section 5), never over IPv6 (RFC 8200 section 8.1).
static bool checksum_right(const struct outer *outer, const uint8_t *at, const struct virtio_net_hdr *vnet) {
  const uint8_t *udp = at + outer->udp;
  if (load16(udp + 6) == 0) return !outer->ipv6;
  if (vnet->flags & (NEEDS_CSUM | VALID)) return true;
  uint32_t udp_bytes = UDP_HEADER + outer->payload_bytes;
  uint32_t sum = outer->ipv6 ? checksum_add(at + IP + 8, 32, 0) : checksum_add(at + IP + 12, 8, 0);
  sum += htons((uint16_t)udp_bytes);
  sum += htons(IPPROTO_UDP);
  return checksum_fold(checksum_add(udp, udp_bytes, sum)) == 0xffff;
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

static int32_t *add_row(struct outer_reader *r, const uint8_t *payload, uint32_t length, int flags, const int32_t remote[4],
                        int32_t vtep) {
  int32_t *row = r->rows + (size_t)r->row_count++ * FRAME_WORDS;
  datagram_row(row, (uint32_t)(payload - r->arena), length, flags, remote, vtep);
  return row;
}

// What the sender left undone in the inner frame; in the outer headers it does not matter.
static void add_offloads(int32_t *row, const struct virtio_net_hdr *vnet, uint32_t inner) {
  if (!(vnet->flags & NEEDS_CSUM) || vnet->csum_start < inner) return;
  struct frame frame = {.length = (uint32_t)row[FRAME_LENGTH] - VXLAN_HEADER, .csum_start = vnet->csum_start - inner,
                        .csum_offset = vnet->csum_offset};
  row[FRAME_FLAGS] |= csum_fits(&frame) ? FRAME_NEEDS_CSUM : FRAME_BAD_OFFLOAD;
  row[FRAME_CSUM_START] = (int32_t)frame.csum_start;
  row[FRAME_CSUM_OFFSET] = vnet->csum_offset;
  row[FRAME_GSO_TYPE] = vnet->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
  row[FRAME_GSO_SIZE] = vnet->gso_size;
}

void outer_read(struct outer_reader *r, const uint8_t *at, uint32_t length, const struct virtio_net_hdr *vnet,
                bool truncated) {
  struct outer outer = {.udp = 0};
  bool sound = parse(&outer, at, length);
  if (outer.udp == 0) return;
  int32_t vtep = find_vtep(r, &outer, ntohs(load16(at + outer.udp + 2)));
  if (vtep < 0) return;
  const uint8_t *payload = at + outer.udp + UDP_HEADER;
  if (truncated || !sound || !checksum_right(&outer, at, vnet)) {
    add_row(r, payload, 0, truncated ? FRAME_TRUNCATED : FRAME_BAD_OUTER, outer.remote, vtep);
    return;
  }
  uint32_t inner = outer.udp + UDP_HEADER + VXLAN_HEADER;
  uint32_t step = vnet->gso_size;
  // Datagrams that the kernel has merged, each with a VXLAN header of its own; an inner super-frame has but one.
  bool merged = vnet->gso_type == GSO_UDP_L4 && vnet->csum_start < inner && step > 0;
  if (!merged) {
    add_offloads(add_row(r, payload, outer.payload_bytes, 0, outer.remote, vtep), vnet, inner);
    return;
  }
  r->row_count += datagram_rows(r->rows + (size_t)r->row_count * FRAME_WORDS, r->rows_max - r->row_count,
                                (uint32_t)(payload - r->arena), outer.payload_bytes, step, outer.remote, vtep);
}
