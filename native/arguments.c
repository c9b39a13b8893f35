#include "arguments.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "view.h"

struct arguments arguments_of(napi_env env, napi_callback_info info) {
  struct arguments a = {.env = env, .next = 0, .count = ARGUMENTS_MAX, .ok = true};
  a.ok = napi_get_cb_info(env, info, &a.count, a.value, NULL, NULL) == napi_ok;
  return a;
}

static void refuse(struct arguments *a, const char *expected) {
  if (!a->ok) return;
  a->ok = false;
  char text[96];
  snprintf(text, sizeof text, "argument %zu: expected %s", a->next, expected);
  napi_throw_type_error(a->env, NULL, text);
}

static bool next_argument(struct arguments *a, napi_value *value) {
  if (!a->ok) return false;
  if (a->next >= a->count || a->next >= ARGUMENTS_MAX) {
    refuse(a, "one more argument");
    return false;
  }
  *value = a->value[a->next++];
  return true;
}

int32_t take_int(struct arguments *a) {
  napi_value value;
  double number = 0;
  if (!next_argument(a, &value)) return 0;
  // By way of a double: napi_get_value_int32 turns NaN into 0, which would be a valid descriptor.
  bool is_number = napi_get_value_double(a->env, value, &number) == napi_ok;
  if (!is_number || !(number >= INT32_MIN && number <= INT32_MAX) || number != (int32_t)number) {
    refuse(a, "an integer");
    return 0;
  }
  return (int32_t)number;
}

uint32_t take_uint(struct arguments *a, uint32_t max) {
  int32_t number = take_int(a);
  if (a->ok && (number < 0 || (uint32_t)number > max)) refuse(a, "an integer within its bounds");
  return a->ok ? (uint32_t)number : 0;
}

static void *take_array(struct arguments *a, napi_value value, napi_typedarray_type wanted, size_t *length) {
  struct array array;
  if (!array_read(a->env, value, &array) || array.type != wanted) {
    refuse(a, wanted == napi_int32_array ? "an Int32Array" : "a Uint8Array");
    *length = 0;
    return NULL;
  }
  *length = array.length;
  return array.at;
}

struct words take_words(struct arguments *a) {
  napi_value value;
  size_t length = 0;
  int32_t *at = next_argument(a, &value) ? take_array(a, value, napi_int32_array, &length) : NULL;
  return (struct words){.at = at, .count = (uint32_t)length};
}

struct bytes take_bytes(struct arguments *a) {
  napi_value value;
  size_t length = 0;
  uint8_t *at = next_argument(a, &value) ? take_array(a, value, napi_uint8_array, &length) : NULL;
  return (struct bytes){.at = at, .length = (uint32_t)length};
}

struct bytes take_bytes_or_null(struct arguments *a) {
  napi_valuetype type;
  if (a->ok && a->next < a->count && napi_typeof(a->env, a->value[a->next], &type) == napi_ok && type == napi_null) {
    a->next++;
    return (struct bytes){.at = NULL, .length = 0};
  }
  return take_bytes(a);
}

void take_name(struct arguments *a, char *name, size_t size) {
  napi_value value;
  size_t length = 0;
  name[0] = '\0';
  if (!next_argument(a, &value)) return;
  if (napi_get_value_string_utf8(a->env, value, NULL, 0, &length) != napi_ok || length == 0 || length >= size ||
      napi_get_value_string_utf8(a->env, value, name, size, &length) != napi_ok) {
    name[0] = '\0';
    refuse(a, "a name of fitting length");
  }
}

napi_value int_value(napi_env env, int32_t number) {
  napi_value value = NULL;
  napi_create_int32(env, number, &value);
  return value;
}

napi_value undefined_value(napi_env env) {
  napi_value value = NULL;
  napi_get_undefined(env, &value);
  return value;
}

napi_value throw_errno(napi_env env, const char *call, int error) {
  char text[256];
  snprintf(text, sizeof text, "%s: %s", call, strerror(error));
  const char *name = strerrorname_np(error);
  napi_throw_error(env, name ? name : "EUNKNOWN", text);
  return NULL;
}
