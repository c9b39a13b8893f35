#include "ecn.h"

#include "checksum.h"
#include "layout.h"
#include "segment.h"

enum { VXLAN_HEADER = 8, MUST_DROP = -1 };

// RFC 6040 section 4.2, figure 4, for an outer header that tells something: what the inner one has from then on.
static int outgoing(int outer, int inner) {
  if (outer == ECN_CE) return inner == ECN_NOT_ECT ? MUST_DROP : ECN_CE;
  return inner == ECN_ECT_0 ? ECN_ECT_1 : inner;
}

// The checksum of the header follows by what has changed (RFC 1624).
static void write_ipv4(uint8_t *ip, int ecn) {
  uint16_t before = load16(ip);
  ip[1] = (uint8_t)((ip[1] & ~ECN_MASK) | ecn);
  uint32_t sum = (uint32_t)(uint16_t)~load16(ip + 10) + (uint16_t)~before + load16(ip);
  store16(ip + 10, (uint16_t)~checksum_fold(sum));
}

static void write_ipv6(uint8_t *ip, int ecn) { ip[1] = (uint8_t)((ip[1] & ~(ECN_MASK << 4)) | ecn << 4); }

// False if the frame must not pass.
static bool decapsulate(uint8_t *frame, uint32_t length, int outer) {
  bool ipv6;
  uint32_t l3 = find_ip_header(frame, length, &ipv6);
  if (l3 == 0) return true;
  uint8_t *ip = frame + l3;
  int inner = (ipv6 ? ip[1] >> 4 : ip[1]) & ECN_MASK;
  int ecn = outgoing(outer, inner);
  if (ecn == MUST_DROP) return false;
  if (ecn == inner) return true;
  if (ipv6) write_ipv6(ip, ecn);
  else write_ipv4(ip, ecn);
  return true;
}

void ecn_decapsulate(int32_t *rows, uint32_t count, uint8_t *arena, uint8_t tos) {
  for (uint32_t i = 0; i < count; i++) {
    int32_t *row = rows + (uint64_t)i * FRAME_WORDS;
    uint32_t length = (uint32_t)row[FRAME_LENGTH];
    if (length <= VXLAN_HEADER) continue;
    if (!decapsulate(arena + row[FRAME_OFFSET] + VXLAN_HEADER, length - VXLAN_HEADER, tos & ECN_MASK))
      row[FRAME_FLAGS] |= FRAME_BAD_ECN;
  }
}
