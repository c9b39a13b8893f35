// The host's side of a TAP device: up or down, MTU, addresses (rtnetlink(7), netdevice(7)).
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arguments.h"
#include "calls.h"
#include "udp-address.h"

// linkSet(name, mtu, up, passive): brings a network device to this MTU and state; a passive one neither asks nor answers
// ARP.
napi_value link_set(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  struct ifreq request = {0};
  take_name(&a, request.ifr_name, IFNAMSIZ);
  int mtu = (int)take_uint(&a, 65535);
  bool up = take_uint(&a, 1);
  bool passive = take_uint(&a, 1);
  if (!a.ok) return NULL;
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return throw_errno(env, "socket", errno);
  const char *call = "SIOCSIFMTU";
  request.ifr_mtu = mtu;
  int failed = ioctl(fd, SIOCSIFMTU, &request);
  if (!failed) {
    call = "SIOCGIFFLAGS";
    failed = ioctl(fd, SIOCGIFFLAGS, &request);
  }
  if (!failed) {
    call = "SIOCSIFFLAGS";
    int flags = request.ifr_flags & ~(IFF_UP | IFF_NOARP);
    request.ifr_flags = (short)(flags | (up ? IFF_UP : 0) | (passive ? IFF_NOARP : 0));
    failed = ioctl(fd, SIOCSIFFLAGS, &request);
  }
  int error = errno;
  close(fd);
  return failed ? throw_errno(env, call, error) : undefined_value(env);
}

struct address_request {
  struct nlmsghdr header;
  struct ifaddrmsg message;
  char attributes[64];
};

static void add_attribute(struct address_request *request, unsigned short type, const void *data, unsigned short length) {
  struct rtattr *attribute = (struct rtattr *)(void *)((char *)request + NLMSG_ALIGN(request->header.nlmsg_len));
  attribute->rta_type = type;
  attribute->rta_len = (unsigned short)RTA_LENGTH(length);
  memcpy(RTA_DATA(attribute), data, length);
  request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
}

// Sends one rtnetlink request and returns the kernel's answer, 0 or an errno.
static int rtnetlink(const struct nlmsghdr *request) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return errno;
  struct {
    struct nlmsghdr header;
    struct nlmsgerr error;
    char rest[256];
  } answer;
  int error = 0;
  if (send(fd, request, request->nlmsg_len, 0) < 0 || recv(fd, &answer, sizeof answer, 0) < 0) error = errno;
  else if (answer.header.nlmsg_type == NLMSG_ERROR) error = -answer.error.error;
  close(fd);
  return error;
}

// linkAddress(name, ipv6, addressWords, prefixLength, add): adds or removes an address of a device. Adding one that is
// there is no error. IPv6 addresses are usable at once (no duplicate detection on a device of our own).
napi_value link_address(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  char name[IFNAMSIZ];
  take_name(&a, name, sizeof name);
  bool ipv6 = take_uint(&a, 1);
  struct words address = take_words(&a);
  uint32_t prefix = take_uint(&a, 128);
  bool add = take_uint(&a, 1);
  if (!a.ok) return NULL;
  unsigned index = if_nametoindex(name);
  if (index == 0 || address.count < 4) return throw_errno(env, "if_nametoindex", index ? EINVAL : errno);
  struct address_request request = {
      .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifaddrmsg)), .nlmsg_type = add ? RTM_NEWADDR : RTM_DELADDR,
                 .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | (add ? NLM_F_CREATE | NLM_F_REPLACE : 0))},
      .message = {.ifa_family = ipv6 ? AF_INET6 : AF_INET, .ifa_prefixlen = (uint8_t)prefix, .ifa_index = index,
                  .ifa_flags = ipv6 ? IFA_F_NODAD : 0},
  };
  const int32_t *bytes = ipv6 ? address.at : address.at + 3;
  unsigned short length = ipv6 ? 16 : 4;
  add_attribute(&request, IFA_LOCAL, bytes, length);
  add_attribute(&request, IFA_ADDRESS, bytes, length);
  int error = rtnetlink(&request.header);
  return error ? throw_errno(env, add ? "RTM_NEWADDR" : "RTM_DELADDR", error) : undefined_value(env);
}
