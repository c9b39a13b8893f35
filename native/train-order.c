#include "train-order.h"

#include <string.h>

enum { TABLE = 2048, TABLE_SHIFT = 53 };  // a power of two above COPIES_MAX, so that probing ends; 64 - its logarithm
enum { LENGTH_BITS = 17, ROUND_BITS = 10, KEY_BYTES = 5 };  // a sort key: group 10 | round 10 | length 17, below 2^40

// A small hash table from 64-bit keys to the numbers 0, 1, 2 … in order of first appearance.
struct numbering {
  uint64_t keys[COPIES_MAX];
  uint16_t slots[TABLE];  // number + 1, 0 = free
  uint32_t count;
};

static uint32_t number_of(struct numbering *n, uint64_t key) {
  uint32_t at = (uint32_t)((key * 0x9e3779b97f4a7c15u) >> TABLE_SHIFT);
  while (n->slots[at] != 0 && n->keys[n->slots[at] - 1] != key) at = (at + 1) & (TABLE - 1);
  if (n->slots[at] == 0) {
    n->keys[n->count] = key;
    n->slots[at] = (uint16_t)++n->count;
  }
  return n->slots[at] - 1u;
}

static void start(struct numbering *n) {
  memset(n->slots, 0, sizeof n->slots);
  n->count = 0;
}

// Numbers of the trains, and how many copies each has; true if all copies of each train are of one length.
static bool group(const struct passenger *passengers, uint32_t count, uint16_t *groups, uint16_t *sizes, uint32_t *known) {
  struct numbering trains;
  uint32_t lengths[COPIES_MAX];
  bool equal = true;
  start(&trains);
  for (uint32_t i = 0; i < count; i++) {
    // Neighbours mostly board the same one.
    if (i > 0 && passengers[i].train == passengers[i - 1].train) {
      groups[i] = groups[i - 1];
    } else {
      uint32_t before = trains.count;
      groups[i] = (uint16_t)number_of(&trains, passengers[i].train);
      if (trains.count > before) {
        sizes[groups[i]] = 0;
        lengths[groups[i]] = passengers[i].length;
      }
    }
    sizes[groups[i]]++;
    equal = equal && lengths[groups[i]] == passengers[i].length;
  }
  *known = trains.count;
  return equal;
}

// Train by train, each in the order of arrival.
static void order_by_group(const uint16_t *groups, uint16_t *sizes, uint32_t known, uint32_t count, uint16_t *order) {
  uint16_t next = 0;
  for (uint32_t g = 0; g < known; g++) {
    uint16_t size = sizes[g];
    sizes[g] = next;
    next = (uint16_t)(next + size);
  }
  for (uint32_t i = 0; i < count; i++) order[sizes[groups[i]]++] = (uint16_t)i;
}

static void write_keys(const struct passenger *passengers, const uint16_t *groups, uint32_t count, uint64_t *keys) {
  struct numbering flows;
  uint32_t lengths[COPIES_MAX], rounds[COPIES_MAX];
  start(&flows);
  for (uint32_t i = 0; i < count; i++) {
    uint32_t before = flows.count;
    uint32_t flow = number_of(&flows, (uint64_t)groups[i] << 32 | passengers[i].flow);
    uint32_t length = passengers[i].length;
    if (flows.count > before) rounds[flow] = 0;
    else if (length > lengths[flow]) rounds[flow]++;
    lengths[flow] = length;
    keys[i] = (uint64_t)groups[i] << (ROUND_BITS + LENGTH_BITS) | (uint64_t)rounds[flow] << LENGTH_BITS |
              ((1u << LENGTH_BITS) - 1 - length);
  }
}

// A stable radix sort, a byte at a time from the lowest; bytes in which all keys agree are passed over.
static void sort_by_key(const uint64_t *keys, uint32_t count, uint16_t *order) {
  uint16_t other[COPIES_MAX], *from = order, *to = other;
  for (uint32_t i = 0; i < count; i++) order[i] = (uint16_t)i;
  for (uint32_t byte = 0; byte < KEY_BYTES; byte++) {
    uint16_t counts[256] = {0};
    for (uint32_t i = 0; i < count; i++) counts[(uint8_t)(keys[i] >> 8 * byte)]++;
    if (counts[(uint8_t)(keys[0] >> 8 * byte)] == count) continue;
    uint16_t next = 0;
    for (uint32_t value = 0; value < 256; value++) {
      uint16_t size = counts[value];
      counts[value] = next;
      next = (uint16_t)(next + size);
    }
    for (uint32_t i = 0; i < count; i++) to[counts[(uint8_t)(keys[from[i]] >> 8 * byte)]++] = from[i];
    uint16_t *swap = from;
    from = to;
    to = swap;
  }
  if (from != order) memcpy(order, from, count * sizeof *order);
}

void train_order(const struct passenger *passengers, uint32_t count, uint16_t *order) {
  uint16_t groups[COPIES_MAX], sizes[COPIES_MAX];
  uint32_t known;
  if (count == 0) return;
  if (group(passengers, count, groups, sizes, &known)) {
    order_by_group(groups, sizes, known, count, order);
    return;
  }
  uint64_t keys[COPIES_MAX];
  write_keys(passengers, groups, count, keys);
  sort_by_key(keys, count, order);
}
