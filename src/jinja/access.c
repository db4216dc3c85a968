// What values hold: attributes, items, slices, iteration, `in`. Lookups that fail are undefined, as in jinja2.
#include <string.h>

#include "base/text.h"
#include "jinja/chars.h"
#include "jinja/interp.h"

// An undefined value keeps what it was looked up in (its length: the kind + 1; 0 for a variable), for access_undefined.
value access_missing(value v, const char *name) {
  value u = value_undefined(name);
  u.length = v.kind + 1u;
  return u;
}

bool access_undefined(interp *in, value v) {
  if (!v.hint) return interp_fail(in, "an undefined value was used");
  if (!v.length) return interp_fail(in, "'%s' is undefined", v.hint);
  value holder = {.kind = (uint8_t)(v.length - 1)};
  return interp_fail(in, "'%s object' has no attribute '%s'", value_type_name(holder), v.hint);
}

static bool find_method(interp *in, value v, const char *name, value *out) {
  const native *table = v.kind == VALUE_STRING                          ? string_methods
                        : v.kind == VALUE_LIST || v.kind == VALUE_TUPLE ? list_methods
                        : v.kind == VALUE_DICT                          ? dict_methods
                        : v.kind == VALUE_LOOP                          ? loop_methods
                                                                        : NULL;
  const native *method = table ? native_find(table, name) : NULL;
  if (!method) return false;
  bound_method *bound = ARENA_NEW(in->a, bound_method);
  *bound = (bound_method){method, v};
  *out = (value){.kind = VALUE_METHOD, .object = bound};
  return true;
}

static bool loop_attribute(interp *in, const loop_state *l, const char *name, value *out) {
  int64_t n = (int64_t)l->items->n, i = (int64_t)l->index;
  const struct {
    const char *name;
    value value;
  } attributes[] = {{"index", value_int(i + 1)},    {"index0", value_int(i)},
                    {"revindex", value_int(n - i)}, {"revindex0", value_int(n - i - 1)},
                    {"first", value_bool(!i)},      {"last", value_bool(i + 1 == n)},
                    {"length", value_int(n)},       {"depth", value_int(l->depth + 1)},
                    {"depth0", value_int(l->depth)}};
  for (size_t k = 0; k < sizeof attributes / sizeof *attributes; k++)
    if (!strcmp(name, attributes[k].name)) return *out = attributes[k].value, true;
  if (!strcmp(name, "previtem")) return *out = i ? l->items->items[i - 1] : value_undefined("loop.previtem"), true;
  if (!strcmp(name, "nextitem")) return *out = i + 1 < n ? l->items->items[i + 1] : value_undefined("loop.nextitem"), true;
  value self = {.kind = VALUE_LOOP, .object = l};
  return find_method(in, self, name, out);
}

bool access_attribute(interp *in, value v, const char *name, value *out) {
  if (v.kind == VALUE_UNDEFINED) return access_undefined(in, v);
  bool found = v.kind == VALUE_LOOP ? loop_attribute(in, v.object, name, out) : find_method(in, v, name, out);
  if (found) return true;
  *out = access_missing(v, name);
  if (v.kind == VALUE_DICT || v.kind == VALUE_NAMESPACE) {
    const value *item = value_find(v, value_text(name), &in->steps);
    if (item) *out = *item;
  }
  return true;
}

// The byte at which character i begins, from the front; the string's length where there are fewer.
static uint64_t byte_of(value s, uint64_t i) {
  uint64_t at = 0;
  for (; at < s.length && i; i--) {
    at++;
    while (at < s.length && ((unsigned char)s.bytes[at] & 0xC0) == 0x80) at++;
  }
  return at;
}

static bool index_of(value key, uint64_t n, uint64_t *index) {
  int64_t i = key.kind == VALUE_BOOL ? key.boolean : key.integer;
  if (key.kind != VALUE_INT && key.kind != VALUE_BOOL) return false;
  if (i < 0) i += (int64_t)n;
  *index = (uint64_t)i;
  return i >= 0 && (uint64_t)i < n;
}

static const char *name_of(interp *in, value key) {
  build b = {.in = in};
  if (key.kind == VALUE_STRING) return arena_strndup(in->a, key.bytes, key.length);
  return value_is_number(key) && print_value(&b, key) ? arena_strndup(in->a, b.bytes, b.n) : value_type_name(key);
}

bool access_item(interp *in, value v, value key, value *out) {
  if (v.kind == VALUE_UNDEFINED) return access_undefined(in, v);
  uint64_t i, size;
  if (v.kind == VALUE_DICT) {
    const value *item = value_find(v, key, &in->steps);
    if (item) return *out = *item, true;
  } else if (v.kind == VALUE_LIST || v.kind == VALUE_TUPLE) {
    if (index_of(key, v.list->n, &i)) return *out = v.list->items[i], true;
  } else if (v.kind == VALUE_STRING && key.kind != VALUE_STRING) {
    TRY(interp_bytes(in, v.length));
    if (index_of(key, value_characters(v), &i)) {
      i = byte_of(v, i);
      size = byte_of(value_slice(v, i, v.length), 1);
      return *out = value_slice(v, i, i + size), true;
    }
  }
  if (key.kind == VALUE_STRING) return access_attribute(in, v, name_of(in, key), out);
  *out = access_missing(v, name_of(in, key));
  return true;
}

// Python's slice of n items: where it begins, its step, how many it takes.
static bool slice_range(interp *in, const value part[3], int64_t n, int64_t *from, int64_t *step, int64_t *count) {
  int64_t edges[3];
  for (int i = 0; i < 3; i++) TRY(given_int(in, "a slice", part[i], i == 2 ? 1 : INT64_MAX, &edges[i]));
  *step = edges[2];
  if (!*step) return interp_fail(in, "slice step cannot be zero");
  bool back = *step < 0;
  if (*step < -n - 1) *step = -n - 1; // which is as good and cannot overflow below
  if (*step > n + 1) *step = n + 1;
  for (int i = 0; i < 2; i++) {
    bool missing = !given(part[i]) || part[i].kind == VALUE_NONE;
    int64_t low = back ? -1 : 0, high = back ? n - 1 : n;
    if (missing) edges[i] = (i == 0) == back ? high : low;
    else if (edges[i] < 0) edges[i] = edges[i] < low - n ? low : edges[i] + n < low ? low : edges[i] + n;
    else if (edges[i] > high) edges[i] = high;
  }
  *from = edges[0];
  int64_t distance = back ? edges[0] - edges[1] : edges[1] - edges[0], stride = back ? -*step : *step;
  *count = distance > 0 ? (distance + stride - 1) / stride : 0;
  return true;
}

static bool slice_string(interp *in, value s, const value part[3], value *out) {
  int64_t from, step, count, n = (int64_t)value_characters(s);
  TRY(interp_bytes(in, s.length));
  TRY(slice_range(in, part, n, &from, &step, &count));
  if (!count) return *out = value_slice(s, 0, 0), true;
  if (step == 1) {
    uint64_t begin = byte_of(s, (uint64_t)from);
    value rest = value_slice(s, begin, s.length);
    return *out = value_slice(rest, 0, byte_of(rest, (uint64_t)count)), true;
  }
  uint32_t *starts = ARENA_ARRAY(in->a, uint32_t, n + 1), size; // of each character
  for (int64_t i = 0, at = 0; i < n; i++, at += size) {
    starts[i] = (uint32_t)at;
    chars_at(s.bytes, s.length, (uint64_t)at, &size);
  }
  starts[n] = s.length;
  build b = {.in = in};
  for (int64_t i = 0; i < count; i++, from += step) {
    TRY(interp_work(in, 1));
    TRY(build_put(&b, value_slice(s, starts[from], starts[from + 1])));
  }
  *out = build_value(&b);
  return true;
}

bool access_slice(interp *in, value v, const value part[3], value *out) {
  int64_t from, step, count;
  if (v.kind == VALUE_UNDEFINED) return access_undefined(in, v);
  if (v.kind == VALUE_STRING) return slice_string(in, v, part, out);
  if (v.kind != VALUE_LIST && v.kind != VALUE_TUPLE) return *out = access_missing(v, "slice"), true;
  TRY(slice_range(in, part, (int64_t)v.list->n, &from, &step, &count));
  *out = value_list_new(in->a, v.kind);
  out->origin = v.origin;
  for (int64_t i = 0; i < count; i++, from += step) TRY(interp_append(in, *out, v.list->items[from]));
  return true;
}

bool access_path(interp *in, value v, value path, value *out) {
  *out = v;
  if (path.kind != VALUE_STRING) return access_item(in, v, path, out);
  for (uint64_t i = 0, end; i <= path.length; i = end + 1) {
    const char *dot = i < path.length ? memchr(path.bytes + i, '.', path.length - i) : NULL;
    end = dot ? (uint64_t)(dot - path.bytes) : path.length;
    value part = value_slice(path, i, end);
    int64_t index = 0;
    bool digits = end > i && end - i < 10;
    for (uint64_t k = i; k < end && digits; k++) {
      digits = path.bytes[k] >= '0' && path.bytes[k] <= '9';
      index = index * 10 + (path.bytes[k] - '0');
    }
    TRY(access_item(in, *out, digits ? value_int(index) : part, out));
  }
  return true;
}

static bool characters(interp *in, value s, value_list **items) {
  value list = value_list_new(in->a, VALUE_LIST);
  uint32_t size;
  for (uint64_t i = 0; i < s.length; i += size) {
    chars_at(s.bytes, s.length, i, &size);
    TRY(interp_append(in, list, value_slice(s, i, i + size)));
  }
  *items = list.list;
  return true;
}

bool access_items(interp *in, value v, value_list **items) {
  value list;
  switch ((value_kind)v.kind) {
    case VALUE_LIST:
    case VALUE_TUPLE: *items = v.list; return true;
    case VALUE_GENERATOR:
      *items = v.list->spent ? value_list_new(in->a, VALUE_LIST).list : v.list;
      v.list->spent = true;
      return true;
    case VALUE_STRING: return characters(in, v, items);
    case VALUE_DICT:
      list = value_list_new(in->a, VALUE_LIST);
      for (uint64_t i = 0; i < v.dict->n; i++) TRY(interp_append(in, list, v.dict->pairs[i].key));
      *items = list.list;
      return true;
    case VALUE_UNDEFINED: *items = value_list_new(in->a, VALUE_LIST).list; return true;
    default: return interp_fail(in, "'%s' object is not iterable", value_type_name(v));
  }
}

static bool contains_text(interp *in, value s, value part, bool *out) {
  if (part.kind != VALUE_STRING)
    return interp_fail(in, "'in <string>' requires string as left operand, not %s", value_type_name(part));
  TRY(interp_bytes(in, s.length));
  *out = !part.length;
  for (uint64_t i = 0; !*out && i + part.length <= s.length; i++) {
    const char *next = memchr(s.bytes + i, part.bytes[0], s.length - part.length - i + 1);
    if (!next) break;
    i = (uint64_t)(next - s.bytes);
    *out = !memcmp(next, part.bytes, part.length);
    if (!*out && part.length > BYTES_PER_STEP) TRY(interp_work(in, 1));
  }
  return true;
}

bool access_contains(interp *in, value v, value item, bool *out) {
  if (v.kind == VALUE_STRING) return contains_text(in, v, item, out);
  if (v.kind == VALUE_DICT) return *out = value_find(v, item, &in->steps) != NULL, true;
  if (v.kind != VALUE_UNDEFINED && !value_is_sequence(v))
    return interp_fail(in, "argument of type '%s' is not iterable", value_type_name(v));
  value_list *items;
  TRY(access_items(in, v, &items));
  *out = false;
  for (uint64_t i = 0; !*out && i < items->n; i++) *out = value_equal(items->items[i], item, &in->steps);
  return true;
}
