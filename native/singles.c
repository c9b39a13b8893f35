#include "singles.h"

#include <errno.h>
#include <linux/if_xdp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arguments.h"
#include "calls.h"

#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9  // since Linux 6.17
#endif

// KICKS_MAX: a call of an older kernel sends 32 frames.
enum { SLOTS = 2048, BUDGET = 512, KICKS_MAX = 2 * SLOTS / 32, BUFFER_BYTES = 32 << 20 };

struct singles {
  int fd;
  int error;  // not 0: it is not used any more
  uint8_t *umem;
  uint8_t *transmit_map, *completion_map;
  size_t transmit_bytes, completion_bytes;
  struct xdp_desc *descriptors;
  uint64_t *completions;
  uint32_t *transmit_producer, *transmit_consumer, *completion_producer, *completion_consumer;
  uint32_t produced, completed;
  uint32_t free_count;
  uint32_t free[SLOTS];  // slots that are neither filled nor with the kernel
};

static struct singles *rings[SINGLES_MAX];

struct singles *singles_at(int32_t number) {
  if (number < 0 || number >= SINGLES_MAX) return NULL;
  struct singles *ring = __atomic_load_n(&rings[number], __ATOMIC_ACQUIRE);
  return ring && __atomic_load_n(&ring->error, __ATOMIC_RELAXED) == 0 ? ring : NULL;
}

static void reclaim(struct singles *ring) {
  uint32_t end = __atomic_load_n(ring->completion_producer, __ATOMIC_ACQUIRE);
  for (; ring->completed != end; ring->completed++) {
    uint32_t slot = (uint32_t)(ring->completions[ring->completed % SLOTS] / SINGLES_SLOT_BYTES);
    if (slot < SLOTS && ring->free_count < SLOTS) ring->free[ring->free_count++] = slot;
  }
  __atomic_store_n(ring->completion_consumer, end, __ATOMIC_RELEASE);
}

uint8_t *singles_slot(struct singles *ring) {
  if (ring->free_count == 0) reclaim(ring);
  if (ring->free_count == 0) return NULL;
  return ring->umem + (size_t)ring->free[ring->free_count - 1] * SINGLES_SLOT_BYTES;
}

void singles_push(struct singles *ring, uint32_t bytes) {
  uint32_t slot = ring->free[--ring->free_count];
  ring->descriptors[ring->produced++ % SLOTS] =
      (struct xdp_desc){.addr = (uint64_t)slot * SINGLES_SLOT_BYTES, .len = bytes};
}

int singles_send(struct singles *ring) {
  __atomic_store_n(ring->transmit_producer, ring->produced, __ATOMIC_RELEASE);
  for (int kick = 0; kick < KICKS_MAX; kick++) {
    ssize_t result = sendto(ring->fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
    if (__atomic_load_n(ring->transmit_consumer, __ATOMIC_ACQUIRE) == ring->produced) break;
    // What is left in the ring after the last kick goes with the next batch.
    if (result < 0 && errno != EAGAIN && errno != EBUSY && errno != ENOBUFS && errno != EINTR) {
      ring->error = errno;
      return errno;
    }
  }
  reclaim(ring);
  return 0;
}

static int set_option(int fd, int name, const void *value, socklen_t bytes) {
  return setsockopt(fd, SOL_XDP, name, value, bytes);
}

static uint8_t *map(int fd, size_t bytes, off_t offset) {
  return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, offset);
}

static const char *map_rings(struct singles *ring) {
  struct xdp_mmap_offsets offsets;
  socklen_t size = sizeof offsets;
  if (getsockopt(ring->fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size) < 0) return "XDP_MMAP_OFFSETS";
  ring->transmit_bytes = offsets.tx.desc + SLOTS * sizeof(struct xdp_desc);
  ring->completion_bytes = offsets.cr.desc + SLOTS * sizeof(uint64_t);
  ring->transmit_map = map(ring->fd, ring->transmit_bytes, XDP_PGOFF_TX_RING);
  if (ring->transmit_map == MAP_FAILED) return "mmap of the transmit ring";
  ring->completion_map = map(ring->fd, ring->completion_bytes, (off_t)XDP_UMEM_PGOFF_COMPLETION_RING);
  if (ring->completion_map == MAP_FAILED) return "mmap of the completion ring";
  ring->descriptors = (struct xdp_desc *)(void *)(ring->transmit_map + offsets.tx.desc);
  ring->transmit_producer = (uint32_t *)(void *)(ring->transmit_map + offsets.tx.producer);
  ring->transmit_consumer = (uint32_t *)(void *)(ring->transmit_map + offsets.tx.consumer);
  ring->completions = (uint64_t *)(void *)(ring->completion_map + offsets.cr.desc);
  ring->completion_producer = (uint32_t *)(void *)(ring->completion_map + offsets.cr.producer);
  ring->completion_consumer = (uint32_t *)(void *)(ring->completion_map + offsets.cr.consumer);
  return NULL;
}

// Which step failed, for the message.
static const char *prepare(struct singles *ring, int ifindex) {
  const int slots = SLOTS, budget = BUDGET, buffer = BUFFER_BYTES;
  size_t bytes = (size_t)SLOTS * SINGLES_SLOT_BYTES;
  ring->umem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (ring->umem == MAP_FAILED) return "mmap of the slots";
  struct xdp_umem_reg umem = {.addr = (uintptr_t)ring->umem, .len = bytes, .chunk_size = SINGLES_SLOT_BYTES};
  if (set_option(ring->fd, XDP_UMEM_REG, &umem, sizeof umem) < 0) return "XDP_UMEM_REG";
  // bind wants a fill ring, although nothing is received.
  if (set_option(ring->fd, XDP_UMEM_FILL_RING, &slots, sizeof slots) < 0) return "XDP_UMEM_FILL_RING";
  if (set_option(ring->fd, XDP_UMEM_COMPLETION_RING, &slots, sizeof slots) < 0) return "XDP_UMEM_COMPLETION_RING";
  if (set_option(ring->fd, XDP_TX_RING, &slots, sizeof slots) < 0) return "XDP_TX_RING";
  // Where the kernel does not know it, a batch takes several calls.
  (void)set_option(ring->fd, XDP_MAX_TX_SKB_BUDGET, &budget, sizeof budget);
  (void)setsockopt(ring->fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
  const char *call = map_rings(ring);
  if (call) return call;
  struct sockaddr_xdp address = {.sxdp_family = AF_XDP, .sxdp_flags = XDP_COPY, .sxdp_ifindex = (uint32_t)ifindex};
  if (bind(ring->fd, (struct sockaddr *)&address, sizeof address) < 0) return "bind AF_XDP";
  for (uint32_t slot = 0; slot < SLOTS; slot++) ring->free[slot] = SLOTS - 1 - slot;
  ring->free_count = SLOTS;
  return NULL;
}

static void discard(struct singles *ring) {
  if (ring->fd >= 0) close(ring->fd);
  if (ring->transmit_map != MAP_FAILED) munmap(ring->transmit_map, ring->transmit_bytes);
  if (ring->completion_map != MAP_FAILED) munmap(ring->completion_map, ring->completion_bytes);
  if (ring->umem != MAP_FAILED) munmap(ring->umem, (size_t)SLOTS * SINGLES_SLOT_BYTES);
  free(ring);
}

static int free_number(void) {
  for (int number = 0; number < SINGLES_MAX; number++)
    if (!rings[number]) return number;
  return -1;
}

// singlesOpen(ifindex) -> number of the ring. Called by one thread only, as is singlesClose.
napi_value singles_open(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  int ifindex = take_int(&a);
  if (!a.ok) return NULL;
  int number = free_number();
  struct singles *ring = number < 0 ? NULL : calloc(1, sizeof *ring);
  if (!ring) return throw_errno(env, "singlesOpen", ENOMEM);
  ring->umem = ring->transmit_map = ring->completion_map = MAP_FAILED;
  ring->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
  const char *call = ring->fd < 0 ? "socket AF_XDP" : prepare(ring, ifindex);
  if (call) {
    int error = errno;
    discard(ring);
    return throw_errno(env, call, error);
  }
  __atomic_store_n(&rings[number], ring, __ATOMIC_RELEASE);
  return int_value(env, number);
}

// singlesError(number) -> the errno that ended the ring's use; 0 while it works.
napi_value singles_error(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  uint32_t number = take_uint(&a, SINGLES_MAX - 1);
  if (!a.ok) return NULL;
  return int_value(env, rings[number] ? __atomic_load_n(&rings[number]->error, __ATOMIC_RELAXED) : ENOENT);
}

// singlesClose(number): no forwarding thread may be using it.
napi_value singles_close(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  uint32_t number = take_uint(&a, SINGLES_MAX - 1);
  if (!a.ok) return NULL;
  struct singles *ring = rings[number];
  if (!ring) return throw_errno(env, "singlesClose", EBADF);
  __atomic_store_n(&rings[number], NULL, __ATOMIC_RELEASE);
  discard(ring);
  return undefined_value(env);
}
