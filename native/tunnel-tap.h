// Transmitting a VXLAN super-frame whole.
#ifndef VXSWITCH_TUNNEL_TAP_H
#define VXSWITCH_TUNNEL_TAP_H

#include <stdbool.h>
#include <stdint.h>

#include "segment.h"

// Writes a TCP super-frame, behind the outer headers of `path` (of path_of), to the TAP that the path names; `options` are its
// destination's. False if it
// names none, or the frame cannot go that way: then it is cut and sent like any other.
bool tunnel_send(const int32_t *path, int32_t options, const struct frame *frame, uint32_t frame_max, uint16_t source_port,
                 uint32_t marks);

#endif
