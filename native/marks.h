// The marks of a copy: what stands in its outer header beside what its destination's row and path say for all frames.
//
//    | 0 … | TOS 8 |
#ifndef VXSWITCH_MARKS_H
#define VXSWITCH_MARKS_H

#include <stdint.h>

#include "ecn.h"
#include "layout.h"

enum { MARKS_BITS = 17 };

// Of a copy of the frame of a row: the inner ECN (RFC 6040 section 4.1).
static inline uint32_t marks_of(const int32_t *row) { return (uint32_t)row[FRAME_FLAGS] >> FRAME_ECN_SHIFT & ECN_MASK; }

static inline uint8_t marks_tos(uint32_t marks) { return (uint8_t)marks; }

#endif
