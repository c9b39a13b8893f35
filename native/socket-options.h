// Options of sockets that datagrams leave by, whatever their protocol.
#ifndef VXSWITCH_SOCKET_OPTIONS_H
#define VXSWITCH_SOCKET_OPTIONS_H

#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>

static inline int set_int(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value);
}

// A VTEP must not fragment (RFC 7348 section 4.3): DF is set, and what does not fit comes back as EMSGSIZE.
static inline int forbid_fragments(int fd, int family) {
  if (family == AF_INET) return set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
  return set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
}

// Asks for what root may have, and takes what everyone may.
static inline void set_buffer(int fd, int force_name, int name, int bytes) {
  if (set_int(fd, SOL_SOCKET, force_name, bytes) < 0) set_int(fd, SOL_SOCKET, name, bytes);
}

// A socket that only sends takes nothing in: a filter that accepts zero bytes.
static inline int refuse_receiving(int fd) {
  struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
  struct sock_fprog program = {.len = 1, .filter = &none};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

#endif
