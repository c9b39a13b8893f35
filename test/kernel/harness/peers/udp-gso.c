// Sends one super-datagram that the kernel or what is beyond has to cut: UDP_SEGMENT, as QUIC servers use it.
//    udp-gso ADDRESS PORT SEGMENT_BYTES SEGMENTS
// The segments have the contents that udp.mjs expects of the datagrams 0, 1, 2, …
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

static uint8_t bytes[65536];

static void fill(uint8_t *segment, unsigned number, unsigned length) {
  for (unsigned index = 0; index < length; index++) segment[index] = (uint8_t)(number * 31 + index * 7 + (index >> 8));
  uint32_t order = htonl(number);
  memcpy(segment, &order, sizeof order);
}

int main(int count, char **words) {
  if (count != 5) return 2;
  struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST}, *to;
  if (getaddrinfo(words[1], words[2], &hints, &to)) return 2;
  int length = atoi(words[3]), segments = atoi(words[4]);
  if (length < 4 || segments < 1 || length * segments > 65507) return 2;
  for (int number = 0; number < segments; number++) fill(bytes + number * length, (unsigned)number, (unsigned)length);

  int socket_fd = socket(to->ai_family, SOCK_DGRAM, 0);
  if (setsockopt(socket_fd, IPPROTO_UDP, UDP_SEGMENT, &length, sizeof length)) {
    perror("UDP_SEGMENT");
    return 1;
  }
  if (sendto(socket_fd, bytes, (size_t)(length * segments), 0, to->ai_addr, to->ai_addrlen) < 0) {
    perror("sendto");
    return 1;
  }
  return 0;
}
