// Transmitting frames that find no train: an AF_XDP transmit ring in copy mode on the device that leads to the remote,
// without an XDP program. It passes by the host's IP stack, which a single frame pays more for than for all else.
//
// A ring belongs to the process: the control thread opens and closes it, one forwarding thread uses it meanwhile. It has
// a number, the place in a table of this file; the numbers of the shared tables are checked here.
#ifndef VXSWITCH_SINGLES_H
#define VXSWITCH_SINGLES_H

#include <stdbool.h>
#include <stdint.h>

enum { SINGLES_SLOT_BYTES = 2048, SINGLES_MAX = 16 };

struct singles;

// The ring of that number, or NULL if there is none or it has failed.
struct singles *singles_at(int32_t number);

// Room for one frame of at most SINGLES_SLOT_BYTES, or NULL if all slots wait for the kernel. It is used by `singles_push`.
uint8_t *singles_slot(struct singles *ring);
void singles_push(struct singles *ring, uint32_t bytes);

// Hands the kernel what was pushed; 0 or an errno, after which the ring is not used any more.
int singles_send(struct singles *ring);

#endif
