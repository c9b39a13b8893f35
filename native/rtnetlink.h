// Questions to the kernel by rtnetlink(7): one request, one answer.
#ifndef VXSWITCH_RTNETLINK_H
#define VXSWITCH_RTNETLINK_H

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdint.h>

#include "layout.h"

struct rtnl_request {
  struct nlmsghdr header;
  union {  // which one, the type of the message says; the attributes follow directly behind it
    struct rtmsg route;
    struct ndmsg neighbour;
    struct ifinfomsg link;
    struct ifaddrmsg address;
  };
  char attributes[128];
};

struct rtnl_answer {
  struct nlmsghdr header;
  char rest[8192 - sizeof(struct nlmsghdr)];
};

// A request without attributes; `body_bytes` is the size of the union's member that `type` goes with.
struct rtnl_request rtnl_request(uint16_t type, uint16_t flags, size_t body_bytes);

// Adds an attribute; the caller's few fit.
void rtnl_add(struct rtnl_request *request, uint16_t type, const void *data, uint16_t length);

// A socket for questions, or -errno.
int rtnl_open(void);

// Asks; 0, or an errno (EBADMSG: the answer is not the `type` expected). A request that wants no more than to be carried
// out sets NLM_F_ACK and expects NLMSG_ERROR. Never waits: the kernel has answered before the question returns.
int rtnl_ask(int fd, const struct rtnl_request *request, uint16_t type, struct rtnl_answer *answer);

// The first attribute of this type behind a body of `body_bytes`; `at` is NULL if there is none.
struct bytes rtnl_attribute(const struct rtnl_answer *answer, size_t body_bytes, uint16_t type);

#endif
