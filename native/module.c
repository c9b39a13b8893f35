// The addon: batched I/O over file descriptors and typed arrays. It knows nothing of bridges and keeps no state: any
// thread may load it.
#include "calls.h"

static void offer(napi_env env, napi_value exports, const char *name, napi_callback call) {
  napi_value function;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, call, NULL, &function) == napi_ok)
    napi_set_named_property(env, exports, name, function);
}

NAPI_MODULE_INIT() {
  offer(env, exports, "view", view);
  offer(env, exports, "arenaMap", arena_map);
  offer(env, exports, "copyFrames", copy_frames);
  offer(env, exports, "pollWait", poll_wait);
  offer(env, exports, "wakeOpen", wake_open);
  offer(env, exports, "wakeSignal", wake_signal);
  offer(env, exports, "wakeClear", wake_clear);
  offer(env, exports, "closeFd", close_fd);
  offer(env, exports, "readClock", read_clock);
  offer(env, exports, "socketError", socket_error);
  offer(env, exports, "udpOpen", udp_open);
  offer(env, exports, "udpShareAddress", udp_share_address);
  offer(env, exports, "udpSharePort", udp_share_port);
  offer(env, exports, "udpTakeZeroChecksums", udp_take_zero_checksums);
  offer(env, exports, "udpDrops", udp_drops);
  offer(env, exports, "udpQueued", udp_queued);
  offer(env, exports, "udpPathMtu", udp_path_mtu);
  offer(env, exports, "udpReceive", udp_receive);
  offer(env, exports, "udpTransmit", udp_transmit);
  offer(env, exports, "erspanOpen", erspan_open);
  offer(env, exports, "erspanTransmit", erspan_transmit);
  offer(env, exports, "tapOpen", tap_open);
  offer(env, exports, "tapReceive", tap_receive);
  offer(env, exports, "tapTransmit", tap_transmit);
  offer(env, exports, "tunnelTapOpen", tunnel_tap_open);
  offer(env, exports, "tunnelRedirect", tunnel_redirect);
  offer(env, exports, "nextHop", next_hop);
  offer(env, exports, "neighbourProbe", neighbour_probe);
  offer(env, exports, "routeEventsOpen", route_events_open);
  offer(env, exports, "routeEventsRead", route_events_read);
  offer(env, exports, "linkIndex", link_index);
  offer(env, exports, "linkMtu", link_mtu);
  offer(env, exports, "linkSet", link_set);
  offer(env, exports, "linkAddress", link_address);
  offer(env, exports, "packetOpen", packet_open);
  offer(env, exports, "packetDevice", packet_device);
  offer(env, exports, "classifierOpen", classifier_open);
  offer(env, exports, "classifierSet", classifier_set);
  offer(env, exports, "ringOpen", ring_open);
  offer(env, exports, "ringStateOpen", ring_state_open);
  offer(env, exports, "ringLink", ring_link);
  offer(env, exports, "ringMap", ring_map);
  offer(env, exports, "ringUnmap", ring_unmap);
  offer(env, exports, "ringDrops", ring_drops);
  offer(env, exports, "ringDevice", ring_device);
  offer(env, exports, "ringSleep", ring_sleep);
  offer(env, exports, "ringReceive", ring_receive);
  offer(env, exports, "socketProbe", socket_probe);
  offer(env, exports, "socketBufferBytes", socket_buffer_bytes);
  offer(env, exports, "segmentFrame", segment_frame);
  offer(env, exports, "orderTrains", order_trains);
  return exports;
}
