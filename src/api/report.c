// vkift_report of the public API.
#include "report/report.h"
#include "api/status.h"

vkift_status vkift_report(const vkift_report_options *options, char **page, size_t *length, vkift_error *error) {
  err e = {0};
  text made = {0};
  const bool ok = report_make(options->run, options->markdown, &made, &e);
  *page = made.data;
  *length = made.length;
  return status_from(ok, &e, error);
}
