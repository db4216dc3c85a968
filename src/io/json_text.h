// JSON as text: checked in one pass, and walked without a tree. Inside the io room; others use json.h.
#ifndef IO_JSON_TEXT_H
#define IO_JSON_TEXT_H

#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

enum {
  JSON_DEPTH = 128,      // levels of nesting
  JSON_NUMBER_BYTES = 63 // what cJSON reads of one number
};

// The grammar of RFC 8259 to the letter, and beyond it: valid UTF-8, no NUL characters (C strings would end there), no
// lone surrogates, no key twice in one object (keys are compared as they read after their escapes), at most JSON_DEPTH
// levels, nothing behind the value. Time is n log n; memory is taken for the keys alone, a small multiple of their text.
// A byte-order mark must have been removed. Messages: "origin: line 3, column 14: expected …, found …".
bool json_text_check(const char *origin, const char *source, uint64_t length, err *e);

typedef struct json_slice {
  const char *data;
  uint64_t length;
} json_slice;

// Steps through the members of the object that a *checked* text holds: `at` begins at that text and is moved on. The key
// comes without its quotes and with its escapes. false behind the last member.
bool json_text_member(json_slice *at, json_slice *key, json_slice *value);

// What stands between the quotes of a checked string, escapes resolved; appended.
void json_text_unescape(json_slice raw, text *out);

#endif
