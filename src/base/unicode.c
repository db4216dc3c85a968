#include "base/unicode.h"

#include "base/unicode_tables.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

enum { DOTTED_I = 0x130, DOT_ABOVE = 0x307, SIGMA = 0x3A3, SMALL_SIGMA = 0x3C3, FINAL_SIGMA = 0x3C2, REPLACEMENT = 0xFFFD };

static bool is_in(const unicode_range *ranges, size_t n, uint32_t c) {
  size_t low = 0, high = n;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (ranges[middle].last < c) low = middle + 1;
    else high = middle;
  }
  return low < n && ranges[low].first <= c;
}

bool unicode_is_word(uint32_t c) {
  return is_in(words, COUNT(words), c);
}

bool unicode_is_ascii_punctuation(uint32_t c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

uint32_t unicode_take(const char **s, const char *end) {
  uint32_t c = REPLACEMENT;
  const int n = utf8_decode(*s, (size_t)(end - *s), &c);
  *s += n ? n : 1;
  return n ? c : REPLACEMENT;
}

static void put(text *out, uint32_t c) {
  char bytes[4];
  text_put(out, bytes, (size_t)utf8_encode(c, bytes));
}

static uint32_t simple_lower(uint32_t c) {
  size_t low = 0, high = COUNT(lower_case);
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (lower_case[middle].last < c) low = middle + 1;
    else high = middle;
  }
  if (low == COUNT(lower_case) || lower_case[low].first > c) return c;
  const struct unicode_lower_range *r = &lower_case[low];
  return (c - r->first) % r->step ? c : (uint32_t)((int32_t)c + r->difference);
}

// The nearest character before `s` (or behind it) that is not case-ignorable is a cased letter.
static bool cased_before(const char *begin, const char *s) {
  for (const char *end = s; s > begin; end = s) {
    do s--;
    while (s > begin && (*s & 0xC0) == 0x80);
    const char *at = s;
    const uint32_t c = unicode_take(&at, end);
    if (!is_in(case_ignorable, COUNT(case_ignorable), c)) return is_in(cased, COUNT(cased), c);
  }
  return false;
}

static bool cased_behind(const char *s, const char *end) {
  while (s < end) {
    const uint32_t c = unicode_take(&s, end);
    if (!is_in(case_ignorable, COUNT(case_ignorable), c)) return is_in(cased, COUNT(cased), c);
  }
  return false;
}

void unicode_put_lower(text *out, const char *s, size_t n) {
  const char *begin = s, *end = s + n;
  while (s < end) {
    const char *here = s;
    const uint32_t c = unicode_take(&s, end);
    if (c < 0x80) {
      text_putc(out, (char)(c >= 'A' && c <= 'Z' ? c + 32 : c));
    } else if (c == DOTTED_I) {
      put(out, 'i'), put(out, DOT_ABOVE);
    } else if (c == SIGMA) {
      put(out, cased_before(begin, here) && !cased_behind(s, end) ? FINAL_SIGMA : SMALL_SIGMA);
    } else {
      put(out, simple_lower(c));
    }
  }
}
