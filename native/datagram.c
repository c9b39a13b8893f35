#include "datagram.h"

#include <netinet/in.h>

#include "segment.h"

enum { VXLAN_HEADER = 8 };

// Only an inner super-frame has an IP packet as long as the whole.
static bool holds_super_frame(const uint8_t *datagram, uint32_t length, struct ip_packet *packet) {
  return length > VXLAN_HEADER && find_ip(datagram + VXLAN_HEADER, length - VXLAN_HEADER, packet) &&
         VXLAN_HEADER + packet->l3 + packet->bytes == length;
}

uint32_t datagram_rows(int32_t *rows, uint32_t rows_max, const uint8_t *arena, uint32_t offset, uint32_t length, uint32_t step,
                       const int32_t remote[4], int32_t vtep) {
  struct ip_packet packet;
  if (step == 0 || step >= length || holds_super_frame(arena + offset, length, &packet)) {
    datagram_row(rows, offset, length, 0, remote, vtep);
    if (step == 0 || step >= length) return 1;
    rows[FRAME_GSO_SIZE] = (int32_t)step;
    // That TCP is one is found out with its checksum (src/dataplane/stages/inner.ts).
    if (packet.protocol == IPPROTO_UDP) rows[FRAME_GSO_TYPE] = GSO_UDP_L4;
    return 1;
  }
  uint32_t count = 0;
  for (uint32_t done = 0; done < length && count < rows_max; done += step) {
    uint32_t left = length - done;
    int flags = left <= step || count + 1 < rows_max ? 0 : FRAME_TRUNCATED;
    datagram_row(rows + (uint64_t)count++ * FRAME_WORDS, offset + done, left < step ? left : step, flags, remote, vtep);
  }
  return count;
}
