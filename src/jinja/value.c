// Values: making them, comparing them.
#include "jinja/value.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"

enum { COMPARE_DEPTH = 200, COMPARE_WORK = 1 << 20, BYTES_PER_WORK = 64 };

value value_undefined(const char *hint) {
  return (value){.kind = VALUE_UNDEFINED, .hint = hint};
}

value value_none(void) {
  return (value){.kind = VALUE_NONE};
}

value value_bool(bool b) {
  return (value){.kind = VALUE_BOOL, .boolean = b};
}

value value_int(int64_t i) {
  return (value){.kind = VALUE_INT, .integer = i};
}

value value_float(double d) {
  return (value){.kind = VALUE_FLOAT, .number = d};
}

value value_string(const char *bytes, uint64_t length, uint32_t origin) {
  REQUIRE(length <= UINT32_MAX, "a string of %llu bytes", (unsigned long long)length);
  return (value){.kind = VALUE_STRING, .bytes = bytes, .length = (uint32_t)length, .origin = origin};
}

value value_text(const char *string) {
  return value_string(string, strlen(string), ORIGIN_TEMPLATE);
}

value value_list_new(arena *a, value_kind kind) {
  return (value){.kind = (uint8_t)kind, .list = ARENA_NEW(a, value_list)};
}

value value_dict_new(arena *a) {
  return (value){.kind = VALUE_DICT, .dict = ARENA_NEW(a, value_dict)};
}

void value_append(arena *a, value list, value item) {
  value_list *l = list.list;
  void *items = l->items;
  arena_grow(a, &items, &l->capacity, l->n + 1, sizeof(value));
  l->items = items;
  l->items[l->n++] = item;
}

static void add_pair(arena *a, value_dict *d, value key, value item) {
  void *pairs = d->pairs;
  arena_grow(a, &pairs, &d->capacity, d->n + 1, sizeof(value_pair));
  d->pairs = pairs;
  d->pairs[d->n++] = (value_pair){key, item};
}

static value_pair *find_pair(value_dict *d, value key, uint64_t *work) {
  for (uint64_t i = 0; i < d->n; i++)
    if (value_equal(d->pairs[i].key, key, work)) return &d->pairs[i];
  return NULL;
}

void value_put(arena *a, value dict, value key, value item, uint64_t *work) {
  value_pair *pair = find_pair(dict.dict, key, work);
  if (pair) pair->value = item;
  else add_pair(a, dict.dict, key, item);
}

void value_put_text(arena *a, value dict, const char *key, value item) {
  uint64_t work = 0;
  value_put(a, dict, value_text(key), item, &work);
}

const value *value_find(value dict, value key, uint64_t *work) {
  const value_pair *pair = find_pair(dict.dict, key, work);
  return pair ? &pair->value : NULL;
}

static value json_number(double d) {
  if (d == floor(d) && fabs(d) < 9007199254740992.0) return value_int((int64_t)d); // all that cJSON holds exactly
  return value_float(d);
}

value value_from_json(arena *a, const cJSON *json, uint32_t origin) {
  value v;
  const cJSON *item;
  if (cJSON_IsString(json)) {
    v = value_string(arena_strdup(a, json->valuestring), strlen(json->valuestring), origin);
  } else if (cJSON_IsArray(json)) {
    v = value_list_new(a, VALUE_LIST);
    cJSON_ArrayForEach(item, json) value_append(a, v, value_from_json(a, item, origin));
  } else if (cJSON_IsObject(json)) {
    v = value_dict_new(a);
    cJSON_ArrayForEach(item, json) {
      value key = value_string(arena_strdup(a, item->string), strlen(item->string), origin);
      add_pair(a, v.dict, key, value_from_json(a, item, origin));
    }
  } else {
    v = cJSON_IsBool(json)     ? value_bool(cJSON_IsTrue(json))
        : cJSON_IsNumber(json) ? json_number(json->valuedouble)
                               : value_none();
  }
  v.origin = origin;
  return v;
}

bool value_is_number(value v) {
  return v.kind == VALUE_BOOL || v.kind == VALUE_INT || v.kind == VALUE_FLOAT;
}

bool value_is_sequence(value v) {
  return v.kind == VALUE_LIST || v.kind == VALUE_TUPLE || v.kind == VALUE_GENERATOR;
}

bool value_true(value v) {
  switch ((value_kind)v.kind) {
    case VALUE_UNDEFINED:
    case VALUE_NONE: return false;
    case VALUE_BOOL: return v.boolean;
    case VALUE_INT: return v.integer != 0;
    case VALUE_FLOAT: return v.number != 0;
    case VALUE_STRING: return v.length != 0;
    case VALUE_LIST:
    case VALUE_TUPLE: return v.list->n != 0;
    case VALUE_DICT: return v.dict->n != 0;
    default: return true;
  }
}

double value_number(value v) {
  return v.kind == VALUE_FLOAT ? v.number : v.kind == VALUE_BOOL ? v.boolean : (double)v.integer;
}

static int64_t whole(value v) {
  return v.kind == VALUE_BOOL ? v.boolean : v.integer;
}

// One comparison: how deep it is, and how much it has done.
typedef struct comparison {
  int depth;
  uint64_t work;
} comparison;

static bool too_much(const comparison *c) {
  return c->depth > COMPARE_DEPTH || c->work > COMPARE_WORK;
}

static bool equal(comparison *c, value a, value b);

static bool equal_lists(comparison *c, const value_list *a, const value_list *b) {
  bool same = a == b || a->n == b->n;
  for (uint64_t i = 0; same && a != b && i < a->n; i++) same = equal(c, a->items[i], b->items[i]);
  return same;
}

static bool equal_dicts(comparison *c, value a, value b) {
  bool same = a.dict == b.dict || a.dict->n == b.dict->n;
  for (uint64_t i = 0; same && a.dict != b.dict && i < a.dict->n; i++) {
    const value *other = value_find(b, a.dict->pairs[i].key, &c->work);
    same = other && equal(c, a.dict->pairs[i].value, *other);
  }
  return same;
}

static bool equal_structures(comparison *c, value a, value b) {
  c->depth++;
  bool same = !too_much(c) && (a.kind == VALUE_DICT ? equal_dicts(c, a, b) : equal_lists(c, a.list, b.list));
  c->depth--;
  return same;
}

static bool equal(comparison *c, value a, value b) {
  c->work++;
  if (value_is_number(a) && value_is_number(b)) {
    if (a.kind != VALUE_FLOAT && b.kind != VALUE_FLOAT) return whole(a) == whole(b);
    return value_number(a) == value_number(b);
  }
  if (a.kind != b.kind) return false;
  switch ((value_kind)a.kind) {
    case VALUE_UNDEFINED:
    case VALUE_NONE: return true;
    case VALUE_STRING:
      if (a.length != b.length) return false;
      c->work += a.length / BYTES_PER_WORK;
      return !a.length || !memcmp(a.bytes, b.bytes, a.length);
    case VALUE_LIST:
    case VALUE_TUPLE:
    case VALUE_DICT: return equal_structures(c, a, b);
    case VALUE_GENERATOR: return a.list == b.list;
    case VALUE_NAMESPACE: return a.dict == b.dict;
    default: return a.object == b.object;
  }
}

bool value_equal(value a, value b, uint64_t *work) {
  comparison c = {0};
  bool same = equal(&c, a, b);
  *work += c.work;
  return same;
}

static bool ordered(comparison *c, value a, value b, bool *less);

// The first items that differ decide.
static bool less_lists(comparison *c, const value_list *a, const value_list *b, bool *less) {
  for (uint64_t i = 0; i < a->n && i < b->n; i++)
    if (!equal(c, a->items[i], b->items[i])) return ordered(c, a->items[i], b->items[i], less);
  *less = a->n < b->n;
  return true;
}

static bool ordered(comparison *c, value a, value b, bool *less) {
  c->work++;
  if (value_is_number(a) && value_is_number(b)) {
    bool ints = a.kind != VALUE_FLOAT && b.kind != VALUE_FLOAT;
    *less = ints ? whole(a) < whole(b) : value_number(a) < value_number(b);
    return true;
  }
  if (a.kind != b.kind || too_much(c)) return false;
  if (a.kind == VALUE_STRING) { // UTF-8 sorts as its code points do
    uint32_t n = a.length < b.length ? a.length : b.length;
    int order = n ? memcmp(a.bytes, b.bytes, n) : 0;
    c->work += n / BYTES_PER_WORK;
    *less = order ? order < 0 : a.length < b.length;
    return true;
  }
  if (a.kind != VALUE_LIST && a.kind != VALUE_TUPLE) return false;
  c->depth++;
  bool ok = less_lists(c, a.list, b.list, less);
  c->depth--;
  return ok;
}

bool value_less(value a, value b, bool *less, uint64_t *work) {
  comparison c = {0};
  bool ok = ordered(&c, a, b, less);
  *work += c.work;
  return ok;
}

const char *value_type_name(value v) {
  static const char *const names[] = {
      [VALUE_UNDEFINED] = "Undefined", [VALUE_NONE] = "NoneType", [VALUE_BOOL] = "bool",         [VALUE_INT] = "int",
      [VALUE_FLOAT] = "float",         [VALUE_STRING] = "str",    [VALUE_LIST] = "list",         [VALUE_TUPLE] = "tuple",
      [VALUE_GENERATOR] = "generator", [VALUE_DICT] = "dict",     [VALUE_MACRO] = "Macro",       [VALUE_NAMESPACE] = "Namespace",
      [VALUE_LOOP] = "LoopContext",    [VALUE_METHOD] = "method", [VALUE_FUNCTION] = "function",
  };
  return names[v.kind];
}

bool value_is(value v, const char *string) {
  size_t n = strlen(string);
  return v.kind == VALUE_STRING && v.length == n && (!n || !memcmp(v.bytes, string, n));
}

value value_slice(value s, uint64_t from, uint64_t to) {
  REQUIRE(from <= to && to <= s.length, "bytes %llu to %llu of %u", (unsigned long long)from, (unsigned long long)to, s.length);
  s.bytes += from;
  if (s.origins) s.origins += from;
  s.length = (uint32_t)(to - from);
  return s;
}

uint32_t value_origin_at(value s, uint64_t byte) {
  return s.origins ? s.origins[byte] : s.origin;
}

uint64_t value_characters(value s) {
  uint64_t n = 0;
  for (uint64_t i = 0; i < s.length; i++) n += ((unsigned char)s.bytes[i] & 0xC0) != 0x80;
  return n;
}
