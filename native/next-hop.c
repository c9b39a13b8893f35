// Where the kernel would send a datagram: device, source address and link-layer addresses, asked by rtnetlink(7).
#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arguments.h"
#include "calls.h"
#include "checksum.h"
#include "udp-address.h"

struct request {
  struct nlmsghdr header;
  union {
    struct rtmsg route;
    struct ndmsg neighbour;
  };
  char attributes[128];
};

static void add_attribute(struct request *request, unsigned short type, const void *data, unsigned short length) {
  struct rtattr *attribute = (struct rtattr *)(void *)((char *)request + NLMSG_ALIGN(request->header.nlmsg_len));
  attribute->rta_type = type;
  attribute->rta_len = (unsigned short)RTA_LENGTH(length);
  memcpy(RTA_DATA(attribute), data, length);
  request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
}

struct answer {
  struct nlmsghdr header;
  char rest[2048];
};

// One question, one answer; 0 or an errno.
static int ask(int fd, struct request *request, struct answer *answer) {
  if (send(fd, request, request->header.nlmsg_len, 0) < 0) return errno;
  ssize_t got = recv(fd, answer, sizeof *answer, 0);
  if (got < 0) return errno;
  if (!NLMSG_OK(&answer->header, (size_t)got)) return EBADMSG;
  if (answer->header.nlmsg_type == NLMSG_ERROR) return -((struct nlmsgerr *)NLMSG_DATA(&answer->header))->error;
  return 0;
}

struct hop {
  int ifindex;
  uint32_t source, via;  // IPv4, wire order
  uint8_t remote_mac[6], local_mac[6];
  char device[IFNAMSIZ];
};

static int ask_route(int fd, uint32_t local, uint32_t remote, struct hop *hop) {
  struct request request = {
      .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)), .nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST},
      .route = {.rtm_family = AF_INET, .rtm_dst_len = 32, .rtm_src_len = local ? 32 : 0},
  };
  add_attribute(&request, RTA_DST, &remote, sizeof remote);
  if (local) add_attribute(&request, RTA_SRC, &local, sizeof local);
  struct answer answer;
  int error = ask(fd, &request, &answer);
  if (error) return error;
  struct rtmsg *route = NLMSG_DATA(&answer.header);
  if (route->rtm_type != RTN_UNICAST) return EHOSTUNREACH;
  *hop = (struct hop){.source = local, .via = remote};
  uint32_t left = (uint32_t)RTM_PAYLOAD(&answer.header);
  for (struct rtattr *r = RTM_RTA(route); RTA_OK(r, left); r = RTA_NEXT(r, left)) {
    if (r->rta_type == RTA_OIF) memcpy(&hop->ifindex, RTA_DATA(r), 4);
    if (r->rta_type == RTA_GATEWAY) memcpy(&hop->via, RTA_DATA(r), 4);
    if (r->rta_type == RTA_PREFSRC && !local) memcpy(&hop->source, RTA_DATA(r), 4);
  }
  return 0;
}

// EAGAIN while the neighbour is not resolved: a datagram by the socket makes the kernel ask for it.
static int ask_neighbour(int fd, struct hop *hop) {
  struct request request = {
      .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ndmsg)), .nlmsg_type = RTM_GETNEIGH, .nlmsg_flags = NLM_F_REQUEST},
      .neighbour = {.ndm_family = AF_INET, .ndm_ifindex = hop->ifindex},
  };
  add_attribute(&request, NDA_DST, &hop->via, sizeof hop->via);
  struct answer answer;
  int error = ask(fd, &request, &answer);
  if (error) return error == ENOENT ? EAGAIN : error;
  struct ndmsg *neighbour = NLMSG_DATA(&answer.header);
  enum { USABLE = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT };
  if (!(neighbour->ndm_state & USABLE)) return EAGAIN;
  uint32_t left = (uint32_t)RTM_PAYLOAD(&answer.header);
  struct rtattr *r = (struct rtattr *)(void *)((char *)neighbour + NLMSG_ALIGN(sizeof *neighbour));
  for (; RTA_OK(r, left); r = RTA_NEXT(r, left)) {
    if (r->rta_type != NDA_LLADDR || RTA_PAYLOAD(r) != 6) continue;
    memcpy(hop->remote_mac, RTA_DATA(r), 6);
    return 0;
  }
  return EAGAIN;
}

static int ask_device(struct hop *hop) {
  struct ifreq request = {0};
  if (!if_indextoname((unsigned)hop->ifindex, request.ifr_name)) return errno;
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  int error = ioctl(fd, SIOCGIFHWADDR, &request) < 0 ? errno : 0;
  close(fd);
  memcpy(hop->device, request.ifr_name, IFNAMSIZ);
  memcpy(hop->local_mac, request.ifr_hwaddr.sa_data, 6);
  return error;
}

// nextHop(localWords, remoteWords, hop) -> 0, or -errno (EAGAIN: the neighbour is not resolved yet). IPv4.
// hop: [interface index, source address, remote MAC 2 words, local MAC 2 words, device name 4 words], addresses in wire
// order.
napi_value next_hop(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  struct words local = take_words(&a);
  struct words remote = take_words(&a);
  struct words out = take_words(&a);
  if (!a.ok) return NULL;
  if (local.count < 4 || remote.count < 4 || out.count < 10) return throw_errno(env, "nextHop", EINVAL);
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return int_value(env, -errno);
  struct hop hop;
  int error = ask_route(fd, (uint32_t)local.at[3], (uint32_t)remote.at[3], &hop);
  if (!error) error = ask_neighbour(fd, &hop);
  if (!error) error = ask_device(&hop);
  close(fd);
  if (error) return int_value(env, -error);
  out.at[0] = hop.ifindex;
  out.at[1] = (int32_t)hop.source;
  memcpy(out.at + 2, hop.remote_mac, 6);
  memcpy(out.at + 4, hop.local_mac, 6);
  memcpy(out.at + 6, hop.device, IFNAMSIZ);
  return int_value(env, 0);
}
