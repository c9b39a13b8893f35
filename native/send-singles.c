// Frames that would make short trains leave one by one, each behind outer headers of its own, by the ring of the device
// that leads to their destination.
#include "sender.h"

#include <string.h>

#include "checksum.h"
#include "outer-header.h"
#include "segment.h"

enum { SINGLES_BELOW = 3 };  // frames a train: with less, each leaves by itself; DESIGN.md has the figures

struct singles_way singles_for(const struct sender *s, uint32_t first, uint32_t end) {
  const struct singles_way none = {NULL, NULL};
  if (!s->may_send_singles) return none;
  const int32_t *path = path_of(s->destinations.at + copy_at(s, first)[COPY_DESTINATION] * DESTINATION_WORDS);
  struct singles *ring = path ? singles_at(path[PATH_SINGLES] - 1) : NULL;
  if (!ring) return none;
  uint32_t trains = 0, previous = 0;
  for (uint32_t position = first; position < end; position++) {
    uint32_t length = (uint32_t)s->frames.at[copy_at(s, position)[COPY_FRAME] * FRAME_WORDS + FRAME_LENGTH];
    if (length + OUTER_IPV6 > SINGLES_SLOT_BYTES) return none;
    bool joins_train = previous > 0 && length <= previous;
    if (!joins_train) trains++;
    previous = joins_train && length < previous ? 0 : length;
  }
  return end - first < SINGLES_BELOW * trains ? (struct singles_way){path, ring} : none;
}

// IPv6 wants a UDP checksum (RFC 8200 section 8.1); over IPv4 there is none (RFC 7348 section 5).
static void fill_outer_checksum(const int32_t *path, uint8_t *out, uint32_t bytes) {
  uint32_t outer_bytes = (uint32_t)path[PATH_HEADER_BYTES];
  if (outer_bytes != OUTER_IPV6) return;
  uint8_t *udp = out + outer_udp(outer_bytes);
  uint16_t value = (uint16_t)~checksum_fold(checksum_add(udp, bytes - outer_udp(outer_bytes), 0));
  store16(udp + 6, value == 0 ? 0xffff : value);
}

void push_single(struct sender *s, uint32_t position, const struct singles_way *way) {
  const int32_t *copy = copy_at(s, position);
  const int32_t *destination = s->destinations.at + copy[COPY_DESTINATION] * DESTINATION_WORDS;
  const int32_t *row = s->frames.at + copy[COPY_FRAME] * FRAME_WORDS;
  struct frame frame = frame_of_row(row, s->arena.at + row[FRAME_OFFSET]);
  if (frame.length > frame_max_of(s, destination)) return fail(s, position, DROP_TOO_BIG);
  if (frame.needs_csum && !csum_fits(&frame)) return fail(s, position, DROP_OFFLOAD_INVALID);
  uint8_t *out = singles_slot(way->ring);
  if (!out) return fail(s, position, DROP_QUEUE_FULL);
  uint32_t outer_bytes = outer_header_write(way->path, frame.length, (uint16_t)s->ports.at[socket_of(s, copy)], out);
  memcpy(out + outer_bytes, frame.at, frame.length);
  if (frame.needs_csum) csum_fill(&frame, out + outer_bytes);
  fill_outer_checksum(way->path, out, outer_bytes + frame.length);
  singles_push(way->ring, outer_bytes + frame.length);
  s->singles_ring[position] = (uint8_t)way->path[PATH_SINGLES];
  s->singles_used |= 1u << (way->path[PATH_SINGLES] - 1);
}

// What was written to a ring that fails is failed; those that it sent before count along, for nobody knows.
static void fail_singles(struct sender *s, uint32_t count, int32_t number, int error) {
  for (uint32_t position = 0; position < count; position++)
    if (s->singles_ring[position] == number + 1) fail(s, position, send_drop_of(error));
}

void send_singles(struct sender *s, uint32_t count) {
  for (int32_t number = 0; s->singles_used >> number != 0; number++) {
    struct singles *ring = s->singles_used >> number & 1 ? singles_at(number) : NULL;
    int error = ring ? singles_send(ring) : 0;
    if (error) fail_singles(s, count, number, error);
  }
}
