#include "outer-header.h"

// Identifications of datagrams that may be fragmented on their way (RFC 6864 section 4.3): of all threads, for the pairs of
// addresses are shared among them. The kernel numbers the datagrams of a train from the first one's on.
static uint16_t identification;

void outer_allow_fragments(uint8_t *out, uint32_t datagrams) {
  uint8_t *ip = out + OUTER_ETHERNET;
  uint16_t first = __atomic_fetch_add(&identification, (uint16_t)datagrams, __ATOMIC_RELAXED);
  uint32_t change = replace16(ip + 4, htons(first)) + replace16(ip + 6, 0);
  store16(ip + 10, (uint16_t)~checksum_fold((uint32_t)(uint16_t)~load16(ip + 10) + change));
}
