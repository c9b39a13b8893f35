// TAP devices: frames with the offload metadata of a virtio_net_hdr in front, one a call (the device has no batches).
#include <errno.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "arguments.h"
#include "calls.h"
#include "checksum.h"
#include "segment.h"
#include "tap-device.h"

enum { HEADER = 10, ETHERNET_HEADER = 14 };  // sizeof(struct virtio_net_hdr)

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

// tapOpen(name) -> fd. What the host may leave undone in the frames it hands us: checksums, TCP and (since Linux 6.2) UDP
// segmentation.
napi_value tap_open(napi_env env, napi_callback_info info) {
  enum { TCP = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 };
  const unsigned offloads[] = {TCP | TUN_F_USO4 | TUN_F_USO6, TCP, 0};
  return tap_create(env, info, HEADER, offloads);
}

static int32_t flags_of(const struct virtio_net_hdr *header, const struct frame *frame) {
  if (!frame->needs_csum) return header->gso_type == VIRTIO_NET_HDR_GSO_NONE ? 0 : FRAME_BAD_OFFLOAD;
  return csum_fits(frame) ? FRAME_NEEDS_CSUM : FRAME_BAD_OFFLOAD;
}

static void write_row(int32_t *row, uint32_t offset, uint32_t length, const struct virtio_net_hdr *header) {
  struct frame frame = {.length = length, .needs_csum = header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM,
                        .csum_start = header->csum_start, .csum_offset = header->csum_offset};
  memset(row, 0, FRAME_WORDS * sizeof *row);
  row[FRAME_OFFSET] = (int32_t)offset;
  row[FRAME_LENGTH] = (int32_t)length;
  row[FRAME_FLAGS] = flags_of(header, &frame);
  row[FRAME_GSO_TYPE] = header->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
  row[FRAME_GSO_SIZE] = header->gso_size;
  row[FRAME_CSUM_START] = header->csum_start;
  row[FRAME_CSUM_OFFSET] = header->csum_offset;
}

// tapReceive(fd, arena, frames, slotBase, slotBytes, slotCount) -> rows written, or -errno. The first HEADER bytes of a
// slot hold the metadata, the frame follows.
napi_value tap_receive(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  int fd = take_int(&a);
  struct bytes arena = take_bytes(&a);
  struct words frames = take_words(&a);
  uint32_t base = take_uint(&a, INT32_MAX);
  uint32_t slot_bytes = take_uint(&a, 1 << 20);
  uint32_t slots = take_uint(&a, frames.count / FRAME_WORDS);
  if (!a.ok) return NULL;
  if ((uint64_t)base + (uint64_t)slot_bytes * slots > arena.length || slot_bytes < HEADER + ETHERNET_HEADER)
    return throw_errno(env, "tapReceive", EINVAL);
  uint32_t rows = 0;
  for (; rows < slots; rows++) {
    uint32_t at = base + rows * slot_bytes;
    ssize_t got = read(fd, arena.at + at, slot_bytes);
    if (got < 0 && rows == 0 && errno != EAGAIN && errno != EINTR) return int_value(env, -errno);
    if (got < HEADER) break;
    struct virtio_net_hdr header;
    memcpy(&header, arena.at + at, HEADER);
    write_row(frames.at + rows * FRAME_WORDS, at + HEADER, (uint32_t)got - HEADER, &header);
  }
  return int_value(env, (int32_t)rows);
}

// The metadata for the host's stack. A super-frame of unknown segment size (the UDP underlay does not say) gets the size
// that the device's MTU implies; one that fits the MTU is an ordinary frame.
static bool write_header(struct virtio_net_hdr *header, const struct frame *frame, uint32_t mtu) {
  memset(header, 0, sizeof *header);
  if (frame->needs_csum) {
    if (!csum_fits(frame)) return false;
    header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    header->csum_start = (uint16_t)frame->csum_start;
    header->csum_offset = (uint16_t)frame->csum_offset;
  }
  if (!is_super_frame(frame, mtu + ETHERNET_HEADER)) return true;
  struct cut cut;
  if (!cut_plan(&cut, frame, mtu + ETHERNET_HEADER)) return false;
  header->gso_type = (uint8_t)frame->gso_type;
  header->hdr_len = (uint16_t)cut.header_length;
  header->gso_size = (uint16_t)cut.segment_bytes;
  return true;
}

static int32_t drop_of(int error) {
  switch (error) {
    case EAGAIN: case ENOBUFS: case ENOMEM: return DROP_QUEUE_FULL;
    case EIO: case EBADFD: case ENETDOWN: return DROP_PORT_DOWN;
    case EINVAL: return DROP_OFFLOAD_INVALID;
    default: return DROP_TRANSMIT_FAILED;
  }
}

static int32_t transmit_one(int fd, struct bytes arena, const int32_t *row, uint32_t mtu) {
  struct frame frame = frame_of_row(row, arena.at + row[FRAME_OFFSET]);
  struct virtio_net_hdr header;
  if (!write_header(&header, &frame, mtu)) return -DROP_OFFLOAD_INVALID;
  struct iovec slices[2] = {{&header, HEADER}, {arena.at + row[FRAME_OFFSET], frame.length}};
  return writev(fd, slices, 2) < 0 ? -drop_of(errno) : 0;
}

// tapTransmit(fd, arena, frames, copies, count, mtu) -> how many copies failed; each copy's result word says why.
napi_value tap_transmit(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  int fd = take_int(&a);
  struct bytes arena = take_bytes(&a);
  struct words frames = take_words(&a);
  struct words copies = take_words(&a);
  uint32_t count = take_uint(&a, copies.count / COPY_WORDS);
  uint32_t mtu = take_uint(&a, 65535);
  if (!a.ok) return NULL;
  int32_t failed = 0;
  for (uint32_t i = 0; i < count; i++) {
    int32_t *copy = copies.at + i * COPY_WORDS;
    uint32_t frame = (uint32_t)copy[COPY_FRAME];
    if (frame >= frames.count / FRAME_WORDS) return throw_errno(env, "tapTransmit: copy out of bounds", EINVAL);
    const int32_t *row = frames.at + frame * FRAME_WORDS;
    uint32_t offset = (uint32_t)row[FRAME_OFFSET], length = (uint32_t)row[FRAME_LENGTH];
    if (offset > arena.length || length > arena.length - offset)
      return throw_errno(env, "tapTransmit: frame out of bounds", EINVAL);
    copy[COPY_RESULT] = transmit_one(fd, arena, row, mtu);
    failed += copy[COPY_RESULT] != 0;
  }
  return int_value(env, failed);
}
