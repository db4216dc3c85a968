// Characters as Python's str sees them.
#ifndef JINJA_CHARS_H
#define JINJA_CHARS_H

#include <stdbool.h>
#include <stdint.h>

bool chars_is_space(uint32_t c);     // str.isspace
bool chars_is_printable(uint32_t c); // str.isprintable, as far as repr needs it
// Letters of ASCII, Latin, Greek and Cyrillic; other scripts with two cases stay as they are.
uint32_t chars_upper(uint32_t c);
uint32_t chars_lower(uint32_t c);
bool chars_is_letter(uint32_t c); // of those scripts by case, all above U+02AF that is no mark of punctuation

// The character that begins at (or ends before) a byte of valid UTF-8.
uint32_t chars_at(const char *bytes, uint64_t length, uint64_t at, uint32_t *size);
uint32_t chars_before(const char *bytes, uint64_t at, uint32_t *size);

#endif
