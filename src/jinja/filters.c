// Filters of single values: text, numbers, JSON. Those of sequences are in filters_list.c.
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jinja/chars.h"
#include "jinja/strings.h"

#define FILTER(name) \
  static bool filter_##name(interp *in, value v, const value x[NATIVE_PARAMETERS], const arguments *all, value *out)
#define UNUSED (void)in, (void)x, (void)all

// The value as text without the mark of `safe`.
static bool plain(interp *in, value v, value *out) {
  TRY(print_string(in, v, out));
  out->markup = false;
  return true;
}

FILTER(default) {
  UNUSED;
  bool missing = v.kind == VALUE_UNDEFINED || (value_true(x[1]) && !value_true(v));
  *out = !missing ? v : given(x[0]) ? x[0] : value_text("");
  return true;
}

FILTER(trim) {
  UNUSED;
  TRY(print_string(in, v, &v));
  return strings_strip(in, v, x[0], SIDE_LEFT | SIDE_RIGHT, out);
}

FILTER(string) {
  UNUSED;
  return print_string(in, v, out);
}

FILTER(safe) {
  UNUSED;
  TRY(print_string(in, v, out));
  out->markup = true;
  return true;
}

FILTER(escape) {
  UNUSED;
  TRY(print_string(in, v, out));
  if (out->markup) return true;
  build b = {.in = in};
  TRY(print_escaped(&b, *out));
  *out = build_value(&b);
  out->markup = true;
  return true;
}

static bool in_case(interp *in, value v, strings_case to, value *out) {
  TRY(print_string(in, v, &v));
  return strings_case_of(in, v, to, out);
}

FILTER(upper) {
  UNUSED;
  return in_case(in, v, CASE_UPPER, out);
}

FILTER(lower) {
  UNUSED;
  return in_case(in, v, CASE_LOWER, out);
}

FILTER(capitalize) {
  UNUSED;
  return in_case(in, v, CASE_CAPITALIZE, out);
}

// Words begin behind white space and - ( { [ <, unlike in str.title.
FILTER(title) {
  UNUSED;
  build b = {.in = in};
  bool inside = false;
  uint32_t size;
  TRY(print_string(in, v, &v));
  for (uint64_t i = 0; i < v.length; i += size) {
    uint32_t c = chars_at(v.bytes, v.length, i, &size);
    TRY(build_character(&b, inside ? chars_lower(c) : chars_upper(c), value_origin_at(v, i)));
    inside = !chars_is_space(c) && !(c < 0x80 && strchr("-({[<", (int)c));
  }
  *out = build_value(&b);
  return true;
}

FILTER(replace) {
  UNUSED;
  value old, fresh;
  int64_t most;
  TRY(plain(in, v, &v));
  TRY(plain(in, x[0], &old));
  TRY(plain(in, x[1], &fresh));
  TRY(given_int(in, "count", x[2], -1, &most));
  return strings_replace(in, v, old, fresh, most, out);
}

static bool put_spaces(build *b, int64_t n) {
  static const char spaces[] = "                                                                ";
  for (const int64_t most = sizeof spaces - 1; n > 0; n -= most)
    TRY(build_bytes(b, spaces, (uint64_t)(n < most ? n : most), ORIGIN_TEMPLATE));
  return true;
}

// All lines but the first; the first too where `first` says so; empty ones only where `blank` does.
FILTER(indent) {
  UNUSED;
  value margin, lines;
  build b = {.in = in}, spaces = {.in = in};
  int64_t width;
  TRY(plain(in, v, &v));
  if (x[0].kind == VALUE_STRING) {
    margin = x[0];
  } else {
    TRY(given_int(in, "width", x[0], 4, &width));
    TRY(put_spaces(&spaces, width));
    margin = build_value(&spaces);
  }
  TRY(strings_lines(in, v, false, &lines));
  bool newline_last = v.length && lines.list->n && v.bytes[v.length - 1] == '\n'; // an empty line more, as jinja2 adds one
  if (newline_last || !lines.list->n) TRY(interp_append(in, lines, value_text("")));
  if (value_true(x[1])) TRY(build_put(&b, margin));
  for (uint64_t i = 0; i < lines.list->n; i++) {
    if (i) TRY(build_text(&b, "\n"));
    if (i && (lines.list->items[i].length || value_true(x[2]))) TRY(build_put(&b, margin));
    TRY(build_put(&b, lines.list->items[i]));
  }
  *out = build_value(&b);
  return true;
}

FILTER(length) {
  UNUSED;
  switch ((value_kind)v.kind) {
    case VALUE_UNDEFINED: *out = value_int(0); return true;
    case VALUE_STRING:
      TRY(interp_bytes(in, v.length));
      *out = value_int((int64_t)value_characters(v));
      return true;
    case VALUE_LIST:
    case VALUE_TUPLE: *out = value_int((int64_t)v.list->n); return true;
    case VALUE_DICT: *out = value_int((int64_t)v.dict->n); return true;
    default: return interp_fail(in, "object of type '%s' has no len()", value_type_name(v));
  }
}

FILTER(wordcount) {
  UNUSED;
  value words;
  TRY(print_string(in, v, &v));
  TRY(strings_split(in, v, value_none(), -1, false, &words));
  *out = value_int((int64_t)words.list->n);
  return true;
}

// --- numbers ---

// Python's int(text) or float(text) of what stands between white space; false where it is none.
static bool read_text(interp *in, value s, bool integer, int base, value *out) {
  char digits[80], *stop;
  uint64_t n = 0;
  if (!strings_strip(in, s, value_none(), SIDE_LEFT | SIDE_RIGHT, &s) || !s.length || s.length >= sizeof digits) return false;
  for (uint64_t i = 0; i < s.length; i++) {
    bool between = s.bytes[i] == '_' && i && i + 1 < s.length && s.bytes[i - 1] != '_' && s.bytes[i + 1] != '_';
    if (s.bytes[i] == 'x' && base != 16) return false; // C's hexadecimal floats
    if (!between) digits[n++] = s.bytes[i];
  }
  digits[n] = 0;
  if (memchr(digits, ' ', n) || strchr(digits, 'p') || strchr(digits, 'P')) return false;
  errno = 0;
  if (integer) *out = value_int(strtoll(digits, &stop, base));
  else *out = value_float(strtod(digits, &stop));
  return !*stop && stop != digits && (!integer || errno != ERANGE);
}

FILTER(int) {
  UNUSED;
  int64_t base;
  value number = v;
  TRY(given_int(in, "base", x[1], 10, &base));
  if (base < 2 || base > 36) return interp_fail(in, "int: expected a base from 2 to 36, found %lld", (long long)base);
  if (v.kind == VALUE_STRING && read_text(in, v, true, (int)base, out)) return true;
  bool ok = v.kind == VALUE_STRING ? read_text(in, v, false, 10, &number) : value_is_number(v);
  *out = given(x[0]) ? x[0] : value_int(0);
  if (!ok) return true;
  if (number.kind != VALUE_FLOAT) *out = value_int(number.kind == VALUE_BOOL ? number.boolean : number.integer);
  else if (fabs(number.number) < 9.2e18) *out = value_int((int64_t)number.number);
  else if (isfinite(number.number)) return interp_fail(in, "an integer of more than 64 bits");
  out->origin = v.origin;
  return true;
}

FILTER(float) {
  UNUSED;
  value number = v;
  bool ok = v.kind == VALUE_STRING ? read_text(in, v, false, 10, &number) : value_is_number(v);
  *out = ok ? value_float(value_number(number)) : given(x[0]) ? x[0] : value_float(0);
  out->origin = v.origin;
  return true;
}

static bool need_number(interp *in, value v) {
  if (v.kind == VALUE_UNDEFINED) return access_undefined(in, v);
  return value_is_number(v) || interp_fail(in, "expected a number, found %s", value_type_name(v));
}

FILTER(abs) {
  UNUSED;
  TRY(need_number(in, v));
  int64_t i = v.kind == VALUE_BOOL ? v.boolean : v.integer;
  if (v.kind != VALUE_FLOAT && i == INT64_MIN) return interp_fail(in, "an integer of more than 64 bits");
  *out = v.kind == VALUE_FLOAT ? value_float(fabs(v.number)) : value_int(i < 0 ? -i : i);
  return true;
}

// Half to even in the decimal digits of the number, as Python does.
FILTER(round) {
  UNUSED;
  int64_t places;
  char digits[400];
  TRY(need_number(in, v));
  TRY(given_int(in, "precision", x[0], 0, &places));
  bool common = !given(x[1]) || value_is(x[1], "common");
  if (!common && !value_is(x[1], "ceil") && !value_is(x[1], "floor"))
    return interp_fail(in, "method must be common, ceil or floor");
  if (places < 0 || places > 15)
    return interp_fail(in, "round: expected a precision from 0 to 15, found %lld", (long long)places);
  if (v.kind != VALUE_FLOAT && common) return *out = value_int(v.kind == VALUE_BOOL ? v.boolean : v.integer), true;
  double d = value_number(v), scale = pow(10, (double)places);
  if (common) {
    snprintf(digits, sizeof digits, "%.*f", (int)places, d);
    *out = value_float(strtod(digits, NULL));
  } else {
    *out = value_float((value_is(x[1], "ceil") ? ceil(d * scale) : floor(d * scale)) / scale);
  }
  return true;
}

// --- JSON ---

static bool separator(interp *in, const value *pair, uint64_t i, const char **out) {
  value v = pair->list->items[i];
  TRY(need_string(in, "separators", v));
  *out = arena_strndup(in->a, v.bytes, v.length);
  return true;
}

// transformers': json.dumps with ensure_ascii off.
FILTER(tojson) {
  UNUSED;
  int64_t indent;
  TRY(given_int(in, "indent", x[1], -1, &indent));
  if (indent > 64) return interp_fail(in, "tojson: expected an indent of at most 64, found %lld", (long long)indent);
  json_style style = {.indent = indent < 0 ? -1 : (int)indent, .item_separator = indent < 0 ? ", " : ",", .key_separator = ": "};
  style.ascii = value_true(x[0]);
  style.sorted = value_true(x[3]);
  if (given(x[2]) && x[2].kind != VALUE_NONE) {
    if (!value_is_sequence(x[2]) || x[2].list->n != 2) return interp_fail(in, "tojson: expected two separators");
    TRY(separator(in, &x[2], 0, &style.item_separator));
    TRY(separator(in, &x[2], 1, &style.key_separator));
  }
  build b = {.in = in};
  TRY(print_json(&b, v, &style));
  *out = build_value(&b);
  return true;
}

const native filters_table[] = {
    {"default", filter_default, 0, {"default_value", "boolean"}},
    {"d", filter_default, 0, {"default_value", "boolean"}},
    {"trim", filter_trim, 0, {"chars"}},
    {"string", filter_string, 0, {0}},
    {"safe", filter_safe, 0, {0}},
    {"escape", filter_escape, 0, {0}},
    {"e", filter_escape, 0, {0}},
    {"upper", filter_upper, 0, {0}},
    {"lower", filter_lower, 0, {0}},
    {"capitalize", filter_capitalize, 0, {0}},
    {"title", filter_title, 0, {0}},
    {"replace", filter_replace, 2, {"old", "new", "count"}},
    {"indent", filter_indent, 0, {"width", "first", "blank"}},
    {"length", filter_length, 0, {0}},
    {"count", filter_length, 0, {0}},
    {"wordcount", filter_wordcount, 0, {0}},
    {"int", filter_int, 0, {"default", "base"}},
    {"float", filter_float, 0, {"default"}},
    {"abs", filter_abs, 0, {0}},
    {"round", filter_round, 0, {"precision", "method"}},
    {"tojson", filter_tojson, 0, {"ensure_ascii", "indent", "separators", "sort_keys"}},
    {0},
};

bool filter_apply(interp *in, const char *name, value v, const arguments *all, value *out) {
  const native *f = native_find(filters_table, name);
  if (!f) f = native_find(filters_list_table, name);
  if (!f) return interp_fail(in, "No filter named '%s'.", name);
  return native_call(in, f, v, all, out);
}
