// A growing string of bytes. Zero-initialise; text_free when done. `data` always ends with a NUL once anything was put.
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct text {
  char *data;
  size_t length, capacity;
} text;

void text_put(text *t, const char *bytes, size_t length);
void text_puts(text *t, const char *string);
void text_putc(text *t, char c);
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void text_printf(text *t, const char *format, ...);
void text_clear(text *t); // keeps the memory
void text_free(text *t);

// UTF-8. The length in bytes of the valid sequence at `s` (1–4), or 0 where it is not valid UTF-8 (RFC 3629: no
// overlong forms, no surrogates, at most U+10FFFF); the code point to *code unless NULL.
int utf8_decode(const char *s, size_t length, uint32_t *code);
int utf8_encode(uint32_t code, char out[4]); // the number of bytes written, 1–4
bool utf8_is_space(uint32_t code);           // what Python's str.isspace takes for white space
bool utf8_valid(const char *s, size_t length, size_t *bad_offset);

#endif
