// Pure parts of transmitting as calls of their own, so that tests hold them against an independent decoder or a model.
#include <errno.h>
#include <string.h>

#include "arguments.h"
#include "calls.h"
#include "segment.h"
#include "train-order.h"

// segmentFrame(frame, row, frameMax, out, lengths) -> segments written one behind the other to `out`, their lengths to
// `lengths`; a frame that needs no cutting gets its checksum filled. -1 if the metadata in `row` does not fit the frame,
// -2 if `out` or `lengths` is too small.
napi_value segment_frame(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  struct bytes bytes = take_bytes(&a);
  struct words row = take_words(&a);
  uint32_t frame_max = take_uint(&a, 65535);
  struct bytes out = take_bytes(&a);
  struct words lengths = take_words(&a);
  if (!a.ok) return NULL;
  if (row.count < FRAME_WORDS) return throw_errno(env, "segmentFrame", EINVAL);
  struct frame frame = frame_of_row(row.at, bytes.at);
  frame.length = bytes.length;
  if (frame.gso_type == GSO_NONE) {
    if (frame.needs_csum && !csum_fits(&frame)) return int_value(env, -1);
    if (frame.length > out.length || lengths.count < 1) return int_value(env, -2);
    memcpy(out.at, frame.at, frame.length);
    if (frame.needs_csum) csum_fill(&frame, out.at);
    lengths.at[0] = (int32_t)frame.length;
    return int_value(env, 1);
  }
  struct cut cut;
  if (!cut_plan(&cut, &frame, frame_max)) return int_value(env, -1);
  uint32_t used = 0;
  for (uint32_t i = 0; i < cut.segment_count; i++) {
    uint32_t length = cut_length(&cut, i);
    if (i >= lengths.count || length > out.length - used) return int_value(env, -2);
    cut_write(&cut, i, out.at + used);
    lengths.at[i] = (int32_t)length;
    used += length;
  }
  return int_value(env, (int32_t)cut.segment_count);
}

// orderTrains(passengers, count, order): the order of departure of copies, each given as (train, flow, length).
napi_value order_trains(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  struct words words = take_words(&a);
  uint32_t count = take_uint(&a, COPIES_MAX);
  struct words out = take_words(&a);
  if (!a.ok) return NULL;
  if (count > words.count / 3 || count > out.count) return throw_errno(env, "orderTrains", EINVAL);
  struct passenger passengers[COPIES_MAX];
  uint16_t order[COPIES_MAX];
  for (uint32_t i = 0; i < count; i++) {
    const int32_t *at = words.at + i * 3;
    passengers[i] = (struct passenger){.train = (uint32_t)at[0], .flow = (uint32_t)at[1], .length = (uint32_t)at[2] & 0x1ffff};
  }
  train_order(passengers, count, order);
  for (uint32_t i = 0; i < count; i++) out.at[i] = order[i];
  return undefined_value(env);
}
