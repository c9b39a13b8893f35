#include "checksum.h"

// 32-bit words are added into 64-bit accumulators, which cannot overflow below 16 GiB; compilers turn the four
// independent accumulators into vector code, and the carries are folded in once at the end (RFC 1071 section 2).
uint32_t checksum_add(const uint8_t *p, uint32_t length, uint32_t sum) {
  uint64_t a = sum, b = 0, c = 0, d = 0;
  for (; length >= 16; p += 16, length -= 16) {
    a += load32(p);
    b += load32(p + 4);
    c += load32(p + 8);
    d += load32(p + 12);
  }
  for (; length >= 4; p += 4, length -= 4) a += load32(p);
  if (length >= 2) {
    b += load16(p);
    p += 2;
    length -= 2;
  }
  if (length) {
    uint8_t last[2] = {*p, 0};
    c += load16(last);
  }
  // Each fits 63 bits; fold every 32-bit half before they meet, so that no carry is lost.
  uint64_t total = (a & 0xffffffff) + (a >> 32) + (b & 0xffffffff) + (b >> 32) + (c & 0xffffffff) + (c >> 32) +
                   (d & 0xffffffff) + (d >> 32);
  total = (total & 0xffffffff) + (total >> 32);
  total = (total & 0xffff) + ((total >> 16) & 0xffff) + (total >> 32);
  return (uint32_t)total;
}
