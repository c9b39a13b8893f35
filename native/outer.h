// Reading the outer headers of a datagram as it came over the wire: Ethernet, IP, UDP.
#ifndef VXSWITCH_OUTER_H
#define VXSWITCH_OUTER_H

#include <stdbool.h>
#include <stdint.h>

#include "layout.h"

// A local VTEP as the ring knows it: where a datagram may be addressed, and the device index of its UDP socket.
enum { VTEP_ADDRESS = 0, VTEP_PORT = 4, VTEP_DEVICE = 5, VTEP_WORDS = 8 };

struct outer_reader {
  uint8_t *arena;
  struct words vteps;
  int32_t *rows;
  uint32_t rows_max, row_count;
  uint32_t last;  // index of the VTEP that the datagram before was for
  uint32_t copies_at, copies_end;  // room in the arena for datagrams whose ECN changes what they carry
};

// Writes the rows of one frame of `length` bytes at `at`, a part of the arena: one, or one for each datagram that the
// kernel has merged into frames of `gso_size`. If these are more than there is room for, which is at least for one, the
// last row is a truncated frame and stands for the rest. A frame that is not for a VTEP of ours writes none. There is room
// for a copy of it; what it carries is never written to where it stands.
// `checked`: the device has found the UDP checksum right.
void outer_read(struct outer_reader *reader, const uint8_t *at, uint32_t length, uint32_t gso_size, bool checked);

#endif
