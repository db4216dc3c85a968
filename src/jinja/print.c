// Values as text: Python's str() and repr(), json.dumps. Bytes of strings keep their origins; what Python adds around them
// has the origin of the list or dict.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jinja/chars.h"
#include "jinja/interp.h"

enum { PRINT_DEPTH = 200 };

// The shortest decimal that reads back the same, laid out as Python does: exponents below 1e-4 and from 1e16 on.
static void float_text(double d, char out[40]) {
  char digits[40];
  int precision = 1;
  if (isnan(d) || isinf(d)) {
    strcpy(out, isnan(d) ? "nan" : d < 0 ? "-inf" : "inf");
    return;
  }
  do snprintf(digits, sizeof digits, "%.*e", precision - 1, d);
  while (strtod(digits, NULL) != d && ++precision <= 17);
  int exponent = atoi(strchr(digits, 'e') + 1);
  if (exponent < -4 || exponent >= 16) {
    strcpy(out, digits); // C and Python agree: a sign, at least two digits
    return;
  }
  int places = precision - 1 - exponent;
  snprintf(out, 40, "%.*f", places > 0 ? places : 0, d);
  if (places <= 0) strcat(out, ".0");
}

static bool print_number(build *b, value v) {
  char out[40];
  if (v.kind == VALUE_INT) snprintf(out, sizeof out, "%lld", (long long)v.integer);
  else float_text(v.number, out);
  return build_bytes(b, out, strlen(out), v.origin);
}

static bool put_from(build *b, const char *string, uint32_t origin) {
  return build_bytes(b, string, strlen(string), origin);
}

// What stands for s[i..i + size) goes behind s[*plain..i), which stays as it is. A step each, since many are slow.
static bool put_escape(build *b, value s, uint64_t *plain, uint64_t i, uint32_t size, const char *escape) {
  TRY(interp_work(b->in, 1));
  TRY(build_put(b, value_slice(s, *plain, i)));
  *plain = i + size;
  return put_from(b, escape, value_origin_at(s, i));
}

// In quotes: single ones, unless there are single and no double ones inside.
static bool repr_string(build *b, value s) {
  bool single = memchr(s.bytes, '\'', s.length) != NULL, twofold = memchr(s.bytes, '"', s.length) != NULL;
  char quote = single && !twofold ? '"' : '\'', escaped[16];
  uint32_t edge = s.length ? value_origin_at(s, 0) : s.origin, size;
  uint64_t plain = 0;
  TRY(build_bytes(b, &quote, 1, edge));
  for (uint64_t i = 0; i < s.length; i += size) {
    uint32_t c = chars_at(s.bytes, s.length, i, &size);
    if (c == (uint32_t)quote || c == '\\') snprintf(escaped, sizeof escaped, "\\%c", (char)c);
    else if (c == '\n' || c == '\r' || c == '\t')
      snprintf(escaped, sizeof escaped, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    else if (chars_is_printable(c)) continue;
    else snprintf(escaped, sizeof escaped, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)c);
    TRY(put_escape(b, s, &plain, i, size, escaped));
  }
  return build_put(b, value_slice(s, plain, s.length)) && build_bytes(b, &quote, 1, edge);
}

static bool repr(build *b, value v, int depth);

static bool repr_items(build *b, value v, int depth) {
  bool tuple = v.kind == VALUE_TUPLE;
  TRY(put_from(b, tuple ? "(" : "[", v.origin));
  for (uint64_t i = 0; i < v.list->n; i++) {
    if (i) TRY(put_from(b, ", ", v.origin));
    TRY(repr(b, v.list->items[i], depth));
  }
  if (tuple && v.list->n == 1) TRY(put_from(b, ",", v.origin));
  return put_from(b, tuple ? ")" : "]", v.origin);
}

static bool repr_pairs(build *b, value v, int depth) {
  bool space = v.kind == VALUE_NAMESPACE;
  TRY(put_from(b, space ? "<Namespace {" : "{", v.origin));
  for (uint64_t i = 0; i < v.dict->n; i++) {
    if (i) TRY(put_from(b, ", ", v.origin));
    TRY(repr(b, v.dict->pairs[i].key, depth));
    TRY(put_from(b, ": ", v.origin));
    TRY(repr(b, v.dict->pairs[i].value, depth));
  }
  return put_from(b, space ? "}>" : "}", v.origin);
}

static bool repr(build *b, value v, int depth) {
  if (depth > PRINT_DEPTH) return interp_fail(b->in, "a value of more than %d levels cannot be printed", PRINT_DEPTH);
  TRY(interp_work(b->in, 1));
  switch ((value_kind)v.kind) {
    case VALUE_UNDEFINED: return build_text(b, "Undefined");
    case VALUE_NONE: return put_from(b, "None", v.origin);
    case VALUE_BOOL: return put_from(b, v.boolean ? "True" : "False", v.origin);
    case VALUE_INT:
    case VALUE_FLOAT: return print_number(b, v);
    case VALUE_STRING: return repr_string(b, v);
    case VALUE_LIST:
    case VALUE_TUPLE: return repr_items(b, v, depth + 1);
    case VALUE_DICT:
    case VALUE_NAMESPACE: return repr_pairs(b, v, depth + 1);
    default: return interp_fail(b->in, "an object of type '%s' cannot be printed", value_type_name(v));
  }
}

bool print_value(build *b, value v) {
  if (v.kind == VALUE_UNDEFINED) return true;
  return v.kind == VALUE_STRING ? build_put(b, v) : repr(b, v, 0);
}

bool print_string(interp *in, value v, value *out) {
  if (v.kind == VALUE_STRING) return *out = v, true;
  build b = {.in = in};
  TRY(print_value(&b, v));
  *out = build_value(&b);
  return true;
}

bool print_escaped(build *b, value s) {
  static const char signs[] = "&<>'\"";
  static const char *const names[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
  uint64_t plain = 0;
  for (uint64_t i = 0; i < s.length; i++) {
    const char *sign = s.bytes[i] ? strchr(signs, s.bytes[i]) : NULL;
    if (sign) TRY(put_escape(b, s, &plain, i, 1, names[sign - signs]));
  }
  return build_put(b, value_slice(s, plain, s.length));
}

// --- JSON ---

static bool json_string(build *b, value s, bool ascii) {
  static const char letters[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
  uint32_t edge = s.length ? value_origin_at(s, 0) : s.origin, size;
  uint64_t plain = 0;
  char escaped[16];
  TRY(put_from(b, "\"", edge));
  for (uint64_t i = 0; i < s.length; i += size) {
    uint32_t c = chars_at(s.bytes, s.length, i, &size);
    const char *letter = c && c < 0x80 ? strchr(letters, (int)c) : NULL;
    if (letter) snprintf(escaped, sizeof escaped, "\\%c", names[letter - letters]);
    else if (c < 0x20 || (ascii && c > 0x7E && c < 0x10000)) snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned)c);
    else if (ascii && c >= 0x10000)
      snprintf(escaped, sizeof escaped, "\\u%04x\\u%04x", 0xD800 + ((unsigned)c - 0x10000) / 1024, 0xDC00 + (unsigned)c % 1024);
    else continue;
    TRY(put_escape(b, s, &plain, i, size, escaped));
  }
  return build_put(b, value_slice(s, plain, s.length)) && put_from(b, "\"", edge);
}

static bool json(build *b, value v, const json_style *style, int depth);

static bool json_line(build *b, const json_style *style, int depth, uint32_t origin) {
  if (style->indent < 0) return true;
  TRY(put_from(b, "\n", origin));
  for (int i = 0; i < depth * style->indent; i++) TRY(put_from(b, " ", origin));
  return true;
}

static bool json_items(build *b, value v, const json_style *style, int depth) {
  TRY(put_from(b, "[", v.origin));
  for (uint64_t i = 0; i < v.list->n; i++) {
    if (i) TRY(put_from(b, style->item_separator, v.origin));
    TRY(json_line(b, style, depth, v.origin));
    TRY(json(b, v.list->items[i], style, depth));
  }
  if (v.list->n) TRY(json_line(b, style, depth - 1, v.origin));
  return put_from(b, "]", v.origin);
}

static bool json_key(build *b, value key, const json_style *style) {
  if (key.kind == VALUE_STRING) return json_string(b, key, style->ascii);
  if (key.kind != VALUE_NONE && !value_is_number(key))
    return interp_fail(b->in, "keys must be str, int, float, bool or None, not %s", value_type_name(key));
  TRY(put_from(b, "\"", key.origin));
  TRY(json(b, key, style, 0));
  return put_from(b, "\"", key.origin);
}

// The pairs in the order of their keys, which have to be of one kind.
static bool sort_pairs(interp *in, value_dict *d) {
  for (uint64_t i = 1; i < d->n; i++)
    for (uint64_t j = i; j; j--) {
      bool less = false;
      TRY(interp_work(in, 1));
      if (!value_less(d->pairs[j].key, d->pairs[j - 1].key, &less, &in->steps)) return interp_fail(in, "keys that have no order");
      if (!less) break;
      value_pair swap = d->pairs[j];
      d->pairs[j] = d->pairs[j - 1];
      d->pairs[j - 1] = swap;
    }
  return true;
}

static bool json_pairs(build *b, value v, const json_style *style, int depth) {
  value_dict d = *v.dict;
  if (style->sorted && d.n) {
    d.pairs = ARENA_ARRAY(b->in->a, value_pair, d.n);
    memcpy(d.pairs, v.dict->pairs, d.n * sizeof *d.pairs);
    TRY(sort_pairs(b->in, &d));
  }
  TRY(put_from(b, "{", v.origin));
  for (uint64_t i = 0; i < d.n; i++) {
    if (i) TRY(put_from(b, style->item_separator, v.origin));
    TRY(json_line(b, style, depth, v.origin));
    TRY(json_key(b, d.pairs[i].key, style));
    TRY(put_from(b, style->key_separator, v.origin));
    TRY(json(b, d.pairs[i].value, style, depth));
  }
  if (d.n) TRY(json_line(b, style, depth - 1, v.origin));
  return put_from(b, "}", v.origin);
}

static bool json(build *b, value v, const json_style *style, int depth) {
  if (depth > PRINT_DEPTH) return interp_fail(b->in, "a value of more than %d levels cannot be written as JSON", PRINT_DEPTH);
  TRY(interp_work(b->in, 1));
  switch ((value_kind)v.kind) {
    case VALUE_NONE: return put_from(b, "null", v.origin);
    case VALUE_BOOL: return put_from(b, v.boolean ? "true" : "false", v.origin);
    case VALUE_FLOAT:
      if (isnan(v.number)) return put_from(b, "NaN", v.origin);
      if (isinf(v.number)) return put_from(b, v.number < 0 ? "-Infinity" : "Infinity", v.origin);
      return print_number(b, v);
    case VALUE_INT: return print_number(b, v);
    case VALUE_STRING: return json_string(b, v, style->ascii);
    case VALUE_LIST:
    case VALUE_TUPLE: return json_items(b, v, style, depth + 1);
    case VALUE_DICT: return json_pairs(b, v, style, depth + 1);
    default: return interp_fail(b->in, "Object of type %s is not JSON serializable", value_type_name(v));
  }
}

bool print_json(build *b, value v, const json_style *style) {
  return json(b, v, style, 0);
}
