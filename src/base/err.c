#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void err_set(err *e, const char *format, ...) {
  if (!e || e->failed) return;
  va_list args;
  va_start(args, format);
  vsnprintf(e->message, sizeof e->message, format, args);
  va_end(args);
  e->failed = true;
}

bool err_prefix(err *e, const char *format, ...) {
  if (!e) return false;
  char rest[sizeof e->message];
  memcpy(rest, e->message, sizeof rest);
  va_list args;
  va_start(args, format);
  int n = vsnprintf(e->message, sizeof e->message, format, args);
  va_end(args);
  if (n >= 0 && (size_t)n < sizeof e->message)
    snprintf(e->message + n, sizeof e->message - (size_t)n, "%s%s", e->failed ? ": " : "", e->failed ? rest : "");
  e->failed = true;
  return false;
}

void require_failed(const char *file, int line, const char *condition, const char *format, ...) {
  fprintf(stderr, "vkift: internal error at %s:%d: %s: ", file, line, condition);
  va_list args;
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
  abort();
}
