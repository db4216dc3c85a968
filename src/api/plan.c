// vkift_plan of the public API.
#include "api/status.h"
#include "train/planner.h"

vkift_status vkift_plan(const vkift_plan_options *options, void (*plan)(void *user, const vkift_planned *plan), void *user,
                        vkift_error *error) {
  err e = {0};
  const bool ok = planner_run(options, plan, user, &e);
  return status_from(ok, &e, error);
}
