// vkift_train of the public API.
#include "api/status.h"
#include "train/trainer.h"

vkift_status vkift_train(const vkift_train_options *options, const vkift_train_events *events, vkift_train_result *result,
                         vkift_error *error) {
  err e = {0};
  const bool ok = trainer_run(options, events, result, &e);
  return status_from(ok, &e, error);
}
