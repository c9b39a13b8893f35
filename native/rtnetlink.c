#include "rtnetlink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

struct rtnl_request rtnl_request(uint16_t type, uint16_t flags, size_t body_bytes) {
  struct rtnl_request request;
  memset(&request, 0, sizeof request);
  request.header.nlmsg_len = (uint32_t)NLMSG_LENGTH(body_bytes);
  request.header.nlmsg_type = type;
  request.header.nlmsg_flags = (uint16_t)(flags | NLM_F_REQUEST);
  return request;
}

void rtnl_add(struct rtnl_request *request, uint16_t type, const void *data, uint16_t length) {
  struct rtattr *attribute = (struct rtattr *)(void *)((char *)request + NLMSG_ALIGN(request->header.nlmsg_len));
  attribute->rta_type = type;
  attribute->rta_len = (unsigned short)RTA_LENGTH(length);
  memcpy(RTA_DATA(attribute), data, length);
  request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
}

int rtnl_open(void) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  return fd < 0 ? -errno : fd;
}

int rtnl_ask(int fd, const struct rtnl_request *request, uint16_t type, struct rtnl_answer *answer) {
  if (send(fd, request, request->header.nlmsg_len, 0) < 0) return errno;
  ssize_t got = recv(fd, answer, sizeof *answer, MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN ? ENOBUFS : errno;  // no answer: the kernel had no memory for it
  if (!NLMSG_OK(&answer->header, (size_t)got)) return EBADMSG;
  if (answer->header.nlmsg_type == NLMSG_ERROR) {
    if (answer->header.nlmsg_len < NLMSG_LENGTH(sizeof(struct nlmsgerr))) return EBADMSG;
    int error = -((const struct nlmsgerr *)NLMSG_DATA(&answer->header))->error;
    if (error) return error;
  }
  return answer->header.nlmsg_type == type ? 0 : EBADMSG;
}

struct bytes rtnl_attribute(const struct rtnl_answer *answer, size_t body_bytes, uint16_t type) {
  uint32_t start = (uint32_t)NLMSG_LENGTH(NLMSG_ALIGN(body_bytes));
  if (answer->header.nlmsg_len < start) return (struct bytes){0};
  uint32_t left = answer->header.nlmsg_len - start;
  struct rtattr *attribute = (struct rtattr *)(void *)((char *)(uintptr_t)answer + start);
  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
    if ((attribute->rta_type & NLA_TYPE_MASK) != type) continue;
    return (struct bytes){.at = RTA_DATA(attribute), .length = (uint32_t)RTA_PAYLOAD(attribute)};
  }
  return (struct bytes){0};
}
