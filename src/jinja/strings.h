// What str methods and filters share. All results keep the origin of each byte.
#ifndef JINJA_STRINGS_H
#define JINJA_STRINGS_H

#include "jinja/interp.h"

typedef enum strings_case { CASE_UPPER, CASE_LOWER, CASE_CAPITALIZE, CASE_TITLE } strings_case;

enum { SIDE_LEFT = 1, SIDE_RIGHT = 2 };

// str.strip, lstrip, rstrip: white space, or the characters of `set` (a string) where it was given.
bool strings_strip(interp *in, value s, value set, int sides, value *out);
bool strings_replace(interp *in, value s, value old, value fresh, int64_t most, value *out); // most −1: all
bool strings_case_of(interp *in, value s, strings_case to, value *out);
// str.split and rsplit: at white space where `separator` was not given or is none; most −1: everywhere.
bool strings_split(interp *in, value s, value separator, int64_t most, bool from_right, value *list);
bool strings_lines(interp *in, value s, bool keep_ends, value *list);
// The byte at which `part` begins, at or behind `from` (or the last one); −1 where it does not occur.
int64_t strings_find(value s, value part, uint64_t from, bool last);
bool strings_starts(value s, value part);
bool strings_ends(value s, value part);
bool strings_join(interp *in, value separator, const value_list *items, bool convert, value *out); // convert: by str()

#endif
