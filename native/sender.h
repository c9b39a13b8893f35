// One call of udpTransmit: the batch, the order in which its copies leave, and the trains that stand ready (send-trains.c).
#ifndef VXSWITCH_SENDER_H
#define VXSWITCH_SENDER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "layout.h"
#include "marks.h"
#include "train-order.h"

enum {
  TRAINS_MAX = 128,
  TRAIN_FRAMES_MAX = 64,  // UDP_MAX_SEGMENTS of kernels before 6.9
  TRAIN_BYTES_MAX = 65000,
  VXLAN_HEADER = 8,
  OUTER_IPV4_UDP = 28,
  OUTER_IPV6_UDP = 48,
};

struct train {
  int fd;
  int udp_fd;
  const int32_t *path;  // NULL if `fd` is `udp_fd`, else its path and `fd` a packet socket
  uint16_t source_port;
  uint32_t marks;
  const int32_t *destination;
  uint8_t *start;
  uint32_t length;
  uint32_t frame_bytes;  // of every frame but the last
  uint32_t frame_count;
  uint32_t first, last;  // positions in `order` of the copies aboard
};

struct sender {
  int family;
  struct words sockets, ports, frames, copies, destinations;
  struct bytes arena, staging;
  uint32_t staging_used;
  uint32_t failed;
  bool open;  // the last train takes more frames
  uint32_t train_count;
  struct train trains[TRAINS_MAX];
  struct passenger passengers[COPIES_MAX];
  uint16_t order[COPIES_MAX];
};

// The train that a copy may share: all have its destination, its marks, and the number of its UDP socket.
enum { SOCKET_BITS = 15, SOCKETS_MAX = 1 << SOCKET_BITS };

static inline uint64_t train_of(uint32_t destination, uint32_t marks, uint32_t socket) {
  return (uint64_t)destination << 32 | (uint64_t)marks << SOCKET_BITS | socket;
}

static inline uint64_t train_at(const struct sender *s, uint32_t position) { return s->passengers[s->order[position]].train; }
static inline uint32_t socket_of(uint64_t train) { return (uint32_t)train & (SOCKETS_MAX - 1); }
static inline uint32_t train_marks(uint64_t train) { return (uint32_t)train >> SOCKET_BITS; }

static inline int32_t *copy_at(const struct sender *s, uint32_t position) {
  return s->copies.at + (uint32_t)s->order[position] * COPY_WORDS;
}

static inline void fail(struct sender *s, uint32_t position, int32_t drop) {
  int32_t *copy = copy_at(s, position);
  if (copy[COPY_RESULT] == 0) s->failed++;
  copy[COPY_RESULT] = -drop;
}

static inline bool valid_copy(const struct sender *s, const int32_t *copy) {
  uint32_t frame = (uint32_t)copy[COPY_FRAME], destination = (uint32_t)copy[COPY_DESTINATION];
  if (frame >= s->frames.count / FRAME_WORDS || destination >= s->destinations.count / DESTINATION_WORDS) return false;
  const int32_t *row = s->frames.at + frame * FRAME_WORDS;
  uint32_t offset = (uint32_t)row[FRAME_OFFSET], length = (uint32_t)row[FRAME_LENGTH];
  return offset <= s->arena.length && length <= s->arena.length - offset;
}

// Bytes of the largest inner frame, Ethernet header included, that fits the path.
static inline uint32_t frame_max_of(const struct sender *s, const int32_t *destination) {
  uint32_t overhead = (s->family == AF_INET ? OUTER_IPV4_UDP : OUTER_IPV6_UDP) + VXLAN_HEADER;
  uint32_t mtu = (uint32_t)destination[DESTINATION_MTU];
  uint32_t frame_max = mtu > overhead ? mtu - overhead : 0;
  return frame_max < TRAIN_BYTES_MAX - VXLAN_HEADER ? frame_max : TRAIN_BYTES_MAX - VXLAN_HEADER;
}

// The drop reason for an errno of a call that sends.
int32_t send_drop_of(int error);

// Sends all trains that stand ready, and empties the staging area.
void send_trains(struct sender *s);

#endif
