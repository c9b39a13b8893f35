// Transmitting VXLAN super-frames whole: a TAP takes them with the tunnel form of virtio_net_hdr (Linux >= 6.17), and a tc
// redirect turns what it receives into the underlay device's egress. The kernel, the network card or the far end's kernel
// cuts the frame and fills its checksums as late as possible, or never. IPv4 underlay.
#include "tunnel-tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "arguments.h"
#include "calls.h"
#include "checksum.h"

// TUN_F_* of Linux 6.17; a build machine's headers may be older than its kernel.
enum { TUN_CSUM = 1, TUN_TSO4 = 2, TUN_TSO6 = 4, TUN_USO4 = 0x20, TUN_USO6 = 0x40, TUN_TUNNEL = 0x80, TUN_TUNNEL_CSUM = 0x100 };
enum { NEEDS_CSUM = 1, GSO_TUNNEL_IPV4 = 0x20 };  // VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4

enum {
  ETHERNET = 0, IPV4 = 14, UDP = 34, VXLAN = 42, INNER = 50,  // offsets of the outer headers, and what they add
  SOURCE_PORT_MIN = 49152, SOURCE_PORT_COUNT = 16384,
};

// struct virtio_net_hdr_v1_hash_tunnel (virtio 1.4 section 5.1.6); offsets count from the outer Ethernet header.
struct tunnel_header {
  uint8_t flags, gso_type;
  uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
  uint32_t hash;
  uint16_t hash_report, padding, outer_l4, inner_l3;
} __attribute__((packed));

// tunnelTapOpen(name) -> fd; throws EINVAL where the kernel does not know tunnel offloads.
napi_value tunnel_tap_open(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
  take_name(&a, request.ifr_name, IFNAMSIZ);
  if (!a.ok) return NULL;
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return throw_errno(env, "open /dev/net/tun", errno);
  int size = sizeof(struct tunnel_header);
  int offloads = TUN_CSUM | TUN_TSO4 | TUN_TSO6 | TUN_USO4 | TUN_USO6 | TUN_TUNNEL | TUN_TUNNEL_CSUM;
  const char *call = "TUNSETIFF";
  if (ioctl(fd, TUNSETIFF, &request) < 0) goto fail;
  call = "TUNSETVNETHDRSZ";
  if (ioctl(fd, TUNSETVNETHDRSZ, &size) < 0) goto fail;
  call = "TUNSETOFFLOAD";
  if (ioctl(fd, TUNSETOFFLOAD, offloads) < 0) goto fail;
  return int_value(env, fd);
fail:;
  int error = errno;
  close(fd);
  return throw_errno(env, call, error);
}

static void write_outer(uint8_t *out, const int32_t *destination, uint32_t frame_bytes, uint32_t flow) {
  uint16_t udp_bytes = (uint16_t)(INNER - UDP + frame_bytes);
  memset(out, 0, INNER);
  memcpy(out + ETHERNET, destination + DESTINATION_REMOTE_MAC, 6);
  memcpy(out + ETHERNET + 6, destination + DESTINATION_LOCAL_MAC, 6);
  store16(out + ETHERNET + 12, htons(ETH_P_IP));
  store16(out + IPV4, htons(0x4500));
  store16(out + IPV4 + 2, htons((uint16_t)(UDP - IPV4 + udp_bytes)));
  store16(out + IPV4 + 6, htons(0x4000));  // don't fragment
  store16(out + IPV4 + 8, htons(0x4011));  // TTL 64, UDP
  store32(out + IPV4 + 12, (uint32_t)destination[DESTINATION_SOURCE]);
  store32(out + IPV4 + 16, (uint32_t)destination[DESTINATION_ADDRESS + 3]);
  store16(out + IPV4 + 10, (uint16_t)~checksum_fold(checksum_add(out + IPV4, UDP - IPV4, 0)));
  store16(out + UDP, htons((uint16_t)(SOURCE_PORT_MIN + flow % SOURCE_PORT_COUNT)));
  store16(out + UDP + 2, htons((uint16_t)destination[DESTINATION_UDP_PORT]));
  store16(out + UDP + 4, htons(udp_bytes));  // checksum zero (RFC 7348 section 5)
  store32(out + VXLAN, htonl(0x08000000));
  store32(out + VXLAN + 4, htonl((uint32_t)destination[DESTINATION_VNI] << 8));
}

bool tunnel_send(const int32_t *destination, const struct frame *frame, uint32_t frame_max, uint32_t flow) {
  int fd = destination[DESTINATION_TUNNEL] - 1;
  struct cut cut;
  if (fd < 0 || frame->gso_type == GSO_UDP_L4 || INNER - IPV4 + frame->length > 65535) return false;
  if (!cut_plan(&cut, frame, frame_max)) return false;
  struct tunnel_header header = {
      .flags = NEEDS_CSUM,
      .gso_type = (uint8_t)(frame->gso_type | GSO_TUNNEL_IPV4),
      .hdr_len = (uint16_t)(INNER + cut.header_length),
      .gso_size = (uint16_t)cut.segment_bytes,
      .csum_start = (uint16_t)(INNER + frame->csum_start),
      .csum_offset = (uint16_t)frame->csum_offset,
      .outer_l4 = UDP,
      .inner_l3 = (uint16_t)(INNER + cut.l3),
  };
  uint8_t outer[INNER];
  write_outer(outer, destination, frame->length, flow);
  struct iovec slices[3] = {{&header, sizeof header}, {outer, INNER}, {(void *)(uintptr_t)frame->at, frame->length}};
  return writev(fd, slices, 3) > 0;
}
