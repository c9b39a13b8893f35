// The program of a receive ring, which runs on what a device receives.
#ifndef VXSWITCH_RING_PROGRAM_H
#define VXSWITCH_RING_PROGRAM_H

#include <stdint.h>

enum { RING_WORKERS_MAX = 8 };

struct ring_maps {
  int classifier;                // which datagrams are taken
  int state;                     // STATE_BYTES for each worker
  int buffers[RING_WORKERS_MAX];  // a BPF ring buffer for each worker
  uint32_t workers;
};

// Descriptor of the loaded program, or -errno.
int ring_program_load(const struct ring_maps *maps);

#endif
