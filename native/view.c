// Views: typed arrays that were looked at once. To ask Node-API for the memory of an Int32Array takes five calls; the
// forwarding loop hands over the same dozen arrays in each turn, which cost a tenth of its time.
#include "view.h"

#include <errno.h>
#include <stdlib.h>

#include "arguments.h"
#include "calls.h"

enum { VIEW_MARK = 0x76776578 };

struct view {
  uint32_t mark;
  napi_typedarray_type type;
  void *at;
  size_t length;
  napi_ref array;  // keeps its memory
};

static void forget(napi_env env, void *data, void *hint) {
  (void)hint;
  struct view *view = data;
  napi_delete_reference(env, view->array);
  free(view);
}

bool view_read(napi_env env, napi_value value, napi_typedarray_type wanted, void **at, size_t *length) {
  void *data = NULL;
  if (napi_get_value_external(env, value, &data) != napi_ok || !data) return false;
  const struct view *view = data;
  if (view->mark != VIEW_MARK || view->type != wanted) return false;
  *at = view->at;
  *length = view->length;
  return true;
}

// view(array) -> what every call takes in place of that Int32Array or Uint8Array. Its buffer must not be transferred.
napi_value view(napi_env env, napi_callback_info info) {
  struct arguments a = arguments_of(env, info);
  if (!a.ok) return NULL;
  struct view *view = calloc(1, sizeof *view);
  if (!view) return throw_errno(env, "view", ENOMEM);
  view->mark = VIEW_MARK;
  napi_value external = NULL;
  bool typed = false;
  if (a.count > 0) napi_is_typedarray(env, a.value[0], &typed);
  if (!typed) {
    free(view);
    napi_throw_type_error(env, NULL, "argument 1: expected a typed array");
  } else if (napi_get_typedarray_info(env, a.value[0], &view->type, &view->length, &view->at, NULL, NULL) != napi_ok ||
             view->length > UINT32_MAX || napi_create_reference(env, a.value[0], 1, &view->array) != napi_ok ||
             napi_create_external(env, view, forget, NULL, &external) != napi_ok) {
    if (view->array) napi_delete_reference(env, view->array);
    free(view);
    return throw_errno(env, "view", ENOMEM);
  }
  return external;
}
