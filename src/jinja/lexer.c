// The lexer. White space around tags is jinja2's: "-" eats all of it on its side; the newline behind a block or comment is
// dropped (trim_blocks); so are blanks between the start of a line and a block or comment (lstrip_blocks).
#include "jinja/lexer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "io/quote.h"
#include "jinja/chars.h"

enum { BRACKET_DEPTH = 200, NUMBER_BYTES = 64 };

typedef struct lexer {
  arena *a;
  const source *s;
  uint32_t at;
  bool line_starting; // the last tag ended with a newline, or there was none yet
  lexer_token *tokens;
  uint64_t n, capacity;
  char brackets[BRACKET_DEPTH]; // closing ones that are still to come
  int depth;
  err *e;
} lexer;

bool source_error(const source *s, uint32_t offset, err *e, const char *format, ...) {
  char message[1200];
  uint32_t line = 1, column = 1;
  for (uint32_t i = 0; i < offset && i < s->length; i++) {
    if (s->text[i] == '\n') line++, column = 1;
    else if (((unsigned char)s->text[i] & 0xC0) != 0x80) column++;
  }
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  return ERR(e, "%s: line %u, column %u: %s", s->name, line, column, message);
}

static bool starts(const lexer *l, uint32_t at, const char *what) {
  size_t n = strlen(what);
  return l->s->length - at >= n && !memcmp(l->s->text + at, what, n);
}

static uint32_t skip_space(const lexer *l, uint32_t at) {
  uint32_t size;
  while (at < l->s->length && chars_is_space(chars_at(l->s->text, l->s->length, at, &size))) at += size;
  return at;
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static lexer_token *put(lexer *l, token_kind kind, uint32_t from, uint32_t to) {
  void *items = l->tokens;
  arena_grow(l->a, &items, &l->capacity, l->n + 1, sizeof *l->tokens);
  l->tokens = items;
  l->tokens[l->n] = (lexer_token){.kind = kind, .offset = from, .bytes = l->s->text + from, .length = to - from};
  return &l->tokens[l->n++];
}

// Text up to a tag (or to the end of the source), less what the tag strips on its left.
static void put_data(lexer *l, uint32_t from, uint32_t to, char sign, bool is_variable) {
  const char *s = l->s->text;
  uint32_t size;
  if (sign == '-') {
    while (to > from && chars_is_space(chars_before(s, to, &size))) to -= size;
  } else if (sign != '+' && !is_variable) {
    uint32_t line = to;
    while (line > from && s[line - 1] != '\n') line--;
    if ((line > from || l->line_starting) && skip_space(l, line) >= to) to = line;
  }
  if (to > from) put(l, TOKEN_DATA, from, to);
}

// Behind the end of a tag: at its "%}", "#}" or "}}", maybe with a sign in front.
static uint32_t behind_tag(lexer *l, uint32_t at, bool is_variable) {
  bool strips = l->s->text[at] == '-', keeps = l->s->text[at] == '+';
  at += strips || keeps ? 3 : 2;
  if (strips) at = skip_space(l, at);
  else if (!keeps && !is_variable && at < l->s->length && l->s->text[at] == '\n') at++;
  l->line_starting = at > 0 && l->s->text[at - 1] == '\n';
  return at;
}

// --- inside a tag ---

static bool error_at(lexer *l, uint32_t at, const char *message) {
  return source_error(l->s, at, l->e, "%s", message);
}

static bool read_hex(lexer *l, uint32_t *at, uint32_t digits, text *out) {
  uint32_t code = 0, begin = *at - 2;
  for (uint32_t i = 0; i < digits; i++, ++*at) {
    char c = l->s->text[*at < l->s->length ? *at : 0];
    bool letter = (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (*at >= l->s->length || (!letter && !is_digit(c))) return error_at(l, begin, "expected hexadecimal digits in this escape");
    code = code << 4 | (uint32_t)(letter ? (c & 15) + 9 : c - '0');
  }
  char bytes[4];
  if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return error_at(l, begin, "this escape is no character");
  text_put(out, bytes, (size_t)utf8_encode(code, bytes));
  return true;
}

// An escape of Python's strings; the backslash is at *at − 1. Unknown ones stay as they are.
static bool read_escape(lexer *l, uint32_t *at, text *out) {
  static const char names[] = "abfnrtv\\'\"", values[] = "\a\b\f\n\r\t\v\\'\"";
  char c = l->s->text[(*at)++], bytes[4];
  const char *known = c ? strchr(names, c) : NULL;
  if (c == '\n') return true; // goes on in the next line
  if (c == 'x') return read_hex(l, at, 2, out);
  if (c == 'u') return read_hex(l, at, 4, out);
  if (c == 'U') return read_hex(l, at, 8, out);
  if (c == 'N') return error_at(l, *at - 2, "the escape \\N{…} is not supported");
  if (c >= '0' && c <= '7') {
    uint32_t code = (uint32_t)(c - '0');
    for (int i = 0; i < 2 && *at < l->s->length && l->s->text[*at] >= '0' && l->s->text[*at] <= '7'; i++)
      code = code * 8 + (uint32_t)(l->s->text[(*at)++] - '0');
    text_put(out, bytes, (size_t)utf8_encode(code, bytes));
    return true;
  }
  if (!known) text_putc(out, '\\');
  text_putc(out, known ? values[known - names] : c);
  return true;
}

static bool read_string(lexer *l) {
  uint32_t begin = l->at, at = begin + 1;
  char quote_sign = l->s->text[begin];
  text value = {0};
  bool ok = true;
  while (ok && at < l->s->length && l->s->text[at] != quote_sign) {
    char c = l->s->text[at++];
    if (c == '\\' && at < l->s->length) ok = read_escape(l, &at, &value);
    else text_putc(&value, c);
  }
  if (ok && at >= l->s->length) ok = error_at(l, begin, "expected a closing quote for the string that begins here");
  if (ok) {
    lexer_token *t = put(l, TOKEN_STRING, begin, at);
    t->length = (uint32_t)value.length;
    t->bytes = arena_strndup(l->a, value.data ? value.data : "", value.length);
    l->at = at + 1;
  }
  text_free(&value);
  return ok;
}

// Digits with single underscores between them.
static uint32_t skip_digits(const lexer *l, uint32_t at) {
  const char *s = l->s->text;
  while (at < l->s->length && (is_digit(s[at]) || (s[at] == '_' && at + 1 < l->s->length && is_digit(s[at + 1])))) at++;
  return at;
}

// Where a float's fraction and exponent end; `at` itself where there is neither.
static uint32_t skip_float(const lexer *l, uint32_t at) {
  const char *s = l->s->text;
  if (at + 1 < l->s->length && s[at] == '.' && is_digit(s[at + 1])) at = skip_digits(l, at + 1);
  if (at + 1 < l->s->length && (s[at] == 'e' || s[at] == 'E')) {
    uint32_t digits = at + 1 + (s[at + 1] == '+' || s[at + 1] == '-');
    if (digits < l->s->length && is_digit(s[digits])) at = skip_digits(l, digits);
  }
  return at;
}

static bool read_number(lexer *l) {
  char digits[NUMBER_BYTES];
  uint32_t begin = l->at, whole = skip_digits(l, begin), end, n = 0;
  int base = 10;
  if (l->s->text[begin] == '0' && begin + 1 < l->s->length) {
    char c = l->s->text[begin + 1] | 32;
    base = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 10;
  }
  bool after_dot = l->n && l->tokens[l->n - 1].kind == TOKEN_OPERATOR && *l->tokens[l->n - 1].bytes == '.'; // x.0.1
  end = after_dot || base != 10 ? whole : skip_float(l, whole);
  if (base != 10)
    for (end = begin + 2; end < l->s->length && is_word(l->s->text[end]);) end++;
  for (uint32_t i = base == 10 ? begin : begin + 2; i < end; i++) {
    if (l->s->text[i] == '_') continue;
    if (n + 1 == sizeof digits) return error_at(l, begin, "expected a number of at most 63 digits");
    digits[n++] = l->s->text[i];
  }
  digits[n] = 0;
  char *stop;
  lexer_token *t = put(l, end > whole && base == 10 ? TOKEN_FLOAT : TOKEN_INT, begin, end);
  errno = 0;
  if (t->kind == TOKEN_FLOAT) t->number = strtod(digits, &stop);
  else t->integer = strtoll(digits, &stop, base);
  if (!n || *stop || (base == 10 && t->kind == TOKEN_INT && n > 1 && *digits == '0' && strspn(digits, "0") < n))
    return error_at(l, begin, "expected a number, found something that only begins like one");
  if (t->kind == TOKEN_INT && errno == ERANGE) return error_at(l, begin, "expected an integer of 64 bits, found a larger one");
  l->at = end;
  return true;
}

// Brackets have to fit: a tag ends only where all are closed.
static bool check_bracket(lexer *l, char c) {
  const char *opens = strchr("([{", c), *closes = strchr(")]}", c);
  if (opens) {
    if (l->depth == BRACKET_DEPTH) return error_at(l, l->at, "expected at most 200 open brackets");
    l->brackets[l->depth++] = c == '(' ? ')' : c == '[' ? ']' : '}';
  } else if (closes) {
    if (!l->depth) return source_error(l->s, l->at, l->e, "unexpected '%c'", c);
    if (l->brackets[l->depth - 1] != c)
      return source_error(l->s, l->at, l->e, "expected '%c', found '%c'", l->brackets[l->depth - 1], c);
    l->depth--;
  }
  return true;
}

static bool read_operator(lexer *l) {
  static const char *const operators[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
                                          "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};
  for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
    if (!starts(l, l->at, operators[i])) continue;
    TRY(check_bracket(l, *operators[i]));
    uint32_t end = l->at + (uint32_t)strlen(operators[i]);
    put(l, TOKEN_OPERATOR, l->at, end);
    l->at = end;
    return true;
  }
  char found[QUOTE_BYTES];
  uint32_t size;
  chars_at(l->s->text, l->s->length, l->at, &size);
  return source_error(l->s, l->at, l->e, "unexpected character %s", quote(l->s->text + l->at, size, found));
}

// The tokens of a tag whose opening is behind us, and its end.
static bool read_tag(lexer *l, uint32_t begin, bool is_variable) {
  const char *close = is_variable ? "}}" : "%}";
  l->depth = 0;
  for (;;) {
    l->at = skip_space(l, l->at);
    if (l->at >= l->s->length) break;
    char c = l->s->text[l->at];
    uint32_t end = l->at + (c == '-' || (c == '+' && !is_variable));
    if (!l->depth && starts(l, end, close)) {
      put(l, is_variable ? TOKEN_VARIABLE_END : TOKEN_BLOCK_END, l->at, end + 2);
      l->at = behind_tag(l, l->at, is_variable);
      return true;
    }
    if (c == '\'' || c == '"') {
      TRY(read_string(l));
    } else if (is_digit(c)) {
      TRY(read_number(l));
    } else if (is_word(c)) {
      for (end = l->at; end < l->s->length && is_word(l->s->text[end]);) end++;
      put(l, TOKEN_NAME, l->at, end);
      l->at = end;
    } else {
      TRY(read_operator(l));
    }
  }
  return source_error(l->s, begin, l->e, "expected the end of this tag, \"%s\", found the end of the template", close);
}

// --- between tags ---

static bool read_comment(lexer *l, uint32_t begin) {
  for (uint32_t at = l->at; at < l->s->length; at++) {
    uint32_t end = at + (l->s->text[at] == '-' || l->s->text[at] == '+');
    if (!starts(l, end, "#}")) continue;
    l->at = behind_tag(l, at, false);
    return true;
  }
  return error_at(l, begin, "expected the end of this comment, \"#}\", found the end of the template");
}

// Whether {% word %} begins at `at`; its sign, and where what stands behind the word begins.
static bool is_block(const lexer *l, uint32_t at, const char *word, char *sign, uint32_t *behind) {
  if (!starts(l, at, "{%")) return false;
  at += 2;
  *sign = at < l->s->length && (l->s->text[at] == '-' || l->s->text[at] == '+') ? l->s->text[at++] : 0;
  at = skip_space(l, at);
  if (!starts(l, at, word)) return false;
  at = skip_space(l, at + (uint32_t)strlen(word));
  *behind = at;
  uint32_t end = at < l->s->length && (l->s->text[at] == '-' || l->s->text[at] == '+') ? at + 1 : at;
  return starts(l, end, "%}");
}

static bool read_raw(lexer *l, uint32_t begin, uint32_t behind) {
  bool strips = l->s->text[behind] == '-';
  l->at = behind + (strips || l->s->text[behind] == '+') + 2;
  if (strips) l->at = skip_space(l, l->at);
  l->line_starting = l->s->text[l->at - 1] == '\n';
  char sign;
  for (uint32_t at = l->at; at < l->s->length; at++) {
    if (!is_block(l, at, "endraw", &sign, &behind)) continue;
    put_data(l, l->at, at, sign, false);
    l->at = behind_tag(l, behind, false);
    return true;
  }
  return error_at(l, begin, "expected {% endraw %}, found the end of the template");
}

static uint32_t find_tag(const lexer *l) {
  for (uint32_t at = l->at; at + 1 < l->s->length; at++) {
    char next = l->s->text[at + 1];
    if (l->s->text[at] == '{' && (next == '{' || next == '%' || next == '#')) return at;
  }
  return l->s->length;
}

bool lexer_read(arena *a, const source *s, lexer_token **tokens, uint64_t *n, err *e) {
  lexer l = {.a = a, .s = s, .line_starting = true, .e = e};
  for (;;) {
    uint32_t tag = find_tag(&l), behind = 0;
    if (tag == s->length) break;
    char kind = s->text[tag + 1], sign = tag + 2 < s->length ? s->text[tag + 2] : 0;
    put_data(&l, l.at, tag, sign, kind == '{');
    bool raw = is_block(&l, tag, "raw", &sign, &behind);
    l.at = tag + 2 + (sign == '-' || sign == '+');
    if (raw) {
      TRY(read_raw(&l, tag, behind));
    } else if (kind == '#') {
      TRY(read_comment(&l, tag));
    } else {
      put(&l, kind == '{' ? TOKEN_VARIABLE_BEGIN : TOKEN_BLOCK_BEGIN, tag, l.at);
      TRY(read_tag(&l, tag, kind == '{'));
    }
  }
  if (s->length > l.at) put(&l, TOKEN_DATA, l.at, s->length);
  put(&l, TOKEN_END, s->length, s->length);
  *tokens = l.tokens;
  *n = l.n;
  return true;
}
