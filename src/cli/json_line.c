#include "cli/json_line.h"

#include <math.h>
#include <string.h>

typedef struct cursor {
  const char *where, *begin, *p, *end;
  err *e;
} cursor;

static bool expected(const cursor *c, const char *what) {
  unsigned long column = (unsigned long)(c->p - c->begin) + 1;
  if (c->p == c->end) return ERR(c->e, "%s: expected %s, found the end of the line", c->where, what);
  return ERR(c->e, "%s: column %lu: expected %s, found byte 0x%02X", c->where, column, what, (unsigned char)*c->p);
}

static void skip_space(cursor *c) {
  while (c->p < c->end && strchr(" \t\r\n", *c->p) && *c->p) c->p++;
}

static bool at_end(cursor *c) {
  skip_space(c);
  return c->p == c->end || expected(c, "nothing more on this line");
}

static bool hex4(cursor *c, uint32_t *code) {
  *code = 0;
  for (int i = 0; i < 4; i++, c->p++) {
    const char *digits = "0123456789abcdef", *found = NULL;
    if (c->p < c->end && *c->p) found = strchr(digits, *c->p >= 'A' && *c->p <= 'F' ? *c->p + 32 : *c->p);
    if (!found) return expected(c, "four hexadecimal digits");
    *code = *code << 4 | (uint32_t)(found - digits);
  }
  return true;
}

// \uD83D\uDE00 is one character; half of such a pair is none.
static bool unicode_escape(cursor *c, text *out) {
  uint32_t code, low;
  TRY(hex4(c, &code));
  if (code >= 0xDC00 && code < 0xE000) return expected(c, "the first half of a surrogate pair before its second");
  if (code >= 0xD800 && code < 0xDC00) {
    if (c->end - c->p < 2 || c->p[0] != '\\' || c->p[1] != 'u') return expected(c, "the second half of a surrogate pair");
    c->p += 2;
    TRY(hex4(c, &low));
    if (low < 0xDC00 || low > 0xDFFF) return expected(c, "the second half of a surrogate pair before this");
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  char bytes[4];
  text_put(out, bytes, (size_t)utf8_encode(code, bytes));
  return true;
}

static bool escape(cursor *c, text *out) {
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  c->p++;
  if (c->p < c->end && *c->p == 'u') {
    c->p++;
    return unicode_escape(c, out);
  }
  const char *found = c->p < c->end && *c->p ? strchr(from, *c->p) : NULL;
  if (!found) return expected(c, "an escape that JSON knows");
  text_putc(out, to[found - from]);
  c->p++;
  return true;
}

bool json_line_string(const char *where, const char *line, size_t length, text *out, err *e) {
  cursor c = {where, line, line, line + length, e};
  skip_space(&c);
  if (c.p == c.end || *c.p != '"') return expected(&c, "a JSON string");
  for (c.p++; c.p < c.end && *c.p != '"';) {
    if (*c.p == '\\') {
      TRY(escape(&c, out));
      continue;
    }
    int n = utf8_decode(c.p, (size_t)(c.end - c.p), NULL);
    if (!n) return expected(&c, "UTF-8");
    if ((unsigned char)*c.p < 0x20) return expected(&c, "control characters written as escapes");
    text_put(out, c.p, (size_t)n);
    c.p += n;
  }
  if (c.p == c.end) return expected(&c, "a quotation mark that ends the string");
  c.p++;
  return at_end(&c);
}

static bool read_id(cursor *c, int32_t *id) {
  bool negative = c->p < c->end && *c->p == '-';
  const char *digits = c->p + negative, *p = digits;
  int64_t value = 0;
  while (p < c->end && *p >= '0' && *p <= '9' && value <= INT32_MAX) value = value * 10 + (*p++ - '0');
  if (p == digits || value > INT32_MAX) return expected(c, "a token id");
  c->p = p;
  *id = (int32_t)(negative ? -value : value);
  return true;
}

bool json_line_ids(arena *a, const char *where, const char *line, size_t length, int32_t **ids, size_t *n, err *e) {
  cursor c = {where, line, line, line + length, e};
  uint64_t capacity = 0;
  *ids = NULL;
  *n = 0;
  skip_space(&c);
  if (c.p == c.end || *c.p != '[') return expected(&c, "a JSON array of token ids");
  c.p++;
  skip_space(&c);
  if (c.p < c.end && *c.p == ']') {
    c.p++;
    return at_end(&c);
  }
  for (;;) {
    skip_space(&c);
    arena_grow(a, (void **)ids, &capacity, *n + 1, sizeof **ids);
    TRY(read_id(&c, &(*ids)[*n]));
    ++*n;
    skip_space(&c);
    if (c.p < c.end && *c.p == ']') break;
    if (c.p == c.end || *c.p != ',') return expected(&c, "a comma or ]");
    c.p++;
  }
  c.p++;
  return at_end(&c);
}

void json_line_put_ids(text *out, const int32_t *ids, size_t n) {
  text_putc(out, '[');
  for (size_t i = 0; i < n; i++) text_printf(out, "%s%d", i ? ", " : "", (int)ids[i]);
  text_putc(out, ']');
}

void json_line_put_number(text *out, double value, int digits) {
  if (isfinite(value)) text_printf(out, "%.*g", digits, value);
  else text_puts(out, "null");
}
