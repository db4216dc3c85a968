#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static void reserve(text *t, size_t more) {
  REQUIRE(more < SIZE_MAX / 4 - t->length, "text of %zu bytes and %zu more", t->length, more);
  size_t need = t->length + more + 1;
  if (need <= t->capacity) return;
  size_t grown = t->capacity ? t->capacity : 64;
  while (grown < need) grown *= 2;
  char *data = realloc(t->data, grown);
  if (!data) {
    fprintf(stderr, "vkift: out of host memory: %zu bytes of text\n", grown);
    exit(1);
  }
  t->data = data;
  t->capacity = grown;
}

void text_put(text *t, const char *bytes, size_t length) {
  reserve(t, length);
  if (length) memcpy(t->data + t->length, bytes, length);
  t->length += length;
  t->data[t->length] = 0;
}

void text_puts(text *t, const char *string) {
  text_put(t, string, strlen(string));
}

void text_putc(text *t, char c) {
  text_put(t, &c, 1);
}

void text_printf(text *t, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int n = vsnprintf(NULL, 0, format, args);
  va_end(args);
  REQUIRE(n >= 0, "format %s", format);
  reserve(t, (size_t)n);
  vsnprintf(t->data + t->length, (size_t)n + 1, format, again);
  va_end(again);
  t->length += (size_t)n;
}

void text_clear(text *t) {
  t->length = 0;
  if (t->data) t->data[0] = 0;
}

void text_free(text *t) {
  free(t->data);
  *t = (text){0};
}

int utf8_decode(const char *s, size_t length, uint32_t *code) {
  static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
  if (!length) return 0;
  unsigned char first = (unsigned char)s[0];
  int n = first < 0x80                    ? 1
          : first >= 0xC2 && first < 0xE0 ? 2
          : first >= 0xE0 && first < 0xF0 ? 3
          : first >= 0xF0 && first < 0xF5 ? 4
                                          : 0;
  if (!n || (size_t)n > length) return 0;
  uint32_t c = n == 1 ? first : first & (0x7Fu >> n);
  for (int i = 1; i < n; i++) {
    unsigned char next = (unsigned char)s[i];
    if ((next & 0xC0) != 0x80) return 0;
    c = c << 6 | (next & 0x3F);
  }
  if (c < least[n] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return 0;
  if (code) *code = c;
  return n;
}

int utf8_encode(uint32_t c, char out[4]) {
  if (c < 0x80) return out[0] = (char)c, 1;
  if (c < 0x800) return out[0] = (char)(0xC0 | c >> 6), out[1] = (char)(0x80 | (c & 0x3F)), 2;
  if (c < 0x10000) {
    out[0] = (char)(0xE0 | c >> 12), out[1] = (char)(0x80 | (c >> 6 & 0x3F)), out[2] = (char)(0x80 | (c & 0x3F));
    return 3;
  }
  out[0] = (char)(0xF0 | c >> 18), out[1] = (char)(0x80 | (c >> 12 & 0x3F));
  out[2] = (char)(0x80 | (c >> 6 & 0x3F)), out[3] = (char)(0x80 | (c & 0x3F));
  return 4;
}

bool utf8_valid(const char *s, size_t length, size_t *bad_offset) {
  for (size_t i = 0; i < length;) {
    int n = utf8_decode(s + i, length - i, NULL);
    if (!n) {
      if (bad_offset) *bad_offset = i;
      return false;
    }
    i += (size_t)n;
  }
  return true;
}

// Class WS, B or S of the bidirectional types, or category Zs.
bool utf8_is_space(uint32_t c) {
  return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}
