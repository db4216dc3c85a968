// vkift_crossval of the public API.
#include "crossval/crossval.h"
#include "api/status.h"

vkift_status vkift_crossval(const vkift_crossval_options *options, const vkift_crossval_events *events,
                            vkift_crossval_result *result, vkift_error *error) {
  err e = {0};
  const bool ok = crossval_make(options, events, result, &e);
  return status_from(ok, &e, error);
}
