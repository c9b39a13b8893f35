// Waiting for devices, and being woken by another thread.
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "arguments.h"
#include "calls.h"

enum { POLL_FDS_MAX = 1024 };

// pollWait(fds, ready, count, timeoutUs) -> how many are ready. ready[i] becomes the poll(2) events of fds[i]; -1 waits forever.
napi_value poll_wait(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  struct words fds = take_words(&a);
  struct words ready = take_words(&a);
  uint32_t count = take_uint(&a, POLL_FDS_MAX);
  int32_t timeout_us = take_int(&a);
  if (!a.ok) return NULL;
  if (count > fds.count || count > ready.count) return throw_errno(env, "pollWait", EINVAL);
  struct pollfd set[POLL_FDS_MAX];
  for (uint32_t i = 0; i < count; i++) set[i] = (struct pollfd){.fd = fds.at[i], .events = POLLIN, .revents = 0};
  struct timespec timeout = {.tv_sec = timeout_us / 1000000, .tv_nsec = (long)(timeout_us % 1000000) * 1000};
  int n = ppoll(set, count, timeout_us < 0 ? NULL : &timeout, NULL);
  if (n < 0 && errno != EINTR) return throw_errno(env, "ppoll", errno);
  for (uint32_t i = 0; i < count; i++) ready.at[i] = n > 0 ? set[i].revents : 0;
  return int_value(env, n > 0 ? n : 0);
}

// wakeOpen() -> fd that poll finds readable after wakeSignal(fd), until wakeClear(fd).
napi_value wake_open(napi_env env, napi_callback_info info) {
  (void)info;
  int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return fd < 0 ? throw_errno(env, "eventfd", errno) : int_value(env, fd);
}

napi_value wake_signal(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  int fd = take_int(&a);
  if (!a.ok) return NULL;
  if (eventfd_write(fd, 1) < 0 && errno != EAGAIN) return throw_errno(env, "eventfd write", errno);
  return undefined_value(env);
}

napi_value wake_clear(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  int fd = take_int(&a);
  if (!a.ok) return NULL;
  eventfd_t count;
  if (eventfd_read(fd, &count) < 0 && errno != EAGAIN) return throw_errno(env, "eventfd read", errno);
  return undefined_value(env);
}

napi_value close_fd(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  int fd = take_int(&a);
  if (!a.ok) return NULL;
  if (close(fd) < 0) return throw_errno(env, "close", errno);
  return undefined_value(env);
}

// socketError(fd) -> the error that a socket has pending, which is taken from it; 0 = none.
napi_value socket_error(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  int fd = take_int(&a);
  if (!a.ok) return NULL;
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) return throw_errno(env, "SO_ERROR", errno);
  return int_value(env, error);
}

// readClock(words) -> microseconds of the monotonic clock, modulo 2^32; words become [seconds, nanoseconds] of the wall clock.
// Whole numbers, for a double would be allocated: the forwarding loop looks at the clock in each turn.
napi_value read_clock(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  struct words words = take_words(&a);
  if (!a.ok) return NULL;
  if (words.count < 2) return throw_errno(env, "readClock", EINVAL);
  struct timespec wall, monotonic;
  clock_gettime(CLOCK_REALTIME, &wall);
  clock_gettime(CLOCK_MONOTONIC, &monotonic);
  words.at[0] = (int32_t)wall.tv_sec;
  words.at[1] = (int32_t)wall.tv_nsec;
  return int_value(env, (int32_t)(uint32_t)((uint64_t)monotonic.tv_sec * 1000000 + (uint64_t)monotonic.tv_nsec / 1000));
}
