// Which datagrams the ring takes: one BPF map of (local address, device, UDP port), read by two programs. One is the
// filter of the ring's socket and lets those datagrams in; the other, linked to the device, drops the very same for the
// host's own stack. An entry set or deleted moves a VTEP between the ring and its UDP socket at one stroke.
//
// Taken are unfragmented UDP datagrams to this host without VLAN tag, IP options or extension headers. All else goes
// its ordinary way, and what of it is VXLAN arrives at the UDP socket.
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "bpf.h"
#include "calls.h"

enum { ENTRIES_MAX = 4096, STEPS_MAX = 64 };

struct key {
  uint32_t address[4];  // as FRAME_REMOTE
  uint32_t ifindex;
  uint16_t port;  // wire order
  uint16_t padding;
};

// Places on the programs' stack, below the frame pointer. UDP_PORT is where the IPv4 header ends and a little more.
enum { IP = -80, UDP_PORT = IP + 22, KEY = -24 };
enum { LOAD_BYTES = 26, LOOK_UP = 1 };  // BPF_FUNC_skb_load_bytes, BPF_FUNC_map_lookup_elem
enum { R0, R1, R2, R3, R4, CONTEXT = 6, PROTOCOL = 7, STACK = 10 };
enum {
  COPY = BPF_ALU64 | BPF_MOV | BPF_X,
  SET = BPF_ALU64 | BPF_MOV | BPF_K,
  ADD = BPF_ALU64 | BPF_ADD | BPF_K,
  AND = BPF_ALU64 | BPF_AND | BPF_K,
  IF = BPF_JMP | BPF_JEQ | BPF_K,
  UNLESS = BPF_JMP | BPF_JNE | BPF_K,
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
  WIDE = BPF_LD | BPF_IMM | BPF_DW,
};

// Jumps name one of these; `place` puts it where the next step will stand, and all jumps lead forward.
enum label { TO_OTHER = 0x7000, TO_IPV6, TO_LOOK_UP };

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

// Copies `bytes` from the IP header on to the stack.
static void load_headers(struct program *p, int bytes) {
  step(p, COPY, R1, CONTEXT, 0, 0);
  step(p, SET, R2, 0, 0, ETH_HLEN);
  step(p, COPY, R3, STACK, 0, 0);
  step(p, ADD, R3, 0, 0, IP);
  step(p, SET, R4, 0, 0, bytes);
  step(p, CALL, 0, 0, 0, LOAD_BYTES);
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
  step(p, READ8, PROTOCOL, STACK, IP + 9, 0);
}

static void read_ipv6(struct program *p) {
  load_headers(p, 48);
  step(p, READ64, R2, STACK, IP + 24, 0);
  step(p, WRITE64, STACK, R2, KEY, 0);
  step(p, READ64, R2, STACK, IP + 32, 0);
  step(p, WRITE64, STACK, R2, KEY + 8, 0);
  step(p, READ8, PROTOCOL, STACK, IP + 6, 0);
  step(p, READ16, R2, STACK, IP + 42, 0);
  step(p, WRITE16, STACK, R2, UDP_PORT, 0);  // to where the IPv4 branch has it
}

static void look_up(struct program *p, int map) {
  jump(p, UNLESS, PROTOCOL, IPPROTO_UDP, TO_OTHER);
  step(p, READ16, R2, STACK, UDP_PORT, 0);
  step(p, WRITE32, STACK, R2, KEY + 20, 0);  // the padding becomes zero
  step(p, READ32, R2, CONTEXT, offsetof(struct __sk_buff, ifindex), 0);
  step(p, WRITE32, STACK, R2, KEY + 16, 0);
  step(p, WIDE, R1, BPF_PSEUDO_MAP_FD, 0, map);
  step(p, 0, 0, 0, 0, 0);  // second half of the wide step
  step(p, COPY, R2, STACK, 0, 0);
  step(p, ADD, R2, 0, 0, KEY);
  step(p, CALL, 0, 0, 0, LOOK_UP);
  jump(p, IF, R0, 0, TO_OTHER);
}

// The program returns `taken` for a datagram of the map, else `other`.
static int load(enum bpf_prog_type type, int map, int32_t taken, int32_t other) {
  struct program p = {.count = 0};
  step(&p, COPY, CONTEXT, R1, 0, 0);
  step(&p, READ32, R2, CONTEXT, offsetof(struct __sk_buff, vlan_present), 0);
  jump(&p, UNLESS, R2, 0, TO_OTHER);
  step(&p, READ32, R2, CONTEXT, offsetof(struct __sk_buff, pkt_type), 0);
  jump(&p, UNLESS, R2, 0, TO_OTHER);  // PACKET_HOST: to this host's own MAC address
  step(&p, READ32, PROTOCOL, CONTEXT, offsetof(struct __sk_buff, protocol), 0);
  jump(&p, IF, PROTOCOL, htons(ETH_P_IPV6), TO_IPV6);
  jump(&p, UNLESS, PROTOCOL, htons(ETH_P_IP), TO_OTHER);
  read_ipv4(&p);
  jump(&p, GO, 0, 0, TO_LOOK_UP);
  place(&p, TO_IPV6);
  read_ipv6(&p);
  place(&p, TO_LOOK_UP);
  look_up(&p, map);
  step(&p, SET, R0, 0, 0, taken);
  step(&p, EXIT, 0, 0, 0, 0);
  place(&p, TO_OTHER);
  step(&p, SET, R0, 0, 0, other);
  step(&p, EXIT, 0, 0, 0, 0);
  return bpf_load(type, p.steps, p.count);
}

// classifierOpen(out): out becomes [map, filter program, drop program], all descriptors.
napi_value classifier_open(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  struct words out = take_words(&a);
  if (!a.ok) return NULL;
  if (out.count < 3) return throw_errno(env, "classifierOpen", EINVAL);
  int map = bpf_hash_map(sizeof(struct key), ENTRIES_MAX);
  if (map < 0) return throw_errno(env, "BPF_MAP_CREATE", -map);
  int filter = load(BPF_PROG_TYPE_SOCKET_FILTER, map, INT32_MAX, 0);
  int drop = filter < 0 ? filter : load(BPF_PROG_TYPE_SCHED_CLS, map, TCX_TO_DROP, TCX_TO_NEXT);
  if (drop < 0) {
    if (filter >= 0) close(filter);
    close(map);
    return throw_errno(env, "BPF_PROG_LOAD", -drop);
  }
  out.at[0] = map;
  out.at[1] = filter;
  out.at[2] = drop;
  return undefined_value(env);
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
  struct key key = {.ifindex = ifindex, .port = htons((uint16_t)port)};
  memcpy(key.address, address.at, sizeof key.address);
  int error = taken ? bpf_map_set(map, &key) : bpf_map_delete(map, &key);
  return error < 0 ? throw_errno(env, "BPF_MAP_UPDATE_ELEM", -error) : undefined_value(env);
}

// classifierLink(drop program, ifindex) -> descriptor by which the program runs on what the device receives.
napi_value classifier_link(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  int program = take_int(&a);
  int ifindex = take_int(&a);
  if (!a.ok) return NULL;
  int link = bpf_link_ingress(program, ifindex);
  return link < 0 ? throw_errno(env, "BPF_LINK_CREATE", -link) : int_value(env, link);
}
