// Mirrored frames as ERSPAN type II (draft-foschiano-erspan) in GRE (RFC 2784, with the sequence number of RFC 2890), by a
// raw socket, which puts the IPv4 header in front. A super-frame is cut and a checksum filled in: the collector sees packets.
//
//    | 0x1000 (S) | 0x88be | sequence | ver 1, VLAN | cos 0, en, T, session | reserved, index | frame
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "calls.h"
#include "checksum.h"
#include "segment.h"
#include "sender.h"
#include "socket-options.h"
#include "udp-address.h"

enum {
  HEADERS = 16,             // GRE with a sequence number, and ERSPAN
  IPV4_HEADER = 20,
  DATAGRAMS_MAX = 64,       // of one sendmmsg
  FRAME_BYTES_MAX = 65000,  // of one datagram
  GRE_SEQUENCE = 0x1000,
  PROTOCOL_ERSPAN = 0x88be,
  VERSION = 1,              // on the wire, type II is version 1
  TAG_IN_FRAME = 3,         // `en`: the frame bears its VLAN tag; 0 = it has none
  VLAN_TAG = 0x8100,
  SERVICE_VLAN_TAG = 0x88a8,
};

// One call of erspanTransmit: the datagrams that stand ready, and the copy that each is a part of.
struct mirror_sender {
  int fd;
  int32_t *tunnel;
  struct bytes staging;
  uint32_t staging_used;
  uint32_t failed;
  uint32_t count;
  struct iovec datagrams[DATAGRAMS_MAX];
  int32_t *copies[DATAGRAMS_MAX];
};

static void fail_copy(struct mirror_sender *s, int32_t *copy, int32_t drop) {
  if (copy[COPY_RESULT] == 0) s->failed++;
  copy[COPY_RESULT] = -drop;
}

static void send_datagrams(struct mirror_sender *s) {
  union socket_address to;
  socklen_t size = address_from_words(&to, AF_INET, s->tunnel + ERSPAN_ADDRESS, 0);
  struct mmsghdr messages[DATAGRAMS_MAX] = {0};
  for (uint32_t i = 0; i < s->count; i++)
    messages[i].msg_hdr = (struct msghdr){.msg_name = &to, .msg_namelen = size, .msg_iov = &s->datagrams[i], .msg_iovlen = 1};
  for (uint32_t i = 0; i < s->count;) {
    int sent = sendmmsg(s->fd, messages + i, s->count - i, MSG_DONTWAIT);
    if (sent > 0) i += (uint32_t)sent;
    else if (errno != EINTR) fail_copy(s, s->copies[i++], send_drop_of(errno));
  }
  s->count = s->staging_used = 0;
}

static void write_headers(uint8_t *out, int32_t *tunnel, const struct frame *frame, bool truncated) {
  uint16_t type = ntohs(load16(frame->at + 12));
  bool tagged = (type == VLAN_TAG || type == SERVICE_VLAN_TAG) && frame->length >= 18;
  uint32_t vlan = tagged ? ntohs(load16(frame->at + 14)) & 0xfffu : 0;
  uint32_t en = tagged ? TAG_IN_FRAME : 0, session = (uint32_t)tunnel[ERSPAN_SESSION] & 0x3ff;
  uint32_t sequence = (uint32_t)tunnel[ERSPAN_SEQUENCE];
  tunnel[ERSPAN_SEQUENCE] = (int32_t)(sequence + 1);
  store32(out, htonl((uint32_t)GRE_SEQUENCE << 16 | PROTOCOL_ERSPAN));
  store32(out + 4, htonl(sequence));
  store32(out + 8, htonl((uint32_t)VERSION << 28 | vlan << 16 | en << 11 | (uint32_t)truncated << 10 | session));
  store32(out + 12, htonl((uint32_t)tunnel[ERSPAN_INDEX] & 0xfffff));
}

// Room for `length` bytes behind the headers of one more datagram.
static uint8_t *append_datagram(struct mirror_sender *s, int32_t *copy, const struct frame *frame, uint32_t length) {
  uint32_t bytes = HEADERS + length;
  if (s->count == DATAGRAMS_MAX || bytes > s->staging.length - s->staging_used) send_datagrams(s);
  uint8_t *out = s->staging.at + s->staging_used;
  s->datagrams[s->count] = (struct iovec){out, bytes};
  s->copies[s->count++] = copy;
  s->staging_used += bytes;
  write_headers(out, s->tunnel, frame, copy[COPY_DESTINATION]);
  return out + HEADERS;
}

static void append_frame(struct mirror_sender *s, int32_t *copy, const struct frame *frame) {
  uint32_t mtu = (uint32_t)s->tunnel[ERSPAN_MTU];
  uint32_t fitting = mtu > IPV4_HEADER + HEADERS ? mtu - IPV4_HEADER - HEADERS : 0;
  uint32_t frame_max = fitting < FRAME_BYTES_MAX ? fitting : FRAME_BYTES_MAX;
  struct cut cut;
  if (is_super_frame(frame, frame_max)) {
    if (!cut_plan(&cut, frame, frame_max)) {
      fail_copy(s, copy, DROP_TOO_BIG);
      return;
    }
    for (uint32_t i = 0; i < cut.segment_count; i++)
      cut_write(&cut, i, append_datagram(s, copy, frame, cut_length(&cut, i)));
  } else if (frame->length > frame_max) {
    fail_copy(s, copy, DROP_TOO_BIG);
  } else if (frame->needs_csum && !csum_fits(frame)) {
    fail_copy(s, copy, DROP_OFFLOAD_INVALID);
  } else {
    uint8_t *out = append_datagram(s, copy, frame, frame->length);
    memcpy(out, frame->at, frame->length);
    if (frame->needs_csum) csum_fill(frame, out);
  }
}

// erspanOpen(localWords, bufferBytes) -> fd of a raw socket at an IPv4 address. Throws EPERM (CAP_NET_RAW), EADDRNOTAVAIL.
napi_value erspan_open(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  struct words address = take_words(&a);
  int buffer_bytes = (int)take_uint(&a, 1 << 30);
  if (!a.ok) return NULL;
  if (address.count < 4) return throw_errno(env, "erspanOpen", EINVAL);
  int fd = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_GRE);
  if (fd < 0) return throw_errno(env, "socket SOCK_RAW", errno);
  union socket_address local;
  socklen_t length = address_from_words(&local, AF_INET, address.at, 0);
  const char *call = NULL;
  if (refuse_receiving(fd) < 0 || forbid_fragments(fd, AF_INET) < 0) call = "setsockopt";
  set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, buffer_bytes);
  if (!call && bind(fd, &local.any, length) < 0) call = "bind";
  if (!call) return int_value(env, fd);
  int error = errno;
  close(fd);
  return throw_errno(env, call, error);
}

// erspanTransmit(fd, tunnel, arena, frames, copies, count, staging) -> how many copies failed; each copy's result word says
// why. A copy's destination word is 1 for a frame of which only the beginning is there. Never blocks.
napi_value erspan_transmit(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  struct mirror_sender s = {.fd = take_int(&a)};
  struct words tunnel = take_words(&a);
  struct bytes arena = take_bytes(&a);
  struct words frames = take_words(&a);
  struct words copies = take_words(&a);
  uint32_t count = take_uint(&a, copies.count / COPY_WORDS);
  s.staging = take_bytes(&a);
  if (!a.ok) return NULL;
  if (tunnel.count < ERSPAN_WORDS || s.staging.length < HEADERS + FRAME_BYTES_MAX)
    return throw_errno(env, "erspanTransmit", EINVAL);
  s.tunnel = tunnel.at;
  for (uint32_t i = 0; i < count; i++) {
    int32_t *copy = copies.at + i * COPY_WORDS;
    uint32_t frame = (uint32_t)copy[COPY_FRAME];
    if (frame >= frames.count / FRAME_WORDS) return throw_errno(env, "erspanTransmit: copy out of bounds", EINVAL);
    const int32_t *row = frames.at + frame * FRAME_WORDS;
    uint32_t offset = (uint32_t)row[FRAME_OFFSET], length = (uint32_t)row[FRAME_LENGTH];
    if (offset > arena.length || length > arena.length - offset || length < 14)
      return throw_errno(env, "erspanTransmit: frame out of bounds", EINVAL);
    copy[COPY_RESULT] = 0;
    struct frame whole = frame_of_row(row, arena.at + offset);
    append_frame(&s, copy, &whole);
  }
  send_datagrams(&s);
  return int_value(env, (int32_t)s.failed);
}
