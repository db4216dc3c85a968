// Export: what was trained, as a directory in the form that another tool loads.
#ifndef EVAL_EXPORT_H
#define EVAL_EXPORT_H

#include "base/err.h"
#include "vkift.h"

bool export_write(const vkift_export_options *options, const vkift_export_events *events, err *e);

#endif
