#include "segment.h"

#include <arpa/inet.h>
#include <string.h>

#include "checksum.h"

enum { ETHERNET_HEADER = 14, VLAN_TAG = 4, IPV4_HEADER = 20, IPV6_HEADER = 40, TCP_HEADER = 20, UDP_HEADER = 8 };
enum { TCP_FIN = 0x01, TCP_PSH = 0x08, TCP_CWR = 0x80, PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };

bool csum_fits(const struct frame *f) {
  return f->csum_start >= ETHERNET_HEADER && f->csum_start <= f->length && f->csum_offset <= f->length &&
         f->csum_start + f->csum_offset + 2 <= f->length;
}

// A UDP checksum that comes out as zero is sent as all ones, for zero means that there is none (RFC 768). A TCP one is
// zero: all ones would sum up alike, but is no result of the computation (RFC 1624) and called bad by decoders.
static uint16_t as_sent(uint16_t value, bool udp) { return value == 0 && udp ? 0xffff : value; }

void csum_fill(const struct frame *f, uint8_t *out) {
  uint32_t sum = checksum_add(out + f->csum_start, f->length - f->csum_start, 0);
  uint16_t value = (uint16_t)~checksum_fold(sum);
  store16(out + f->csum_start + f->csum_offset, as_sent(value, f->csum_offset == UDP_CHECKSUM));
}

uint32_t find_l3(const uint8_t *frame, bool *ipv6) {
  uint32_t at = 12;
  uint16_t type = ntohs(load16(frame + at));
  for (int tags = 0; tags < 2 && (type == 0x8100 || type == 0x88a8); tags++) {
    at += VLAN_TAG;
    type = ntohs(load16(frame + at));
  }
  *ipv6 = type == 0x86dd;
  return type == 0x0800 || *ipv6 ? at + 2 : 0;
}

uint32_t find_ip_header(const uint8_t *frame, uint32_t length, bool *ipv6) {
  *ipv6 = false;
  uint32_t l3 = length < ETHERNET_HEADER + 2 * VLAN_TAG ? 0 : find_l3(frame, ipv6);
  return l3 != 0 && l3 + (*ipv6 ? IPV6_HEADER : IPV4_HEADER) <= length ? l3 : 0;
}

bool find_ip(const uint8_t *frame, uint32_t length, struct ip_packet *packet) {
  if (length < ETHERNET_HEADER + 2 * VLAN_TAG + IPV4_HEADER) return false;
  packet->l3 = find_l3(frame, &packet->ipv6);
  if (packet->l3 == 0) return false;
  const uint8_t *ip = frame + packet->l3;
  packet->bytes = packet->ipv6 ? (uint32_t)IPV6_HEADER + ntohs(load16(ip + 4)) : ntohs(load16(ip + 2));
  packet->protocol = packet->ipv6 ? ip[6] : ip[9];
  return true;
}

static bool find_headers(struct cut *cut, const struct frame *f) {
  if (f->length < ETHERNET_HEADER + 2 * VLAN_TAG + IPV4_HEADER || !csum_fits(f)) return false;
  cut->frame = f->at;
  cut->l3 = find_l3(f->at, &cut->ipv6);
  cut->l4 = f->csum_start;
  cut->udp = f->gso_type == GSO_UDP_L4;
  if (cut->l3 == 0) return false;
  uint32_t l3_header = cut->ipv6 ? IPV6_HEADER : (uint32_t)(f->at[cut->l3] & 0x0f) * 4;
  uint32_t l4_header = cut->udp ? UDP_HEADER : TCP_HEADER;
  if (l3_header < IPV4_HEADER || cut->l3 + l3_header > cut->l4 || cut->l4 + l4_header > f->length) return false;
  if (!cut->ipv6 && (cut->l3 + l3_header != cut->l4 || f->at[cut->l3 + 9] != (cut->udp ? PROTOCOL_UDP : PROTOCOL_TCP)))
    return false;
  if (!cut->udp) l4_header = (uint32_t)(f->at[cut->l4 + 12] >> 4) * 4;
  if (!cut->udp && l4_header < TCP_HEADER) return false;
  cut->header_length = cut->l4 + l4_header;
  return cut->header_length < f->length;
}

bool cut_plan(struct cut *cut, const struct frame *f, uint32_t frame_max) {
  if (!find_headers(cut, f) || cut->header_length >= frame_max) return false;
  cut->payload_length = f->length - cut->header_length;
  uint32_t room = frame_max - cut->header_length;
  // A UDP datagram's size is a message boundary and must not change; TCP is a stream and may be cut finer.
  if (cut->udp && (f->gso_size == 0 || f->gso_size > room)) return false;
  cut->segment_bytes = f->gso_size && f->gso_size < room ? f->gso_size : room;
  cut->segment_count = (cut->payload_length + cut->segment_bytes - 1) / cut->segment_bytes;
  return true;
}

static uint32_t cut_payload(const struct cut *cut, uint32_t index) {
  uint32_t start = index * cut->segment_bytes;
  uint32_t left = cut->payload_length - start;
  return left < cut->segment_bytes ? left : cut->segment_bytes;
}

uint32_t cut_length(const struct cut *cut, uint32_t index) { return cut->header_length + cut_payload(cut, index); }

static void write_ip(const struct cut *cut, uint32_t index, uint8_t *ip, uint32_t bytes_from_l3) {
  if (cut->ipv6) {
    store16(ip + 4, htons((uint16_t)(bytes_from_l3 - IPV6_HEADER)));
    return;
  }
  store16(ip + 2, htons((uint16_t)bytes_from_l3));
  store16(ip + 4, htons((uint16_t)(ntohs(load16(ip + 4)) + index)));
  store16(ip + 10, 0);
  store16(ip + 10, (uint16_t)~checksum_fold(checksum_add(ip, (uint32_t)(ip[0] & 0x0f) * 4, 0)));
}

static void write_tcp(const struct cut *cut, uint32_t index, uint8_t *tcp) {
  store32(tcp + 4, htonl(ntohl(load32(tcp + 4)) + index * cut->segment_bytes));
  // Ends belong to the last segment, the congestion signal to the first (as tcp_gso_segment does it).
  if (index + 1 < cut->segment_count) tcp[13] &= (uint8_t)~(TCP_FIN | TCP_PSH);
  if (index > 0) tcp[13] &= (uint8_t)~TCP_CWR;
}

static void write_l4_checksum(const struct cut *cut, uint8_t *out, uint32_t l4_length) {
  uint8_t *field = out + cut->l4 + (cut->udp ? UDP_CHECKSUM : TCP_CHECKSUM);
  const uint8_t *ip = out + cut->l3;
  uint32_t sum = cut->ipv6 ? checksum_add(ip + 8, 32, 0) : checksum_add(ip + 12, 8, 0);
  sum += htons((uint16_t)l4_length);
  sum += htons(cut->udp ? PROTOCOL_UDP : PROTOCOL_TCP);
  store16(field, 0);
  uint16_t value = (uint16_t)~checksum_fold(checksum_add(out + cut->l4, l4_length, sum));
  store16(field, as_sent(value, cut->udp));
}

void cut_write(const struct cut *cut, uint32_t index, uint8_t *out) {
  uint32_t payload = cut_payload(cut, index);
  uint32_t length = cut->header_length + payload;
  memcpy(out, cut->frame, cut->header_length);
  memcpy(out + cut->header_length, cut->frame + cut->header_length + index * cut->segment_bytes, payload);
  write_ip(cut, index, out + cut->l3, length - cut->l3);
  if (cut->udp)
    store16(out + cut->l4 + 4, htons((uint16_t)(UDP_HEADER + payload)));
  else
    write_tcp(cut, index, out + cut->l4);
  write_l4_checksum(cut, out, length - cut->l4);
}
