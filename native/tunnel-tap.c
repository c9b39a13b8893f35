// Transmitting VXLAN super-frames whole: a TAP takes them with the tunnel form of virtio_net_hdr (Linux >= 6.17), and a BPF
// redirect turns what it receives into the underlay device's egress. The kernel, the network card or the far end's kernel
// cuts the frame and fills its checksums as late as possible, or never.
#include "tunnel-tap.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "arguments.h"
#include "bpf.h"
#include "calls.h"
#include "outer-header.h"
#include "tap-device.h"

// TUN_F_* of Linux 6.17; a build machine's headers may be older than its kernel.
enum { TUN_CSUM = 1, TUN_TSO4 = 2, TUN_TSO6 = 4, TUN_USO4 = 0x20, TUN_USO6 = 0x40, TUN_TUNNEL = 0x80, TUN_TUNNEL_CSUM = 0x100 };
enum { NEEDS_CSUM = 1, NEEDS_OUTER_CSUM = 8 };  // VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM
enum { GSO_TUNNEL_IPV4 = 0x20, GSO_TUNNEL_IPV6 = 0x40, IP_PACKET_MAX = 65535, VXLAN_HEADER = 8 };

// struct virtio_net_hdr_v1_hash_tunnel (virtio 1.4 section 5.1.6); offsets count from the outer Ethernet header.
struct tunnel_header {
  uint8_t flags, gso_type;
  uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
  uint32_t hash;
  uint16_t hash_report, padding, outer_l4, inner_l3;
} __attribute__((packed));

// tunnelTapOpen(name) -> fd; throws EINVAL where the kernel does not know tunnel offloads.
napi_value tunnel_tap_open(napi_env env, napi_callback_info info) {
  const unsigned offloads[] = {TUN_CSUM | TUN_TSO4 | TUN_TSO6 | TUN_USO4 | TUN_USO6 | TUN_TUNNEL | TUN_TUNNEL_CSUM, 0};
  return tap_create(env, info, sizeof(struct tunnel_header), offloads);
}

// tunnelRedirect(name, ifindex) -> fd of the link by which all that the TAP `name` receives leaves by that device instead.
napi_value tunnel_redirect(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  char name[IFNAMSIZ];
  take_name(&a, name, sizeof name);
  int to = (int)take_uint(&a, INT32_MAX);
  if (!a.ok) return NULL;
  int from = (int)if_nametoindex(name);
  if (from == 0) return throw_errno(env, "if_nametoindex", errno);
  // return bpf_redirect(to, 0)
  const struct bpf_insn instructions[] = {
      BPF_STEP(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, to),
      BPF_STEP(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, 0),
      BPF_STEP(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect),
      BPF_STEP(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
  };
  int program = bpf_load(BPF_PROG_TYPE_SCHED_CLS, instructions, sizeof instructions / sizeof *instructions);
  if (program < 0) return throw_errno(env, "BPF_PROG_LOAD", -program);
  int link = bpf_link_ingress(program, from);
  close(program);  // the link holds it
  return link < 0 ? throw_errno(env, "BPF_LINK_CREATE", -link) : int_value(env, link);
}

bool tunnel_send(const int32_t *path, const struct outer_fields *fields, const struct frame *frame, uint32_t frame_max) {
  int fd = path[PATH_TUNNEL] - 1;
  uint32_t outer_bytes = (uint32_t)path[PATH_HEADER_BYTES];
  struct cut cut;
  if (fd < 0 || frame->gso_type == GSO_UDP_L4 || outer_bytes - OUTER_ETHERNET + frame->length > IP_PACKET_MAX) return false;
  if (!cut_plan(&cut, frame, frame_max)) return false;
  bool ipv6 = outer_bytes == OUTER_IPV6;
  bool has_checksum = outer_has_checksum(fields->options, ipv6);
  struct tunnel_header header = {
      .flags = has_checksum ? NEEDS_CSUM | NEEDS_OUTER_CSUM : NEEDS_CSUM,
      .gso_type = (uint8_t)(frame->gso_type | (ipv6 ? GSO_TUNNEL_IPV6 : GSO_TUNNEL_IPV4)),
      .hdr_len = (uint16_t)(outer_bytes + cut.header_length),
      .gso_size = (uint16_t)cut.segment_bytes,
      .csum_start = (uint16_t)(outer_bytes + frame->csum_start),
      .csum_offset = (uint16_t)frame->csum_offset,
      .outer_l4 = (uint16_t)outer_udp(outer_bytes),
      .inner_l3 = (uint16_t)(outer_bytes + cut.l3),
  };
  uint8_t outer[OUTER_IPV6];
  outer_header_write(path, frame->length, fields->source_port, fields->marks, outer);
  store32(outer + outer_bytes - VXLAN_HEADER, htonl(fields->vxlan));
  if (!ipv6 && fields->marks & MARK_DF_CLEAR) outer_allow_fragments(outer, cut.segment_count);
  outer_checksum(outer, outer_bytes, has_checksum);
  struct iovec slices[3] = {{&header, sizeof header}, {outer, outer_bytes}, {(void *)(uintptr_t)frame->at, frame->length}};
  return writev(fd, slices, 3) > 0;
}
