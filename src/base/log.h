// Messages for the person at the terminal, on stderr. Errors are not printed here: they travel as `err` to main.c.
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

// "vkift: message" on a line of its own; a progress line that is showing is cleared first.
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
void log_note(const char *format, ...);
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
void log_warn(const char *format, ...); // "vkift: warning: message"

// Replaces the progress line: only when stderr is a terminal, and at most six times a second unless `last`.
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void log_progress(bool last, const char *format, ...);

void log_progress_clear(void); // before something else is printed where it shows

bool log_stderr_is_terminal(void);
bool log_colour(int fd); // a terminal, and NO_COLOR is not set

double clock_seconds(void); // monotonic

#endif
