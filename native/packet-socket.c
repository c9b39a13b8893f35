// Packet sockets (packet(7)) that only send, with a virtio_net_hdr before each frame: the way out for trains (send-trains.c).
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arguments.h"
#include "calls.h"

#ifndef PACKET_VNET_HDR_SZ
#define PACKET_VNET_HDR_SZ 24  // since Linux 6.5
#endif

// packetOpen(ifindex, bufferBytes) -> fd. Throws ENOPROTOOPT before Linux 6.5; trains in that header are known since 6.2.
napi_value packet_open(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  int ifindex = take_int(&a);
  int buffer_bytes = (int)take_uint(&a, 1 << 30);
  if (!a.ok) return NULL;
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return throw_errno(env, "socket AF_PACKET", errno);
  const int vnet = sizeof(struct virtio_net_hdr);
  struct sockaddr_ll device = {.sll_family = AF_PACKET, .sll_ifindex = ifindex};
  const char *call = NULL;
  if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR_SZ, &vnet, sizeof vnet) < 0) call = "PACKET_VNET_HDR_SZ";
  (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer_bytes, sizeof buffer_bytes);
  if (!call && bind(fd, (struct sockaddr *)&device, sizeof device) < 0) call = "bind AF_PACKET";
  if (!call) return int_value(env, fd);
  int error = errno;
  close(fd);
  return throw_errno(env, call, error);
}

// packetDevice(fd) -> index of the device that a socket sends by; -1 once that is gone, whatever has its index by now.
napi_value packet_device(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  int fd = take_int(&a);
  if (!a.ok) return NULL;
  struct sockaddr_ll device = {0};
  socklen_t size = sizeof device;
  if (getsockname(fd, (struct sockaddr *)&device, &size) < 0) return throw_errno(env, "getsockname", errno);
  return int_value(env, device.sll_family == AF_PACKET ? device.sll_ifindex : -1);
}
