// Which datagrams the rings take from the host's own stack: a BPF map of (local address, device, UDP port), read by the
// program of each ring (ring-program.c). An entry set or deleted moves a VTEP between the ring and its UDP socket at one
// stroke.
#include "classifier.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "arguments.h"
#include "bpf.h"
#include "calls.h"

enum { ENTRIES_MAX = 4096 };

// classifierOpen() -> descriptor of the map.
napi_value classifier_open(napi_env env, napi_callback_info info) {
  (void)info;
  int map = bpf_hash_map(sizeof(struct classifier_key), ENTRIES_MAX);
  return map < 0 ? throw_errno(env, "BPF_MAP_CREATE", -map) : int_value(env, map);
}

// classifierSet(map, addressWords, ifindex, port, taken): whether the ring takes what is sent there.
napi_value classifier_set(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  int map = take_int(&a);
  struct words address = take_words(&a);
  uint32_t ifindex = take_uint(&a, INT32_MAX);
  uint32_t port = take_uint(&a, 65535);
  bool taken = take_uint(&a, 1);
  if (!a.ok) return NULL;
  if (address.count < 4) return throw_errno(env, "classifierSet", EINVAL);
  struct classifier_key key = {.ifindex = ifindex, .port = htons((uint16_t)port)};
  memcpy(key.address, address.at, sizeof key.address);
  int error = taken ? bpf_map_set(map, &key) : bpf_map_delete(map, &key);
  return error < 0 ? throw_errno(env, "BPF_MAP_UPDATE_ELEM", -error) : undefined_value(env);
}
