// The calls that the addon offers to TypeScript; src/dataplane/io/native.ts gives each its type and its sentence.
#ifndef VXSWITCH_CALLS_H
#define VXSWITCH_CALLS_H

#include <node_api.h>

// view.c
napi_value view(napi_env env, napi_callback_info info);
// arena.c
napi_value arena_map(napi_env env, napi_callback_info info);
napi_value copy_frames(napi_env env, napi_callback_info info);
// poll.c
napi_value poll_wait(napi_env env, napi_callback_info info);
napi_value wake_open(napi_env env, napi_callback_info info);
napi_value wake_signal(napi_env env, napi_callback_info info);
napi_value wake_clear(napi_env env, napi_callback_info info);
napi_value close_fd(napi_env env, napi_callback_info info);
napi_value read_clock(napi_env env, napi_callback_info info);
napi_value socket_error(napi_env env, napi_callback_info info);
// udp-socket.c
napi_value udp_open(napi_env env, napi_callback_info info);
napi_value udp_share_address(napi_env env, napi_callback_info info);
napi_value udp_share_port(napi_env env, napi_callback_info info);
napi_value udp_take_zero_checksums(napi_env env, napi_callback_info info);
napi_value udp_drops(napi_env env, napi_callback_info info);
napi_value udp_queued(napi_env env, napi_callback_info info);
napi_value udp_path_mtu(napi_env env, napi_callback_info info);
// udp-receive.c
napi_value udp_receive(napi_env env, napi_callback_info info);
// udp-transmit.c
napi_value udp_transmit(napi_env env, napi_callback_info info);
// erspan.c
napi_value erspan_open(napi_env env, napi_callback_info info);
napi_value erspan_transmit(napi_env env, napi_callback_info info);
// tap.c
napi_value tap_open(napi_env env, napi_callback_info info);
napi_value tap_receive(napi_env env, napi_callback_info info);
napi_value tap_transmit(napi_env env, napi_callback_info info);
// tunnel-tap.c
napi_value tunnel_tap_open(napi_env env, napi_callback_info info);
napi_value tunnel_redirect(napi_env env, napi_callback_info info);
// next-hop.c
napi_value next_hop(napi_env env, napi_callback_info info);
napi_value neighbour_probe(napi_env env, napi_callback_info info);
// route-events.c
napi_value route_events_open(napi_env env, napi_callback_info info);
napi_value route_events_read(napi_env env, napi_callback_info info);
// link.c
napi_value link_index(napi_env env, napi_callback_info info);
napi_value link_mtu(napi_env env, napi_callback_info info);
napi_value link_set(napi_env env, napi_callback_info info);
napi_value link_address(napi_env env, napi_callback_info info);
// packet-socket.c
napi_value packet_open(napi_env env, napi_callback_info info);
napi_value packet_device(napi_env env, napi_callback_info info);
// classifier.c
napi_value classifier_open(napi_env env, napi_callback_info info);
napi_value classifier_set(napi_env env, napi_callback_info info);
// ring.c
napi_value ring_open(napi_env env, napi_callback_info info);
napi_value ring_state_open(napi_env env, napi_callback_info info);
napi_value ring_link(napi_env env, napi_callback_info info);
napi_value ring_map(napi_env env, napi_callback_info info);
napi_value ring_unmap(napi_env env, napi_callback_info info);
napi_value ring_drops(napi_env env, napi_callback_info info);
napi_value ring_device(napi_env env, napi_callback_info info);
napi_value ring_sleep(napi_env env, napi_callback_info info);
napi_value ring_receive(napi_env env, napi_callback_info info);
// probe.c
napi_value socket_probe(napi_env env, napi_callback_info info);
napi_value socket_buffer_bytes(napi_env env, napi_callback_info info);
// pure-calls.c
napi_value segment_frame(napi_env env, napi_callback_info info);
napi_value order_trains(napi_env env, napi_callback_info info);

#endif
