// A datagram that the classifier takes is copied into a BPF ring buffer and dropped for the host's own stack: cheaper than
// a tap (AF_PACKET), which clones it, runs a filter of its own and locks a queue, and leaves the dropping to a second
// program. With several workers, the hash of the outer addresses and ports says whose buffer.
//
// Taken are unfragmented UDP datagrams to this host without VLAN tag, IP options or extension headers. All else goes
// its ordinary way, and what of it is VXLAN arrives at the UDP socket.
#include "ring-program.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "bpf.h"
#include "classifier.h"
#include "ring-record.h"

// What a record takes in all; the verifier wants each to be a constant. Whole cache lines.
static const int32_t SIZES[] = {128, 256, 512, 1024, 1664, 4096, 9216, 20480, 40960, RECORD_BYTES_MAX};
enum { SIZE_COUNT = sizeof SIZES / sizeof *SIZES, STEPS_MAX = 512 };

// Places on the program's stack, below the frame pointer. The ports are where the IPv4 header ends.
enum { STATE = -88, IP = -80, UDP_PORTS = IP + 20, KEY = -24 };
enum { R0, R1, R2, R3, R4, CONTEXT = 6, PROTOCOL = 7, LENGTH = 7, RECORD = 8, HASH = 9, BUFFER = 9, STACK = 10 };
enum {
  COPY = BPF_ALU64 | BPF_MOV | BPF_X,
  SET = BPF_ALU64 | BPF_MOV | BPF_K,
  ADD = BPF_ALU64 | BPF_ADD | BPF_K,
  AND = BPF_ALU64 | BPF_AND | BPF_K,
  OR32 = BPF_ALU | BPF_OR | BPF_K,
  MIX32 = BPF_ALU | BPF_XOR | BPF_X,
  MULTIPLY32 = BPF_ALU | BPF_MUL | BPF_K,
  SHIFT32 = BPF_ALU | BPF_RSH | BPF_K,
  IF = BPF_JMP | BPF_JEQ | BPF_K,
  UNLESS = BPF_JMP | BPF_JNE | BPF_K,
  IF_BELOW = BPF_JMP | BPF_JLT | BPF_K,
  IF_ABOVE = BPF_JMP | BPF_JGT | BPF_K,
  IF_NEGATIVE = BPF_JMP | BPF_JSLT | BPF_K,
  GO = BPF_JMP | BPF_JA,
  CALL = BPF_JMP | BPF_CALL,
  EXIT = BPF_JMP | BPF_EXIT,
  READ8 = BPF_LDX | BPF_MEM | BPF_B,
  READ16 = BPF_LDX | BPF_MEM | BPF_H,
  READ32 = BPF_LDX | BPF_MEM | BPF_W,
  READ64 = BPF_LDX | BPF_MEM | BPF_DW,
  WRITE16 = BPF_STX | BPF_MEM | BPF_H,
  WRITE32 = BPF_STX | BPF_MEM | BPF_W,
  WRITE64 = BPF_STX | BPF_MEM | BPF_DW,
  ATOMIC32 = BPF_STX | BPF_ATOMIC | BPF_W,
  WIDE = BPF_LD | BPF_IMM | BPF_DW,
};

// Jumps name one of these; `place` puts it where the next step will stand, and all jumps lead forward.
enum label { TO_OTHER = 0x7000, TO_IPV6, TO_LOOK_UP, TO_FULL, TO_CHOSEN, TO_WRITE, TO_SUBMIT, TO_UNCHECKED, TO_NEXT };

struct program {
  struct bpf_insn steps[STEPS_MAX];
  uint32_t count;
};

static void step(struct program *p, int operation, int to, int from, int offset, int32_t value) {
  p->steps[p->count++] = BPF_STEP(operation, (uint32_t)to, (uint32_t)from, offset, value);
}

static void jump(struct program *p, int operation, int reg, int32_t value, enum label label) {
  step(p, operation, reg, 0, (int)label, value);
}

static void place(struct program *p, enum label label) {
  for (uint32_t i = 0; i < p->count; i++)
    if (p->steps[i].off == (int16_t)label) p->steps[i].off = (int16_t)(p->count - i - 1);
}

// A register becomes a map, or with BPF_PSEUDO_MAP_VALUE the place `offset` bytes into its value.
static void set_map(struct program *p, int reg, int kind, int map, int32_t offset) {
  step(p, WIDE, reg, kind, 0, map);
  step(p, 0, 0, 0, 0, offset);  // second half of the wide step
}

static void finish(struct program *p, int32_t verdict) {
  step(p, SET, R0, 0, 0, verdict);
  step(p, EXIT, 0, 0, 0, 0);
}

// Copies `bytes` from the IP header on to the stack.
static void load_headers(struct program *p, int bytes) {
  step(p, COPY, R1, CONTEXT, 0, 0);
  step(p, SET, R2, 0, 0, ETH_HLEN);
  step(p, COPY, R3, STACK, 0, 0);
  step(p, ADD, R3, 0, 0, IP);
  step(p, SET, R4, 0, 0, bytes);
  step(p, CALL, 0, 0, 0, BPF_FUNC_skb_load_bytes);
  jump(p, UNLESS, R0, 0, TO_OTHER);
}

static void read_ipv4(struct program *p) {
  load_headers(p, 28);
  step(p, READ8, R2, STACK, IP, 0);
  jump(p, UNLESS, R2, 0x45, TO_OTHER);  // no options
  step(p, READ16, R2, STACK, IP + 6, 0);
  step(p, AND, R2, 0, 0, htons(0xbfff));  // all but "don't fragment"
  jump(p, UNLESS, R2, 0, TO_OTHER);
  step(p, SET, R2, 0, 0, 0);
  step(p, WRITE64, STACK, R2, KEY, 0);
  step(p, SET, R2, 0, 0, (int32_t)htonl(0xffff));
  step(p, WRITE32, STACK, R2, KEY + 8, 0);
  step(p, READ32, R2, STACK, IP + 16, 0);
  step(p, WRITE32, STACK, R2, KEY + 12, 0);
  step(p, READ32, HASH, STACK, IP + 12, 0);
  step(p, READ8, PROTOCOL, STACK, IP + 9, 0);
}

static void read_ipv6(struct program *p) {
  load_headers(p, 48);
  step(p, READ64, R2, STACK, IP + 24, 0);
  step(p, WRITE64, STACK, R2, KEY, 0);
  step(p, READ64, R2, STACK, IP + 32, 0);
  step(p, WRITE64, STACK, R2, KEY + 8, 0);
  step(p, READ32, HASH, STACK, IP + 20, 0);
  step(p, READ8, PROTOCOL, STACK, IP + 6, 0);
  step(p, READ32, R2, STACK, IP + 40, 0);
  step(p, WRITE32, STACK, R2, UDP_PORTS, 0);  // to where the IPv4 branch has them
}

// Leaves the program if the classifier does not take the datagram.
static void classify(struct program *p, int map) {
  step(p, READ32, R2, CONTEXT, offsetof(struct __sk_buff, vlan_present), 0);
  jump(p, UNLESS, R2, 0, TO_OTHER);
  step(p, READ32, R2, CONTEXT, offsetof(struct __sk_buff, pkt_type), 0);
  jump(p, UNLESS, R2, 0, TO_OTHER);  // PACKET_HOST: to this host's own MAC address
  step(p, READ32, PROTOCOL, CONTEXT, offsetof(struct __sk_buff, protocol), 0);
  jump(p, IF, PROTOCOL, htons(ETH_P_IPV6), TO_IPV6);
  jump(p, UNLESS, PROTOCOL, htons(ETH_P_IP), TO_OTHER);
  read_ipv4(p);
  jump(p, GO, 0, 0, TO_LOOK_UP);
  place(p, TO_IPV6);
  read_ipv6(p);
  place(p, TO_LOOK_UP);
  jump(p, UNLESS, PROTOCOL, IPPROTO_UDP, TO_OTHER);
  step(p, READ16, R2, STACK, UDP_PORTS + 2, 0);
  step(p, WRITE32, STACK, R2, KEY + 20, 0);  // the padding becomes zero
  step(p, READ32, R2, CONTEXT, offsetof(struct __sk_buff, ifindex), 0);
  step(p, WRITE32, STACK, R2, KEY + 16, 0);
  set_map(p, R1, BPF_PSEUDO_MAP_FD, map, 0);
  step(p, COPY, R2, STACK, 0, 0);
  step(p, ADD, R2, 0, 0, KEY);
  step(p, CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem);
  jump(p, IF, R0, 0, TO_OTHER);
}

// HASH becomes the worker that the flow belongs to.
static void hash_flow(struct program *p, uint32_t workers) {
  step(p, READ32, R2, STACK, UDP_PORTS, 0);
  step(p, MIX32, HASH, R2, 0, 0);
  step(p, MULTIPLY32, HASH, 0, 0, (int32_t)0x9e3779b1);
  step(p, SHIFT32, HASH, 0, 0, 16);
  step(p, MULTIPLY32, HASH, 0, 0, (int32_t)workers);
  step(p, SHIFT32, HASH, 0, 0, 16);
}

// BUFFER and STATE become that worker's.
static void choose_worker(struct program *p, const struct ring_maps *maps) {
  if (maps->workers > 1) hash_flow(p, maps->workers);
  for (uint32_t worker = 0; worker < maps->workers; worker++) {
    bool is_last = worker + 1 == maps->workers;
    if (!is_last) jump(p, UNLESS, HASH, (int32_t)worker, TO_NEXT);
    set_map(p, BUFFER, BPF_PSEUDO_MAP_FD, maps->buffers[worker], 0);
    set_map(p, R2, BPF_PSEUDO_MAP_VALUE, maps->state, (int32_t)(worker * STATE_BYTES));
    if (is_last) break;
    jump(p, GO, 0, 0, TO_CHOSEN);
    place(p, TO_NEXT);
  }
  place(p, TO_CHOSEN);
  step(p, WRITE64, STACK, R2, STATE, 0);
}

// Reserves the smallest record that holds the frame and copies it there.
static void copy_frame(struct program *p) {
  step(p, READ32, LENGTH, CONTEXT, offsetof(struct __sk_buff, len), 0);
  jump(p, IF_BELOW, LENGTH, ETH_HLEN, TO_OTHER);
  for (int i = 0; i < SIZE_COUNT; i++) {
    bool is_last = i + 1 == SIZE_COUNT;
    jump(p, IF_ABOVE, LENGTH, SIZES[i] - RECORD_FRAME, is_last ? TO_OTHER : TO_NEXT);
    step(p, COPY, R1, BUFFER, 0, 0);
    step(p, SET, R2, 0, 0, SIZES[i] - RECORD_HEADER);
    step(p, SET, R3, 0, 0, 0);
    step(p, CALL, 0, 0, 0, BPF_FUNC_ringbuf_reserve);
    jump(p, IF, R0, 0, TO_FULL);
    step(p, COPY, RECORD, R0, 0, 0);
    step(p, COPY, R1, CONTEXT, 0, 0);
    step(p, SET, R2, 0, 0, 0);
    step(p, COPY, R3, RECORD, 0, 0);
    step(p, ADD, R3, 0, 0, RECORD_FRAME - RECORD_HEADER);
    step(p, COPY, R4, LENGTH, 0, 0);
    step(p, CALL, 0, 0, 0, BPF_FUNC_skb_load_bytes);
    if (is_last) break;
    jump(p, GO, 0, 0, TO_WRITE);
    place(p, TO_NEXT);
  }
  place(p, TO_WRITE);
}

static void write_record(struct program *p) {
  step(p, COPY, R1, CONTEXT, 0, 0);
  step(p, SET, R2, 0, 0, BPF_CSUM_LEVEL_QUERY);
  step(p, CALL, 0, 0, 0, BPF_FUNC_csum_level);
  jump(p, IF_NEGATIVE, R0, 0, TO_UNCHECKED);
  step(p, OR32, LENGTH, 0, 0, (int32_t)RECORD_CHECKED);
  place(p, TO_UNCHECKED);
  step(p, WRITE32, RECORD, LENGTH, RECORD_LENGTH - RECORD_HEADER, 0);
  step(p, READ32, R2, CONTEXT, offsetof(struct __sk_buff, gso_size), 0);
  step(p, WRITE16, RECORD, R2, RECORD_GSO_SIZE - RECORD_HEADER, 0);
}

// A reader that sleeps is woken once. It says that it sleeps before it looks whether there is something, the program asks
// after it has reserved: either sees the other, since the exchange is a barrier.
static void submit(struct program *p) {
  step(p, READ64, R2, STACK, STATE, 0);
  step(p, SET, R3, 0, 0, 0);
  step(p, ATOMIC32, R2, R3, STATE_SLEEPS, BPF_XCHG);
  step(p, SET, R2, 0, 0, BPF_RB_NO_WAKEUP);
  jump(p, IF, R3, 0, TO_SUBMIT);
  step(p, SET, R2, 0, 0, BPF_RB_FORCE_WAKEUP);
  place(p, TO_SUBMIT);
  step(p, COPY, R1, RECORD, 0, 0);
  step(p, CALL, 0, 0, 0, BPF_FUNC_ringbuf_submit);
  finish(p, TCX_TO_DROP);
}

static void count_drop(struct program *p) {
  step(p, READ64, R2, STACK, STATE, 0);
  step(p, SET, R3, 0, 0, 1);
  step(p, ATOMIC32, R2, R3, STATE_DROPS, BPF_ADD);
  finish(p, TCX_TO_DROP);
}

int ring_program_load(const struct ring_maps *maps) {
  struct program p = {.count = 0};
  step(&p, COPY, CONTEXT, R1, 0, 0);
  classify(&p, maps->classifier);
  choose_worker(&p, maps);
  copy_frame(&p);
  write_record(&p);
  submit(&p);
  place(&p, TO_FULL);
  count_drop(&p);
  place(&p, TO_OTHER);
  finish(&p, TCX_TO_NEXT);
  return bpf_load(BPF_PROG_TYPE_SCHED_CLS, p.steps, p.count);
}
