// Typed arrays, and views of them: arrays that were looked at once (view.c).
#ifndef VXSWITCH_VIEW_H
#define VXSWITCH_VIEW_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>

struct array {
  napi_typedarray_type type;
  void *at;
  size_t length;  // elements, below 2^32
};

// True if `value` is a typed array or a view of one: then it is described in `array`.
bool array_read(napi_env env, napi_value value, struct array *array);

#endif
