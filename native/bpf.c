#include "bpf.h"

#include <errno.h>
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
  return bpf(BPF_PROG_LOAD, &attributes);
}

int bpf_hash_map(uint32_t key_bytes, uint32_t entries_max) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.map_type = BPF_MAP_TYPE_HASH;
  attributes.key_size = key_bytes;
  attributes.value_size = sizeof(uint32_t);
  attributes.max_entries = entries_max;
  memcpy(attributes.map_name, "vxswitch", 8);
  return bpf(BPF_MAP_CREATE, &attributes);
}

int bpf_map_set(int map, const void *key) {
  uint32_t value = 1;
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.map_fd = (uint32_t)map;
  attributes.key = (uint64_t)(uintptr_t)key;
  attributes.value = (uint64_t)(uintptr_t)&value;
  return bpf(BPF_MAP_UPDATE_ELEM, &attributes);
}

int bpf_map_delete(int map, const void *key) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.map_fd = (uint32_t)map;
  attributes.key = (uint64_t)(uintptr_t)key;
  int result = bpf(BPF_MAP_DELETE_ELEM, &attributes);
  return result == -ENOENT ? 0 : result;
}

int bpf_link_ingress(int program, int ifindex) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.link_create.prog_fd = (uint32_t)program;
  attributes.link_create.target_fd = (uint32_t)ifindex;  // target_ifindex, of the same union
  attributes.link_create.attach_type = TCX_INGRESS;
  return bpf(BPF_LINK_CREATE, &attributes);
}
