// Characters by their properties, as Python's str and re see them: for what is compared with programs written in it.
#ifndef BASE_UNICODE_H
#define BASE_UNICODE_H

#include "base/text.h"

// One character after the other: its code point, *s moved behind it; a byte that is no UTF-8 becomes U+FFFD. s < end.
uint32_t unicode_take(const char **s, const char *end);

// str.lower: appends s[0..n) in lower case, sigma by what stands around it.
void unicode_put_lower(text *out, const char *s, size_t n);
bool unicode_is_word(uint32_t c); // what \w matches

// ASCII's 32 marks of punctuation (string.punctuation).
bool unicode_is_ascii_punctuation(uint32_t c);

#endif
