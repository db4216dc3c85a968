// vkift_eval of the public API.
#include "api/status.h"
#include "eval/evaluation.h"

vkift_status vkift_eval(const vkift_eval_options *options, const vkift_eval_events *events, vkift_eval_result *result,
                        vkift_error *error) {
  err e = {0};
  static const vkift_eval_events none;
  const bool ok = evaluation_run(options, events ? events : &none, result, &e);
  return status_from(ok, &e, error);
}
