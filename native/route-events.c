// Changes of what next-hop.c answers: devices, neighbours, addresses, routes and rules, as rtnetlink(7) announces them.
// Whoever hears of one asks again; so what exactly has changed is of no interest, nor is a message that was lost.
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arguments.h"
#include "calls.h"

enum { MESSAGES_A_CALL = 256 };  // the rest waits for the next call

// routeEventsOpen() -> fd.
napi_value route_events_open(napi_env env, napi_callback_info info) {
  (void)info;
  static const int groups[] = {RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_RULE,
                               RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV6_RULE};
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (fd < 0) return throw_errno(env, "socket", errno);
  for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
    if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, groups + i, sizeof *groups) == 0) continue;
    int error = errno;
    close(fd);
    return throw_errno(env, "NETLINK_ADD_MEMBERSHIP", error);
  }
  return int_value(env, fd);
}

// routeEventsRead(fd) -> 1 if anything has changed since the last call, 0 if not, or -errno. Never blocks.
napi_value route_events_read(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  int fd = take_int(&a);
  if (!a.ok) return NULL;
  bool changed = false;
  for (int i = 0; i < MESSAGES_A_CALL; i++) {
    char start;  // a longer message is cut: what it says is not read
    if (recv(fd, &start, sizeof start, MSG_DONTWAIT) >= 0 || errno == ENOBUFS) changed = true;
    else if (errno == EAGAIN) break;
    else if (errno != EINTR) return int_value(env, -errno);
  }
  return int_value(env, changed);
}
