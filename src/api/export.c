// vkift_export of the public API.
#include "api/status.h"
#include "eval/merge.h"

vkift_status vkift_export(const vkift_export_options *options, vkift_error *error) {
  err e = {0};
  const bool ok = merge_run(options, &e);
  return status_from(ok, &e, error);
}
