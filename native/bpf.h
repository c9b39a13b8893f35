// Small BPF programs of our own: loaded, and linked to the receiving side of a device (tcx, Linux 6.6). Program, map and
// link live as long as their descriptors, so a crash of the switch leaves nothing behind, and nobody else's tc state is
// touched: a tcx link is no qdisc and no filter.
#ifndef VXSWITCH_BPF_H
#define VXSWITCH_BPF_H

#include <linux/bpf.h>
#include <stdint.h>

// Verdicts of a tcx program (linux/bpf.h since 6.6).
enum { TCX_TO_NEXT = -1, TCX_TO_DROP = 2 };

// One instruction: operation, destination and source register, offset, immediate. The names are those of the kernel's
// Documentation/bpf/standardization/instruction-set.rst.
#define BPF_STEP(operation, to, from, offset, value) \
  ((struct bpf_insn){.code = (uint8_t)(operation), .dst_reg = (to) & 15u, .src_reg = (from) & 15u, \
                     .off = (int16_t)(offset), .imm = (value)})

// All return a descriptor or -errno.
int bpf_load(enum bpf_prog_type type, const struct bpf_insn *instructions, uint32_t count);
int bpf_hash_map(uint32_t key_bytes, uint32_t entries_max);  // values of 4 bytes
int bpf_memory(uint32_t bytes);                              // an array of one entry, which can be mapped
int bpf_ring_buffer(uint32_t bytes);                         // a power of two and whole pages
int bpf_link_ingress(int program, int ifindex);              // runs a BPF_PROG_TYPE_SCHED_CLS on what the device receives

// 0 or -errno. Setting an entry that is there, or deleting one that is not, is no error.
int bpf_map_set(int map, const void *key);
int bpf_map_delete(int map, const void *key);
int bpf_map_get(int map, const void *key, void *value);

// Index of the device that a link runs on, 0 once that is gone; or -errno.
int bpf_link_device(int link);

#endif
