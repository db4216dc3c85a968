// Between the library's own errors and those of the public API.
#ifndef API_STATUS_H
#define API_STATUS_H

#include "base/err.h"
#include "vkift.h"

// Ends an API function: VKIFT_OK, or the failure with its message in *error (which may be NULL).
vkift_status status_from(bool ok, const err *e, vkift_error *error);

#endif
