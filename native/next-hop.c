// Where the kernel would send a datagram: device, source address and link-layer addresses, asked by rtnetlink(7). Frames
// that leave by another way than a socket use these, as long as they hold; native/route-events.c tells when to ask again.
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arguments.h"
#include "calls.h"
#include "rtnetlink.h"

// The part of a 4-word address that goes over the wire.
static uint8_t *wire(int32_t words[4], int family) { return (uint8_t *)words + (family == AF_INET ? 12 : 0); }
static uint16_t wire_bytes(int family) { return family == AF_INET ? 4 : 16; }

static void set_address(int32_t words[4], int family, const uint8_t *bytes) {
  static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff};
  memcpy(words, mapped, 16);
  memcpy(wire(words, family), bytes, wire_bytes(family));
}

static int family_of(const int32_t words[4]) {
  static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
  return memcmp(words, mapped, sizeof mapped) == 0 ? AF_INET : AF_INET6;
}

static bool is_wildcard(int32_t words[4], int family) {
  static const uint8_t nothing[16];
  return memcmp(wire(words, family), nothing, wire_bytes(family)) == 0;
}

// Device, source address, and by whose address on the link the way leads (the gateway's, or the remote's own).
static int ask_route(int fd, int32_t local[4], int32_t remote[4], int32_t *hop) {
  int family = family_of(remote);
  uint16_t bytes = wire_bytes(family);
  bool bound = !is_wildcard(local, family);
  struct rtnl_request request = rtnl_request(RTM_GETROUTE, 0, sizeof request.route);
  request.route = (struct rtmsg){.rtm_family = (uint8_t)family, .rtm_dst_len = (uint8_t)(bytes * 8),
                                 .rtm_src_len = bound ? (uint8_t)(bytes * 8) : 0};
  rtnl_add(&request, RTA_DST, wire(remote, family), bytes);
  if (bound) rtnl_add(&request, RTA_SRC, wire(local, family), bytes);
  struct rtnl_answer answer;
  int error = rtnl_ask(fd, &request, RTM_NEWROUTE, &answer);
  if (error) return error;
  if (((const struct rtmsg *)NLMSG_DATA(&answer.header))->rtm_type != RTN_UNICAST) return EHOSTUNREACH;
  struct bytes device = rtnl_attribute(&answer, sizeof(struct rtmsg), RTA_OIF);
  struct bytes source = rtnl_attribute(&answer, sizeof(struct rtmsg), RTA_PREFSRC);
  struct bytes gateway = rtnl_attribute(&answer, sizeof(struct rtmsg), RTA_GATEWAY);
  struct bytes via = rtnl_attribute(&answer, sizeof(struct rtmsg), RTA_VIA);  // IPv4 by an IPv6 gateway
  if (device.length < 4 || (!bound && source.length < bytes)) return EHOSTUNREACH;
  memcpy(hop + HOP_IFINDEX, device.at, 4);
  set_address(hop + HOP_SOURCE, family, bound ? wire(local, family) : source.at);
  memcpy(hop + HOP_NEIGHBOUR, remote, 16);
  if (gateway.length >= bytes) set_address(hop + HOP_NEIGHBOUR, family, gateway.at);
  if (via.length >= sizeof(struct rtvia) + 16) set_address(hop + HOP_NEIGHBOUR, AF_INET6, via.at + sizeof(struct rtvia));
  return 0;
}

// By ioctl(2), which the netlink socket takes as any: RTM_GETLINK would wait for whoever holds the lock on all devices.
static int ask_device(int fd, int32_t *hop) {
  struct ifreq request = {.ifr_ifindex = hop[HOP_IFINDEX]};
  if (ioctl(fd, SIOCGIFNAME, &request) < 0) return errno;
  memcpy(hop + HOP_DEVICE, request.ifr_name, strnlen(request.ifr_name, IFNAMSIZ - 1));
  if (ioctl(fd, SIOCGIFFLAGS, &request) < 0) return errno;
  enum { UP = IFF_UP | IFF_RUNNING };
  if ((request.ifr_flags & UP) == UP) hop[HOP_FLAGS] |= HOP_IS_UP;
  if (ioctl(fd, SIOCGIFMTU, &request) < 0) return errno;
  hop[HOP_MTU] = request.ifr_mtu;
  if (ioctl(fd, SIOCGIFHWADDR, &request) < 0) return errno;
  if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER) return 0;
  hop[HOP_FLAGS] |= HOP_IS_ETHERNET;
  memcpy(hop + HOP_LOCAL_MAC, request.ifr_hwaddr.sa_data, 6);
  return 0;
}

static struct rtnl_request about_neighbour(uint16_t type, uint16_t flags, int ifindex, int32_t address[4]) {
  int family = family_of(address);
  struct rtnl_request request = rtnl_request(type, flags, sizeof request.neighbour);
  request.neighbour = (struct ndmsg){.ndm_family = (uint8_t)family, .ndm_ifindex = ifindex};
  rtnl_add(&request, NDA_DST, wire(address, family), wire_bytes(family));
  return request;
}

// EAGAIN while the neighbour is not resolved: a datagram by a socket makes the kernel ask for it.
static int ask_neighbour(int fd, int32_t *hop) {
  struct rtnl_request request = about_neighbour(RTM_GETNEIGH, 0, hop[HOP_IFINDEX], hop + HOP_NEIGHBOUR);
  struct rtnl_answer answer;
  int error = rtnl_ask(fd, &request, RTM_NEWNEIGH, &answer);
  if (error) return error == ENOENT ? EAGAIN : error;
  int state = ((const struct ndmsg *)NLMSG_DATA(&answer.header))->ndm_state;
  struct bytes mac = rtnl_attribute(&answer, sizeof(struct ndmsg), NDA_LLADDR);
  enum { USABLE = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT };
  if (!(state & USABLE) || mac.length != 6) return EAGAIN;
  memcpy(hop + HOP_REMOTE_MAC, mac.at, 6);
  // In NUD_DELAY the kernel waits for a confirmation that no UDP socket ever gives.
  if (state & (NUD_STALE | NUD_DELAY)) hop[HOP_FLAGS] |= HOP_IS_STALE;
  return 0;
}

// nextHop(localWords, remoteWords, hop) -> 0, or -errno. EAGAIN: there is a way, but the neighbour is not resolved yet;
// the row holds all but its MAC. Whatever else it is, the row says nothing.
napi_value next_hop(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  struct words local = take_words(&a);
  struct words remote = take_words(&a);
  struct words out = take_words(&a);
  if (!a.ok) return NULL;
  if (local.count < 4 || remote.count < 4 || out.count < HOP_WORDS) return throw_errno(env, "nextHop", EINVAL);
  int fd = rtnl_open();
  if (fd < 0) return int_value(env, fd);
  int32_t hop[HOP_WORDS] = {0};
  int error = ask_route(fd, local.at, remote.at, hop);
  if (!error) error = ask_device(fd, hop);
  if (!error) error = ask_neighbour(fd, hop);
  close(fd);
  memcpy(out.at, hop, sizeof hop);
  return int_value(env, -error);
}

// neighbourProbe(ifindex, addressWords) -> 0 or -errno (EPERM without CAP_NET_ADMIN, ENOENT if it is forgotten): has the
// kernel ask a neighbour whether it is still there, as it does by itself for those that sockets send to.
napi_value neighbour_probe(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  int ifindex = (int)take_uint(&a, INT32_MAX);
  struct words address = take_words(&a);
  if (!a.ok) return NULL;
  if (address.count < 4) return throw_errno(env, "neighbourProbe", EINVAL);
  int fd = rtnl_open();
  if (fd < 0) return int_value(env, fd);
  struct rtnl_request request = about_neighbour(RTM_NEWNEIGH, NLM_F_ACK | NLM_F_REPLACE, ifindex, address.at);
  request.neighbour.ndm_state = NUD_PROBE;
  struct rtnl_answer answer;
  int error = rtnl_ask(fd, &request, NLMSG_ERROR, &answer);
  close(fd);
  return int_value(env, -error);
}
