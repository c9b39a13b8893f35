// Transmitting a VXLAN super-frame whole.
#ifndef VXSWITCH_TUNNEL_TAP_H
#define VXSWITCH_TUNNEL_TAP_H

#include <stdbool.h>
#include <stdint.h>

#include "segment.h"

// Writes a TCP super-frame, behind outer headers made from the destination's row, to the TAP that the row names. False if
// the row names none, or the frame cannot go that way: then it is cut and sent like any other.
bool tunnel_send(const int32_t *destination, const struct frame *frame, uint32_t frame_max, uint32_t flow);

#endif
