// Puts frames on the wire as they are, past the sender's own stack.
//    inject DEVICE HEX…
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static uint8_t frame[2048];

int main(int count, char **words) {
  if (count < 3) return 2;
  int fd = socket(AF_PACKET, SOCK_RAW, 0);
  struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(words[1])};
  if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof to) < 0) {
    perror(words[1]);
    return 1;
  }
  for (int i = 2; i < count; i++) {
    size_t length = strlen(words[i]) / 2;
    if (length > sizeof frame) return 2;
    for (size_t at = 0; at < length; at++)
      if (sscanf(words[i] + at * 2, "%2hhx", &frame[at]) != 1) return 2;
    if (send(fd, frame, length, 0) != (ssize_t)length) {
      perror("send");
      return 1;
    }
  }
  return 0;
}
