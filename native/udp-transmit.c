// Transmitting a batch by the UDP underlay, in trains: frames of one destination, source port and marks leave as one GSO
// datagram as long as their lengths are equal (the last may be shorter), so that the stacks of sender and receiver are
// crossed once for up to 64 of them.
//   1. order_copies   copies that may share a train stand together, equal lengths too where no flow is reordered
//   2. append_*       each frame is written behind its VXLAN header to the staging area: whole, checksum filled, or cut
//   3. send_trains    (send-trains.c) the trains leave; a failure is written into the copies that were aboard
#include <errno.h>
#include <string.h>

#include "arguments.h"
#include "calls.h"
#include "checksum.h"
#include "outer-header.h"
#include "segment.h"
#include "sender.h"
#include "tunnel-tap.h"

enum {
  LENGTH_MAX = 0x1ffff,  // longer frames need not be told apart
  VXLAN_FLAG_VNI = 0x08,
  VXLAN_FLAG_GBP = 0x80,
  GBP_BITS = 9,
  GBP_BITS_SHIFT = 19,
};

// ---- 1. order

static void order_copies(struct sender *s, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    const int32_t *copy = s->copies.at + i * COPY_WORDS;
    const int32_t *row = s->frames.at + copy[COPY_FRAME] * FRAME_WORDS;
    const int32_t *destination = s->destinations.at + copy[COPY_DESTINATION] * DESTINATION_WORDS;
    uint32_t marks = marks_of(destination, row, s->arena.at + row[FRAME_OFFSET]);
    uint32_t length = (uint32_t)row[FRAME_LENGTH];
    s->passengers[i] = (struct passenger){
        .train = train_of((uint32_t)copy[COPY_DESTINATION], marks, (uint32_t)row[FRAME_FLOW] % s->sockets.count),
        .flow = (uint32_t)row[FRAME_FLOW],
        .length = length < LENGTH_MAX ? length : LENGTH_MAX,
    };
  }
  train_order(s->passengers, count, s->order);
}

// ---- 2. append

static bool joins(const struct sender *s, uint32_t bytes) {
  if (!s->open) return false;
  const struct train *train = &s->trains[s->train_count - 1];
  return bytes <= train->frame_bytes && train->frame_count < TRAIN_FRAMES_MAX &&
         train->length + bytes <= TRAIN_BYTES_MAX && s->staging_used + bytes <= s->staging.length;
}

// Whether a second frame may come aboard. The kernel cuts no train without a checksum; and to a UDP socket's without DF it
// gives identifications that the next datagrams have too.
static bool may_grow(const struct sender *s, const struct train *train) {
  if (s->family == AF_INET) return train->path || !(train->marks & MARK_DF_CLEAR);
  return !(train->destination[DESTINATION_OPTIONS] & OUTER_UDP6_ZERO_CSUM);
}

static void begin_train(struct sender *s, uint32_t position, const int32_t *destination, uint32_t bytes) {
  if (s->train_count == TRAINS_MAX || s->staging_used + bytes > s->staging.length) send_trains(s);
  struct train *train = &s->trains[s->train_count++];
  uint64_t key = train_at(s, position);
  uint32_t socket = socket_of(key);
  int fd = s->sockets.at[socket];
  *train = (struct train){.fd = fd, .udp_fd = fd, .source_port = (uint16_t)s->ports.at[socket], .marks = train_marks(key),
                          .destination = destination, .start = s->staging.at + s->staging_used, .frame_bytes = bytes,
                          .first = position};
  const int32_t *path = path_of(destination);
  if (path && path[PATH_TRAINS] > 0) {
    train->fd = path[PATH_TRAINS] - 1;
    train->path = path;
  }
  s->open = true;
}

// The first word of the VXLAN header: flags and, if it goes along, the policy that the frame came with.
static uint32_t vxlan_word(const int32_t *destination, const int32_t *row) {
  uint32_t flags = (uint32_t)row[FRAME_FLAGS], word = (uint32_t)VXLAN_FLAG_VNI << 24;
  if (!(destination[DESTINATION_OPTIONS] & OUTER_GBP) || !(flags & FRAME_GBP)) return word;
  uint32_t bits = (flags >> FRAME_GBP_BITS_SHIFT & GBP_BITS) << GBP_BITS_SHIFT;
  return word | (uint32_t)VXLAN_FLAG_GBP << 24 | bits | flags >> FRAME_GBP_POLICY_SHIFT;
}

// Room for a VXLAN header (`vxlan` is its first word) and `length` bytes of frame behind it, aboard the open train or a new one.
static uint8_t *append(struct sender *s, uint32_t position, const int32_t *destination, uint32_t vxlan, uint32_t length) {
  uint32_t bytes = VXLAN_HEADER + length;
  if (!joins(s, bytes)) begin_train(s, position, destination, bytes);
  struct train *train = &s->trains[s->train_count - 1];
  uint8_t *out = train->start + train->length;
  train->length += bytes;
  train->frame_count++;
  train->last = position;
  s->staging_used += bytes;
  if (bytes < train->frame_bytes || !may_grow(s, train)) s->open = false;
  store32(out, htonl(vxlan));
  store32(out + 4, htonl((uint32_t)destination[DESTINATION_VNI] << 8));
  return out + VXLAN_HEADER;
}

static void append_cut(struct sender *s, uint32_t position, const int32_t *destination, uint32_t vxlan,
                       const struct frame *frame, uint32_t frame_max) {
  struct cut cut;
  if (!cut_plan(&cut, frame, frame_max)) {
    fail(s, position, DROP_TOO_BIG);
    return;
  }
  for (uint32_t i = 0; i < cut.segment_count; i++)
    cut_write(&cut, i, append(s, position, destination, vxlan, cut_length(&cut, i)));
}

static void append_copy(struct sender *s, uint32_t position) {
  const int32_t *copy = copy_at(s, position);
  const int32_t *destination = s->destinations.at + copy[COPY_DESTINATION] * DESTINATION_WORDS;
  const int32_t *row = s->frames.at + copy[COPY_FRAME] * FRAME_WORDS;
  struct frame frame = frame_of_row(row, s->arena.at + row[FRAME_OFFSET]);
  uint32_t frame_max = frame_max_of(s, destination), vxlan = vxlan_word(destination, row);
  if (is_super_frame(&frame, frame_max)) {
    // Whole if there is a way; what waits in a train must not be overtaken.
    const int32_t *path = path_of(destination);
    if (path && path[PATH_TUNNEL] > 0 && s->train_count > 0) send_trains(s);
    uint64_t train = train_at(s, position);
    struct outer_fields fields = {.options = destination[DESTINATION_OPTIONS], .marks = train_marks(train), .vxlan = vxlan,
                                  .source_port = (uint16_t)s->ports.at[socket_of(train)]};
    if (!path || !tunnel_send(path, &fields, &frame, frame_max))
      append_cut(s, position, destination, vxlan, &frame, frame_max);
  } else if (frame.length > frame_max) {
    fail(s, position, DROP_TOO_BIG);
  } else if (frame.needs_csum && !csum_fits(&frame)) {
    fail(s, position, DROP_OFFLOAD_INVALID);
  } else {
    uint8_t *out = append(s, position, destination, vxlan, frame.length);
    memcpy(out, frame.at, frame.length);
    if (frame.needs_csum) csum_fill(&frame, out);
  }
}

static void transmit(struct sender *s, uint32_t count) {
  order_copies(s, count);
  for (uint32_t position = 0; position < count; position++) {
    if (position > 0 && train_at(s, position) != train_at(s, position - 1)) s->open = false;
    append_copy(s, position);
  }
  send_trains(s);
}

// udpTransmit(ipv6, sockets, ports, arena, frames, copies, count, destinations, staging) -> how many copies failed;
// each copy's result word says why. `ports` are the sockets' own: a flow leaves by one of them whatever way its frames take.
// `staging` holds at least one whole super-frame cut in segments. Never blocks.
napi_value udp_transmit(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  struct sender s;
  s.family = take_uint(&a, 1) ? AF_INET6 : AF_INET;
  s.sockets = take_words(&a);
  s.ports = take_words(&a);
  s.arena = take_bytes(&a);
  s.frames = take_words(&a);
  s.copies = take_words(&a);
  uint32_t count = take_uint(&a, COPIES_MAX);
  s.destinations = take_words(&a);
  s.staging = take_bytes(&a);
  if (!a.ok) return NULL;
  if (s.sockets.count == 0 || s.sockets.count > SOCKETS_MAX || s.ports.count < s.sockets.count ||
      count > s.copies.count / COPY_WORDS || s.staging.length < TRAIN_BYTES_MAX)
    return throw_errno(env, "udpTransmit", EINVAL);
  for (uint32_t i = 0; i < count; i++)
    if (!valid_copy(&s, s.copies.at + i * COPY_WORDS)) return throw_errno(env, "udpTransmit: copy out of bounds", EINVAL);
  for (uint32_t i = 0; i < count; i++) s.copies.at[i * COPY_WORDS + COPY_RESULT] = 0;
  s.staging_used = s.failed = s.train_count = 0;
  s.open = false;
  transmit(&s, count);
  return int_value(env, (int32_t)s.failed);
}
