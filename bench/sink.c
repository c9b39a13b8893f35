/*
 * Stands for a program on a client that receives what the generator sends: a UDP socket at the discard port (RFC 863) that
 * nobody reads, so that frames are delivered to the end of the client's stack and dropped there, at little and equal cost.
 * Runs until it is killed.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DISCARD_PORT = 9, RECEIVE_BYTES = 1 };

int main(void) {
  const int bytes = RECEIVE_BYTES;
  const struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(DISCARD_PORT)};
  int socket_fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (socket_fd < 0 || setsockopt(socket_fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes) ||
      bind(socket_fd, (const struct sockaddr *)&any, sizeof any)) {
    perror("sink");
    return 1;
  }
  puts("ready");
  fflush(stdout);
  for (;;)
    pause();
}
