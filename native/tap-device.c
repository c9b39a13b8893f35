#include "tap-device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "arguments.h"

static int offer_offloads(int fd, const unsigned *offloads) {
  int result = -1;
  for (; result < 0 && *offloads != 0; offloads++) result = ioctl(fd, TUNSETOFFLOAD, *offloads);
  return result;
}

napi_value tap_create(napi_env env, napi_callback_info info, int header_bytes, const unsigned *offloads) {
  struct arguments a = arguments_of(env, info);
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
  take_name(&a, request.ifr_name, IFNAMSIZ);
  if (!a.ok) return NULL;
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return throw_errno(env, "open /dev/net/tun", errno);
  const char *call = "TUNSETIFF";
  if (ioctl(fd, TUNSETIFF, &request) < 0) goto fail;
  call = "TUNSETVNETHDRSZ";
  if (ioctl(fd, TUNSETVNETHDRSZ, &header_bytes) < 0) goto fail;
  call = "TUNSETOFFLOAD";
  if (offer_offloads(fd, offloads) < 0) goto fail;
  return int_value(env, fd);
fail:;
  int error = errno;
  close(fd);
  return throw_errno(env, call, error);
}
