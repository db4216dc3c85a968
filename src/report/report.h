// A page about a run directory.
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include "base/err.h"
#include "base/text.h"

// An HTML page or Markdown; the caller's to free.
bool report_make(const char *run, bool markdown, text *page, err *e);

#endif
