// Filters of sequences. Those that are lazy in jinja2 give generators.
#include <string.h>

#include "jinja/chars.h"
#include "jinja/strings.h"

#define FILTER(name) \
  static bool filter_##name(interp *in, value v, const value x[NATIVE_PARAMETERS], const arguments *all, value *out)
#define UNUSED (void)in, (void)x, (void)all

// The attribute `path` of an item where one was given, else the item.
static bool attribute_of(interp *in, value item, value path, value *out) {
  if (given(path) && path.kind != VALUE_NONE) return access_path(in, item, path, out);
  *out = item;
  return true;
}

static bool copy(interp *in, const value_list *items, value_kind kind, value *out) {
  *out = value_list_new(in->a, kind);
  for (uint64_t i = 0; i < items->n; i++) TRY(interp_append(in, *out, items->items[i]));
  return true;
}

FILTER(list) {
  UNUSED;
  value_list *items;
  TRY(access_items(in, v, &items));
  return copy(in, items, VALUE_LIST, out);
}

FILTER(join) {
  UNUSED;
  value_list *items;
  value separator = value_text(""), mapped = value_list_new(in->a, VALUE_LIST);
  TRY(access_items(in, v, &items));
  if (given(x[0])) TRY(print_string(in, x[0], &separator));
  for (uint64_t i = 0; i < items->n; i++) {
    value item;
    TRY(attribute_of(in, items->items[i], x[1], &item));
    TRY(interp_append(in, mapped, item));
  }
  return strings_join(in, separator, mapped.list, true, out);
}

static bool edge(interp *in, value v, bool last, value *out) {
  value_list *items;
  TRY(access_items(in, v, &items));
  *out = items->n ? items->items[last ? items->n - 1 : 0]
                  : value_undefined(last ? "the last item of nothing" : "the first item of nothing");
  return true;
}

FILTER(first) {
  UNUSED;
  return edge(in, v, false, out);
}

FILTER(last) {
  UNUSED;
  if (v.kind == VALUE_GENERATOR) return interp_fail(in, "'generator' object is not reversible");
  return edge(in, v, true, out);
}

FILTER(reverse) {
  UNUSED;
  if (v.kind == VALUE_STRING) return access_slice(in, v, (value[3]){{0}, {0}, value_int(-1)}, out);
  value_list *items;
  TRY(access_items(in, v, &items));
  *out = value_list_new(in->a, VALUE_GENERATOR);
  for (uint64_t i = items->n; i--;) TRY(interp_append(in, *out, items->items[i]));
  return true;
}

// --- order ---

// What is compared: an attribute, without regard to case unless it is asked for.
static bool sort_key(interp *in, value item, value path, bool case_sensitive, value *key) {
  TRY(attribute_of(in, item, path, key));
  return case_sensitive || key->kind != VALUE_STRING || strings_case_of(in, *key, CASE_LOWER, key);
}

static bool precedes(interp *in, value a, value b, bool *less) {
  TRY(interp_work(in, 1));
  if (value_less(a, b, less, &in->steps)) return true;
  if (a.kind == VALUE_UNDEFINED || b.kind == VALUE_UNDEFINED) return access_undefined(in, a.kind == VALUE_UNDEFINED ? a : b);
  return interp_fail(in, "'<' not supported between instances of '%s' and '%s'", value_type_name(a), value_type_name(b));
}

// Merges the sorted halves [from, middle) and [middle, to) of `before` into `after`. Each item is a pair of key and item;
// of equal keys the left one stays first.
static bool merge(interp *in, const value_pair *before, value_pair *after, uint64_t from, uint64_t middle, uint64_t to,
                  bool descending) {
  for (uint64_t left = from, right = middle, i = from; i < to; i++) {
    bool take_right = left == middle;
    if (left < middle && right < to)
      TRY(descending ? precedes(in, before[left].key, before[right].key, &take_right)
                     : precedes(in, before[right].key, before[left].key, &take_right));
    after[i] = take_right ? before[right++] : before[left++];
  }
  return true;
}

static bool sort_pairs(interp *in, value_pair *pairs, uint64_t n, bool descending) {
  value_pair *before = pairs, *after = ARENA_ARRAY(in->a, value_pair, n);
  for (uint64_t width = 1; width < n; width *= 2) {
    for (uint64_t from = 0; from < n; from += 2 * width) {
      uint64_t middle = from + width < n ? from + width : n, to = middle + width < n ? middle + width : n;
      TRY(merge(in, before, after, from, middle, to, descending));
    }
    value_pair *swap = before;
    before = after;
    after = swap;
  }
  if (before != pairs) memcpy(pairs, before, n * sizeof *pairs);
  return true;
}

static bool sorted_by(interp *in, const value_list *items, value path, bool case_sensitive, bool descending, value *out) {
  value_pair *pairs = ARENA_ARRAY(in->a, value_pair, items->n);
  for (uint64_t i = 0; i < items->n; i++) {
    TRY(sort_key(in, items->items[i], path, case_sensitive, &pairs[i].key));
    pairs[i].value = items->items[i];
  }
  TRY(sort_pairs(in, pairs, items->n, descending));
  *out = value_list_new(in->a, VALUE_LIST);
  for (uint64_t i = 0; i < items->n; i++) TRY(interp_append(in, *out, pairs[i].value));
  return true;
}

FILTER(sort) {
  UNUSED;
  value_list *items;
  TRY(access_items(in, v, &items));
  return sorted_by(in, items, x[2], value_true(x[1]), value_true(x[0]), out);
}

static bool pairs_of(interp *in, value v, value_kind kind, value *out) {
  *out = value_list_new(in->a, kind);
  if (v.kind == VALUE_UNDEFINED) return true;
  if (v.kind != VALUE_DICT) return interp_fail(in, "Can only get item pairs from a mapping, found %s", value_type_name(v));
  for (uint64_t i = 0; i < v.dict->n; i++) {
    value pair = value_list_new(in->a, VALUE_TUPLE);
    value_append(in->a, pair, v.dict->pairs[i].key);
    value_append(in->a, pair, v.dict->pairs[i].value);
    TRY(interp_append(in, *out, pair));
  }
  return true;
}

FILTER(items) {
  UNUSED;
  return pairs_of(in, v, VALUE_GENERATOR, out);
}

FILTER(dictsort) {
  UNUSED;
  value pairs;
  bool by_value = value_is(x[1], "value");
  if (v.kind == VALUE_UNDEFINED) return access_undefined(in, v);
  if (given(x[1]) && !by_value && !value_is(x[1], "key"))
    return interp_fail(in, "You can only sort by either \"key\" or \"value\"");
  TRY(pairs_of(in, v, VALUE_LIST, &pairs));
  return sorted_by(in, pairs.list, value_int(by_value), value_true(x[0]), value_true(x[2]), out);
}

FILTER(unique) {
  UNUSED;
  value_list *items;
  value seen = value_list_new(in->a, VALUE_LIST);
  TRY(access_items(in, v, &items));
  *out = value_list_new(in->a, VALUE_GENERATOR);
  for (uint64_t i = 0; i < items->n; i++) {
    value key;
    bool known;
    TRY(sort_key(in, items->items[i], x[1], value_true(x[0]), &key));
    TRY(access_contains(in, seen, key, &known));
    if (known) continue;
    TRY(interp_append(in, seen, key));
    TRY(interp_append(in, *out, items->items[i]));
  }
  return true;
}

static bool extreme(interp *in, value v, const value x[], bool greatest, value *out) {
  value_list *items;
  value best = value_none(), key;
  TRY(access_items(in, v, &items));
  *out = value_undefined("the smallest or greatest item of nothing");
  for (uint64_t i = 0; i < items->n; i++) {
    bool better = !i;
    TRY(sort_key(in, items->items[i], x[1], value_true(x[0]), &key));
    if (i) TRY(greatest ? precedes(in, best, key, &better) : precedes(in, key, best, &better));
    if (better) *out = items->items[i], best = key;
  }
  return true;
}

FILTER(min) {
  UNUSED;
  return extreme(in, v, x, false, out);
}

FILTER(max) {
  UNUSED;
  return extreme(in, v, x, true, out);
}

FILTER(sum) {
  UNUSED;
  value_list *items;
  double total = 0;
  int64_t whole = 0;
  bool floating = given(x[1]) && x[1].kind == VALUE_FLOAT;
  TRY(access_items(in, v, &items));
  if (floating) total = x[1].number;
  else TRY(given_int(in, "start", x[1], 0, &whole));
  for (uint64_t i = 0; i < items->n; i++) {
    value item;
    TRY(interp_work(in, 1));
    TRY(attribute_of(in, items->items[i], x[0], &item));
    if (!value_is_number(item)) return interp_fail(in, "sum: expected numbers, found %s", value_type_name(item));
    floating |= item.kind == VALUE_FLOAT;
    if (item.kind == VALUE_FLOAT) total += item.number;
    else if (item.kind == VALUE_BOOL) whole += item.boolean;
    else if (item.integer > INT64_MAX / 4 || item.integer < INT64_MIN / 4 || whole > INT64_MAX / 2 || whole < INT64_MIN / 2)
      return interp_fail(in, "an integer of more than 64 bits");
    else whole += item.integer;
  }
  *out = floating ? value_float(total + (double)whole) : value_int(whole);
  return true;
}

// --- map, select, reject: what is false (none, say) has no items to them ---

static bool items_if_true(interp *in, value v, value_list **items) {
  return access_items(in, value_true(v) ? v : value_undefined("nothing"), items);
}

static const value *keyword(const arguments *all, const char *name) {
  for (uint64_t i = 0; all->names && i < all->names->n; i++)
    if (!strcmp(all->names->items[i]->name, name)) return &all->keywords[i];
  return NULL;
}

// A filter's or test's name among the arguments.
static bool name_at(interp *in, const arguments *all, uint64_t i, const char **name) {
  if (i >= all->n) return interp_fail(in, "expected a filter's or test's name, found nothing");
  TRY(need_string(in, "the name of a filter or test", all->items[i]));
  *name = arena_strndup(in->a, all->items[i].bytes, all->items[i].length);
  return true;
}

// The arguments behind the first `n`, which are the filter's or test's own.
static arguments behind(const arguments *all, uint64_t n) {
  if (all->n <= n) return (arguments){.names = all->names, .keywords = all->keywords};
  return (arguments){all->items + n, all->n - n, all->names, all->keywords};
}

FILTER(map) {
  UNUSED;
  value_list *items;
  const value *path = keyword(all, "attribute"), *standard = keyword(all, "default");
  const char *name = NULL;
  TRY(items_if_true(in, v, &items));
  if (!path) TRY(name_at(in, all, 0, &name));
  const arguments rest = behind(all, 1);
  *out = value_list_new(in->a, VALUE_GENERATOR);
  for (uint64_t i = 0; i < items->n; i++) {
    value item;
    TRY(path ? access_path(in, items->items[i], *path, &item) : filter_apply(in, name, items->items[i], &rest, &item));
    if (path && standard && item.kind == VALUE_UNDEFINED) item = *standard;
    TRY(interp_append(in, *out, item));
  }
  return true;
}

// The items (or, with_attribute, those whose attribute) for which a test holds, or does not; without a test, truth.
static bool choose(interp *in, value v, const arguments *all, bool with_attribute, bool wanted, value *out) {
  value_list *items;
  const char *name = NULL;
  uint64_t first = with_attribute;
  TRY(items_if_true(in, v, &items));
  if (with_attribute && !all->n) return interp_fail(in, "expected an attribute's name, found nothing");
  if (all->n > first) TRY(name_at(in, all, first, &name));
  const arguments rest = behind(all, first + 1);
  *out = value_list_new(in->a, VALUE_GENERATOR);
  for (uint64_t i = 0; i < items->n; i++) {
    value item = items->items[i];
    bool holds;
    if (with_attribute) TRY(access_path(in, item, all->items[0], &item));
    if (name) TRY(predicate_apply(in, name, item, &rest, &holds));
    else holds = value_true(item);
    TRY(interp_work(in, 1));
    if (holds == wanted) TRY(interp_append(in, *out, items->items[i]));
  }
  return true;
}

FILTER(select) {
  UNUSED;
  return choose(in, v, all, false, true, out);
}

FILTER(reject) {
  UNUSED;
  return choose(in, v, all, false, false, out);
}

FILTER(selectattr) {
  UNUSED;
  return choose(in, v, all, true, true, out);
}

FILTER(rejectattr) {
  UNUSED;
  return choose(in, v, all, true, false, out);
}

FILTER(attr) {
  UNUSED;
  TRY(need_string(in, "attr", x[0]));
  *out = access_missing(v, arena_strndup(in->a, x[0].bytes, x[0].length));
  if (v.kind == VALUE_UNDEFINED) return access_undefined(in, v);
  return v.kind == VALUE_DICT || access_attribute(in, v, out->hint, out); // of a dict only methods, which no template asks for
}

FILTER(batch) {
  UNUSED;
  value_list *items;
  int64_t n;
  value row = value_none();
  TRY(access_items(in, v, &items));
  TRY(given_int(in, "linecount", x[0], 0, &n));
  if (n < 1) return interp_fail(in, "batch: expected a size of at least 1, found %lld", (long long)n);
  *out = value_list_new(in->a, VALUE_GENERATOR);
  for (uint64_t i = 0; i < items->n; i++) {
    if (i % (uint64_t)n == 0) {
      row = value_list_new(in->a, VALUE_LIST);
      TRY(interp_append(in, *out, row));
    }
    TRY(interp_append(in, row, items->items[i]));
  }
  while (given(x[1]) && x[1].kind != VALUE_NONE && items->n && row.list->n < (uint64_t)n) TRY(interp_append(in, row, x[1]));
  return true;
}

const native filters_list_table[] = {
    {"list", filter_list, 0, {0}},
    {"join", filter_join, 0, {"d", "attribute"}},
    {"first", filter_first, 0, {0}},
    {"last", filter_last, 0, {0}},
    {"reverse", filter_reverse, 0, {0}},
    {"sort", filter_sort, 0, {"reverse", "case_sensitive", "attribute"}},
    {"items", filter_items, 0, {0}},
    {"dictsort", filter_dictsort, 0, {"case_sensitive", "by", "reverse"}},
    {"unique", filter_unique, 0, {"case_sensitive", "attribute"}},
    {"min", filter_min, 0, {"case_sensitive", "attribute"}},
    {"max", filter_max, 0, {"case_sensitive", "attribute"}},
    {"sum", filter_sum, 0, {"attribute", "start"}},
    {"map", filter_map, -1, {0}},
    {"select", filter_select, -1, {0}},
    {"reject", filter_reject, -1, {0}},
    {"selectattr", filter_selectattr, -1, {0}},
    {"rejectattr", filter_rejectattr, -1, {0}},
    {"attr", filter_attr, 1, {"name"}},
    {"batch", filter_batch, 1, {"linecount", "fill_with"}},
    {0},
};
