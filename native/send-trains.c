// Sending trains: by a packet socket behind the outer headers of their path, or by the UDP sockets where there is none.
//
// A packet socket takes a train as one piece of memory, a UDP socket as a list of pages. Whoever cuts it, the far end at
// the latest, then need not gather the headers of each frame out of them.
#include "sender.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <netinet/udp.h>
#include <string.h>

#include "checksum.h"
#include "outer-header.h"
#include "segment.h"
#include "udp-address.h"

enum { IN_ONE_PIECE_MAX = 16384 };  // bytes for which the kernel mostly finds memory in one piece

// All that a message points to, beside the train itself.
struct envelope {
  struct iovec slices[3];
  union socket_address to;
  _Alignas(struct cmsghdr) char
      control[2 * CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(uint16_t)) + CMSG_SPACE(sizeof(struct in6_pktinfo))];
  struct virtio_net_hdr vnet;
  uint8_t outer[OUTER_IPV6];
};

int32_t send_drop_of(int error) {
  switch (error) {
    case EMSGSIZE: return DROP_TOO_BIG;
    case EAGAIN: case ENOBUFS: case ENOMEM: return DROP_QUEUE_FULL;
    case ENETUNREACH: case EHOSTUNREACH: case ENETDOWN: case EPERM: case EACCES: case EINVAL: return DROP_UNREACHABLE;
    default: return DROP_TRANSMIT_FAILED;
  }
}

static void fail_train(struct sender *s, const struct train *train, int error) {
  for (uint32_t position = train->first; position <= train->last; position++) fail(s, position, send_drop_of(error));
}

// Adds a control message; the buffer has room for all that there can be.
static void control_add(struct msghdr *message, int level, int type, const void *value, uint32_t bytes) {
  struct cmsghdr *c = (struct cmsghdr *)(void *)((uint8_t *)message->msg_control + message->msg_controllen);
  c->cmsg_level = level;
  c->cmsg_type = type;
  c->cmsg_len = CMSG_LEN(bytes);
  memcpy(CMSG_DATA(c), value, bytes);
  message->msg_controllen += CMSG_SPACE(bytes);
}

// How the outer header is marked; 0 = as the kernel does it by itself.
static void control_add_marks(struct msghdr *message, int family, const int32_t *destination, uint32_t marks) {
  bool ipv6 = family == AF_INET6;
  int ttl = marks_ttl(marks) ? marks_ttl(marks) : destination[DESTINATION_TTL];
  int tos = destination[DESTINATION_TOS] | marks_tos(marks);
  int level = ipv6 ? IPPROTO_IPV6 : IPPROTO_IP;
  if (ttl > 0 && ttl <= 255) control_add(message, level, ipv6 ? IPV6_HOPLIMIT : IP_TTL, &ttl, sizeof ttl);
  if (tos > 0 && tos <= 255) control_add(message, level, ipv6 ? IPV6_TCLASS : IP_TOS, &tos, sizeof tos);
}

// By which device: of groups no route says so.
static void control_add_device(struct msghdr *message, int family, int ifindex) {
  if (ifindex <= 0) return;
  struct in_pktinfo v4 = {.ipi_ifindex = ifindex};
  struct in6_pktinfo v6 = {.ipi6_ifindex = (unsigned)ifindex};
  if (family == AF_INET) control_add(message, IPPROTO_IP, IP_PKTINFO, &v4, sizeof v4);
  else control_add(message, IPPROTO_IPV6, IPV6_PKTINFO, &v6, sizeof v6);
}

static struct msghdr for_udp_socket(const struct train *train, int family, struct envelope *e) {
  socklen_t size = address_from_words(&e->to, family, train->destination + DESTINATION_ADDRESS,
                                      train->destination[DESTINATION_UDP_PORT]);
  e->slices[0] = (struct iovec){train->start, train->length};
  struct msghdr message = {.msg_name = &e->to, .msg_namelen = size, .msg_iov = e->slices, .msg_iovlen = 1,
                           .msg_control = e->control};
  control_add_marks(&message, family, train->destination, train->marks);
  control_add_device(&message, family, train->destination[DESTINATION_IFINDEX]);
  uint16_t frame_bytes = (uint16_t)train->frame_bytes;
  if (train->frame_count > 1) control_add(&message, SOL_UDP, UDP_SEGMENT, &frame_bytes, sizeof frame_bytes);
  return message;
}

// What a UDP socket does for all that it sends, but not for these trains.
static bool needs_options(const struct sender *s, const struct train *train) {
  if (train->path) return false;
  return s->family == AF_INET ? train->marks & MARK_DF_CLEAR : train->destination[DESTINATION_OPTIONS] & OUTER_UDP6_ZERO_CSUM;
}

// Over IPv4 DF is clear, and yet nothing is fragmented here: what is longer than the device takes comes back as EMSGSIZE.
// Over IPv6 there is no checksum.
static void set_options(const struct sender *s, const struct train *train, int on) {
  int discover = on ? IP_PMTUDISC_INTERFACE : IP_PMTUDISC_DO;
  if (s->family == AF_INET) setsockopt(train->fd, IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof discover);
  else setsockopt(train->fd, SOL_UDP, UDP_NO_CHECK6_TX, &on, sizeof on);
}

// sendmmsg for trains that leave alike; only this thread sends by their socket.
static int send_alike(const struct sender *s, const struct train *train, struct mmsghdr *messages, uint32_t count) {
  if (!needs_options(s, train)) return sendmmsg(train->fd, messages, count, MSG_DONTWAIT);
  set_options(s, train, 1);
  int sent = sendmmsg(train->fd, messages, count, MSG_DONTWAIT), error = errno;
  set_options(s, train, 0);
  errno = error;
  return sent;
}

// Where the device offers no checksum offload the kernel refuses a UDP socket's train with EIO: its frames then leave one
// by one.
static void send_one_by_one(struct sender *s, const struct train *train, struct envelope *e) {
  for (uint32_t at = 0; at < train->length; at += train->frame_bytes) {
    uint32_t left = train->length - at;
    struct train one = *train;
    one.start += at;
    one.length = left < train->frame_bytes ? left : train->frame_bytes;
    one.frame_count = 1;
    struct mmsghdr message = {.msg_hdr = for_udp_socket(&one, s->family, e)};
    if (send_alike(s, &one, &message, 1) < 0) fail_train(s, train, errno);
  }
}

// Where there is a UDP checksum it is left to be filled; a train must have one.
static struct msghdr for_packet_socket(const struct train *train, struct envelope *e) {
  uint32_t frame_bytes = train->length - VXLAN_HEADER;
  uint32_t outer_bytes = outer_header_write(train->path, frame_bytes, train->source_port, train->marks, e->outer);
  if (outer_bytes == OUTER_IPV4 && train->marks & MARK_DF_CLEAR) outer_allow_fragments(e->outer, train->frame_count);
  uint32_t udp = outer_udp(outer_bytes), header_bytes = outer_bytes - VXLAN_HEADER;
  uint32_t bytes = header_bytes + train->length;
  bool is_train = train->frame_count > 1;
  e->vnet = (struct virtio_net_hdr){.hdr_len = (uint16_t)(bytes <= IN_ONE_PIECE_MAX ? bytes : header_bytes)};
  bool has_checksum = is_train || outer_has_checksum(train->destination[DESTINATION_OPTIONS], outer_bytes == OUTER_IPV6);
  outer_checksum(e->outer, outer_bytes, has_checksum);
  if (has_checksum) {
    e->vnet.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    e->vnet.csum_start = (uint16_t)udp;
    e->vnet.csum_offset = UDP_CHECKSUM;
  }
  if (is_train) {
    e->vnet.gso_type = GSO_UDP_L4;
    e->vnet.gso_size = (uint16_t)train->frame_bytes;
  }
  e->slices[0] = (struct iovec){&e->vnet, sizeof e->vnet};
  e->slices[1] = (struct iovec){e->outer, header_bytes};
  e->slices[2] = (struct iovec){train->start, train->length};
  return (struct msghdr){.msg_iov = e->slices, .msg_iovlen = 3};
}

static bool leave_alike(const struct sender *s, const struct train *train, const struct train *next) {
  return next->fd == train->fd && needs_options(s, next) == needs_options(s, train);
}

void send_trains(struct sender *s) {
  struct mmsghdr messages[TRAINS_MAX];
  struct envelope envelopes[TRAINS_MAX];
  for (uint32_t i = 0; i < s->train_count; i++) {
    const struct train *train = &s->trains[i];
    struct envelope *e = &envelopes[i];
    messages[i].msg_hdr = train->path ? for_packet_socket(train, e) : for_udp_socket(train, s->family, e);
  }
  for (uint32_t i = 0; i < s->train_count;) {
    struct train *train = &s->trains[i];
    uint32_t end = i + 1;
    while (end < s->train_count && leave_alike(s, train, &s->trains[end])) end++;
    int sent = send_alike(s, train, messages + i, end - i);
    if (sent > 0) {
      i += (uint32_t)sent;
    } else if (train->path && (errno == ENXIO || errno == ENETDOWN)) {
      // The device is gone, or was down: the kernel may know another one by now.
      train->path = NULL;
      train->fd = train->udp_fd;
      messages[i].msg_hdr = for_udp_socket(train, s->family, &envelopes[i]);
    } else if (errno == EIO && train->frame_count > 1 && !train->path) {
      send_one_by_one(s, train, &envelopes[i]);
      i++;
    } else if (errno != EINTR) {
      fail_train(s, train, errno);
      i++;
    }
  }
  s->train_count = 0;
  s->staging_used = 0;
  s->open = false;
}
