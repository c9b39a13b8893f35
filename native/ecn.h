// Explicit congestion notification through a tunnel (RFC 6040). On the way in, what the network has marked in the outer
// header is brought to the inner one; on the way out, the inner bits stand in the outer header as well (marks.h).
#ifndef VXSWITCH_ECN_H
#define VXSWITCH_ECN_H

#include <stdbool.h>
#include <stdint.h>

enum { ECN_NOT_ECT = 0, ECN_ECT_1 = 1, ECN_ECT_0 = 2, ECN_CE = 3, ECN_MASK = 3 };

// Whether an outer header with this TOS (or traffic class) can change an inner one: ECT(1) and CE can.
static inline bool ecn_tells(uint8_t tos) { return tos & 1; }

// Brings what an outer header with this TOS tells to the frames of `count` rows of datagrams, which are written to; a row
// whose frame must not pass is marked FRAME_BAD_ECN.
void ecn_decapsulate(int32_t *rows, uint32_t count, uint8_t *arena, uint8_t tos);

#endif
