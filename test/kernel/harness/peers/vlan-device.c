// A VLAN device in userspace, for kernels built without one: what leaves the TAP goes out by DEVICE with a tag, what comes in
// there with that tag goes to the TAP without. Offloads pass both ways as the kernel hands them out.
//
//   vlan-device DEVICE VLAN TAP      prints "ready" when TAP is there; runs until it is ended
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { ADDRESSES = 12, TAG = 4, FRAME_MAX = 66000 };
static struct virtio_net_hdr header;
static uint8_t frame[TAG + FRAME_MAX];

static int open_tap(const char *name) {
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  int fd = open("/dev/net/tun", O_RDWR);
  if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0) err(1, "TAP %s", name);
  if (ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0) err(1, "TUNSETOFFLOAD");
  return fd;
}

static int open_device(const char *name) {
  int on = 1;
  int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(name)};
  if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) < 0 ||
      setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) < 0 ||
      setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) < 0 ||
      bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
    err(1, "packet socket on %s", name);
  return fd;
}

static void shift(int by) {
  if (header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) header.csum_start = (uint16_t)(header.csum_start + by);
  if (header.gso_type != VIRTIO_NET_HDR_GSO_NONE) header.hdr_len = (uint16_t)(header.hdr_len + by);
}

static void give(int fd, uint8_t *at, size_t bytes) {
  struct iovec slices[] = {{&header, sizeof header}, {at, bytes}};
  // What does not fit the way is told by the path itself.
  if (writev(fd, slices, 2) < 0) warn("a frame of %zu bytes", bytes);
}

static void put_tag(int tap, int device, uint16_t vlan) {
  struct iovec slices[] = {{&header, sizeof header}, {frame + TAG, FRAME_MAX}};
  ssize_t got = readv(tap, slices, 2);
  if (got <= (ssize_t)sizeof header) return;
  uint16_t tag[2] = {htons(ETH_P_8021Q), htons(vlan)};
  memmove(frame, frame + TAG, ADDRESSES);
  memcpy(frame + ADDRESSES, tag, TAG);
  shift(TAG);
  give(device, frame, (size_t)got - sizeof header + TAG);
}

// The kernel takes the tag off a frame that it receives, and tells it apart.
static bool has_vlan(struct msghdr *message, uint16_t vlan) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
    if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA) continue;
    struct tpacket_auxdata data;
    memcpy(&data, CMSG_DATA(c), sizeof data);
    return (data.tp_status & TP_STATUS_VLAN_VALID) && (data.tp_vlan_tci & 0xfff) == vlan;
  }
  return false;
}

static void take_tag(int device, int tap, uint16_t vlan) {
  _Alignas(struct cmsghdr) uint8_t control[256];
  struct iovec slices[] = {{&header, sizeof header}, {frame, FRAME_MAX}};
  struct msghdr message = {.msg_iov = slices, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof control};
  ssize_t got = recvmsg(device, &message, 0);
  if (got > (ssize_t)sizeof header && has_vlan(&message, vlan)) give(tap, frame, (size_t)got - sizeof header);
}

int main(int count, char **words) {
  if (count != 4) errx(2, "usage: vlan-device DEVICE VLAN TAP");
  uint16_t vlan = (uint16_t)atoi(words[2]);
  int device = open_device(words[1]), tap = open_tap(words[3]);
  puts("ready");
  fflush(stdout);
  struct pollfd ends[] = {{.fd = tap, .events = POLLIN}, {.fd = device, .events = POLLIN}};
  while (poll(ends, 2, -1) > 0) {
    if (ends[0].revents) put_tag(tap, device, vlan);
    if (ends[1].revents) take_tag(device, tap, vlan);
  }
  err(1, "poll");
}
