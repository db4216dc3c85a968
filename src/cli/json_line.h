// JSON Lines on stdin and stdout: single strings, arrays of ids and numbers. Unlike those that io/json.h reads, strings may
// hold NUL, since any text can be tokenized.
#ifndef CLI_JSON_LINE_H
#define CLI_JSON_LINE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"

// The whole line is one JSON string; its bytes are appended to `out`. `where` begins the message.
bool json_line_string(const char *where, const char *line, size_t length, text *out, err *e);
// … one JSON array of whole numbers that fit int32.
bool json_line_ids(arena *a, const char *where, const char *line, size_t length, int32_t **ids, size_t *n, err *e);

void json_line_put_ids(text *out, const int32_t *ids, size_t n);
// A number that JSON can say, else null. Nine digits tell every float32 apart.
void json_line_put_number(text *out, double value, int digits);

#endif
