// Methods of str, list and dict. Those that would change a list or dict are missing, as in jinja2's immutable sandbox.
#include <string.h>

#include "jinja/chars.h"
#include "jinja/strings.h"

#define METHOD(name) \
  static bool method_##name(interp *in, value self, const value x[NATIVE_PARAMETERS], const arguments *all, value *out)
#define UNUSED (void)in, (void)x, (void)all

METHOD(strip) {
  UNUSED;
  return strings_strip(in, self, x[0], SIDE_LEFT | SIDE_RIGHT, out);
}

METHOD(lstrip) {
  UNUSED;
  return strings_strip(in, self, x[0], SIDE_LEFT, out);
}

METHOD(rstrip) {
  UNUSED;
  return strings_strip(in, self, x[0], SIDE_RIGHT, out);
}

METHOD(upper) {
  UNUSED;
  return strings_case_of(in, self, CASE_UPPER, out);
}

METHOD(lower) {
  UNUSED;
  return strings_case_of(in, self, CASE_LOWER, out);
}

METHOD(capitalize) {
  UNUSED;
  return strings_case_of(in, self, CASE_CAPITALIZE, out);
}

METHOD(title) {
  UNUSED;
  return strings_case_of(in, self, CASE_TITLE, out);
}

static bool split_from(interp *in, value self, const value x[], bool from_right, value *out) {
  int64_t most;
  TRY(given_int(in, "maxsplit", x[1], -1, &most));
  return strings_split(in, self, x[0], most, from_right, out);
}

METHOD(split) {
  UNUSED;
  return split_from(in, self, x, false, out);
}

METHOD(rsplit) {
  UNUSED;
  return split_from(in, self, x, true, out);
}

METHOD(splitlines) {
  UNUSED;
  return strings_lines(in, self, value_true(x[0]), out);
}

// startswith, endswith: of one string or any of a tuple.
static bool has_edge(interp *in, value self, value part, bool (*matches)(value, value), value *out) {
  value one = part;
  const value_list single = {.items = &one, .n = 1}, *parts = part.kind == VALUE_TUPLE ? part.list : &single;
  *out = value_bool(false);
  for (uint64_t i = 0; i < parts->n; i++) {
    TRY(need_string(in, "the text to look for", parts->items[i]));
    TRY(interp_bytes(in, parts->items[i].length));
    out->boolean |= matches(self, parts->items[i]);
  }
  return true;
}

METHOD(startswith) {
  UNUSED;
  return has_edge(in, self, x[0], strings_starts, out);
}

METHOD(endswith) {
  UNUSED;
  return has_edge(in, self, x[0], strings_ends, out);
}

// The character at which a part begins, −1 where it does not occur.
static bool find_part(interp *in, value self, value part, bool last, bool needed, value *out) {
  TRY(need_string(in, "the text to look for", part));
  TRY(interp_bytes(in, self.length));
  int64_t at = strings_find(self, part, 0, last);
  if (at < 0 && needed) return interp_fail(in, "substring not found");
  *out = value_int(at < 0 ? -1 : (int64_t)value_characters(value_slice(self, 0, (uint64_t)at)));
  return true;
}

METHOD(find) {
  UNUSED;
  return find_part(in, self, x[0], false, false, out);
}

METHOD(rfind) {
  UNUSED;
  return find_part(in, self, x[0], true, false, out);
}

METHOD(string_index) {
  UNUSED;
  return find_part(in, self, x[0], false, true, out);
}

METHOD(rindex) {
  UNUSED;
  return find_part(in, self, x[0], true, true, out);
}

METHOD(string_count) {
  UNUSED;
  TRY(need_string(in, "the text to look for", x[0]));
  TRY(interp_bytes(in, self.length));
  *out = value_int(x[0].length ? 0 : (int64_t)value_characters(self) + 1);
  for (int64_t at = 0; x[0].length && (at = strings_find(self, x[0], (uint64_t)at, false)) >= 0; at += x[0].length)
    out->integer++;
  return true;
}

METHOD(replace) {
  UNUSED;
  int64_t most;
  TRY(need_string(in, "the text to replace", x[0]));
  TRY(need_string(in, "the replacement", x[1]));
  TRY(given_int(in, "count", x[2], -1, &most));
  return strings_replace(in, self, x[0], x[1], most, out);
}

METHOD(join) {
  UNUSED;
  value_list *items;
  TRY(access_items(in, x[0], &items));
  return strings_join(in, self, items, false, out);
}

METHOD(removeprefix) {
  UNUSED;
  TRY(need_string(in, "the prefix", x[0]));
  *out = value_slice(self, strings_starts(self, x[0]) ? x[0].length : 0, self.length);
  return true;
}

METHOD(removesuffix) {
  UNUSED;
  TRY(need_string(in, "the suffix", x[0]));
  *out = value_slice(self, 0, self.length - (strings_ends(self, x[0]) ? x[0].length : 0));
  return true;
}

static bool partition_at(interp *in, value self, value separator, bool last, value *out) {
  TRY(need_string(in, "the separator", separator));
  if (!separator.length) return interp_fail(in, "empty separator");
  TRY(interp_bytes(in, self.length));
  int64_t at = strings_find(self, separator, 0, last);
  uint64_t from = at >= 0 ? (uint64_t)at : last ? 0 : self.length, to = at >= 0 ? from + separator.length : from;
  *out = value_list_new(in->a, VALUE_TUPLE);
  value_append(in->a, *out, value_slice(self, 0, from));
  value_append(in->a, *out, at >= 0 ? separator : value_text(""));
  value_append(in->a, *out, value_slice(self, to, self.length));
  return true;
}

METHOD(partition) {
  UNUSED;
  return partition_at(in, self, x[0], false, out);
}

METHOD(rpartition) {
  UNUSED;
  return partition_at(in, self, x[0], true, out);
}

static bool is_digit(uint32_t c) {
  return c >= '0' && c <= '9';
}

static bool is_alnum(uint32_t c) {
  return is_digit(c) || chars_is_letter(c);
}

static bool all_characters(interp *in, value s, bool (*is)(uint32_t), value *out) {
  uint32_t size;
  TRY(interp_bytes(in, s.length));
  *out = value_bool(s.length != 0);
  for (uint64_t i = 0; out->boolean && i < s.length; i += size) out->boolean = is(chars_at(s.bytes, s.length, i, &size));
  return true;
}

METHOD(isdigit) {
  UNUSED;
  return all_characters(in, self, is_digit, out);
}

METHOD(isalpha) {
  UNUSED;
  return all_characters(in, self, chars_is_letter, out);
}

METHOD(isalnum) {
  UNUSED;
  return all_characters(in, self, is_alnum, out);
}

METHOD(isspace) {
  UNUSED;
  return all_characters(in, self, chars_is_space, out);
}

// Some letter has a case, and none the other one.
static bool is_cased(interp *in, value s, uint32_t (*to)(uint32_t), uint32_t (*other)(uint32_t), value *out) {
  uint32_t size;
  bool some = false, none = true;
  TRY(interp_bytes(in, s.length));
  for (uint64_t i = 0; i < s.length; i += size) {
    uint32_t c = chars_at(s.bytes, s.length, i, &size);
    some |= other(c) != c;
    none &= to(c) == c;
  }
  *out = value_bool(some && none);
  return true;
}

METHOD(isupper) {
  UNUSED;
  return is_cased(in, self, chars_upper, chars_lower, out);
}

METHOD(islower) {
  UNUSED;
  return is_cased(in, self, chars_lower, chars_upper, out);
}

const native string_methods[] = {
    {"strip", method_strip, 0, {"chars"}},
    {"lstrip", method_lstrip, 0, {"chars"}},
    {"rstrip", method_rstrip, 0, {"chars"}},
    {"upper", method_upper, 0, {0}},
    {"lower", method_lower, 0, {0}},
    {"capitalize", method_capitalize, 0, {0}},
    {"title", method_title, 0, {0}},
    {"split", method_split, 0, {"sep", "maxsplit"}},
    {"rsplit", method_rsplit, 0, {"sep", "maxsplit"}},
    {"splitlines", method_splitlines, 0, {"keepends"}},
    {"startswith", method_startswith, 1, {"prefix"}},
    {"endswith", method_endswith, 1, {"suffix"}},
    {"find", method_find, 1, {"sub"}},
    {"rfind", method_rfind, 1, {"sub"}},
    {"index", method_string_index, 1, {"sub"}},
    {"rindex", method_rindex, 1, {"sub"}},
    {"count", method_string_count, 1, {"sub"}},
    {"replace", method_replace, 2, {"old", "new", "count"}},
    {"join", method_join, 1, {"iterable"}},
    {"removeprefix", method_removeprefix, 1, {"prefix"}},
    {"removesuffix", method_removesuffix, 1, {"suffix"}},
    {"partition", method_partition, 1, {"sep"}},
    {"rpartition", method_rpartition, 1, {"sep"}},
    {"isdigit", method_isdigit, 0, {0}},
    {"isalpha", method_isalpha, 0, {0}},
    {"isalnum", method_isalnum, 0, {0}},
    {"isspace", method_isspace, 0, {0}},
    {"isupper", method_isupper, 0, {0}},
    {"islower", method_islower, 0, {0}},
    {0},
};

// --- list, tuple ---

METHOD(list_index) {
  UNUSED;
  for (uint64_t i = 0; i < self.list->n; i++) {
    TRY(interp_work(in, 1));
    if (value_equal(self.list->items[i], x[0], &in->steps)) return *out = value_int((int64_t)i), true;
  }
  return interp_fail(in, "the value is not in the list");
}

METHOD(list_count) {
  UNUSED;
  *out = value_int(0);
  for (uint64_t i = 0; i < self.list->n; i++) out->integer += value_equal(self.list->items[i], x[0], &in->steps);
  return true;
}

METHOD(list_copy) {
  UNUSED;
  *out = value_list_new(in->a, VALUE_LIST);
  out->origin = self.origin;
  for (uint64_t i = 0; i < self.list->n; i++) TRY(interp_append(in, *out, self.list->items[i]));
  return true;
}

const native list_methods[] = {
    {"index", method_list_index, 1, {"value"}},
    {"count", method_list_count, 1, {"value"}},
    {"copy", method_list_copy, 0, {0}},
    {0},
};

// --- dict ---

METHOD(get) {
  UNUSED;
  const value *found = value_find(self, x[0], &in->steps);
  *out = found ? *found : given(x[1]) ? x[1] : value_none();
  return true;
}

METHOD(keys) {
  UNUSED;
  *out = value_list_new(in->a, VALUE_LIST);
  for (uint64_t i = 0; i < self.dict->n; i++) TRY(interp_append(in, *out, self.dict->pairs[i].key));
  return true;
}

METHOD(values) {
  UNUSED;
  *out = value_list_new(in->a, VALUE_LIST);
  for (uint64_t i = 0; i < self.dict->n; i++) TRY(interp_append(in, *out, self.dict->pairs[i].value));
  return true;
}

METHOD(items) {
  UNUSED;
  *out = value_list_new(in->a, VALUE_LIST);
  for (uint64_t i = 0; i < self.dict->n; i++) {
    value pair = value_list_new(in->a, VALUE_TUPLE);
    value_append(in->a, pair, self.dict->pairs[i].key);
    value_append(in->a, pair, self.dict->pairs[i].value);
    TRY(interp_append(in, *out, pair));
  }
  return true;
}

METHOD(dict_copy) {
  UNUSED;
  *out = value_dict_new(in->a);
  out->origin = self.origin;
  for (uint64_t i = 0; i < self.dict->n; i++) TRY(interp_put(in, *out, self.dict->pairs[i].key, self.dict->pairs[i].value));
  return true;
}

const native dict_methods[] = {
    {"get", method_get, 1, {"key", "default"}}, {"keys", method_keys, 0, {0}},
    {"values", method_values, 0, {0}},          {"items", method_items, 0, {0}},
    {"copy", method_dict_copy, 0, {0}},         {0},
};

// --- loop ---

METHOD(cycle) {
  UNUSED;
  const loop_state *l = self.object;
  if (!all->n) return interp_fail(in, "no items for cycling given");
  *out = all->items[l->index % all->n];
  return true;
}

const native loop_methods[] = {
    {"cycle", method_cycle, -1, {0}},
    {0},
};
