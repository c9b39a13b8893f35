// The order in which the copies of a batch are transmitted, so that trains become long.
#ifndef VXSWITCH_TRAIN_ORDER_H
#define VXSWITCH_TRAIN_ORDER_H

#include <stdbool.h>
#include <stdint.h>

enum { COPIES_MAX = 1024 };

// What the order of a copy depends on.
struct passenger {
  uint64_t train;   // copies with the same one may share a train (sender.h)
  uint32_t flow;    // copies of one flow keep their order
  uint32_t length;  // bytes, below 2^17
};

// Writes the positions of `count` passengers in the order of departure. Those of one train stand together. If their
// lengths differ, equal ones are brought together as far as no flow is reordered: a flow's frames stand in rounds, a new
// one beginning where its length increases; round by round the longest leave first. So a flow of 64- and 1400-byte frames
// in turn still shares trains with its neighbours.
void train_order(const struct passenger *passengers, uint32_t count, uint16_t *order);

#endif
