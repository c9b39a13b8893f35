// The marks of a copy: what stands in its outer header beside what its destination's row and path say for all frames.
//
//    | 0 … | DF is clear 1 | TTL 8 | TOS 8 |
#ifndef VXSWITCH_MARKS_H
#define VXSWITCH_MARKS_H

#include <stdint.h>

#include "ecn.h"
#include "layout.h"

enum { MARK_DF_CLEAR = 1 << 16, MARKS_BITS = 17 };

// The marks of a copy whose destination has options that are bits of DESTINATION_OPTIONS: what it inherits is read from the
// frame of the row, at `frame`.
uint32_t marks_by_frame(const int32_t *destination, const int32_t *row, const uint8_t *frame);

// The inner ECN is always among them (RFC 6040 section 4.1).
static inline uint32_t marks_of(const int32_t *destination, const int32_t *row, const uint8_t *frame) {
  if (destination[DESTINATION_OPTIONS] != 0) return marks_by_frame(destination, row, frame);
  return (uint32_t)row[FRAME_FLAGS] >> FRAME_ECN_SHIFT & ECN_MASK;
}

static inline uint8_t marks_tos(uint32_t marks) { return (uint8_t)marks; }
static inline uint8_t marks_ttl(uint32_t marks) { return (uint8_t)(marks >> 8); }

#endif
