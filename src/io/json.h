// JSON from outside, through cJSON, with what cJSON does not check: the grammar's strictness, nesting depth (at most 128),
// duplicate keys, NUL characters, invalid UTF-8, text behind the value. Every getter's error names the file, the path of
// the field, what was expected and what was found.
#ifndef IO_JSON_H
#define IO_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"

struct cJSON;

// A parsed document. json_free when done; strings read from it live as long as it does.
typedef struct json {
  const char *origin; // file name, or "file:line", for messages; the caller's
  struct cJSON *root;
} json;

// A UTF-8 byte-order mark before the value is passed over; UTF-16 is refused by name.
bool json_parse(const char *origin, const char *source, uint64_t length, json *doc, err *e);
bool json_read(const char *path, uint64_t limit, json *doc, err *e); // `path` must live as long as doc
void json_free(json *doc);

// Fields of an object. `where` is the object's path for messages ("" for the root, "model.vocab"). The required forms
// fail when the field is missing or of another type; the optional ones leave *value as it is when the field is missing
// or null, and fail on another type. found may be NULL.
bool json_object(const json *d, const struct cJSON *in, const char *where, const char *key, struct cJSON **value, err *e);
bool json_array(const json *d, const struct cJSON *in, const char *where, const char *key, struct cJSON **value, err *e);
bool json_string(const json *d, const struct cJSON *in, const char *where, const char *key, const char **value, err *e);
bool json_u32(const json *d, const struct cJSON *in, const char *where, const char *key, uint32_t *value, err *e);
bool json_number(const json *d, const struct cJSON *in, const char *where, const char *key, double *value, err *e);
bool json_bool(const json *d, const struct cJSON *in, const char *where, const char *key, bool *value, err *e);
bool json_string_or(const json *d, const struct cJSON *in, const char *where, const char *key, const char **value, err *e);
bool json_u32_or(const json *d, const struct cJSON *in, const char *where, const char *key, uint32_t *value, err *e);
bool json_number_or(const json *d, const struct cJSON *in, const char *where, const char *key, double *value, err *e);
bool json_bool_or(const json *d, const struct cJSON *in, const char *where, const char *key, bool *value, err *e);
// Whether each key of a mapping is among `keys` (NULL at its end); else the message has them all, and the one that was meant.
bool json_check_keys(const json *d, const struct cJSON *in, const char *where, const char *const *keys, err *e);
// "a string \"abc\"", "an array of 3", "nothing" (NULL), … for messages.
const char *json_describe(const struct cJSON *value, char buffer[64]);

// Writing (json_print.c), appended to a text. A string in quotes, escaped as JSON wants it; bytes that are not UTF-8 become
// U+FFFD.
void json_put_string(text *out, const char *string);
void json_put_bytes(text *out, const char *bytes, size_t length); // the same of bytes that may hold NUL
void json_put_number(text *out, double v); // the shortest that reads back the same; null for NaN and infinities
// Numbers of a parsed value will be printed as they stand in the text that it was parsed from: 30.0 stays 30.0, which other readers
// may want where they want a float. They are raw text from then on; before anything is added or taken away.
void json_keep_numbers(struct cJSON *root, const char *source);
void json_number_as_text(struct cJSON *number, const char *digits, size_t length); // the same of one
void json_print(const struct cJSON *value, text *out); // with two spaces of indentation and a final newline

#endif
