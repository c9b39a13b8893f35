// Packet memory: one mapped region seen by TypeScript as one ArrayBuffer, and the copying of frames out of it.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "arguments.h"
#include "calls.h"

enum { HUGE_PAGE = 2 << 20, ARENA_MAX = 1 << 30 };

static void unmap(napi_env env, void *at, void *size) {
  (void)env;
  munmap(at, (size_t)(uintptr_t)size);
}

// arenaMap(bytes) -> ArrayBuffer. Pages come in when first touched: a slot that never holds a super-frame costs one.
napi_value arena_map(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  uint32_t size = take_uint(&a, ARENA_MAX);
  if (!a.ok) return NULL;
  void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return throw_errno(env, "mmap of the packet arena", errno);
  napi_value buffer = NULL;
  if (napi_create_external_arraybuffer(env, at, size, unmap, (void *)(uintptr_t)size, &buffer) != napi_ok) {
    munmap(at, size);
    napi_throw_error(env, "ENOTSUP", "this Node.js cannot map packet memory (V8 sandbox): use an official build");
    return NULL;
  }
  return buffer;
}

enum { COPY_FROM = 0, COPY_TO = 1, COPY_BYTES = 2, COPY_JOB_WORDS = 3 };

static bool within(uint32_t offset, uint32_t length, uint32_t size) { return offset <= size && length <= size - offset; }

// copyFrames(source, target, jobs, count): for each job (offset in source, offset in target, bytes), bounds checked.
// Returns how many were copied; it stops at the first that does not fit.
napi_value copy_frames(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  struct bytes source = take_bytes(&a);
  struct bytes target = take_bytes(&a);
  struct words jobs = take_words(&a);
  uint32_t count = take_uint(&a, jobs.count / COPY_JOB_WORDS);
  if (!a.ok) return NULL;
  for (uint32_t i = 0; i < count; i++) {
    const int32_t *job = jobs.at + i * COPY_JOB_WORDS;
    uint32_t from = (uint32_t)job[COPY_FROM], to = (uint32_t)job[COPY_TO], length = (uint32_t)job[COPY_BYTES];
    if (!within(from, length, source.length) || !within(to, length, target.length)) return int_value(env, (int32_t)i);
    memcpy(target.at + to, source.at + from, length);
  }
  return int_value(env, (int32_t)count);
}
