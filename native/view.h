// Typed arrays that were looked at once (view.c), for arguments.c.
#ifndef VXSWITCH_VIEW_H
#define VXSWITCH_VIEW_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>

// True if `value` is a view of an array of that type: then it has its memory and its length in elements.
bool view_read(napi_env env, napi_value value, napi_typedarray_type wanted, void **at, size_t *length);

#endif
