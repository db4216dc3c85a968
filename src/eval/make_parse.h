// What a model wrote, taken apart into instruction, input and output.
//
//   Instruction: …
//   Input: …
//   Output: …
//
// A label begins a line; before and behind it there may be marks of lists, headings and bold letters, and it may have a number.
// What another example follows is cut there, as is an explanation behind the output; of two outputs for one input neither counts.
// Where no line begins with "Output:", it may stand within one, or be called "Answer:" or "Response:".
#ifndef EVAL_MAKE_PARSE_H
#define EVAL_MAKE_PARSE_H

#include "base/arena.h"

// NULL: there was no such label. Without white space at their ends.
typedef struct make_fields {
  const char *instruction, *input, *output;
  bool followed; // another example followed it: it has an end, if the answer has none
} make_fields;

make_fields make_parse(arena *a, const char *written);

// Input that says that there is none: "none", "N/A", "<noinput>", …
bool make_parse_is_none(const char *input);

// The bytes as text that JSON can hold: what is no UTF-8, and NUL, becomes U+FFFD.
const char *make_parse_clean(arena *a, const char *bytes, size_t length);

#endif
