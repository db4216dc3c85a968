#include "io/json_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "io/quote.h"

// A key of an object that is still open. Sorting an object's keys by hash when it closes finds equal ones in n log n
// whatever the keys are.
typedef struct seen_key {
  uint64_t hash, at, length; // where it stands, without its quotes
} seen_key;

typedef struct scan {
  const char *origin, *text;
  uint64_t at, length;
  seen_key *keys; // of the open objects, outermost first
  uint64_t n_keys, keys_capacity;
  text left, right; // keys with their escapes resolved
  err *e;
} scan;

static int peek(const scan *s) {
  return s->at < s->length ? (unsigned char)s->text[s->at] : -1;
}

static bool fail_found(scan *s, uint64_t at, const char *expected, const char *found) {
  unsigned long long line = 1, column = 1;
  for (uint64_t i = 0; i < at; i++) {
    unsigned char c = (unsigned char)s->text[i];
    if (c == '\n') line++, column = 1;
    else if ((c & 0xC0) != 0x80) column++; // characters, not bytes
  }
  // A text of one line is mostly a line of a file, whose number the origin has.
  if (line == 1 && !memchr(s->text, '\n', (size_t)s->length))
    return ERR(s->e, "%s: column %llu: expected %s, found %s", s->origin, column, expected, found);
  return ERR(s->e, "%s: line %llu, column %llu: expected %s, found %s", s->origin, line, column, expected, found);
}

static bool fail(scan *s, const char *expected) {
  char found[32];
  int c = peek(s);
  if (c < 0) return fail_found(s, s->at, expected, "the end of the text");
  if (c > 0x20 && c < 0x7F) snprintf(found, sizeof found, "'%c'", c);
  else if (c == ' ') snprintf(found, sizeof found, "a space");
  else if (c == '\n') snprintf(found, sizeof found, "the end of the line");
  else snprintf(found, sizeof found, "byte 0x%02X", (unsigned)c);
  return fail_found(s, s->at, expected, found);
}

static void skip_space(scan *s) {
  while (s->at < s->length) {
    char c = s->text[s->at];
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return;
    s->at++;
  }
}

static int hex_value(char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// The four digits of \uXXXX.
static bool scan_hex(scan *s, uint32_t *code) {
  *code = 0;
  for (int i = 0; i < 4; i++, s->at++) {
    int digit = s->at < s->length ? hex_value(s->text[s->at]) : -1;
    if (digit < 0) return fail(s, "four hexadecimal digits after \\u");
    *code = *code << 4 | (uint32_t)digit;
  }
  return true;
}

// At the character behind the backslash.
static bool scan_escape(scan *s) {
  uint64_t start = s->at - 1;
  int c = peek(s);
  if (c < 0 || !strchr("\"\\/bfnrtu", c) || !c) return fail(s, "one of \" \\ / b f n r t u after a backslash");
  s->at++;
  if (c != 'u') return true;
  uint32_t code, low;
  TRY(scan_hex(s, &code));
  if (code == 0) return fail_found(s, start, "text without NUL characters", "\\u0000");
  if (code >= 0xDC00 && code < 0xE000)
    return fail_found(s, start, "a character", "the second half of a surrogate pair without the first");
  if (code < 0xD800 || code >= 0xDC00) return true;
  static const char *const lone = "the first half of a surrogate pair without the second";
  if (s->length - s->at < 2 || s->text[s->at] != '\\' || s->text[s->at + 1] != 'u')
    return fail_found(s, start, "a character", lone);
  s->at += 2;
  TRY(scan_hex(s, &low));
  return (low >= 0xDC00 && low < 0xE000) || fail_found(s, start, "a character", lone);
}

// At the opening quote. Leaves `at` behind the closing one.
static bool scan_string(scan *s, bool *escapes) {
  *escapes = false;
  uint64_t start = s->at++;
  for (;;) {
    int c = peek(s);
    if (c < 0) return fail_found(s, start, "a closing quote for the string that begins here", "the end of the text");
    if (c == '"') return s->at++, true;
    if (c == '\\') {
      *escapes = true;
      s->at++;
      TRY(scan_escape(s));
    } else if (c < 0x20) {
      return fail(s, "a control character in a string as an escape (\\n, \\t, \\u001b)");
    } else if (c < 0x80) {
      s->at++;
    } else {
      int n = utf8_decode(s->text + s->at, (size_t)(s->length - s->at), NULL);
      if (!n) return fail(s, "UTF-8");
      s->at += (uint64_t)n;
    }
  }
}

static bool scan_digits(scan *s) {
  int c = peek(s);
  if (c < '0' || c > '9') return fail(s, "a digit");
  while (s->at < s->length && s->text[s->at] >= '0' && s->text[s->at] <= '9') s->at++;
  return true;
}

static bool scan_number(scan *s) {
  uint64_t start = s->at;
  if (peek(s) == '-') s->at++;
  if (peek(s) == '0') {
    s->at++;
    if (peek(s) >= '0' && peek(s) <= '9') return fail(s, "no digit after a leading 0");
  } else {
    TRY(scan_digits(s));
  }
  if (peek(s) == '.') {
    s->at++;
    TRY(scan_digits(s));
  }
  if (peek(s) == 'e' || peek(s) == 'E') {
    s->at++;
    if (peek(s) == '+' || peek(s) == '-') s->at++;
    TRY(scan_digits(s));
  }
  if (s->at - start <= JSON_NUMBER_BYTES) return true;
  return fail_found(s, start, "a number of at most 63 characters", "a longer one");
}

static bool scan_scalar(scan *s) {
  static const char *const words[] = {"true", "false", "null"};
  bool escapes;
  int c = peek(s);
  if (c == '"') return scan_string(s, &escapes);
  if (c == '-' || (c >= '0' && c <= '9')) return scan_number(s);
  for (int i = 0; i < 3; i++) {
    size_t n = strlen(words[i]);
    if (s->length - s->at >= n && !memcmp(s->text + s->at, words[i], n)) return s->at += n, true;
  }
  return fail(s, "a value");
}

static uint64_t key_hash(scan *s, const seen_key *k, bool escapes) {
  if (!escapes) return XXH64(s->text + k->at, (size_t)k->length, 0);
  text_clear(&s->left);
  json_text_unescape((json_slice){s->text + k->at, k->length}, &s->left);
  return XXH64(s->left.data, s->left.length, 0);
}

// A key and its colon.
static bool scan_key(scan *s) {
  skip_space(s);
  if (peek(s) != '"') return fail(s, "a key in double quotes");
  seen_key k = {.at = s->at + 1};
  bool escapes;
  TRY(scan_string(s, &escapes));
  k.length = s->at - 1 - k.at;
  k.hash = key_hash(s, &k, escapes);
  if (s->n_keys == s->keys_capacity) {
    uint64_t grown = s->keys_capacity ? 2 * s->keys_capacity : 64;
    seen_key *keys = realloc(s->keys, (size_t)(grown * sizeof *keys));
    if (!keys) return ERR(s->e, "%s: out of host memory for %llu keys", s->origin, (unsigned long long)grown);
    s->keys = keys;
    s->keys_capacity = grown;
  }
  s->keys[s->n_keys++] = k;
  skip_space(s);
  if (peek(s) != ':') return fail(s, "a colon after the key");
  s->at++;
  return true;
}

static int by_hash(const void *a, const void *b) {
  const seen_key *x = a, *y = b;
  if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
  return x->at < y->at ? -1 : 1;
}

static bool same_key(scan *s, const seen_key *a, const seen_key *b) {
  text_clear(&s->left), text_clear(&s->right);
  json_text_unescape((json_slice){s->text + a->at, a->length}, &s->left);
  json_text_unescape((json_slice){s->text + b->at, b->length}, &s->right);
  return s->left.length == s->right.length && !memcmp(s->left.data, s->right.data, s->left.length);
}

// An object's keys, from `first` on, are all seen. Keys of equal hash are compared with their neighbour alone: of three
// that are equal two are neighbours, and unequal keys of one hash do not occur in honest files.
static bool close_object(scan *s, uint64_t first) {
  uint64_t n = s->n_keys - first;
  if (!n) return true;
  seen_key *k = s->keys + first;
  qsort(k, (size_t)n, sizeof *k, by_hash);
  for (uint64_t i = 1; i < n; i++)
    if (k[i].hash == k[i - 1].hash && same_key(s, &k[i - 1], &k[i])) {
      char key[QUOTE_BYTES], found[QUOTE_BYTES + 16];
      snprintf(found, sizeof found, "%s again", quote(s->text + k[i].at, k[i].length, key));
      return fail_found(s, k[i].at - 1, "each key once in an object", found);
    }
  s->n_keys = first;
  return true;
}

static bool scan_document(scan *s) {
  struct {
    bool object;
    uint64_t first_key;
  } open[JSON_DEPTH];
  int depth = 0;
  for (;;) { // at the beginning of a value
    skip_space(s);
    int c = peek(s);
    if (c == '{' || c == '[') {
      if (depth == JSON_DEPTH) return fail_found(s, s->at, "at most 128 levels of nesting", "a deeper one");
      open[depth].object = c == '{';
      open[depth++].first_key = s->n_keys;
      s->at++;
      skip_space(s);
      if (peek(s) != (c == '{' ? '}' : ']')) {
        if (c == '{') TRY(scan_key(s));
        continue;
      }
    } else {
      TRY(scan_scalar(s));
    }
    for (;;) { // behind a value, or at the end of an empty container
      skip_space(s);
      if (!depth) return s->at == s->length || fail(s, "nothing behind the value");
      bool object = open[depth - 1].object;
      c = peek(s);
      if (c == ',') {
        s->at++;
        if (object) TRY(scan_key(s));
        break;
      }
      if (c != (object ? '}' : ']')) return fail(s, object ? "a comma or '}'" : "a comma or ']'");
      if (object) TRY(close_object(s, open[depth - 1].first_key));
      s->at++;
      depth--;
    }
  }
}

bool json_text_check(const char *origin, const char *source, uint64_t length, err *e) {
  scan s = {.origin = origin, .text = source, .length = length, .e = e};
  bool ok = scan_document(&s);
  free(s.keys);
  text_free(&s.left);
  text_free(&s.right);
  return ok;
}

void json_text_unescape(json_slice raw, text *out) {
  static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
  uint64_t i = 0;
  text_put(out, "", 0);
  while (i < raw.length) {
    const char *slash = memchr(raw.data + i, '\\', (size_t)(raw.length - i));
    uint64_t plain = slash ? (uint64_t)(slash - raw.data) : raw.length;
    text_put(out, raw.data + i, (size_t)(plain - i));
    i = plain;
    if (i == raw.length) return;
    char c = raw.data[i + 1];
    i += 2;
    if (c != 'u') {
      text_putc(out, meant[strchr(letters, c) - letters]);
      continue;
    }
    uint32_t units[2] = {0, 0};
    for (int unit = 0; unit < 2; unit++) {
      for (int d = 0; d < 4; d++) units[unit] = units[unit] << 4 | (uint32_t)hex_value(raw.data[i++]);
      if (units[unit] < 0xD800 || units[unit] >= 0xDC00) break;
      i += 2; // the \u of the pair's second half
    }
    char code[4];
    uint32_t point = units[1] ? 0x10000 + ((units[0] - 0xD800) << 10) + (units[1] - 0xDC00) : units[0];
    text_put(out, code, (size_t)utf8_encode(point, code));
  }
}

static void step(json_slice *at, uint64_t n) {
  at->data += n;
  at->length -= n;
}

static void step_space(json_slice *at) {
  while (at->length && (*at->data == ' ' || *at->data == '\n' || *at->data == '\r' || *at->data == '\t')) step(at, 1);
}

// A value's bytes; the text is known to be good.
static json_slice step_value(json_slice *at) {
  json_slice value = {at->data, 0};
  uint64_t depth = 0;
  bool inside = false; // a string
  while (at->length) {
    char c = *at->data;
    if (inside) {
      if (c == '\\') step(at, 1);
      inside = c != '"';
    } else if (c == '"') {
      inside = true;
    } else if (c == '{' || c == '[') {
      depth++;
    } else if (c == '}' || c == ']') {
      if (!depth) break;
      depth--;
    } else if (!depth && (c == ',' || c == ':')) {
      break;
    }
    step(at, 1);
  }
  value.length = (uint64_t)(at->data - value.data);
  while (value.length && strchr(" \n\r\t", value.data[value.length - 1])) value.length--;
  return value;
}

bool json_text_member(json_slice *at, json_slice *key, json_slice *value) {
  step_space(at);
  REQUIRE(at->length && strchr("{,}", *at->data), "not at a member of an object");
  bool first = *at->data == '{';
  if (!first && *at->data != ',') return false;
  step(at, 1);
  step_space(at);
  if (*at->data == '}') return false;
  *key = step_value(at);
  key->data++;
  key->length -= 2;
  step(at, 1); // the colon
  step_space(at);
  *value = step_value(at);
  return true;
}
