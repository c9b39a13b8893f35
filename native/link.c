// The host's side of a TAP device: up or down, MTU, addresses (rtnetlink(7), netdevice(7)).
#include <errno.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arguments.h"
#include "calls.h"
#include "rtnetlink.h"

// linkIndex(name) -> the index of a network device in this namespace.
napi_value link_index(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  char name[IFNAMSIZ];
  take_name(&a, name, sizeof name);
  if (!a.ok) return NULL;
  unsigned index = if_nametoindex(name);
  return index == 0 ? throw_errno(env, "if_nametoindex", errno) : int_value(env, (int32_t)index);
}

// linkMtu(name) -> the MTU of a network device in this namespace.
napi_value link_mtu(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  struct ifreq request = {0};
  take_name(&a, request.ifr_name, IFNAMSIZ);
  if (!a.ok) return NULL;
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return throw_errno(env, "socket", errno);
  int failed = ioctl(fd, SIOCGIFMTU, &request);
  int error = errno;
  close(fd);
  return failed ? throw_errno(env, "SIOCGIFMTU", error) : int_value(env, request.ifr_mtu);
}

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

// 0 or an errno.
static int carry_out(const struct rtnl_request *request) {
  int fd = rtnl_open();
  if (fd < 0) return -fd;
  struct rtnl_answer answer;
  int error = rtnl_ask(fd, request, NLMSG_ERROR, &answer);
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
  uint16_t flags = (uint16_t)(NLM_F_ACK | (add ? NLM_F_CREATE | NLM_F_REPLACE : 0));
  struct rtnl_request request = rtnl_request(add ? RTM_NEWADDR : RTM_DELADDR, flags, sizeof request.address);
  request.address = (struct ifaddrmsg){.ifa_family = ipv6 ? AF_INET6 : AF_INET, .ifa_prefixlen = (uint8_t)prefix,
                                       .ifa_index = index, .ifa_flags = ipv6 ? IFA_F_NODAD : 0};
  const int32_t *bytes = ipv6 ? address.at : address.at + 3;
  uint16_t length = ipv6 ? 16 : 4;
  rtnl_add(&request, IFA_LOCAL, bytes, length);
  rtnl_add(&request, IFA_ADDRESS, bytes, length);
  int error = carry_out(&request);
  return error ? throw_errno(env, add ? "RTM_NEWADDR" : "RTM_DELADDR", error) : undefined_value(env);
}
