// Receiving a batch from the UDP underlay: one recvmmsg, one row of the frame table for each VXLAN datagram.
#include <errno.h>
#include <netinet/udp.h>

#include "arguments.h"
#include "calls.h"
#include "datagram.h"
#include "ecn.h"
#include "udp-address.h"

enum { MESSAGES_MAX = 128 };

// What the kernel tells beside a message.
struct told {
  uint32_t merged_bytes;  // of each datagram that it merged into this message (UDP_GRO), all with the same TOS; 0 = a single one
  uint8_t tos;            // or traffic class, of the outer header
};

static struct told told_with(struct msghdr *message) {
  struct told told = {0};
  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
    int value = 0;
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
      told.tos = *CMSG_DATA(c);
      continue;
    }
    memcpy(&value, CMSG_DATA(c), sizeof value);
    if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO && value > 0) told.merged_bytes = (uint32_t)value;
    if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) told.tos = (uint8_t)value;
  }
  return told;
}

// Writes the rows of one message and returns how many; a merged one becomes a row for each datagram in it.
static uint32_t write_rows(struct msghdr *message, uint32_t offset, uint32_t length, int32_t *rows, uint32_t rows_max,
                           uint8_t *arena, int32_t vtep) {
  int32_t remote[4];
  address_to_words(message->msg_name, remote);
  if (message->msg_flags & MSG_TRUNC) {
    datagram_row(rows, offset, length, FRAME_TRUNCATED, remote, vtep);
    return 1;
  }
  struct told told = told_with(message);
  uint32_t count = datagram_rows(rows, rows_max, arena, offset, length, told.merged_bytes, remote, vtep);
  if (ecn_tells(told.tos)) ecn_decapsulate(rows, count, arena, told.tos);
  return count;
}

// udpReceive(fd, arena, frames, slotBase, slotBytes, slotCount, vtep) -> rows written, or -errno. Never blocks.
// The table needs ROWS_OF_A_SLOT rows a slot: a train of a local sender arrives as one message.
napi_value udp_receive(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  int fd = take_int(&a);
  struct bytes arena = take_bytes(&a);
  struct words frames = take_words(&a);
  uint32_t base = take_uint(&a, INT32_MAX);
  uint32_t slot_bytes = take_uint(&a, 1 << 20);
  uint32_t slots = take_uint(&a, MESSAGES_MAX);
  int32_t vtep = take_int(&a);
  if (!a.ok) return NULL;
  if ((uint64_t)base + (uint64_t)slot_bytes * slots > arena.length) return throw_errno(env, "udpReceive", EINVAL);
  struct mmsghdr messages[MESSAGES_MAX];
  struct iovec slices[MESSAGES_MAX];
  union socket_address senders[MESSAGES_MAX];
  _Alignas(struct cmsghdr) char controls[MESSAGES_MAX][2 * CMSG_SPACE(sizeof(int))];
  for (uint32_t i = 0; i < slots; i++) {
    slices[i] = (struct iovec){arena.at + base + i * slot_bytes, slot_bytes};
    messages[i].msg_hdr = (struct msghdr){.msg_name = &senders[i], .msg_namelen = sizeof senders[i], .msg_iov = &slices[i],
                                          .msg_iovlen = 1, .msg_control = controls[i], .msg_controllen = sizeof controls[i]};
  }
  int received = recvmmsg(fd, messages, slots, MSG_DONTWAIT, NULL);
  if (received < 0) return int_value(env, errno == EAGAIN || errno == EINTR ? 0 : -errno);
  uint32_t rows = 0, rows_max = frames.count / FRAME_WORDS;
  for (uint32_t i = 0; i < (uint32_t)received && rows < rows_max; i++) {
    uint32_t offset = base + i * slot_bytes;
    rows += write_rows(&messages[i].msg_hdr, offset, messages[i].msg_len, frames.at + rows * FRAME_WORDS, rows_max - rows,
                       arena.at, vtep);
  }
  return int_value(env, (int32_t)rows);
}
