#include "bpf.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TCX_INGRESS = 46 };  // BPF_TCX_INGRESS; a build machine's headers may be older than its kernel

static int bpf(int command, union bpf_attr *attributes) {
  long result = syscall(SYS_bpf, command, attributes, sizeof *attributes);
  return result < 0 ? -errno : (int)result;
}

int bpf_load(enum bpf_prog_type type, const struct bpf_insn *instructions, uint32_t count) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.prog_type = type;
  attributes.insns = (uint64_t)(uintptr_t)instructions;
  attributes.insn_cnt = count;
  attributes.license = (uint64_t)(uintptr_t) "MIT";
  memcpy(attributes.prog_name, "vxswitch", 8);
  // The verifier gives up (EAGAIN) for any signal that comes meanwhile, such as a profiler's every millisecond: they wait.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  int result = bpf(BPF_PROG_LOAD, &attributes);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return result;
}

static int create(enum bpf_map_type type, uint32_t key_bytes, uint32_t value_bytes, uint32_t entries, uint32_t flags) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.map_type = type;
  attributes.key_size = key_bytes;
  attributes.value_size = value_bytes;
  attributes.max_entries = entries;
  attributes.map_flags = flags;
  memcpy(attributes.map_name, "vxswitch", 8);
  return bpf(BPF_MAP_CREATE, &attributes);
}

int bpf_hash_map(uint32_t key_bytes, uint32_t entries_max) {
  return create(BPF_MAP_TYPE_HASH, key_bytes, sizeof(uint32_t), entries_max, 0);
}

int bpf_memory(uint32_t bytes) { return create(BPF_MAP_TYPE_ARRAY, sizeof(uint32_t), bytes, 1, BPF_F_MMAPABLE); }

int bpf_ring_buffer(uint32_t bytes) { return create(BPF_MAP_TYPE_RINGBUF, 0, 0, bytes, 0); }

static int on_entry(int command, int map, const void *key, const void *value) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.map_fd = (uint32_t)map;
  attributes.key = (uint64_t)(uintptr_t)key;
  attributes.value = (uint64_t)(uintptr_t)value;
  return bpf(command, &attributes);
}

int bpf_map_set(int map, const void *key) {
  uint32_t value = 1;
  return on_entry(BPF_MAP_UPDATE_ELEM, map, key, &value);
}

int bpf_map_delete(int map, const void *key) {
  int result = on_entry(BPF_MAP_DELETE_ELEM, map, key, NULL);
  return result == -ENOENT ? 0 : result;
}

int bpf_map_get(int map, const void *key, void *value) { return on_entry(BPF_MAP_LOOKUP_ELEM, map, key, value); }

int bpf_link_ingress(int program, int ifindex) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.link_create.prog_fd = (uint32_t)program;
  attributes.link_create.target_fd = (uint32_t)ifindex;  // target_ifindex, of the same union
  attributes.link_create.attach_type = TCX_INGRESS;
  return bpf(BPF_LINK_CREATE, &attributes);
}

int bpf_link_device(int link) {
  struct bpf_link_info info;
  union bpf_attr attributes;
  memset(&info, 0, sizeof info);
  memset(&attributes, 0, sizeof attributes);
  attributes.info.bpf_fd = (uint32_t)link;
  attributes.info.info = (uint64_t)(uintptr_t)&info;
  attributes.info.info_len = sizeof info;
  int result = bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes);
  return result < 0 ? result : (int)info.xdp.ifindex;  // tcx.ifindex, of the same union
}
