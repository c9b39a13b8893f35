// Making a TAP device, for frames with the metadata of a virtio_net_hdr in front.
#ifndef VXSWITCH_TAP_DEVICE_H
#define VXSWITCH_TAP_DEVICE_H

#include <node_api.h>

// As TypeScript's call of one argument, the name: the descriptor of a new TAP, down and without address, with this size of
// metadata and the first of the `offloads` (TUN_F_*, ended by 0) that the kernel knows. Its life is the descriptor's.
napi_value tap_create(napi_env env, napi_callback_info info, int header_bytes, const unsigned *offloads);

#endif
