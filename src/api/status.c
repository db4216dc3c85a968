#include "api/status.h"

#include <stdio.h>

_Static_assert(sizeof((vkift_error *)0)->message == sizeof((err *)0)->message, "a message fits both");

vkift_status status_from(bool ok, const err *e, vkift_error *error) {
  if (ok) return VKIFT_OK;
  vkift_status status = e->usage ? VKIFT_USAGE : VKIFT_FAILED;
  if (error) {
    error->status = status;
    snprintf(error->message, sizeof error->message, "%s", e->message);
  }
  return status;
}
