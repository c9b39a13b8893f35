/*
 * Sends pre-built VXLAN datagrams out of a client's device, as fast as one core can or at a given rate, until a time or
 * a number of frames is reached, and prints {"frames": n, "seconds": s} at the end. Started by generator.ts inside the
 * client's namespace.
 *
 * The frames leave through an AF_XDP transmit ring in copy mode without an XDP program: the fastest way over veth
 * that still sends each frame on its own. Trains (UDP GSO) would be faster, but would flatter a receiver with GRO.
 *
 *   Ethernet 14 | IPv4 20 | UDP 8 | VXLAN 8 | inner Ethernet 14 | inner IPv4 20 | inner UDP 8 | zeros
 *   0             14        34      42        50                  64              84            92
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_ether.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef XDP_MAX_TX_SKB_BUDGET /* since Linux 6.17 */
#define XDP_MAX_TX_SKB_BUDGET 9
#endif

enum {
  OUTER_CHECKSUM_OFFSET = 40,
  INNER_OFFSET = 50,
  INNER_BYTES_MIN = 60,
  INNER_BYTES_MAX = 1464, /* outer IPv4 then fills an MTU of 1500 */
  SLOT_BYTES = 2048,
  SLOT_COUNT = 4096, /* of the rings and of the UMEM: one pre-built frame a slot */
  BATCH_FRAMES = 64,
  SIZES_MAX = 16,
  VXLAN_PORT = 4789,
  SECONDS_MAX = 600,
  RATE_MAX = 100000000,
  FRAMES_MAX = 1000000000,
  ADDRESSES_MAX = 1 << 24,
  DRAIN_SECONDS_MAX = 1, /* for frames that the receiver has not yet freed */
  BIND_ATTEMPTS = 100,
  PAUSE_NS = 50000, /* between two looks at the clock when ahead of the rate */
};

struct options {
  const char *device;
  uint8_t outer_mac_from[6], outer_mac_to[6], inner_mac_from[6], inner_mac_to[6];
  struct in_addr outer_from, outer_to, inner_from, inner_to;
  uint32_t vni, flow_count, rate, size_count;
  uint32_t source_count, destination_count; /* inner addresses, counted up from inner_mac_from and inner_mac_to */
  uint32_t frame_limit;                     /* 0: none */
  uint32_t sizes[SIZES_MAX];
  double seconds;
};

/* Positions count frames since the start and wrap; a ring index is a position modulo SLOT_COUNT. */
struct ring {
  int socket;
  uint8_t *umem;
  struct xdp_desc *descriptors;
  _Atomic uint32_t *transmit_producer, *completion_producer, *completion_consumer;
  uint32_t produced, completed;
  uint32_t frame_count; /* frames that stand ready in the UMEM */
  struct xdp_desc frames[SLOT_COUNT];
};

static volatile sig_atomic_t stopped;

static void stop(int signal_number) {
  (void)signal_number;
  stopped = 1;
}

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("generator: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(1);
}

static double seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---------------------------------------------------------------------------------------------------- arguments */

static uint32_t parse_number(const char *name, const char *text, uint32_t min, uint32_t max) {
  char *end;
  errno = 0;
  unsigned long long value = strtoull(text, &end, 10);
  if (errno || end == text || *end || *text == '-' || value < min || value > max)
    fail("--%s: expected a number from %u to %u, got \"%s\"", name, min, max, text);
  return (uint32_t)value;
}

static void parse_mac(const char *name, const char *text, uint8_t mac[6]) {
  int length = 0;
  int fields = sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
                      &mac[5], &length);
  if (fields != 6 || text[length])
    fail("--%s: expected a MAC address, got \"%s\"", name, text);
}

static void parse_address(const char *name, const char *text, struct in_addr *address) {
  if (inet_pton(AF_INET, text, address) != 1)
    fail("--%s: expected an IPv4 address, got \"%s\"", name, text);
}

static void parse_sizes(const char *name, char *text, struct options *options) {
  options->size_count = 0;
  for (char *size = strtok(text, ","); size; size = strtok(NULL, ",")) {
    if (options->size_count == SIZES_MAX)
      fail("--%s: at most %d sizes", name, SIZES_MAX);
    options->sizes[options->size_count++] = parse_number(name, size, INNER_BYTES_MIN, INNER_BYTES_MAX);
  }
}

static const struct option OPTIONS[] = {
    {"device", required_argument, 0, 'd'},         {"vni", required_argument, 0, 'v'},
    {"outer-mac-from", required_argument, 0, 'a'}, {"outer-mac-to", required_argument, 0, 'b'},
    {"outer-from", required_argument, 0, 'e'},     {"outer-to", required_argument, 0, 'f'},
    {"inner-mac-from", required_argument, 0, 'g'}, {"inner-mac-to", required_argument, 0, 'h'},
    {"inner-from", required_argument, 0, 'i'},     {"inner-to", required_argument, 0, 'j'},
    {"sizes", required_argument, 0, 's'},          {"flows", required_argument, 0, 'n'},
    {"rate", required_argument, 0, 'r'},           {"seconds", required_argument, 0, 't'},
    {"sources", required_argument, 0, 'k'},        {"destinations", required_argument, 0, 'l'},
    {"frames", required_argument, 0, 'm'},
    {0, 0, 0, 0},
};

static void parse_option(int option, const char *name, struct options *options) {
  switch (option) {
  case 'd': options->device = optarg; return;
  case 'v': options->vni = parse_number(name, optarg, 0, 0xffffff); return;
  case 'a': parse_mac(name, optarg, options->outer_mac_from); return;
  case 'b': parse_mac(name, optarg, options->outer_mac_to); return;
  case 'e': parse_address(name, optarg, &options->outer_from); return;
  case 'f': parse_address(name, optarg, &options->outer_to); return;
  case 'g': parse_mac(name, optarg, options->inner_mac_from); return;
  case 'h': parse_mac(name, optarg, options->inner_mac_to); return;
  case 'i': parse_address(name, optarg, &options->inner_from); return;
  case 'j': parse_address(name, optarg, &options->inner_to); return;
  case 's': parse_sizes(name, optarg, options); return;
  case 'n': options->flow_count = parse_number(name, optarg, 1, SLOT_COUNT); return;
  case 'r': options->rate = parse_number(name, optarg, 0, RATE_MAX); return;
  case 't': options->seconds = parse_number(name, optarg, 1, SECONDS_MAX); return;
  case 'k': options->source_count = parse_number(name, optarg, 1, ADDRESSES_MAX); return;
  case 'l': options->destination_count = parse_number(name, optarg, 1, ADDRESSES_MAX); return;
  case 'm': options->frame_limit = parse_number(name, optarg, 0, FRAMES_MAX); return;
  default: exit(2); /* getopt has said why */
  }
}

/* Every option must be given, so that no default can send a frame to a place nobody named. */
static struct options parse_options(int count, char **arguments) {
  struct options options = {0};
  bool given[sizeof OPTIONS / sizeof *OPTIONS] = {0};
  int option, index = 0;
  while ((option = getopt_long(count, arguments, "", OPTIONS, &index)) != -1) {
    parse_option(option, OPTIONS[index].name, &options);
    given[index] = true;
  }
  if (optind < count)
    fail("unexpected argument \"%s\"", arguments[optind]);
  for (index = 0; OPTIONS[index].name; index++)
    if (!given[index])
      fail("--%s is missing", OPTIONS[index].name);
  if (options.size_count == 0 || options.size_count * options.flow_count > SLOT_COUNT)
    fail("sizes times flows must be 1 to %d", SLOT_COUNT);
  return options;
}

/* ------------------------------------------------------------------------------------------------------- frames */

static void put16(uint8_t *to, uint32_t value) {
  to[0] = (uint8_t)(value >> 8);
  to[1] = (uint8_t)value;
}

static uint32_t sum16(const uint8_t *bytes, uint32_t length, uint32_t sum) {
  for (; length > 1; length -= 2, bytes += 2)
    sum += (uint32_t)bytes[0] << 8 | bytes[1];
  return length ? sum + ((uint32_t)bytes[0] << 8) : sum;
}

static uint32_t fold_complement(uint32_t sum) {
  while (sum >> 16)
    sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

static void put_ethernet(uint8_t *at, const uint8_t to[6], const uint8_t from[6]) {
  memcpy(at, to, 6);
  memcpy(at + 6, from, 6);
  put16(at + 12, ETH_P_IP);
}

static void put_ipv4(uint8_t *at, uint32_t identification, uint32_t total_bytes, struct in_addr from,
                     struct in_addr to) {
  memset(at, 0, 20);
  at[0] = 0x45;
  put16(at + 2, total_bytes);
  put16(at + 4, identification);
  at[8] = 64; /* TTL */
  at[9] = IPPROTO_UDP;
  memcpy(at + 12, &from, 4);
  memcpy(at + 16, &to, 4);
  put16(at + 10, fold_complement(sum16(at, 20, 0)));
}

/* Of UDP, where zero would mean that there is none. */
static void put_checksum(uint8_t *at, uint32_t sum) {
  uint32_t checksum = fold_complement(sum);
  put16(at, checksum ? checksum : 0xffff);
}

/* The IPv4 header must stand before it, the payload behind it: the checksum covers both. */
static void put_udp(uint8_t *at, uint32_t from_port, uint32_t to_port, uint32_t udp_bytes) {
  put16(at, from_port);
  put16(at + 2, to_port);
  put16(at + 4, udp_bytes);
  put16(at + 6, 0);
  uint32_t addresses = sum16(at - 8, 8, 0);
  put_checksum(at + 6, sum16(at, udp_bytes, addresses + IPPROTO_UDP + udp_bytes));
}

/* As a kernel vxlan device does: the flow's hash, scaled to the range of local ports. */
static uint32_t outer_port(uint32_t flow) {
  uint32_t hash = (flow + 1) * 2654435761u;
  return 32768 + (uint32_t)((uint64_t)hash * (61000 - 32768) >> 32);
}

/* A kernel client leaves DF unset and counts up the identification, which lets GRO merge its datagrams: so do we. */
static void build_frame(uint8_t *frame, const struct options *options, uint32_t identification, uint32_t flow,
                        uint32_t inner_bytes) {
  uint8_t *inner = frame + INNER_OFFSET;
  put_ethernet(inner, options->inner_mac_to, options->inner_mac_from);
  put_ipv4(inner + 14, identification, inner_bytes - 14, options->inner_from, options->inner_to);
  put_udp(inner + 34, 10000 + flow, 9, inner_bytes - 34);

  put_ethernet(frame, options->outer_mac_to, options->outer_mac_from);
  put_ipv4(frame + 14, identification, inner_bytes + INNER_OFFSET - 14, options->outer_from, options->outer_to);
  frame[42] = 0x08; /* the VNI is valid */
  put16(frame + 46, options->vni >> 8);
  frame[48] = (uint8_t)options->vni;
  put_udp(frame + 34, outer_port(flow), VXLAN_PORT, inner_bytes + INNER_OFFSET - 34);
}

/*
 * Fills the slots with the frames in the order in which they leave, over and over. The flow changes with each frame,
 * the size both from frame to frame and within a flow.
 */
static void build_frames(struct ring *ring, const struct options *options) {
  const uint32_t combinations = options->size_count * options->flow_count;
  ring->frame_count = SLOT_COUNT / combinations * combinations;
  for (uint32_t slot = 0; slot < ring->frame_count; slot++) {
    uint32_t flow = slot % options->flow_count;
    uint32_t inner_bytes = options->sizes[(flow + slot / options->flow_count) % options->size_count];
    build_frame(ring->umem + (size_t)slot * SLOT_BYTES, options, slot, flow, inner_bytes);
    ring->frames[slot] =
        (struct xdp_desc){.addr = (uint64_t)slot * SLOT_BYTES, .len = inner_bytes + INNER_OFFSET};
  }
}

/* Adds to the lower three bytes, which are zero in the first of several addresses. */
static void put_address(uint8_t *to, const uint8_t first[6], uint32_t index) {
  memcpy(to, first, 6);
  to[3] = (uint8_t)(first[3] + (index >> 16));
  to[4] = (uint8_t)(first[4] + (index >> 8));
  to[5] = (uint8_t)(first[5] + index);
}

/* Each index once in `count` positions, and far from the one before: so that tables are walked as many hosts do. */
static uint32_t scattered(uint64_t position, uint32_t count) {
  const uint64_t prime = 2654435761u;
  return (uint32_t)(position % count * (prime % count) % count);
}

/* Gives a frame that has left before other inner addresses. Of the checksums, only the outer one covers them (RFC 1624). */
static void readdress(uint8_t *frame, const struct options *options, uint64_t position) {
  uint8_t *inner = frame + INNER_OFFSET;
  uint8_t *checksum = frame + OUTER_CHECKSUM_OFFSET;
  uint32_t sum = (~((uint32_t)checksum[0] << 8 | checksum[1]) & 0xffff) + fold_complement(sum16(inner, 12, 0));
  put_address(inner, options->inner_mac_to, scattered(position, options->destination_count));
  put_address(inner + 6, options->inner_mac_from, scattered(position, options->source_count));
  put_checksum(checksum, sum16(inner, 12, sum));
}

/* --------------------------------------------------------------------------------------------------------- ring */

static void set_option(int socket, int option, const char *name, const void *value, socklen_t bytes) {
  if (setsockopt(socket, SOL_XDP, option, value, bytes))
    fail("setsockopt %s: %s", name, strerror(errno));
}

static uint8_t *map_ring(int socket, size_t bytes, off_t page_offset) {
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, socket, page_offset);
  if (memory == MAP_FAILED)
    fail("mmap of a ring: %s", strerror(errno));
  return memory;
}

static void map_rings(struct ring *ring) {
  struct xdp_mmap_offsets offsets;
  socklen_t bytes = sizeof offsets;
  if (getsockopt(ring->socket, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &bytes) || bytes != sizeof offsets)
    fail("getsockopt XDP_MMAP_OFFSETS: %s", strerror(errno));
  uint8_t *transmit =
      map_ring(ring->socket, offsets.tx.desc + SLOT_COUNT * sizeof(struct xdp_desc), XDP_PGOFF_TX_RING);
  uint8_t *completion =
      map_ring(ring->socket, offsets.cr.desc + SLOT_COUNT * sizeof(uint64_t), XDP_UMEM_PGOFF_COMPLETION_RING);
  ring->descriptors = (struct xdp_desc *)(transmit + offsets.tx.desc);
  ring->transmit_producer = (_Atomic uint32_t *)(transmit + offsets.tx.producer);
  ring->completion_producer = (_Atomic uint32_t *)(completion + offsets.cr.producer);
  ring->completion_consumer = (_Atomic uint32_t *)(completion + offsets.cr.consumer);
}

/* The kernel frees the queue of an earlier generator only some time after its end. */
static void bind_ring(const struct ring *ring, const char *device) {
  const struct timespec pause = {.tv_nsec = 20000000};
  struct sockaddr_xdp address = {.sxdp_family = AF_XDP, .sxdp_flags = XDP_COPY};
  address.sxdp_ifindex = if_nametoindex(device);
  if (!address.sxdp_ifindex)
    fail("device %s: %s", device, strerror(errno));
  for (int attempt = 0; bind(ring->socket, (struct sockaddr *)&address, sizeof address); attempt++) {
    if (errno != EBUSY || attempt == BIND_ATTEMPTS)
      fail("bind to %s: %s", device, strerror(errno));
    nanosleep(&pause, NULL);
  }
}

static void open_ring(struct ring *ring, const char *device) {
  ring->socket = socket(AF_XDP, SOCK_RAW, 0);
  if (ring->socket < 0)
    fail("socket AF_XDP: %s (needs CONFIG_XDP_SOCKETS and CAP_NET_RAW)", strerror(errno));
  size_t umem_bytes = (size_t)SLOT_COUNT * SLOT_BYTES;
  ring->umem = mmap(NULL, umem_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (ring->umem == MAP_FAILED)
    fail("mmap of the frames: %s", strerror(errno));
  struct xdp_umem_reg umem = {.addr = (uintptr_t)ring->umem, .len = umem_bytes, .chunk_size = SLOT_BYTES};
  const int slots = SLOT_COUNT, budget = BATCH_FRAMES;
  set_option(ring->socket, XDP_UMEM_REG, "XDP_UMEM_REG", &umem, sizeof umem);
  /* bind wants the fill ring too, although nothing is received. */
  set_option(ring->socket, XDP_UMEM_FILL_RING, "XDP_UMEM_FILL_RING", &slots, sizeof slots);
  set_option(ring->socket, XDP_UMEM_COMPLETION_RING, "XDP_UMEM_COMPLETION_RING", &slots, sizeof slots);
  set_option(ring->socket, XDP_TX_RING, "XDP_TX_RING", &slots, sizeof slots);
  /* Where the kernel does not know it, a batch takes two calls instead of one. */
  (void)setsockopt(ring->socket, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &budget, sizeof budget);
  map_rings(ring);
  bind_ring(ring, device);
}

/* One sendto takes 32 frames on older kernels; what it leaves in the ring goes with the next one. */
static void kick(const struct ring *ring) {
  if (sendto(ring->socket, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0)
    return;
  if (errno != EAGAIN && errno != EBUSY && errno != ENOBUFS && errno != EINTR)
    fail("sendto: %s", strerror(errno));
}

/*
 * Only how many frames have left matters, not which: the kernel copies them in order, so while no more than frame_count
 * are under way, the slot whose turn it is holds a frame that has been copied.
 */
static void reclaim(struct ring *ring) {
  ring->completed = atomic_load_explicit(ring->completion_producer, memory_order_acquire);
  atomic_store_explicit(ring->completion_consumer, ring->completed, memory_order_release);
}

/* ------------------------------------------------------------------------------------------------------ sending */

static uint32_t min(uint32_t a, uint32_t b) {
  return a < b ? a : b;
}

/*
 * What came to be due while this process did not run is not made up for: a burst at full speed is not the rate that was
 * asked for. `forgiven` counts those frames.
 */
static uint32_t frames_due(const struct options *options, double elapsed, uint64_t sent, double *forgiven) {
  uint32_t left = options->frame_limit ? options->frame_limit - (uint32_t)sent : BATCH_FRAMES;
  if (options->rate == 0)
    return min(left, BATCH_FRAMES);
  double due = elapsed * options->rate - (double)sent - *forgiven;
  if (due > BATCH_FRAMES) {
    *forgiven += due - BATCH_FRAMES;
    due = BATCH_FRAMES;
  }
  return due < 1 ? 0 : min(left, (uint32_t)due);
}

static void queue_frame(struct ring *ring, const struct options *options, uint64_t position) {
  struct xdp_desc frame = ring->frames[position % ring->frame_count];
  if (options->source_count > 1 || options->destination_count > 1)
    readdress(ring->umem + frame.addr, options, position);
  ring->descriptors[ring->produced++ % SLOT_COUNT] = frame;
}

/* Waits for the last frames, so that what was sent is known to the frame. */
static void drain(struct ring *ring) {
  const struct timespec pause = {.tv_nsec = PAUSE_NS};
  const double end = seconds_now() + DRAIN_SECONDS_MAX;
  for (reclaim(ring); ring->produced != ring->completed && seconds_now() < end; reclaim(ring)) {
    kick(ring);
    nanosleep(&pause, NULL);
  }
}

/* Sends until the time or the number of frames is reached; returns the frames. */
static uint64_t send_frames(struct ring *ring, const struct options *options) {
  const struct timespec pause = {.tv_nsec = PAUSE_NS};
  const double start = seconds_now();
  uint64_t sent = 0;
  double forgiven = 0;
  for (double elapsed = 0; elapsed < options->seconds && !stopped; elapsed = seconds_now() - start) {
    if (options->frame_limit && sent == options->frame_limit)
      break;
    reclaim(ring);
    uint32_t room = ring->frame_count - (ring->produced - ring->completed);
    uint32_t due = frames_due(options, elapsed, sent, &forgiven);
    if (due == 0)
      nanosleep(&pause, NULL);
    for (uint32_t count = min(due, room); count > 0; count--)
      queue_frame(ring, options, sent++);
    atomic_store_explicit(ring->transmit_producer, ring->produced, memory_order_release);
    if (ring->produced != ring->completed)
      kick(ring);
  }
  return sent;
}

int main(int count, char **arguments) {
  struct options options = parse_options(count, arguments);
  static struct ring ring;
  open_ring(&ring, options.device);
  build_frames(&ring, &options);
  signal(SIGINT, stop);
  signal(SIGTERM, stop);
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
  double start = seconds_now();
  uint64_t sent = send_frames(&ring, &options);
  double seconds = seconds_now() - start;
  drain(&ring);
  sent -= ring.produced - ring.completed;
  printf("{\"frames\": %llu, \"seconds\": %.3f}\n", (unsigned long long)sent, seconds);
  return 0;
}
