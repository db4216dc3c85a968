// Text of data on a terminal, with what carries loss set apart.
#ifndef CLI_MARKED_H
#define CLI_MARKED_H

#include "base/arena.h"
#include "base/text.h"

// How pieces of text are set apart: ANSI colours on a terminal, brackets elsewhere.
typedef struct marked_style {
  const char *loss, *control, *end_loss, *end_control;
} marked_style;

marked_style marked_style_of_stdout(void);
// Control characters of data must not drive the terminal; newline and tab stay.
void marked_put_visible(text *out, const char *bytes, size_t length);
// The same for a name in a table, newline and tab escaped too.
void marked_put_name(text *out, const char *name);
const char *marked_name(arena *a, const char *name);

#endif
