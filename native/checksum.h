// The Internet checksum (RFC 1071) over native byte order, as the kernel keeps it.
#ifndef VXSWITCH_CHECKSUM_H
#define VXSWITCH_CHECKSUM_H

#include <stdint.h>
#include <string.h>

static inline uint16_t load16(const uint8_t *p) {
  uint16_t v;
  memcpy(&v, p, sizeof v);
  return v;
}

static inline uint32_t load32(const uint8_t *p) {
  uint32_t v;
  memcpy(&v, p, sizeof v);
  return v;
}

static inline void store16(uint8_t *p, uint16_t v) { memcpy(p, &v, sizeof v); }
static inline void store32(uint8_t *p, uint32_t v) { memcpy(p, &v, sizeof v); }

// Adds `length` bytes to a running sum, as 16-bit words in memory order. The result fits 32 bits.
uint32_t checksum_add(const uint8_t *p, uint32_t length, uint32_t sum);

// Folds a running sum to 16 bits, not complemented.
static inline uint16_t checksum_fold(uint32_t sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)sum;
}

#endif
