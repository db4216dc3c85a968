// String operations with origins: most results are slices of what they were given.
#include "jinja/strings.h"

#include <string.h>

#include "jinja/chars.h"

static bool in_set(value set, uint32_t c) {
  uint32_t size;
  if (set.kind != VALUE_STRING) return chars_is_space(c);
  for (uint64_t i = 0; i < set.length; i += size)
    if (chars_at(set.bytes, set.length, i, &size) == c) return true;
  return false;
}

bool strings_strip(interp *in, value s, value set, int sides, value *out) {
  uint64_t from = 0, to = s.length;
  uint32_t size;
  if (given(set) && set.kind != VALUE_NONE) TRY(need_string(in, "the characters to strip", set));
  uint64_t set_steps = set.kind == VALUE_STRING ? 1 + set.length / BYTES_PER_STEP : 0; // for each character
  while ((sides & SIDE_LEFT) && from < to && in_set(set, chars_at(s.bytes, to, from, &size))) {
    from += size;
    TRY(interp_work(in, set_steps));
  }
  while ((sides & SIDE_RIGHT) && from < to && in_set(set, chars_before(s.bytes, to, &size))) {
    to -= size;
    TRY(interp_work(in, set_steps));
  }
  TRY(interp_bytes(in, s.length - (to - from)));
  *out = value_slice(s, from, to);
  return true;
}

int64_t strings_find(value s, value part, uint64_t from, bool last) {
  if (last) {
    for (uint64_t i = s.length + 1; i-- > from;)
      if (i + part.length <= s.length && !memcmp(s.bytes + i, part.bytes, part.length)) return (int64_t)i;
    return -1;
  }
  for (uint64_t i = from; i + part.length <= s.length; i++) {
    if (!part.length) return (int64_t)i;
    const char *next = memchr(s.bytes + i, part.bytes[0], s.length - part.length - i + 1);
    if (!next) return -1;
    i = (uint64_t)(next - s.bytes);
    if (!memcmp(next, part.bytes, part.length)) return (int64_t)i;
  }
  return -1;
}

bool strings_starts(value s, value part) {
  return part.length <= s.length && !memcmp(s.bytes, part.bytes, part.length);
}

bool strings_ends(value s, value part) {
  return part.length <= s.length && !memcmp(s.bytes + s.length - part.length, part.bytes, part.length);
}

// Of an empty `old`, between all characters, as Python does.
static bool insert_between(interp *in, value s, value fresh, int64_t most, value *out) {
  build b = {.in = in};
  uint32_t size = 0;
  for (uint64_t i = 0; i <= s.length; i += size) {
    TRY(interp_work(in, 1));
    if (most) TRY(build_put(&b, fresh));
    most -= most > 0;
    if (i == s.length) break;
    chars_at(s.bytes, s.length, i, &size);
    TRY(build_put(&b, value_slice(s, i, i + size)));
  }
  *out = build_value(&b);
  return true;
}

bool strings_replace(interp *in, value s, value old, value fresh, int64_t most, value *out) {
  if (!old.length) return insert_between(in, s, fresh, most, out);
  build b = {.in = in};
  uint64_t at = 0;
  TRY(interp_bytes(in, s.length));
  for (int64_t next; most && (next = strings_find(s, old, at, false)) >= 0; most -= most > 0) {
    TRY(interp_work(in, 1));
    TRY(build_put(&b, value_slice(s, at, (uint64_t)next)));
    TRY(build_put(&b, fresh));
    at = (uint64_t)next + old.length;
  }
  if (!at) return *out = s, true;
  TRY(build_put(&b, value_slice(s, at, s.length)));
  *out = build_value(&b);
  return true;
}

bool strings_case_of(interp *in, value s, strings_case to, value *out) {
  build b = {.in = in};
  bool inside = false; // a word, or all but the first character
  uint32_t size;
  for (uint64_t i = 0; i < s.length; i += size) {
    uint32_t c = chars_at(s.bytes, s.length, i, &size);
    bool upper = to == CASE_UPPER || (to != CASE_LOWER && !inside);
    TRY(build_character(&b, upper ? chars_upper(c) : chars_lower(c), value_origin_at(s, i)));
    inside = to == CASE_CAPITALIZE || (to == CASE_TITLE && chars_is_letter(c));
    if (!(i & 63)) TRY(interp_work(in, 1));
  }
  *out = build_value(&b);
  out->markup = s.markup;
  return true;
}

static void reverse(value_list *l) {
  for (uint64_t i = 0; i < l->n / 2; i++) {
    value swap = l->items[i];
    l->items[i] = l->items[l->n - 1 - i];
    l->items[l->n - 1 - i] = swap;
  }
}

static uint64_t skip_space(value s, uint64_t at, bool space) {
  uint32_t size;
  while (at < s.length && chars_is_space(chars_at(s.bytes, s.length, at, &size)) == space) at += size;
  return at;
}

static uint64_t skip_space_back(value s, uint64_t at, bool space) {
  uint32_t size;
  while (at && chars_is_space(chars_before(s.bytes, at, &size)) == space) at -= size;
  return at;
}

static bool split_words(interp *in, value s, int64_t most, bool from_right, value list) {
  uint64_t begin = skip_space(s, 0, true), end = skip_space_back(s, s.length, true);
  while (begin < end) {
    bool rest = most >= 0 && list.list->n == (uint64_t)most;
    uint64_t word = rest ? (from_right ? 0 : end) : from_right ? skip_space_back(s, end, false) : skip_space(s, begin, false);
    if (from_right && word < begin) word = begin;
    TRY(interp_append(in, list, from_right ? value_slice(s, word, end) : value_slice(s, begin, word)));
    if (from_right) end = skip_space_back(s, word, true);
    else begin = skip_space(s, word, true);
  }
  return true;
}

bool strings_split(interp *in, value s, value separator, int64_t most, bool from_right, value *list) {
  *list = value_list_new(in->a, VALUE_LIST);
  TRY(interp_bytes(in, s.length));
  if (!given(separator) || separator.kind == VALUE_NONE) {
    TRY(split_words(in, s, most, from_right, *list));
  } else {
    TRY(need_string(in, "the separator", separator));
    if (!separator.length) return interp_fail(in, "empty separator");
    uint64_t begin = 0, end = s.length;
    for (int64_t next; most && (next = strings_find(value_slice(s, 0, end), separator, begin, from_right)) >= 0;
         most -= most > 0) {
      uint64_t behind = (uint64_t)next + separator.length;
      TRY(interp_append(in, *list, from_right ? value_slice(s, behind, end) : value_slice(s, begin, (uint64_t)next)));
      if (from_right) end = (uint64_t)next;
      else begin = behind;
    }
    TRY(interp_append(in, *list, value_slice(s, begin, end)));
  }
  if (from_right) reverse(list->list);
  return true;
}

static bool is_line_end(uint32_t c) {
  return (c >= '\n' && c <= '\r') || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

bool strings_lines(interp *in, value s, bool keep_ends, value *list) {
  *list = value_list_new(in->a, VALUE_LIST);
  uint32_t size;
  TRY(interp_bytes(in, s.length));
  for (uint64_t begin = 0, at = 0; at < s.length;) {
    uint32_t c = chars_at(s.bytes, s.length, at, &size);
    uint64_t end = at;
    at += size;
    bool ends = is_line_end(c);
    if (c == '\r' && at < s.length && s.bytes[at] == '\n') at++;
    if (!ends && at < s.length) continue;
    TRY(interp_append(in, *list, value_slice(s, begin, !ends || keep_ends ? at : end)));
    begin = at;
  }
  return true;
}

bool strings_join(interp *in, value separator, const value_list *items, bool convert, value *out) {
  build b = {.in = in};
  for (uint64_t i = 0; i < items->n; i++) {
    TRY(interp_work(in, 1));
    if (i) TRY(build_put(&b, separator));
    if (!convert && items->items[i].kind != VALUE_STRING)
      return interp_fail(in, "sequence item %llu: expected str instance, %s found", (unsigned long long)i,
                         value_type_name(items->items[i]));
    TRY(print_value(&b, items->items[i]));
  }
  *out = build_value(&b);
  return true;
}
