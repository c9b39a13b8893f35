// The tables that TypeScript and C share, row by row: src/dataplane/frames.ts and destinations.ts hold the same numbers.
// Every offset and length in them is checked here before it is used: a wrong row costs a drop, never memory.
#ifndef VXSWITCH_LAYOUT_H
#define VXSWITCH_LAYOUT_H

#include <stdint.h>

// A received frame: one row of the batch. Offsets are bytes in the arena, checksum offsets bytes in the frame.
enum {
  FRAME_OFFSET = 0,
  FRAME_LENGTH = 1,
  FRAME_FLAGS = 2,
  FRAME_GSO_TYPE = 3,     // VIRTIO_NET_HDR_GSO_*, 0 = not a super-frame
  FRAME_GSO_SIZE = 4,     // payload bytes a segment, 0 = not known
  FRAME_CSUM_START = 5,
  FRAME_CSUM_OFFSET = 6,
  FRAME_FLOW = 7,         // hash of the inner flow
  FRAME_REMOTE = 8,       // 4 words: the sender's IPv6 or IPv4-mapped address, as on the wire
  FRAME_VTEP = 12,        // device index of the UDP socket that holds the address it was sent to
  FRAME_WORDS = 16,
};

enum {
  FRAME_NEEDS_CSUM = 1,     // the transport checksum holds only the pseudo-header sum
  FRAME_TRUNCATED = 2,      // larger than its slot
  FRAME_BAD_OFFLOAD = 4,    // the device's metadata does not fit the frame
  FRAME_BAD_OUTER = 8,      // lengths or checksum of the outer headers are wrong
  FRAME_ZERO_CSUM6 = 128,   // over IPv6 without a UDP checksum: only some ports take that
  FRAME_BAD_ECN = 64,       // the outer header tells of congestion, the inner one of a sender that would not hear
};

// Beside these: the ECN of the inner IP header, two bits; and of a port with group policies, FRAME_GBP and what stands in the
// VXLAN header: A and D as bits 0 and 3 of four, the policy in the upper half of the word.
enum { FRAME_ECN_SHIFT = 4, FRAME_GBP = 512, FRAME_GBP_BITS_SHIFT = 8, FRAME_GBP_POLICY_SHIFT = 16 };

// A copy to transmit: which frame goes to which destination, and what became of it.
enum { COPY_FRAME = 0, COPY_DESTINATION = 1, COPY_RESULT = 2, COPY_WORDS = 4 };

// A destination: where an encapsulated frame goes.
enum {
  DESTINATION_IFINDEX = 2,  // of the device that leads to a multicast group, 0 = as the kernel routes
  DESTINATION_ADDRESS = 4,  // 4 words, as FRAME_REMOTE
  DESTINATION_UDP_PORT = 8,
  DESTINATION_VNI = 9,
  DESTINATION_MTU = 10,     // path MTU, bytes of an outer IP packet
  DESTINATION_PATH = 11,    // where in the row the path in use begins, 0 = none: by the UDP sockets
  DESTINATION_TTL = 13,     // of the outer header, by the UDP sockets
  DESTINATION_TOS = 14,
  DESTINATION_OPTIONS = 15, // bits OUTER_
  DESTINATION_PATH_A = 16,
  DESTINATION_PATH_B = 40,
  DESTINATION_WORDS = 64,
};

// Of DESTINATION_OPTIONS. What of an outer header depends on the frame; without any of these, nothing but ECN does.
enum { OUTER_TTL_INHERIT = 1, OUTER_TOS_INHERIT = 2, OUTER_DF_INHERIT = 4, OUTER_DF_UNSET = 8 };

// Whether there is a UDP checksum: over IPv4 always, over IPv6 never.
enum { OUTER_UDP_CSUM = 16, OUTER_UDP6_ZERO_CSUM = 32 };

// Group policies go along (draft-smith-vxlan-group-policy).
enum { OUTER_GBP = 128 };

// A path: how frames reach a destination past the UDP sockets. The control thread writes the one that is not in use.
enum {
  PATH_TUNNEL = 0,        // descriptor + 1 of the TAP that takes super-frames whole, 0 = none
  PATH_TRAINS = 1,        // descriptor + 1 of the packet socket that takes trains, 0 = none
  PATH_HEADER_BYTES = 2,  // 50 over IPv4, 70 over IPv6
  PATH_HEADER = 4,        // 18 words: the outer headers, see outer-header.h
  PATH_WORDS = 24,
};

// Where the kernel would send a datagram (next-hop.c); addresses are 4 words, as FRAME_REMOTE.
enum {
  HOP_IFINDEX = 0,
  HOP_FLAGS = 1,
  HOP_MTU = 2,          // of the device
  HOP_SOURCE = 4,
  HOP_NEIGHBOUR = 8,    // whose MAC it takes: the gateway, or the remote itself
  HOP_REMOTE_MAC = 12,  // 2 words, the six bytes in front
  HOP_LOCAL_MAC = 14,   // of the device
  HOP_DEVICE = 16,      // 4 words: its name, padded with zero bytes
  HOP_WORDS = 20,
};

enum { HOP_IS_ETHERNET = 1, HOP_IS_UP = 2, HOP_IS_STALE = 4 };

// Where a mirror's frames go as ERSPAN (erspan.c).
enum {
  ERSPAN_ADDRESS = 0,   // 4 words, as FRAME_REMOTE, of an IPv4 address
  ERSPAN_SESSION = 4,   // 10 bits
  ERSPAN_INDEX = 5,     // 20 bits
  ERSPAN_MTU = 6,       // path MTU, bytes of an outer IP packet; the control thread writes it
  ERSPAN_SEQUENCE = 7,  // of the next datagram; counts up, modulo 2^32
  ERSPAN_WORDS = 8,
};

// What became of a copy; 0 = sent, else the negated drop reason of src/dataplane/drop-reason.ts.
enum {
  DROP_OFFLOAD_INVALID = 7,
  DROP_PORT_DOWN = 11,
  DROP_TOO_BIG = 12,
  DROP_QUEUE_FULL = 13,
  DROP_UNREACHABLE = 14,
  DROP_TRANSMIT_FAILED = 15,
};

// A view of typed-array memory as it came from TypeScript.
struct words {
  int32_t *at;
  uint32_t count;
};

struct bytes {
  uint8_t *at;
  uint32_t length;
};

#endif
