// notify-socket PATH: stands in for systemd. Binds PATH as NOTIFY_SOCKET is, says `ready`, and prints each word that comes.
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int main(int count, char **args) {
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    char word[4096];
    ssize_t length;
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    if (count != 2 || strlen(args[1]) >= sizeof at.sun_path)
        return 2;
    strcpy(at.sun_path, args[1]);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0) {
        perror(args[1]);
        return 1;
    }
    printf("ready\n");
    fflush(stdout);
    // A descriptor that comes along (BARRIER=1) is not taken and so closed, which is what its sender waits for.
    while ((length = recv(fd, word, sizeof word, 0)) >= 0) {
        printf("%.*s\n", (int)length, word);
        fflush(stdout);
    }
    perror("recv");
    return 1;
}
