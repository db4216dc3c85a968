// vkift_export of the public API.
#include "eval/export.h"
#include "api/status.h"

vkift_status vkift_export(const vkift_export_options *options, const vkift_export_events *events, vkift_error *error) {
  err e = {0};
  const bool ok = export_write(options, events, &e);
  return status_from(ok, &e, error);
}
