// Socket addresses from the 4-word form of the shared tables: IPv6, or IPv4 mapped into it (RFC 4291 section 2.5.5.2).
#ifndef VXSWITCH_UDP_ADDRESS_H
#define VXSWITCH_UDP_ADDRESS_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

union socket_address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

// Writes the address for a socket of `family`; returns its length.
static inline socklen_t address_from_words(union socket_address *to, int family, const int32_t words[4], int port) {
  memset(to, 0, sizeof *to);
  if (family == AF_INET) {
    to->v4.sin_family = AF_INET;
    to->v4.sin_port = htons((uint16_t)port);
    memcpy(&to->v4.sin_addr, &words[3], 4);
    return sizeof to->v4;
  }
  to->v6.sin6_family = AF_INET6;
  to->v6.sin6_port = htons((uint16_t)port);
  memcpy(&to->v6.sin6_addr, words, 16);
  return sizeof to->v6;
}

static inline void address_to_words(const union socket_address *from, int32_t words[4]) {
  if (from->any.sa_family == AF_INET6) {
    memcpy(words, &from->v6.sin6_addr, 16);
    return;
  }
  words[0] = 0;
  words[1] = 0;
  words[2] = (int32_t)htonl(0xffff);
  memcpy(&words[3], &from->v4.sin_addr, 4);
}

#endif
