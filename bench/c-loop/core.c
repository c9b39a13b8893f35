// The core of the peer c-loop: what src/dataplane/forwarder.ts and its stages do with a batch of datagrams, in C, on the
// same rows, copies, destinations and counters. One bridge of VXLAN ports on one socket. It leaves out what a lab of some
// minutes never sees: ageing, eviction (a full table learns nothing more), static entries, mirrors, TAPs. What it has,
// test/bench/c-loop.test.ts compares with the TypeScript, frame by frame.
//
// Compiled by build.ts with -O3, together with native/arguments.c.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "arguments.h"
#include "layout.h"

// The words of a frame's row that are the forwarder's own (src/dataplane/frames.ts); the keys lie over the remote address.
enum { FRAME_SOURCE_KEY = 8, FRAME_SOURCE_LOW, FRAME_TARGET_KEY, FRAME_TARGET_LOW, FRAME_PORT = 13, FRAME_SOURCE };
enum { DROPPED_PORT = 0, FLOOD = -1, GSO_NONE = 0, GSO_TCPV4 = 1, GSO_TCPV6 = 4 };
enum { DESTINATION_DEVICE = 0 };

// Offsets from the first counter of a port, of a bridge (src/dataplane/counters.ts).
enum { RX_PACKETS = 0, RX_BYTES = 1, TX_PACKETS = 2, TX_BYTES = 3, UNFILLED_CHECKSUMS = 9, DROPS = 10 };
enum { FDB_LEARNED = 0, FDB_MOVED = 1, FLOOD_COPIES = 4 };
enum { COUNTERS_MAX = 64 };  // of any port or bridge, all reasons included

// Reasons beside those of layout.h (src/dataplane/drop-reason.ts).
enum {
  DROP_VXLAN_SHORT = 0,
  DROP_VXLAN_FLAGS = 1,
  DROP_VTEP_UNKNOWN = 2,
  DROP_VNI_UNKNOWN = 3,
  DROP_DATAGRAM_TRUNCATED = 4,
  DROP_SOURCE_MAC_INVALID = 5,
  DROP_INNER_MALFORMED = 6,
  DROP_SPLIT_HORIZON = 9,
  DROP_NO_DESTINATION = 10,
  DROP_OUTER_MALFORMED = 16,
};
enum { KEPT = -1 };

enum { PORTS_MAX = 16, PORT_WORDS = 8, DESTINATIONS_MAX = 4096 };
enum { ADDRESSES_MAX = 8192, SLOTS = 4 * ADDRESSES_MAX };
enum { SLOT_TAKEN = 0x40000000, NONE = -1 };

enum { VXLAN_HEADER = 8, VXLAN_FLAG_VNI = 0x08, ETHERNET_HEADER = 14, VLAN_TAG = 4, IPV4_HEADER = 20, IPV6_HEADER = 40 };
enum { ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_IPV6 = 0x86dd, ETHERTYPE_VLAN = 0x8100, ETHERTYPE_SERVICE_VLAN = 0x88a8 };
enum { PROTOCOL_TCP = 6, PROTOCOL_UDP = 17, TCP_HEADER = 20, UDP_HEADER = 8, TCP_CSUM = 16, UDP_CSUM = 6 };
enum { FRAGMENT_MASK = 0x3fff, GROUP_BIT = 0x100 };

struct port {
  int32_t device, vni, remote[4], destination;
  double *counters;
};

struct slot {
  uint32_t low, key;  // a key of 0 = free
  int32_t destination, seen_seconds;
};

struct core {
  struct port ports[PORTS_MAX];  // searched in turn: the lab has two
  uint32_t port_count, last;     // a datagram often comes from where the last one came
  double *underlay, *bridge;
  const int32_t *destinations;
  uint8_t port_of[DESTINATIONS_MAX];
  uint32_t seed, entries;
  struct slot slots[SLOTS];
};

struct batch {
  struct core *core;
  struct words frames, copies;
  struct bytes arena;
  uint32_t count, copy_count;
  int32_t now_seconds;
  bool infer;  // the device told nothing about offloads, so the headers must
};

static inline uint32_t read16(const uint8_t *at) { return (uint32_t)at[0] << 8 | at[1]; }

static inline uint32_t read32(const uint8_t *at) {
  uint32_t word;
  memcpy(&word, at, sizeof word);
  return __builtin_bswap32(word);
}

// ---- decap

static inline bool is_from(const struct port *port, int32_t device, const int32_t *remote) {
  return port->device == device && memcmp(port->remote, remote, sizeof port->remote) == 0;
}

static inline int32_t find_port(struct core *core, int32_t device, int32_t vni, const int32_t *remote) {
  const struct port *last = &core->ports[core->last];
  if (last->vni == vni && is_from(last, device, remote)) return (int32_t)core->last;
  for (uint32_t i = 0; i < core->port_count; i++) {
    if (core->ports[i].vni != vni || !is_from(&core->ports[i], device, remote)) continue;
    core->last = i;
    return (int32_t)i;
  }
  return NONE;
}

static bool knows_remote(const struct core *core, int32_t device, const int32_t *remote) {
  for (uint32_t i = 0; i < core->port_count; i++)
    if (is_from(&core->ports[i], device, remote)) return true;
  return false;
}

// Which port the datagram belongs to, its row now that of the inner frame; or why it is dropped.
static inline int32_t decap(const struct batch *b, int32_t *row, uint32_t *port) {
  uint32_t offset = (uint32_t)row[FRAME_OFFSET], length = (uint32_t)row[FRAME_LENGTH];
  int32_t flags = row[FRAME_FLAGS];
  if (flags & (FRAME_TRUNCATED | FRAME_BAD_OUTER))
    return flags & FRAME_TRUNCATED ? DROP_DATAGRAM_TRUNCATED : DROP_OUTER_MALFORMED;
  if (offset > b->arena.length || length > b->arena.length - offset) return DROP_DATAGRAM_TRUNCATED;
  if (length < VXLAN_HEADER + ETHERNET_HEADER) return DROP_VXLAN_SHORT;
  const uint8_t *header = b->arena.at + offset;
  if (!(header[0] & VXLAN_FLAG_VNI)) return DROP_VXLAN_FLAGS;
  int32_t found = find_port(b->core, row[FRAME_VTEP], (int32_t)(read32(header + 4) >> 8), row + FRAME_REMOTE);
  if (found < 0)
    return knows_remote(b->core, row[FRAME_VTEP], row + FRAME_REMOTE) ? DROP_VNI_UNKNOWN : DROP_VTEP_UNKNOWN;
  row[FRAME_OFFSET] = (int32_t)(offset + VXLAN_HEADER);
  row[FRAME_LENGTH] = (int32_t)(length - VXLAN_HEADER);
  *port = (uint32_t)found;
  return KEPT;
}

// ---- inspect

static inline int32_t mix(uint32_t hash) {
  hash = (hash ^ hash >> 16) * 0x85ebca6bu;
  return (int32_t)((hash ^ hash >> 13) >> 1);
}

static inline bool has_ports(uint32_t protocol, uint32_t l4_bytes) {
  return (protocol == PROTOCOL_UDP && l4_bytes >= UDP_HEADER) || (protocol == PROTOCOL_TCP && l4_bytes >= TCP_HEADER);
}

// A checksum left undone is the plain pseudo-header sum, which comes not yet folded; `l4` is an offset in the frame. Below,
// `unfilled` is where those are counted, NULL = the device has told.
static void infer_offload(int32_t *row, const uint8_t *frame, uint32_t l4, uint32_t protocol, uint32_t sum, int32_t gso,
                          double *unfilled) {
  uint32_t csum = protocol == PROTOCOL_TCP ? TCP_CSUM : UDP_CSUM;
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  if (read16(frame + l4 + csum) != sum) return;
  (*unfilled)++;
  row[FRAME_FLAGS] |= FRAME_NEEDS_CSUM;
  row[FRAME_CSUM_START] = (int32_t)l4;
  row[FRAME_CSUM_OFFSET] = (int32_t)csum;
  if (protocol == PROTOCOL_TCP && row[FRAME_GSO_TYPE] == GSO_NONE) row[FRAME_GSO_TYPE] = gso;
}

static inline bool read_ipv4(int32_t *row, const uint8_t *frame, uint32_t length, uint32_t l3, double *unfilled) {
  if (length < l3 + IPV4_HEADER) return false;
  const uint8_t *ip = frame + l3;
  uint32_t header = (ip[0] & 15u) << 2, total = read16(ip + 2), protocol = ip[9];
  if (ip[0] >> 4 != 4 || header < IPV4_HEADER || total < header || l3 + total > length) return false;
  row[FRAME_FLAGS] |= (ip[1] & 3) << FRAME_ECN_SHIFT;
  uint32_t source = read32(ip + 12), target = read32(ip + 16), l4_bytes = total - header;
  bool whole = (read16(ip + 6) & FRAGMENT_MASK) == 0;
  if (!whole || !has_ports(protocol, l4_bytes)) {
    row[FRAME_FLOW] = mix(source ^ target ^ protocol);
    return true;
  }
  row[FRAME_FLOW] = mix(source ^ target ^ protocol ^ read32(ip + header) * 0x9e3779b1u);
  if (unfilled != NULL && l3 + total == length) {
    uint32_t sum = (source >> 16) + (source & 0xffff) + (target >> 16) + (target & 0xffff) + protocol + l4_bytes;
    infer_offload(row, frame, l3 + header, protocol, sum, GSO_TCPV4, unfilled);
  }
  return true;
}

static inline bool read_ipv6(int32_t *row, const uint8_t *frame, uint32_t length, uint32_t l3, double *unfilled) {
  if (length < l3 + IPV6_HEADER) return false;
  const uint8_t *ip = frame + l3;
  uint32_t l4_bytes = read16(ip + 4), protocol = ip[6], hash = protocol;
  if (ip[0] >> 4 != 6 || l3 + IPV6_HEADER + l4_bytes > length) return false;
  row[FRAME_FLAGS] |= (ip[1] >> 4 & 3) << FRAME_ECN_SHIFT;
  for (uint32_t word = 8; word < IPV6_HEADER; word += 4) hash = hash * 31 ^ read32(ip + word);
  if (!has_ports(protocol, l4_bytes)) {
    row[FRAME_FLOW] = mix(hash);
    return true;
  }
  row[FRAME_FLOW] = mix(hash ^ read32(ip + IPV6_HEADER) * 0x9e3779b1u);
  if (unfilled != NULL && l3 + IPV6_HEADER + l4_bytes == length) {
    uint32_t sum = protocol + l4_bytes;
    for (uint32_t half = 8; half < IPV6_HEADER; half += 2) sum += read16(ip + half);
    infer_offload(row, frame, l3 + IPV6_HEADER, protocol, sum, GSO_TCPV6, unfilled);
  }
  return true;
}

static inline bool read_inner(int32_t *row, const uint8_t *frame, uint32_t length, uint32_t header, double *unfilled) {
  uint32_t type = read16(frame + header - 2);
  if (type == ETHERTYPE_IPV4) return read_ipv4(row, frame, length, header, unfilled);
  if (type == ETHERTYPE_IPV6) return read_ipv6(row, frame, length, header, unfilled);
  row[FRAME_FLOW] = mix(read32(frame + 2) ^ read32(frame + 8) ^ (read16(frame) + read16(frame + 6)));
  return true;
}

static inline uint32_t ethernet_header(const uint8_t *frame, uint32_t length, uint32_t *vlan) {
  uint32_t type = read16(frame + 12);
  *vlan = 0;
  if (type != ETHERTYPE_VLAN && type != ETHERTYPE_SERVICE_VLAN) return ETHERNET_HEADER;
  if (length < ETHERNET_HEADER + VLAN_TAG) return ETHERNET_HEADER;
  *vlan = read16(frame + 14) & 0xfff;
  uint32_t bytes = ETHERNET_HEADER + VLAN_TAG;
  if (read16(frame + 16) == ETHERTYPE_VLAN && length >= bytes + VLAN_TAG) bytes += VLAN_TAG;
  return bytes;
}

static inline int32_t inspect(const struct batch *b, int32_t *row, uint32_t port) {
  double *unfilled = b->infer ? &b->core->ports[port].counters[UNFILLED_CHECKSUMS] : NULL;
  const uint8_t *frame = b->arena.at + (uint32_t)row[FRAME_OFFSET];
  uint32_t length = (uint32_t)row[FRAME_LENGTH], vlan;
  if (row[FRAME_FLAGS] & FRAME_BAD_OFFLOAD) return DROP_OFFLOAD_INVALID;
  uint32_t header = ethernet_header(frame, length, &vlan);
  if (!read_inner(row, frame, length, header, unfilled)) return DROP_INNER_MALFORMED;
  uint32_t high = read16(frame + 6), low = read32(frame + 8);
  if ((high & GROUP_BIT) || (high | low) == 0) return DROP_SOURCE_MAC_INVALID;
  row[FRAME_SOURCE_KEY] = (int32_t)(SLOT_TAKEN | vlan << 16 | high);
  row[FRAME_SOURCE_LOW] = (int32_t)low;
  row[FRAME_TARGET_KEY] = (int32_t)(SLOT_TAKEN | vlan << 16 | read16(frame));
  row[FRAME_TARGET_LOW] = (int32_t)read32(frame + 2);
  return KEPT;
}

// ---- learn, look up

// The slot that holds an address, or the free one where the search ends: at most a quarter is ever taken.
static inline struct slot *find_slot(struct core *core, uint32_t key, uint32_t low) {
  uint32_t hash = (low ^ (key ^ core->seed) * 0x9e3779b1u) * 0x85ebca6bu;
  for (uint32_t i = (hash ^ hash >> 15) & (SLOTS - 1);; i = (i + 1) & (SLOTS - 1)) {
    struct slot *slot = &core->slots[i];
    if (slot->key == 0 || (slot->key == key && slot->low == low)) return slot;
  }
}

static inline void learn(struct core *core, const int32_t *row, int32_t now_seconds) {
  uint32_t key = (uint32_t)row[FRAME_SOURCE_KEY], low = (uint32_t)row[FRAME_SOURCE_LOW];
  int32_t destination = row[FRAME_SOURCE];
  struct slot *slot = find_slot(core, key, low);
  if (slot->key == 0) {
    if (core->entries == ADDRESSES_MAX) return;
    core->entries++;
    core->bridge[FDB_LEARNED]++;
    *slot = (struct slot){.low = low, .key = key, .destination = destination, .seen_seconds = now_seconds};
    return;
  }
  if (slot->destination != destination) {
    core->bridge[FDB_MOVED]++;
    slot->destination = destination;
  }
  if (slot->seen_seconds != now_seconds) slot->seen_seconds = now_seconds;
}

static inline int32_t look_up(struct core *core, const int32_t *row) {
  uint32_t key = (uint32_t)row[FRAME_TARGET_KEY];
  if (key & GROUP_BIT) return FLOOD;
  const struct slot *slot = find_slot(core, key, (uint32_t)row[FRAME_TARGET_LOW]);
  return slot->key == 0 ? FLOOD : slot->destination;
}

// ---- deliver, account

static inline double *counters_of(const struct core *core, int32_t destination) {
  return core->ports[core->port_of[destination]].counters;
}

static inline void enqueue(struct batch *b, uint32_t frame, int32_t destination) {
  if (b->core->destinations[destination * DESTINATION_WORDS + DESTINATION_DEVICE] < 0) {
    counters_of(b->core, destination)[DROPS + DROP_PORT_DOWN]++;
    return;
  }
  int32_t *copy = b->copies.at + b->copy_count++ * COPY_WORDS;
  copy[COPY_FRAME] = (int32_t)frame;
  copy[COPY_DESTINATION] = destination;
}

static void flood(struct batch *b, uint32_t frame, const int32_t *row, const struct port *from) {
  uint32_t copies = 0;
  for (uint32_t i = 0; i < b->core->port_count; i++) {
    if (b->core->ports[i].destination == row[FRAME_SOURCE]) continue;
    enqueue(b, frame, b->core->ports[i].destination);
    copies++;
  }
  if (copies == 0) from->counters[DROPS + DROP_NO_DESTINATION]++;
  else b->core->bridge[FLOOD_COPIES] += copies - 1;
}

static void count(double *counters, uint32_t first, uint32_t packets, uint64_t bytes) {
  if (packets == 0) return;
  counters[first] += packets;
  counters[first + 1] += (double)bytes;
}

// Decap, inspect and learn, row by row: what any frame of the batch taught serves all when they are looked up.
static void take_in(struct batch *b) {
  struct core *core = b->core;
  uint64_t all_bytes = 0, bytes = 0;
  uint32_t packets = 0, run = 0;
  for (uint32_t i = 0; i < b->count; i++) {
    int32_t *row = b->frames.at + i * FRAME_WORDS;
    uint32_t port = 0;
    all_bytes += (uint32_t)row[FRAME_LENGTH];
    int32_t reason = decap(b, row, &port);
    row[FRAME_PORT] = DROPPED_PORT;
    if (reason != KEPT) {
      core->underlay[DROPS + reason]++;
      continue;
    }
    if (port != run) {
      count(core->ports[run].counters, RX_PACKETS, packets, bytes);
      run = port;
      packets = 0;
      bytes = 0;
    }
    packets++;
    bytes += (uint32_t)row[FRAME_LENGTH];
    reason = inspect(b, row, port);
    if (reason != KEPT) {
      core->ports[port].counters[DROPS + reason]++;
      continue;
    }
    row[FRAME_PORT] = (int32_t)port + 1;
    row[FRAME_SOURCE] = core->ports[port].destination;
    learn(core, row, b->now_seconds);
  }
  count(core->ports[run].counters, RX_PACKETS, packets, bytes);
  count(core->underlay, RX_PACKETS, b->count, all_bytes);
}

static void send_out(struct batch *b) {
  for (uint32_t i = 0; i < b->count; i++) {
    const int32_t *row = b->frames.at + i * FRAME_WORDS;
    if (row[FRAME_PORT] == DROPPED_PORT) continue;
    const struct port *from = &b->core->ports[row[FRAME_PORT] - 1];
    int32_t target = look_up(b->core, row);
    if (target == row[FRAME_SOURCE]) from->counters[DROPS + DROP_SPLIT_HORIZON]++;
    else if (target == FLOOD) flood(b, i, row, from);
    else enqueue(b, i, target);
  }
}

// What became of each copy; neighbours mostly go to one destination and are summed up.
static void account(const struct core *core, const int32_t *frames, const int32_t *copies, uint32_t copy_count) {
  int32_t run = copy_count > 0 ? copies[COPY_DESTINATION] : 0;
  uint32_t packets = 0;
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < copy_count; i++) {
    const int32_t *copy = copies + i * COPY_WORDS;
    if (copy[COPY_DESTINATION] != run) {
      count(counters_of(core, run), TX_PACKETS, packets, bytes);
      run = copy[COPY_DESTINATION];
      packets = 0;
      bytes = 0;
    }
    if (copy[COPY_RESULT] == 0) {
      packets++;
      bytes += (uint32_t)frames[copy[COPY_FRAME] * FRAME_WORDS + FRAME_LENGTH];
    } else {
      counters_of(core, run)[DROPS - copy[COPY_RESULT]]++;
    }
  }
  count(counters_of(core, run), TX_PACKETS, packets, bytes);
}

// ---- the calls

static void release(napi_env env, void *core, void *hint) {
  (void)env;
  (void)hint;
  free(core);
}

static struct core *take_state(struct arguments *a) {
  void *state = NULL;
  if (!a->ok || a->next >= a->count || napi_get_value_external(a->env, a->value[a->next++], &state) != napi_ok) {
    if (a->ok) napi_throw_type_error(a->env, NULL, "expected what open() returned");
    a->ok = false;
  }
  return state;
}

static bool is_valid_port(const int32_t *row, uint32_t counters_max) {
  return (uint32_t)row[6] < DESTINATIONS_MAX && (uint64_t)(uint32_t)row[7] + COUNTERS_MAX <= counters_max;
}

static struct port port_at(const int32_t *row, double *counters) {
  struct port port = {.device = row[0], .vni = row[1], .destination = row[6], .counters = counters + row[7]};
  memcpy(port.remote, row + 2, sizeof port.remote);
  return port;
}

// open(ports, destinations, counters, underlay, bridge) -> state. `ports`: device, VNI, four words of the remote,
// destination, index of its first counter; the last two are the same for underlay and bridge. The caller keeps both
// tables, which are shared memory, as long as the state; `counters` are their bytes.
static napi_value open_core(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  struct words ports = take_words(&a), destinations = take_words(&a);
  struct bytes counters = take_bytes(&a);
  uint32_t counters_max = counters.length / sizeof(double);
  uint32_t underlay = take_uint(&a, INT32_MAX), bridge = take_uint(&a, INT32_MAX);
  if (!a.ok) return NULL;
  uint32_t port_count = ports.count / PORT_WORDS;
  bool valid = port_count > 0 && port_count <= PORTS_MAX && destinations.count >= DESTINATIONS_MAX * DESTINATION_WORDS &&
               underlay + COUNTERS_MAX <= counters_max && bridge + COUNTERS_MAX <= counters_max;
  for (uint32_t i = 0; valid && i < port_count; i++) valid = is_valid_port(ports.at + i * PORT_WORDS, counters_max);
  if (!valid) return throw_errno(env, "open", EINVAL);
  struct core *core = calloc(1, sizeof *core);
  if (!core) return throw_errno(env, "open", ENOMEM);
  double *all = (double *)(void *)counters.at;
  core->underlay = all + underlay;
  core->bridge = all + bridge;
  core->destinations = destinations.at;
  core->port_count = port_count;
  for (uint32_t i = 0; i < port_count; i++) {
    core->ports[i] = port_at(ports.at + i * PORT_WORDS, all);
    core->port_of[core->ports[i].destination] = (uint8_t)i;
  }
  napi_value state = NULL;
  if (getrandom(&core->seed, sizeof core->seed, 0) < 0 ||
      napi_create_external(env, core, release, NULL, &state) != napi_ok) {
    free(core);
    return throw_errno(env, "open", EIO);
  }
  return state;
}

// forward(frames, count, arena, copies, state, nowSeconds, infer) -> copies to transmit, written to `copies`.
static napi_value forward(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  struct batch b = {.frames = take_words(&a)};
  b.count = take_uint(&a, b.frames.count / FRAME_WORDS);
  b.arena = take_bytes(&a);
  b.copies = take_words(&a);
  b.core = take_state(&a);
  b.now_seconds = take_int(&a);
  b.infer = take_uint(&a, 1);
  if (!a.ok) return NULL;
  if ((uint64_t)b.count * b.core->port_count > b.copies.count / COPY_WORDS) return throw_errno(env, "forward", EINVAL);
  take_in(&b);
  send_out(&b);
  return int_value(env, (int32_t)b.copy_count);
}

// account(frames, copies, count, state): counts what became of the copies, once they are transmitted.
static napi_value account_copies(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  struct words frames = take_words(&a), copies = take_words(&a);
  uint32_t copy_count = take_uint(&a, copies.count / COPY_WORDS);
  struct core *core = take_state(&a);
  if (!a.ok) return NULL;
  account(core, frames.at, copies.at, copy_count);
  return undefined_value(env);
}

static void offer(napi_env env, napi_value exports, const char *name, napi_callback call) {
  napi_value function;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, call, NULL, &function) == napi_ok)
    napi_set_named_property(env, exports, name, function);
}

NAPI_MODULE_INIT() {
  offer(env, exports, "open", open_core);
  offer(env, exports, "forward", forward);
  offer(env, exports, "account", account_copies);
  return exports;
}
