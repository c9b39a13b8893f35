// The receive ring: AF_PACKET (packet(7)), TPACKET_V2 with a virtio_net_hdr before each frame. The kernel writes frames
// into slots that are a part of the arena, so a row of the frame table points right at them; a frame larger than its slot
// (a super-frame) is fetched whole from the socket. Slots go back to the kernel when the next batch is asked for.
//
//   slot: tpacket2_hdr | sockaddr_ll | … | virtio_net_hdr 10 | Ethernet 14 | IP 20/40 | UDP 8 | VXLAN 8 | inner frame
//         0                                68                  78            92         112     120     128 (IPv4)
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arguments.h"
#include "calls.h"
#include "datagram.h"
#include "outer.h"
#include "segment.h"

enum { VNET_HEADER = 10, RESERVE = 2, BATCH_MAX = 1024 };  // RESERVE: the inner frame begins a cache line
enum { SLOT_BYTES_MIN = 512, SLOT_BYTES_MAX = 1 << 16, BLOCK_BYTES_MAX = 1 << 22, BLOCKS_MAX = 64 };

// The words of a ring that TypeScript holds: where it is, how it is cut, how far it has been read.
enum {
  RING_FD,
  RING_BASE,  // bytes in the arena
  RING_SLOT_BYTES,
  RING_BLOCK_BYTES,  // a whole number of pages; slots do not cross blocks
  RING_BLOCKS,
  RING_NEXT,  // slot that the kernel fills next
  RING_HELD,  // slots before it that the last batch still points into
  RING_WORDS,
};

struct ring {
  int fd;
  uint8_t *base;
  uint32_t slot_bytes, block_bytes, block_slots, slots;
};

static int set_option(int fd, int name, int value) { return setsockopt(fd, SOL_PACKET, name, &value, sizeof value); }

// Which step failed, for the message; the socket receives nothing before the last one.
static const char *prepare(int fd, uint32_t slot_bytes, uint32_t block_bytes, uint32_t blocks, int buffer_bytes, int filter) {
  struct tpacket_req request = {.tp_block_size = block_bytes, .tp_block_nr = blocks, .tp_frame_size = slot_bytes,
                                .tp_frame_nr = block_bytes / slot_bytes * blocks};
  if (set_option(fd, PACKET_VERSION, TPACKET_V2) < 0) return "PACKET_VERSION";
  if (set_option(fd, PACKET_VNET_HDR, 1) < 0) return "PACKET_VNET_HDR";
  if (set_option(fd, PACKET_COPY_THRESH, 1) < 0) return "PACKET_COPY_THRESH";
  if (set_option(fd, PACKET_IGNORE_OUTGOING, 1) < 0) return "PACKET_IGNORE_OUTGOING";
  if (set_option(fd, PACKET_RESERVE, RESERVE) < 0) return "PACKET_RESERVE";
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof buffer_bytes) < 0) return "SO_RCVBUFFORCE";
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &filter, sizeof filter) < 0) return "SO_ATTACH_BPF";
  if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request) < 0) return "PACKET_RX_RING";
  return NULL;
}

// ringOpen(ifindex, slotBytes, blockBytes, blocks, bufferBytes, filter, fanout) -> fd. `bufferBytes` bounds the frames
// that wait whole, beyond their slots. Rings of one device with the same `fanout` (1-65535; 0 = alone) share its flows.
napi_value ring_open(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  int ifindex = take_int(&a);
  uint32_t slot_bytes = take_uint(&a, SLOT_BYTES_MAX);
  uint32_t block_bytes = take_uint(&a, BLOCK_BYTES_MAX);
  uint32_t blocks = take_uint(&a, BLOCKS_MAX);
  int buffer_bytes = (int)take_uint(&a, 1 << 30);
  int filter = take_int(&a);
  uint32_t fanout = take_uint(&a, 65535);
  if (!a.ok) return NULL;
  if (slot_bytes < SLOT_BYTES_MIN || block_bytes < slot_bytes) return throw_errno(env, "ringOpen", EINVAL);
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return throw_errno(env, "socket AF_PACKET", errno);
  const char *call = prepare(fd, slot_bytes, block_bytes, blocks, buffer_bytes, filter);
  struct sockaddr_ll device = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = ifindex};
  if (!call && bind(fd, (struct sockaddr *)&device, sizeof device) < 0) call = "bind AF_PACKET";
  if (!call && fanout > 0 && set_option(fd, PACKET_FANOUT, (int)(fanout | PACKET_FANOUT_HASH << 16)) < 0) call = "PACKET_FANOUT";
  if (!call) return int_value(env, fd);
  int error = errno;
  close(fd);
  return throw_errno(env, call, error);
}

// ringDrops(fd) -> frames that found the ring full since the last call.
napi_value ring_drops(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  int fd = take_int(&a);
  if (!a.ok) return NULL;
  struct tpacket_stats statistics = {0};
  socklen_t size = sizeof statistics;
  if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &size) < 0)
    return throw_errno(env, "PACKET_STATISTICS", errno);
  return int_value(env, (int32_t)statistics.tp_drops);
}

// ringDevice(fd) -> index of the device that a ring receives from; -1 once that is gone, whatever has its index by now.
napi_value ring_device(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  int fd = take_int(&a);
  if (!a.ok) return NULL;
  struct sockaddr_ll device = {0};
  socklen_t size = sizeof device;
  if (getsockname(fd, (struct sockaddr *)&device, &size) < 0) return throw_errno(env, "getsockname", errno);
  return int_value(env, device.sll_family == AF_PACKET ? device.sll_ifindex : -1);
}

// Slots begin where the kernel would have them begin, and lie in the arena with all their bytes.
static bool fits(const struct ring *ring, uint32_t blocks, const struct bytes *arena, uint64_t base) {
  return ring->slot_bytes >= SLOT_BYTES_MIN && ring->slot_bytes % TPACKET_ALIGNMENT == 0 &&
         ring->block_bytes >= ring->slot_bytes && ring->block_bytes % TPACKET_ALIGNMENT == 0 &&
         base + (uint64_t)ring->block_bytes * blocks <= arena->length &&
         ((uintptr_t)arena->at + base) % TPACKET_ALIGNMENT == 0;
}

static bool take_ring(struct arguments *a, struct bytes arena, struct words words, struct ring *ring) {
  if (!a->ok) return false;
  if (words.count >= RING_WORDS) {
    const int32_t *at = words.at;
    uint32_t blocks = (uint32_t)at[RING_BLOCKS];
    uint64_t base = (uint32_t)at[RING_BASE];
    *ring = (struct ring){.fd = at[RING_FD], .slot_bytes = (uint32_t)at[RING_SLOT_BYTES],
                          .block_bytes = (uint32_t)at[RING_BLOCK_BYTES]};
    if (fits(ring, blocks, &arena, base)) {
      ring->base = arena.at + base;
      ring->block_slots = ring->block_bytes / ring->slot_bytes;
      ring->slots = ring->block_slots * blocks;
      if ((uint32_t)at[RING_NEXT] < ring->slots && (uint32_t)at[RING_HELD] <= ring->slots) return true;
    }
  }
  throw_errno(a->env, "ring out of bounds", EINVAL);
  return false;
}

// Lays memory over the ring's room, which is whole pages: the kernel would take what follows for a part of the last one.
static napi_value lay(napi_env env, napi_callback_info info, bool is_ring) {
  struct arguments a = arguments_of(env, info);
  struct words words = take_words(&a);
  struct bytes arena = take_bytes(&a);
  struct ring ring;
  if (!take_ring(&a, arena, words, &ring)) return NULL;
  size_t bytes = (size_t)ring.block_bytes * (uint32_t)words.at[RING_BLOCKS];
  if (bytes % (size_t)sysconf(_SC_PAGESIZE) != 0) return throw_errno(env, "mmap of the ring", EINVAL);
  int flags = is_ring ? MAP_SHARED | MAP_POPULATE : MAP_PRIVATE | MAP_ANONYMOUS;
  void *at = mmap(ring.base, bytes, PROT_READ | PROT_WRITE, flags | MAP_FIXED, is_ring ? ring.fd : -1, 0);
  return at == MAP_FAILED ? throw_errno(env, "mmap of the ring", errno) : undefined_value(env);
}

// ringMap(ring, arena): lays the ring's memory over its place in the arena.
napi_value ring_map(napi_env env, napi_callback_info info) { return lay(env, info, true); }

// ringUnmap(ring, arena): ordinary memory stands there again; the ring is freed with its descriptor.
napi_value ring_unmap(napi_env env, napi_callback_info info) { return lay(env, info, false); }

static struct tpacket2_hdr *slot_at(const struct ring *ring, uint32_t slot) {
  uint8_t *block = ring->base + (size_t)(slot / ring->block_slots) * ring->block_bytes;
  return (struct tpacket2_hdr *)(void *)(block + (size_t)(slot % ring->block_slots) * ring->slot_bytes);
}

static void give_back(const struct ring *ring, int32_t *words) {
  uint32_t next = (uint32_t)words[RING_NEXT], held = (uint32_t)words[RING_HELD];
  uint32_t slot = next >= held ? next - held : next + ring->slots - held;
  for (; held > 0; held--) {
    __atomic_store_n(&slot_at(ring, slot)->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    slot = slot + 1 == ring->slots ? 0 : slot + 1;
  }
  words[RING_HELD] = 0;
}

// The other core has just written it: asked for early, it is here when its turn comes.
static void prefetch(const struct tpacket2_hdr *slot) {
  __builtin_prefetch(slot);
  __builtin_prefetch((const uint8_t *)slot + 64);
  __builtin_prefetch((const uint8_t *)slot + 128);
}

// A frame that waits whole on the socket, read to `at`; its length, 0 if it is not there after all.
static uint32_t fetch_whole(int fd, struct virtio_net_hdr *vnet, uint8_t *at, uint32_t bytes) {
  struct iovec slices[2] = {{vnet, VNET_HEADER}, {at, bytes}};
  struct msghdr message = {.msg_iov = slices, .msg_iovlen = 2};
  ssize_t got = recvmsg(fd, &message, MSG_DONTWAIT);
  return got > VNET_HEADER ? (uint32_t)got - VNET_HEADER : 0;
}

// ringReceive(ring, arena, frames, vteps, jumboBase, jumboBytes, jumboCount, slotsMax) -> rows written, or -errno. Never
// blocks. `vteps` are the rows of the local VTEPs; a frame larger than its slot goes to the next jumbo slot.
napi_value ring_receive(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  struct words words = take_words(&a);
  struct bytes arena = take_bytes(&a);
  struct words frames = take_words(&a);
  struct words vteps = take_words(&a);
  uint32_t jumbo_base = take_uint(&a, INT32_MAX), jumbo_bytes = take_uint(&a, 1 << 20), jumbos = take_uint(&a, 1024);
  uint32_t slots_max = take_uint(&a, BATCH_MAX);
  struct ring ring;
  if (!take_ring(&a, arena, words, &ring)) return NULL;
  if ((uint64_t)jumbo_base + (uint64_t)jumbo_bytes * jumbos > arena.length) return throw_errno(env, "ringReceive", EINVAL);
  if (vteps.count < VTEP_WORDS) return throw_errno(env, "ringReceive", EINVAL);
  give_back(&ring, words.at);
  struct outer_reader reader = {.arena = arena.at, .vteps = vteps, .rows = frames.at, .rows_max = frames.count / FRAME_WORDS};
  uint32_t next = (uint32_t)words.at[RING_NEXT], held = 0, jumbo = 0;
  for (; held < slots_max && reader.rows_max - reader.row_count >= ROWS_OF_A_SLOT; held++) {
    struct tpacket2_hdr *slot = slot_at(&ring, next);
    uint32_t status = __atomic_load_n(&slot->tp_status, __ATOMIC_ACQUIRE);
    if (!(status & TP_STATUS_USER)) break;
    next = next + 1 == ring.slots ? 0 : next + 1;
    prefetch(slot_at(&ring, next + 3 < ring.slots ? next + 3 : 0));
    uint8_t *at = (uint8_t *)slot + slot->tp_mac;
    uint32_t length = slot->tp_snaplen;
    struct virtio_net_hdr vnet;
    if (slot->tp_mac < VNET_HEADER || slot->tp_mac > ring.slot_bytes || length > ring.slot_bytes - slot->tp_mac) continue;
    memcpy(&vnet, at - VNET_HEADER, VNET_HEADER);
    bool truncated = slot->tp_len > length;
    if (status & TP_STATUS_COPY) {
      if (jumbo == jumbos) {
        next = next == 0 ? ring.slots - 1 : next - 1;
        break;
      }
      uint8_t *whole = arena.at + jumbo_base + (size_t)jumbo * jumbo_bytes;
      uint32_t got = fetch_whole(ring.fd, &vnet, whole, jumbo_bytes);
      if (got > 0) {
        at = whole;
        length = got;
        truncated = false;
        jumbo++;
      }
    }
    outer_read(&reader, at, length, &vnet, truncated);
  }
  words.at[RING_NEXT] = (int32_t)next;
  words.at[RING_HELD] = (int32_t)held;
  return int_value(env, (int32_t)reader.row_count);
}
