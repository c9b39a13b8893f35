// Finishing in software what a sender left to its network card: the transport checksum of a frame, and the cutting of
// a super-frame (TCP or UDP, over IPv4 or IPv6) into frames that fit a path MTU.
#ifndef VXSWITCH_SEGMENT_H
#define VXSWITCH_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "layout.h"

enum gso_type { GSO_NONE = 0, GSO_TCPV4 = 1, GSO_TCPV6 = 4, GSO_UDP_L4 = 5 };  // VIRTIO_NET_HDR_GSO_*

// A frame on its way out; `offset`s count from its first byte.
struct frame {
  const uint8_t *at;
  uint32_t length;
  bool needs_csum;
  uint32_t csum_start;
  uint32_t csum_offset;
  uint32_t gso_type;
  uint32_t gso_size;
};

// The frame of a table row whose bytes stand at `at`; the caller has checked offset and length.
static inline struct frame frame_of_row(const int32_t *row, const uint8_t *at) {
  return (struct frame){
      .at = at,
      .length = (uint32_t)row[FRAME_LENGTH],
      .needs_csum = row[FRAME_FLAGS] & FRAME_NEEDS_CSUM,
      .csum_start = (uint32_t)row[FRAME_CSUM_START],
      .csum_offset = (uint32_t)row[FRAME_CSUM_OFFSET],
      .gso_type = (uint32_t)row[FRAME_GSO_TYPE],
      .gso_size = (uint32_t)row[FRAME_GSO_SIZE],
  };
}

// A UDP super-frame is many messages and stays so on every path; a TCP one is a stream, whole if it fits.
static inline bool is_super_frame(const struct frame *frame, uint32_t frame_max) {
  return frame->gso_type == GSO_UDP_L4 || (frame->gso_type != GSO_NONE && frame->length > frame_max);
}

// How a super-frame is cut: the headers are repeated in front of every slice of the payload.
struct cut {
  const uint8_t *frame;
  uint32_t l3;             // offset of the IP header
  uint32_t l4;             // offset of the transport header
  uint32_t header_length;  // up to the first payload byte
  uint32_t payload_length;
  uint32_t segment_bytes;  // payload of every segment but the last
  uint32_t segment_count;
  bool ipv6;
  bool udp;
};

// Plans the cutting so that no segment, Ethernet header included, exceeds `frame_max` bytes; a known gso_size is never
// exceeded either. False if the headers do not hold what the metadata says, or cannot fit.
bool cut_plan(struct cut *cut, const struct frame *frame, uint32_t frame_max);

// Bytes of segment `index`.
uint32_t cut_length(const struct cut *cut, uint32_t index);

// Writes segment `index`, checksums filled, to `out`, which has room for cut_length bytes.
void cut_write(const struct cut *cut, uint32_t index, uint8_t *out);

enum { TCP_CHECKSUM = 16, UDP_CHECKSUM = 6 };  // offsets in the transport header

// The IP packet of a frame, as its header tells.
struct ip_packet {
  uint32_t l3;     // offset of the header
  uint32_t bytes;  // header and payload
  uint8_t protocol;
  bool ipv6;
};

// False if the frame carries no IP or is shorter than its headers with two VLAN tags may be.
bool find_ip(const uint8_t *frame, uint32_t length, struct ip_packet *packet);

// Offset of the IP header behind up to two VLAN tags, or 0 if the frame carries no IP. Needs 22 readable bytes.
uint32_t find_l3(const uint8_t *frame, bool *ipv6);

// The same, if the whole header (its fixed part) lies within the frame.
uint32_t find_ip_header(const uint8_t *frame, uint32_t length, bool *ipv6);

// True if the checksum field lies within the frame.
bool csum_fits(const struct frame *frame);

// Completes a transport checksum that holds the pseudo-header sum. `out` is a writable copy of the frame.
void csum_fill(const struct frame *frame, uint8_t *out);

#endif
