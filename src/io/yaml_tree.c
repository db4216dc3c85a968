// From the events of a YAML file to a tree of cJSON. Plain scalars by the core schema (YAML 1.2.2, section 10.3.2):
//
//   null   null | Null | NULL | ~ | (empty)            bool   true | True | TRUE | false | False | FALSE
//   int    [-+]?[0-9]+ | 0o[0-7]+ | 0x[0-9a-fA-F]+     float  [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
//                                                             [-+]?\.(inf|Inf|INF) | \.(nan|NaN|NAN)
#include "io/yaml_tree.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "io/quote.h"
#include "io/yaml_events.h"

typedef struct tree {
  yaml_events at;
  arena *a; // what is needed until the document is read
} tree;

// A key of a mapping that is still open.
typedef struct seen_key {
  const char *name;
  unsigned long line;
} seen_key;

static bool is_one_of(const char *s, const char *const *words) {
  while (*words && strcmp(s, *words)) words++;
  return *words != NULL;
}

static size_t digits(const char *s) {
  return strspn(s, "0123456789");
}

static bool is_decimal(const char *s) {
  s += *s == '-' || *s == '+';
  const size_t whole = digits(s), fraction = s[whole] == '.' ? digits(s + whole + 1) : 0;
  if (!whole && !fraction) return false;
  s += whole + (s[whole] == '.') + fraction;
  if (*s != 'e' && *s != 'E') return !*s;
  s += 1 + (s[1] == '-' || s[1] == '+');
  return *s && !s[digits(s)];
}

static bool is_based(const char *s, const char *prefix, const char *all_digits) {
  return !strncmp(s, prefix, 2) && s[2] && !s[2 + strspn(s + 2, all_digits)];
}

static bool is_not_finite(const char *s) {
  static const char *const infinities[] = {".inf", ".Inf", ".INF", NULL}, *const nans[] = {".nan", ".NaN", ".NAN", NULL};
  return is_one_of(s + (*s == '-' || *s == '+'), infinities) || is_one_of(s, nans);
}

static double based(const char *s, double base) {
  double number = 0;
  for (s += 2; *s; s++) number = number * base + (*s <= '9' ? *s - '0' : (*s | 0x20) - 'a' + 10);
  return number;
}

static bool out_of_memory(const tree *t) {
  return ERR(t->at.e, "%s: not enough host memory for its tree", t->at.origin);
}

static bool read_plain(tree *t, const char *s, cJSON **out) {
  static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL}, *const trues[] = {"true", "True", "TRUE", NULL},
                           *const falses[] = {"false", "False", "FALSE", NULL};
  double number = 0;
  bool is_number = true;
  if (is_decimal(s)) number = strtod(s, NULL);
  else if (is_based(s, "0o", "01234567")) number = based(s, 8);
  else if (is_based(s, "0x", "0123456789abcdefABCDEF")) number = based(s, 16);
  else if (is_not_finite(s)) number = INFINITY;
  else is_number = false;
  if (is_number && !isfinite(number)) {
    char found[QUOTE_BYTES];
    return ERR(t->at.e, "%s:%lu: expected a finite number (or a text in quotation marks), found %s", t->at.origin, t->at.line,
               quote_string(s, found));
  }
  *out = is_number              ? cJSON_CreateNumber(number)
         : is_one_of(s, nulls)  ? cJSON_CreateNull()
         : is_one_of(s, trues)  ? cJSON_CreateTrue()
         : is_one_of(s, falses) ? cJSON_CreateFalse()
                                : cJSON_CreateString(s);
  return *out || out_of_memory(t);
}

static bool read_scalar(tree *t, const char *where, cJSON **out) {
  const char *s = yaml_events_scalar(&t->at, where);
  if (!s) return false;
  if (yaml_events_is_plain(&t->at)) return read_plain(t, s, out);
  *out = cJSON_CreateString(s);
  return *out || out_of_memory(t);
}

static int by_name(const void *a, const void *b) {
  const seen_key *x = a, *y = b;
  const int order = strcmp(x->name, y->name);
  return order ? order : (x->line > y->line) - (x->line < y->line);
}

// Sorted, so that a file of keys alone does not take its square in time.
static bool check_keys(const tree *t, seen_key *keys, uint64_t n) {
  if (n) qsort(keys, (size_t)n, sizeof *keys, by_name);
  for (uint64_t i = 1; i < n; i++) {
    char name[QUOTE_BYTES];
    if (!strcmp(keys[i].name, keys[i - 1].name))
      return ERR(t->at.e, "%s:%lu: expected each key once in a mapping, found %s again (first in line %lu)", t->at.origin,
                 keys[i].line, quote_string(keys[i].name, name), keys[i - 1].line);
  }
  return true;
}

static bool read_value(tree *t, int depth, cJSON **out);

static bool read_pairs(tree *t, int depth, cJSON *in) {
  seen_key *keys = NULL;
  uint64_t n = 0, capacity = 0;
  for (;;) {
    TRY(yaml_events_next(&t->at));
    if (t->at.event.type == YAML_MAPPING_END_EVENT) return check_keys(t, keys, n);
    char where[300];
    snprintf(where, sizeof where, "%.250s:%lu: key", t->at.origin, t->at.line);
    const char *name = yaml_events_scalar(&t->at, where);
    if (!name) return false;
    arena_grow(t->a, (void **)&keys, &capacity, n + 1, sizeof *keys);
    keys[n] = (seen_key){arena_strdup(t->a, name), t->at.line};
    cJSON *value;
    TRY(yaml_events_next(&t->at));
    TRY(read_value(t, depth, &value));
    if (!cJSON_AddItemToObject(in, keys[n++].name, value)) return cJSON_Delete(value), out_of_memory(t);
  }
}

static bool read_items(tree *t, int depth, cJSON *in) {
  for (;;) {
    TRY(yaml_events_next(&t->at));
    if (t->at.event.type == YAML_SEQUENCE_END_EVENT) return true;
    cJSON *value;
    TRY(read_value(t, depth, &value));
    cJSON_AddItemToArray(in, value);
  }
}

// The value whose first event is at hand. Nothing is in *out where it fails.
static bool read_value(tree *t, int depth, cJSON **out) {
  char where[300];
  snprintf(where, sizeof where, "%.250s:%lu", t->at.origin, t->at.line);
  const yaml_event_type_t type = t->at.event.type;
  if (type != YAML_MAPPING_START_EVENT && type != YAML_SEQUENCE_START_EVENT) return read_scalar(t, where, out);
  if (depth == YAML_TREE_DEPTH)
    return ERR(t->at.e, "%s: expected at most %d levels of nesting, found a deeper one", where, YAML_TREE_DEPTH);
  cJSON *container = type == YAML_MAPPING_START_EVENT ? cJSON_CreateObject() : cJSON_CreateArray();
  if (!container) return out_of_memory(t);
  if (!(type == YAML_MAPPING_START_EVENT ? read_pairs : read_items)(t, depth + 1, container)) {
    cJSON_Delete(container);
    return false;
  }
  *out = container;
  return true;
}

static bool read_document(tree *t, cJSON **root) {
  bool any;
  TRY(yaml_events_begin(&t->at, &any));
  if (!any) return ERR(t->at.e, "%s: expected a YAML document, found an empty file", t->at.origin);
  TRY(read_value(t, 0, root));
  if (yaml_events_end(&t->at)) return true;
  cJSON_Delete(*root);
  *root = NULL;
  return false;
}

bool yaml_tree_parse(const char *origin, const char *source, uint64_t length, json *doc, err *e) {
  *doc = (json){.origin = origin};
  if (length > YAML_FILE_BYTES)
    return ERR(e, "%s: expected at most %d bytes of YAML, found %llu", origin, YAML_FILE_BYTES, (unsigned long long)length);
  if (length >= 2 && (!memcmp(source, "\xFF\xFE", 2) || !memcmp(source, "\xFE\xFF", 2)))
    return ERR(e, "%s: expected YAML in UTF-8, found UTF-16", origin);
  tree t = {.a = arena_new("keys of a YAML file")};
  yaml_events_open(&t.at, origin, source, length, e);
  const bool ok = read_document(&t, &doc->root);
  yaml_events_close(&t.at);
  arena_free(t.a);
  return ok;
}

bool yaml_tree_read(const char *path, json *doc, err *e) {
  *doc = (json){.origin = path};
  file_map map;
  TRY(file_map_open(path, &map, e));
  const bool ok = yaml_tree_parse(path, (const char *)map.data, map.size, doc, e);
  file_unmap(&map);
  return ok;
}
