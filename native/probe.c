// Which options the kernel grants a UDP socket: each set on one that is closed again. For `vxswitch doctor`;
// nothing is bound and nothing sent.
#include <errno.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arguments.h"
#include "calls.h"

enum { PROBE_UDP_SEGMENT = 0, PROBE_UDP_GRO = 1 };

static const struct {
  const char *call;
  int option, value;
} PROBES[] = {
    [PROBE_UDP_SEGMENT] = {"UDP_SEGMENT", UDP_SEGMENT, 1400},
    [PROBE_UDP_GRO] = {"UDP_GRO", UDP_GRO, 1},
};

// socketProbe(kind): throws the errno with which the kernel refuses the option.
napi_value socket_probe(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  uint32_t kind = take_uint(&a, PROBE_UDP_GRO);
  if (!a.ok) return NULL;
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return throw_errno(env, "socket", errno);
  int value = PROBES[kind].value;
  int failed = setsockopt(fd, SOL_UDP, PROBES[kind].option, &value, sizeof value) < 0;
  int error = errno;
  close(fd);
  return failed ? throw_errno(env, PROBES[kind].call, error) : undefined_value(env);
}

// socketBufferBytes(fd) -> what the kernel granted for receiving. It reports twice that, for its own book-keeping
// (socket(7)).
napi_value socket_buffer_bytes(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  int fd = take_int(&a);
  if (!a.ok) return NULL;
  int bytes = 0;
  socklen_t size = sizeof bytes;
  if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &size) < 0) return throw_errno(env, "SO_RCVBUF", errno);
  return int_value(env, bytes / 2);
}
