// Transmitting a VXLAN super-frame whole.
#ifndef VXSWITCH_TUNNEL_TAP_H
#define VXSWITCH_TUNNEL_TAP_H

#include <stdbool.h>
#include <stdint.h>

#include "segment.h"

// What its outer headers have that those of the path have not.
struct outer_fields {
  int32_t options;  // of its destination
  uint32_t marks;
  uint32_t vxlan;  // the first word of the VXLAN header
  uint16_t source_port;
};

// Writes a TCP super-frame, behind the outer headers of `path` (of path_of), to the TAP that the path names. False if it
// names none, or the frame cannot go that way: then it is cut and sent like any other.
bool tunnel_send(const int32_t *path, const struct outer_fields *fields, const struct frame *frame, uint32_t frame_max);

#endif
