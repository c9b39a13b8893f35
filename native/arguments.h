// Reading the arguments of a call from TypeScript; a wrong one becomes a TypeError and the call returns.
#ifndef VXSWITCH_ARGUMENTS_H
#define VXSWITCH_ARGUMENTS_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>

#include "layout.h"

enum { ARGUMENTS_MAX = 10 };

// The arguments of one call. After the first failure every further read fails too, so a caller checks `ok` once.
struct arguments {
  napi_env env;
  napi_value value[ARGUMENTS_MAX];
  size_t next;
  size_t count;
  bool ok;
};

struct arguments arguments_of(napi_env env, napi_callback_info info);
int32_t take_int(struct arguments *a);
uint32_t take_uint(struct arguments *a, uint32_t max);
struct words take_words(struct arguments *a);          // an Int32Array, or a view of one
struct bytes take_bytes(struct arguments *a);          // a Uint8Array, at most 4 GiB, or a view of one
struct bytes take_bytes_or_null(struct arguments *a);  // the same, or null: then `at` is NULL
void take_name(struct arguments *a, char *name, size_t size);

napi_value int_value(napi_env env, int32_t value);
napi_value undefined_value(napi_env env);

// Throws an Error with `code` = the errno's name and a message "CALL: text"; returns NULL for the caller to return.
napi_value throw_errno(napi_env env, const char *call, int error);

#endif
