// The key of the map that says which datagrams the rings take.
#ifndef VXSWITCH_CLASSIFIER_H
#define VXSWITCH_CLASSIFIER_H

#include <stdint.h>

struct classifier_key {
  uint32_t address[4];  // as FRAME_REMOTE
  uint32_t ifindex;
  uint16_t port;  // wire order
  uint16_t padding;
};

#endif
