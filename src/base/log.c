#define _GNU_SOURCE
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void line(const char *kind, const char *format, va_list args) {
  if (log_stderr_is_terminal()) fputs("\r\033[K", stderr);
  fprintf(stderr, "vkift: %s", kind);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
}

void log_note(const char *format, ...) {
  va_list args;
  va_start(args, format);
  line("", format, args);
  va_end(args);
}

void log_warn(const char *format, ...) {
  va_list args;
  va_start(args, format);
  line("warning: ", format, args);
  va_end(args);
}

void log_progress(bool last, const char *format, ...) {
  static double shown; // when the line was last drawn: the terminal's own state, not the program's
  double now = clock_seconds();
  if (!log_stderr_is_terminal() || (!last && now - shown < 1.0 / 6)) return;
  shown = now;
  fputs("\r\033[K", stderr);
  va_list args;
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  if (last) fputc('\n', stderr);
  fflush(stderr);
}

void log_progress_clear(void) {
  if (!log_stderr_is_terminal()) return;
  fputs("\r\033[K", stderr);
  fflush(stderr);
}

bool log_stderr_is_terminal(void) {
  return isatty(STDERR_FILENO) == 1;
}

bool log_colour(int fd) {
  const char *no = getenv("NO_COLOR");
  return isatty(fd) == 1 && !(no && *no);
}

double clock_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
