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

// 0 or -1 and errno. Without an address of its own the socket would be taken for the kernel, which hears nothing from itself.
static int subscribe(int fd) {
  static const int groups[] = {RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_RULE,
                               RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV6_RULE};
  struct sockaddr_nl any = {.nl_family = AF_NETLINK};
  if (bind(fd, (const struct sockaddr *)&any, sizeof any) < 0) return -1;
  for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
    if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, groups + i, sizeof *groups) < 0) return -1;
  return 0;
}

// routeEventsOpen() -> fd.
napi_value route_events_open(napi_env env, napi_callback_info info) {
  (void)info;
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (fd < 0) return throw_errno(env, "socket", errno);
  if (subscribe(fd) == 0) return int_value(env, fd);
  int error = errno;
  close(fd);
  return throw_errno(env, "NETLINK_ADD_MEMBERSHIP", error);
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
