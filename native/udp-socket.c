// Opening the sockets of the UDP underlay, and asking the kernel for a path's MTU.
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/udp.h>
#include <unistd.h>

#include "arguments.h"
#include "calls.h"
#include "socket-options.h"
#include "udp-address.h"

static void prepare_receiving(int fd, int family, int bytes) {
  set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, bytes);
  // Without UDP_GRO (before Linux 5.0) datagrams simply come one by one.
  set_int(fd, SOL_UDP, UDP_GRO, 1);
  // What the network has written into the outer header: congestion (ecn.h).
  if (family == AF_INET) set_int(fd, IPPROTO_IP, IP_RECVTOS, 1);
  else set_int(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
  // No SO_RXQ_OVFL: its message is copied from the sk_buff's control block, and when the datagram was a TCP segment of a
  // local namespace (a clone from another slab), hardened kernels take that for an attack and kill the thread.
}

// A group on one device: what is sent to it there comes in, and nothing of groups that others have joined.
static int join_group(int fd, const union socket_address *group, int ifindex) {
  if (group->any.sa_family == AF_INET) {
    struct ip_mreqn wanted = {.imr_multiaddr = group->v4.sin_addr, .imr_ifindex = ifindex};
    if (set_int(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0) < 0) return -1;
    return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &wanted, sizeof wanted);
  }
  struct ipv6_mreq wanted = {.ipv6mr_multiaddr = group->v6.sin6_addr, .ipv6mr_interface = (unsigned)ifindex};
  // Before Linux 4.20 there is no such option.
  set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
  return setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &wanted, sizeof wanted);
}

// What is sent to a group does not come back to this host.
static void forbid_loops(int fd, int family) {
  if (family == AF_INET) set_int(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0);
  if (family == AF_INET6) set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0);
}

// With whom a socket may share its UDP port when it is bound: nobody, one of an overlapping address that allows it
// (udpShareAddress), one of the very same address that does (udpSharePort).
enum { SHARE_NOTHING = 0, SHARE_ADDRESS = 1, SHARE_PORT = 2 };

static int set_sharing(int fd, uint32_t share) {
  if (share == SHARE_ADDRESS) return set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (share == SHARE_PORT) return set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  return 0;
}

static int open_bound(int family, const union socket_address *local, socklen_t length, uint32_t share, const char **call) {
  *call = "socket";
  int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  *call = "setsockopt";
  if (family == AF_INET6 && set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0) goto fail;
  // No flow label of the socket's own: frames of the same flow that leave past it have none either.
  if (family == AF_INET6) set_int(fd, IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 0);
  if (set_sharing(fd, share) < 0) goto fail;
  if (forbid_fragments(fd, family) < 0) goto fail;
  *call = "bind";
  if (bind(fd, &local->any, length) < 0) goto fail;
  return fd;
fail:;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

// udpOpen(ipv6, addressWords, port, receives, bufferBytes, share, ifindex) -> fd. A socket that receives holds the VXLAN
// port; one that does not lends its source port to datagrams sent. With `ifindex` the address is that of a multicast group,
// which is joined on that device.
napi_value udp_open(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  int family = take_uint(&a, 1) ? AF_INET6 : AF_INET;
  struct words address = take_words(&a);
  int port = (int)take_uint(&a, 65535);
  bool receives = take_uint(&a, 1);
  int buffer_bytes = (int)take_uint(&a, 1 << 30);
  uint32_t share = take_uint(&a, SHARE_PORT);
  int ifindex = (int)take_uint(&a, INT32_MAX);
  if (!a.ok) return NULL;
  if (address.count < 4) return throw_errno(env, "udpOpen", EINVAL);
  union socket_address local;
  socklen_t length = address_from_words(&local, family, address.at, port);
  if (family == AF_INET6) local.v6.sin6_scope_id = (uint32_t)ifindex;
  const char *call;
  int fd = open_bound(family, &local, length, share, &call);
  if (fd < 0) return throw_errno(env, call, errno);
  set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, buffer_bytes);
  if (receives) prepare_receiving(fd, family, buffer_bytes);
  // One that does not lends its source port, and that is all.
  if (!receives) forbid_loops(fd, family);
  bool refused = !receives && refuse_receiving(fd) < 0;
  if (refused || (ifindex > 0 && join_group(fd, &local, ifindex) < 0)) {
    int error = errno;
    close(fd);
    return throw_errno(env, refused ? "setsockopt" : "joining the group", error);
  }
  return int_value(env, fd);
}

// udpShareAddress(fd, on): lets a further socket of this process bind an overlapping address (a wildcard beside a
// specific one). Off otherwise, so that no foreign socket slips in beside ours.
napi_value udp_share_address(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  int fd = take_int(&a);
  int on = (int)take_uint(&a, 1);
  if (!a.ok) return NULL;
  if (set_int(fd, SOL_SOCKET, SO_REUSEADDR, on) < 0) return throw_errno(env, "setsockopt", errno);
  return undefined_value(env);
}

// udpSharePort(fd): from now on further sockets of the same effective user that ask for it (SHARE_PORT) may bind the same
// address and port; the kernel then picks one of them by the hash of a datagram's addresses and ports.
napi_value udp_share_port(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  int fd = take_int(&a);
  if (!a.ok) return NULL;
  if (set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1) < 0) return throw_errno(env, "setsockopt", errno);
  return undefined_value(env);
}

// udpTakeZeroChecksums(fd, on): whether datagrams without a UDP checksum come in over IPv6 (RFC 6935); the kernel drops them
// otherwise. Over IPv4 they always do.
napi_value udp_take_zero_checksums(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  int fd = take_int(&a);
  int on = (int)take_uint(&a, 1);
  if (!a.ok) return NULL;
  if (set_int(fd, SOL_UDP, UDP_NO_CHECK6_RX, on) < 0) return throw_errno(env, "setsockopt", errno);
  return undefined_value(env);
}

// A word of what the kernel says of a socket's memory (SO_MEMINFO).
static napi_value socket_memory(napi_env env, napi_callback_info info, int word) {
  struct arguments a = arguments_of(env, info);
  int fd = take_int(&a);
  if (!a.ok) return NULL;
  uint32_t meminfo[SK_MEMINFO_VARS] = {0};
  socklen_t size = sizeof meminfo;
  if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, meminfo, &size) < 0) return throw_errno(env, "getsockopt SO_MEMINFO", errno);
  return int_value(env, (int32_t)meminfo[word]);
}

// udpDrops(fd) -> datagrams that the kernel dropped since the socket was opened, its receive queue being full; modulo 2^32.
napi_value udp_drops(napi_env env, napi_callback_info info) { return socket_memory(env, info, SK_MEMINFO_DROPS); }

// udpQueued(fd) -> bytes of kernel memory that what waits in the socket's receive queue takes.
napi_value udp_queued(napi_env env, napi_callback_info info) { return socket_memory(env, info, SK_MEMINFO_RMEM_ALLOC); }

// udpPathMtu(ipv6, localWords, remoteWords, port) -> bytes of an outer packet that reach the remote, as the kernel knows it.
napi_value udp_path_mtu(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  int family = take_uint(&a, 1) ? AF_INET6 : AF_INET;
  struct words local = take_words(&a);
  struct words remote = take_words(&a);
  int port = (int)take_uint(&a, 65535);
  if (!a.ok) return NULL;
  if (local.count < 4 || remote.count < 4) return throw_errno(env, "udpPathMtu", EINVAL);
  union socket_address from, to;
  socklen_t length = address_from_words(&from, family, local.at, 0);
  address_from_words(&to, family, remote.at, port);
  const char *call;
  int fd = open_bound(family, &from, length, SHARE_NOTHING, &call);
  if (fd < 0) return throw_errno(env, call, errno);
  int mtu = 0;
  socklen_t size = sizeof mtu;
  int failed = connect(fd, &to.any, length) < 0 || (family == AF_INET ? getsockopt(fd, IPPROTO_IP, IP_MTU, &mtu, &size)
                                                                     : getsockopt(fd, IPPROTO_IPV6, IPV6_MTU, &mtu, &size)) < 0;
  int error = errno;
  close(fd);
  return failed ? throw_errno(env, "connect", error) : int_value(env, mtu);
}
