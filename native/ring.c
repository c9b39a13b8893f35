// The receive ring: a BPF ring buffer that a program on the device fills (ring-program.c). Its pages are a part of the
// arena, twice in a row, so that a record never wraps and a row of the frame table points right at it. Records go back to
// the kernel when the next batch is asked for.
//
// A ring's room in the arena, in lanes of 64 KiB, for a page may be as large:
//   lane 0  the page of the workers' states    lane 1  the reader's position, one page
//   lane 2  the writer's position, one page; then the records, twice; both read-only
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arguments.h"
#include "bpf.h"
#include "calls.h"
#include "checksum.h"
#include "datagram.h"
#include "outer.h"
#include "ring-program.h"
#include "ring-record.h"

enum { SIZE_BITS = (1 << 30) - 1 };  // of the kernel's header of a record
enum { BATCH_MAX = 1024, LANE = 1 << 16, LANES = 3, RING_BYTES_MAX = 1 << 28 };

// The words of a ring that TypeScript holds: where it is, and how far it has been read.
enum {
  RING_BUFFER,  // descriptors
  RING_STATE,
  RING_WORKER,
  RING_BASE,      // bytes in the arena
  RING_BYTES,     // of records
  RING_POSITION,  // behind the last record that was read, modulo 2^32
  RING_WORDS,
};

struct ring {
  int32_t *words;
  uint8_t *arena;
  uint32_t arena_bytes;
  uint32_t page, bytes;  // of memory, of records
  uint8_t *room;
  uint64_t *reader;        // position up to which the kernel has its records back
  const uint64_t *writer;  // position up to which records are reserved
  const uint8_t *records;
  uint32_t mask;
};

// ringOpen(bytes) -> descriptor of a buffer for so many bytes of records, a power of two.
napi_value ring_open(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  uint32_t bytes = take_uint(&a, RING_BYTES_MAX);
  if (!a.ok) return NULL;
  int buffer = bpf_ring_buffer(bytes);
  return buffer < 0 ? throw_errno(env, "BPF_MAP_CREATE", -buffer) : int_value(env, buffer);
}

// ringStateOpen() -> descriptor of the workers' states.
napi_value ring_state_open(napi_env env, napi_callback_info info) {
  (void)info;
  int state = bpf_memory(STATE_BYTES * RING_WORKERS_MAX);
  return state < 0 ? throw_errno(env, "BPF_MAP_CREATE", -state) : int_value(env, state);
}

// ringLink(classifier, state, buffers, ifindex) -> descriptor, as long as which what the device receives and the
// classifier takes comes into the buffers, one for each worker.
napi_value ring_link(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  struct ring_maps maps = {.classifier = take_int(&a), .state = take_int(&a)};
  struct words buffers = take_words(&a);
  int ifindex = take_int(&a);
  if (!a.ok) return NULL;
  if (buffers.count < 1 || buffers.count > RING_WORKERS_MAX) return throw_errno(env, "ringLink", EINVAL);
  maps.workers = buffers.count;
  for (uint32_t i = 0; i < buffers.count; i++) maps.buffers[i] = buffers.at[i];
  int program = ring_program_load(&maps);
  if (program < 0) return throw_errno(env, "BPF_PROG_LOAD", -program);
  int link = bpf_link_ingress(program, ifindex);
  close(program);  // the link holds it
  return link < 0 ? throw_errno(env, "BPF_LINK_CREATE", -link) : int_value(env, link);
}

// ringDevice(link) -> index of the device that it runs on; 0 once that is gone, whatever has its index by now.
napi_value ring_device(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  int link = take_int(&a);
  if (!a.ok) return NULL;
  int ifindex = bpf_link_device(link);
  return ifindex < 0 ? throw_errno(env, "BPF_OBJ_GET_INFO_BY_FD", -ifindex) : int_value(env, ifindex);
}

// ringDrops(state) -> frames that found a worker's buffer full, as an int32 that wraps.
napi_value ring_drops(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  int state = take_int(&a);
  if (!a.ok) return NULL;
  const uint32_t key = 0;
  uint32_t words[RING_WORKERS_MAX][STATE_BYTES / sizeof(uint32_t)], drops = 0;
  int error = bpf_map_get(state, &key, words);
  if (error < 0) return throw_errno(env, "BPF_MAP_LOOKUP_ELEM", -error);
  for (int worker = 0; worker < RING_WORKERS_MAX; worker++) drops += words[worker][STATE_DROPS / sizeof(uint32_t)];
  return int_value(env, (int32_t)drops);
}

// The first two arguments of a call, (ring, arena), checked.
static bool take_ring(struct arguments *a, struct ring *ring) {
  struct words words = take_words(a);
  struct bytes arena = take_bytes(a);
  if (!a->ok) return false;
  if (words.count >= RING_WORDS) {
    uint64_t base = (uint32_t)words.at[RING_BASE];
    uint32_t bytes = (uint32_t)words.at[RING_BYTES], page = (uint32_t)sysconf(_SC_PAGESIZE);
    bool is_power = bytes >= page && (bytes & (bytes - 1)) == 0;
    bool is_within = base + LANES * (uint64_t)LANE + 2 * (uint64_t)bytes <= arena.length;
    if (is_power && is_within && ((uintptr_t)arena.at + base) % sizeof(uint64_t) == 0) {
      uint8_t *room = arena.at + base;
      *ring = (struct ring){.words = words.at, .arena = arena.at, .arena_bytes = arena.length, .page = page, .bytes = bytes,
                            .room = room,
                            .reader = (uint64_t *)(void *)(room + LANE),
                            .writer = (const uint64_t *)(void *)(room + 2 * LANE),
                            .records = room + 2 * LANE + page, .mask = bytes - 1};
      return true;
    }
  }
  throw_errno(a->env, "ring out of bounds", EINVAL);
  return false;
}

// Lays memory over what is at `at`; `offset` is in the descriptor's.
static bool lay(uint8_t *at, size_t bytes, int protection, int fd, off_t offset) {
  return mmap(at, bytes, protection, MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, offset) != MAP_FAILED;
}

// ringMap(ring, arena): lays the ring's memory over its room in the arena.
napi_value ring_map(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  struct ring ring;
  if (!take_ring(&a, &ring)) return NULL;
  int buffer = ring.words[RING_BUFFER];
  bool laid = lay(ring.room, ring.page, PROT_READ | PROT_WRITE, ring.words[RING_STATE], 0) &&
              lay(ring.room + LANE, ring.page, PROT_READ | PROT_WRITE, buffer, 0) &&
              lay(ring.room + 2 * LANE, ring.page + 2 * (size_t)ring.bytes, PROT_READ, buffer, ring.page);
  return laid ? undefined_value(env) : throw_errno(env, "mmap of the ring", errno);
}

// ringUnmap(ring, arena): ordinary memory stands there again; the ring is freed with its descriptors.
napi_value ring_unmap(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  struct ring ring;
  if (!take_ring(&a, &ring)) return NULL;
  size_t bytes = LANES * (size_t)LANE + 2 * (size_t)ring.bytes;
  void *at = mmap(ring.room, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  return at == MAP_FAILED ? throw_errno(env, "mmap of the ring", errno) : undefined_value(env);
}

// ringSleep(ring, arena): the next frame makes the descriptor of the buffer readable, and so does one that is there already.
napi_value ring_sleep(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  struct ring ring;
  if (!take_ring(&a, &ring)) return NULL;
  uint32_t worker = (uint32_t)ring.words[RING_WORKER];
  if (worker >= RING_WORKERS_MAX) return throw_errno(env, "ringSleep", EINVAL);
  uint8_t *state = ring.room + worker * STATE_BYTES;
  __atomic_store_n((uint32_t *)(void *)(state + STATE_SLEEPS), 1, __ATOMIC_SEQ_CST);
  return undefined_value(env);
}

// The other core has just written it: asked for early, it is here when its turn comes. Neighbours mostly are as long.
static void prefetch(const struct ring *ring, uint64_t position) {
  const uint8_t *record = ring->records + (position & ring->mask);
  __builtin_prefetch(record);
  __builtin_prefetch(record + 64);
}

// Whether the frame of a record of `bytes` lies within it, and the record within the ring.
static bool is_sound(const struct ring *ring, uint32_t bytes, uint32_t length) {
  return bytes <= ring->mask && bytes >= RECORD_FRAME && length <= bytes - RECORD_FRAME;
}

// ringReceive(ring, arena, frames, vteps, recordsMax, copiesBase, copiesBytes) -> rows written. Never blocks. `vteps` are the
// rows of the local VTEPs. Records cannot be written to: what ECN changes is copied to the arena, where there is room for one
// record at least; when there is no more, the rest waits for the next call.
napi_value ring_receive(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  struct ring ring;
  if (!take_ring(&a, &ring)) return NULL;
  struct words frames = take_words(&a);
  struct words vteps = take_words(&a);
  uint32_t records_max = take_uint(&a, BATCH_MAX);
  uint32_t copies_base = take_uint(&a, INT32_MAX);
  uint32_t copies_bytes = take_uint(&a, INT32_MAX);
  if (!a.ok) return NULL;
  bool has_room = copies_bytes >= RECORD_BYTES_MAX && copies_base + copies_bytes <= ring.arena_bytes;
  if (vteps.count < VTEP_WORDS || !has_room) return throw_errno(env, "ringReceive", EINVAL);
  struct outer_reader reader = {.arena = ring.arena, .vteps = vteps, .rows = frames.at, .rows_max = frames.count / FRAME_WORDS,
                                .copies_at = copies_base, .copies_end = copies_base + copies_bytes};
  uint64_t given_back = __atomic_load_n(ring.reader, __ATOMIC_RELAXED);
  uint64_t position = given_back + (uint32_t)((uint32_t)ring.words[RING_POSITION] - (uint32_t)given_back);
  uint64_t written = __atomic_load_n(ring.writer, __ATOMIC_ACQUIRE);
  if (position > written || position % 8 != 0) return throw_errno(env, "ring out of bounds", EINVAL);
  if (position != given_back) __atomic_store_n(ring.reader, position, __ATOMIC_RELEASE);
  for (uint32_t count = 0; position < written && count < records_max; count++) {
    if (reader.rows_max - reader.row_count < ROWS_OF_A_SLOT) break;
    if (reader.copies_end - reader.copies_at < RECORD_BYTES_MAX) break;
    const uint8_t *record = ring.records + (position & ring.mask);
    uint32_t header = __atomic_load_n((const uint32_t *)(const void *)record, __ATOMIC_ACQUIRE);
    if (header & BPF_RINGBUF_BUSY_BIT) break;
    uint32_t bytes = RECORD_HEADER + ((header & SIZE_BITS) + 7) / 8 * 8;
    prefetch(&ring, position + 4 * (uint64_t)bytes);
    uint32_t length = load32(record + RECORD_LENGTH);
    bool checked = length & RECORD_CHECKED;
    length &= ~RECORD_CHECKED;
    position += bytes;
    if (header & BPF_RINGBUF_DISCARD_BIT || !is_sound(&ring, bytes, length)) continue;
    outer_read(&reader, record + RECORD_FRAME, length, load16(record + RECORD_GSO_SIZE), checked);
  }
  ring.words[RING_POSITION] = (int32_t)(uint32_t)position;
  return int_value(env, (int32_t)reader.row_count);
}
