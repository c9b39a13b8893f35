// The rows of VXLAN datagrams, for all who receive some.
#ifndef VXSWITCH_DATAGRAM_H
#define VXSWITCH_DATAGRAM_H

#include <stdint.h>
#include <string.h>

#include "layout.h"

enum { ROWS_OF_A_SLOT = 128 };  // datagrams that the kernel lets one frame or message hold (UDP_MAX_SEGMENTS)

// Writes the row of a datagram whose VXLAN header stands `offset` bytes into the arena; nothing is known of offloads yet.
static inline void datagram_row(int32_t *row, uint32_t offset, uint32_t length, int flags, const int32_t remote[4],
                                int32_t vtep) {
  row[FRAME_OFFSET] = (int32_t)offset;
  row[FRAME_LENGTH] = (int32_t)length;
  row[FRAME_FLAGS] = flags;
  row[FRAME_GSO_TYPE] = 0;
  row[FRAME_GSO_SIZE] = 0;
  row[FRAME_CSUM_START] = 0;
  row[FRAME_CSUM_OFFSET] = 0;
  row[FRAME_FLOW] = 0;
  memcpy(row + FRAME_REMOTE, remote, 16);
  row[FRAME_VTEP] = vtep;
}

// Writes the rows of what the kernel handed over as one, `length` bytes from the first VXLAN header on: with `step` > 0 it is
// either several datagrams of that size, the last may be shorter, or one that holds an inner super-frame. Returns how
// many, at least 1 and at most `rows_max`. What finds no room is told by the last row, which is marked as truncated.
uint32_t datagram_rows(int32_t *rows, uint32_t rows_max, const uint8_t *arena, uint32_t offset, uint32_t length, uint32_t step,
                       const int32_t remote[4], int32_t vtep);

#endif
