// From YAML or JSON to entries, checked: names that are there, each task once, neighbours that exist.
#include "data/cluster_file.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/nearest.h"
#include "data/formats_parts.h"
#include "io/quote.h"
#include "io/yaml_tree.h"

static const char *const keys[] = {"tasks", "metric", "neighbours", NULL};

// --- lists of names ----------------------------------------------------------------------------------------------------

// Unlike formats_strings, the list may be empty: a cluster without a task is no fault. A name may not.
static bool read_names(arena *a, const json *d, const cJSON *list, const char *where, strings *out, err *e) {
  *out = (strings){0};
  if (!list) return true;
  if (!cJSON_IsArray(list)) return formats_unexpected(d, where, "a list of names", list, e);
  const char **items = ARENA_ARRAY(a, const char *, cJSON_GetArraySize(list));
  out->items = items;
  const cJSON *item;
  cJSON_ArrayForEach(item, list) {
    if (!cJSON_IsString(item) || !*item->valuestring) {
      const char *place = arena_printf(a, "%s[%u]", where, out->n);
      return formats_unexpected(d, place, "a name (in quotation marks, where it looks like a number)", item, e);
    }
    items[out->n++] = arena_strdup(a, item->valuestring);
  }
  return true;
}

// --- the three forms ---------------------------------------------------------------------------------------------------

static bool read_object(arena *a, const json *d, const cJSON *item, const char *where, cluster_entry *x, err *e) {
  const char *metric = NULL;
  TRY(json_check_keys(d, item, where, keys, e));
  const cJSON *tasks = formats_field(item, "tasks");
  const char *at = arena_printf(a, "%s.tasks", where);
  if (!tasks) return formats_unexpected(d, at, "a list of names", tasks, e);
  TRY(read_names(a, d, tasks, at, &x->tasks, e));
  TRY(json_string_or(d, item, where, "metric", &metric, e));
  if (metric && !*metric) return ERR(e, "%s: %s.metric: expected a metric's name, found an empty string", d->origin, where);
  if (metric) x->metric = arena_strdup(a, metric);
  return read_names(a, d, formats_field(item, "neighbours"), arena_printf(a, "%s.neighbours", where), &x->neighbours, e);
}

// name: {tasks, metric, neighbours}, or name: [tasks].
static bool read_entry(arena *a, const json *d, const cJSON *item, cluster_entry *x, err *e) {
  char shown[QUOTE_BYTES];
  const char *where = arena_strdup(a, quote_string(item->string, shown));
  *x = (cluster_entry){.name = arena_strdup(a, item->string)};
  if (!*x->name) return ERR(e, "%s: expected a cluster's name, found an empty string", d->origin);
  if (cJSON_IsArray(item)) return read_names(a, d, item, where, &x->tasks, e);
  if (cJSON_IsObject(item)) return read_object(a, d, item, where, x, e);
  return formats_unexpected(d, where, "tasks, metric and neighbours, or a list of tasks", item, e);
}

static bool read_entries(arena *a, const json *d, const cJSON *in, cluster_file *file, err *e) {
  file->items = ARENA_ARRAY(a, cluster_entry, cJSON_GetArraySize(in));
  const cJSON *item;
  cJSON_ArrayForEach(item, in) TRY(read_entry(a, d, item, &file->items[file->n++], e));
  return true;
}

typedef struct pair {
  const char *cluster, *task;
  uint32_t place; // in the file
} pair;

static int by_cluster(const void *a, const void *b) {
  const pair *x = a, *y = b;
  const int order = strcmp(x->cluster, y->cluster);
  return order ? order : (x->place > y->place) - (x->place < y->place);
}

// task: cluster. The clusters come by name.
static bool read_pairs(arena *a, const json *d, const cJSON *in, cluster_file *file, err *e) {
  const uint64_t n = (uint64_t)cJSON_GetArraySize(in);
  pair *all = ARENA_ARRAY(a, pair, n);
  uint32_t k = 0;
  const cJSON *item;
  cJSON_ArrayForEach(item, in) {
    char shown[QUOTE_BYTES];
    if (!*item->string) return ERR(e, "%s: expected a task's name, found an empty string", d->origin);
    if (!cJSON_IsString(item) || !*item->valuestring)
      return formats_unexpected(d, quote_string(item->string, shown), "the name of a cluster, as the first task has", item, e);
    all[k] = (pair){arena_strdup(a, item->valuestring), arena_strdup(a, item->string), k};
    k++;
  }
  qsort(all, n, sizeof *all, by_cluster);
  file->items = ARENA_ARRAY(a, cluster_entry, n);
  for (uint64_t i = 0, end; i < n; i = end) {
    const char **tasks = ARENA_ARRAY(a, const char *, n - i);
    for (end = i; end < n && !strcmp(all[end].cluster, all[i].cluster); end++) tasks[end - i] = all[end].task;
    file->items[file->n++] = (cluster_entry){.name = all[i].cluster, .tasks = {tasks, (uint32_t)(end - i)}};
  }
  return true;
}

// FLAN's form: "clusters" with the clusters in it, and only strings beside. A cluster may itself have this name: then its value
// has the keys of one.
static const cJSON *inner(const cJSON *root) {
  const cJSON *in = formats_field(root, "clusters"), *item;
  if (!cJSON_IsObject(in)) return NULL;
  cJSON_ArrayForEach(item, root) if (item != in && !cJSON_IsString(item)) return NULL;
  return formats_field(in, "tasks") && json_check_keys(&(json){0}, in, "", keys, NULL) ? NULL : in;
}

static bool read_root(arena *a, const json *d, cluster_file *file, err *e) {
  if (!cJSON_IsObject(d->root)) return formats_unexpected(d, "the file", "names of clusters with their tasks", d->root, e);
  if (!d->root->child) return ERR(e, "%s: expected names of clusters with their tasks, found none", d->origin);
  const cJSON *in = inner(d->root);
  if (in && !in->child) return ERR(e, "%s: clusters: expected names of clusters with their tasks, found none", d->origin);
  if (!in) in = d->root;
  return cJSON_IsString(in->child) ? read_pairs(a, d, in, file, e) : read_entries(a, d, in, file, e);
}

// --- what holds for all ------------------------------------------------------------------------------------------------

static int by_task(const void *a, const void *b) {
  const pair *x = a, *y = b;
  const int order = strcmp(x->task, y->task);
  return order ? order : (x->place > y->place) - (x->place < y->place);
}

static bool check_tasks(arena *a, const cluster_file *file, err *e) {
  uint64_t n = 0;
  for (uint32_t i = 0; i < file->n; i++) n += file->items[i].tasks.n;
  pair *all = ARENA_ARRAY(a, pair, n);
  n = 0;
  for (uint32_t i = 0; i < file->n; i++)
    for (uint32_t k = 0; k < file->items[i].tasks.n; k++)
      all[n++] = (pair){file->items[i].name, file->items[i].tasks.items[k], i};
  if (n) qsort(all, n, sizeof *all, by_task);
  for (uint64_t i = 1; i < n; i++) {
    char task[QUOTE_BYTES], first[QUOTE_BYTES], again[QUOTE_BYTES];
    if (strcmp(all[i].task, all[i - 1].task)) continue;
    return ERR(e, "%s: expected each task in one cluster, found %s in %s and in %s", file->path, quote_string(all[i].task, task),
               quote_string(all[i - 1].cluster, first),
               all[i].place == all[i - 1].place ? "there again" : quote_string(all[i].cluster, again));
  }
  return true;
}

static int by_string(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// `names`: of all entries, sorted, with NULL behind them. seen[i]: the number of the last entry that named names[i], from 1.
static bool check_neighbours(const cluster_file *file, uint32_t number, const char *const *names, uint32_t *seen, err *e) {
  const cluster_entry *x = &file->items[number];
  char shown[QUOTE_BYTES], found[QUOTE_BYTES];
  for (uint32_t k = 0; k < x->neighbours.n; k++) {
    const char *name = x->neighbours.items[k], *fault = NULL;
    const char *const *at = bsearch(&name, names, file->n, sizeof *names, by_string);
    if (!strcmp(name, x->name)) fault = "another cluster's name, found its own";
    else if (!at) fault = "the name of a cluster of this file, found";
    else if (seen[at - names] == number + 1) fault = "each neighbour once, found again";
    if (at) seen[at - names] = number + 1;
    if (!fault) continue;
    const char *meant = at ? NULL : nearest_name(names, name);
    return ERR(e, "%s: %s.neighbours[%u]: expected %s: %s%s%s%s", file->path, quote_string(x->name, shown), k, fault,
               quote_string(name, found), meant ? "; did you mean " : "", meant ? meant : "", meant ? "?" : "");
  }
  return true;
}

static bool check_all(arena *a, const cluster_file *file, err *e) {
  const char **names = ARENA_ARRAY(a, const char *, (uint64_t)file->n + 1);
  uint32_t *seen = ARENA_ARRAY(a, uint32_t, file->n);
  for (uint32_t i = 0; i < file->n; i++) names[i] = file->items[i].name;
  qsort(names, file->n, sizeof *names, by_string);
  for (uint32_t i = 0; i < file->n; i++) TRY(check_neighbours(file, i, names, seen, e));
  return check_tasks(a, file, e);
}

bool cluster_file_read(arena *a, const char *path, cluster_file *file, err *e) {
  json d;
  *file = (cluster_file){.path = arena_strdup(a, path)};
  TRY(path_ends_with(path, ".json") ? json_read(path, CLUSTER_FILE_BYTES, &d, e) : yaml_tree_read(path, &d, e));
  const bool ok = read_root(a, &d, file, e);
  json_free(&d);
  return ok && check_all(a, file, e);
}

// --- writing -----------------------------------------------------------------------------------------------------------

// What YAML reads as the same string without quotation marks, and a person neither as a number nor as a word of YAML's.
static bool is_plain(const char *s) {
  static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off"};
  if (!isalpha((unsigned char)*s)) return false;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (nearest_distance(s, words[i]) == 0) return false;
  while (isalnum((unsigned char)*s) || (*s && strchr("_-./+", *s))) s++;
  return !*s;
}

// What YAML takes neither for a control character nor for the end of a line or of the text.
static bool is_printable(uint32_t c) {
  return (c >= 0x20 && c < 0x7f) || (c >= 0xa0 && c < 0xfffe && c != 0x2028 && c != 0x2029 && c != 0xfeff) || c >= 0x10000;
}

// A string of JSON is one of YAML, but for characters that only JSON lets stand for themselves.
static void put_quoted(text *out, const char *name) {
  text quoted = {0};
  json_put_string(&quoted, name);
  for (size_t i = 0; i < quoted.length;) {
    uint32_t code;
    const int n = utf8_decode(quoted.data + i, quoted.length - i, &code);
    if (n < 1 || is_printable(code)) text_put(out, quoted.data + i, n < 1 ? 1 : (size_t)n);
    else text_printf(out, "\\u%04x", code);
    i += n < 1 ? 1 : (size_t)n;
  }
  text_free(&quoted);
}

static void put_name(text *out, const char *name) {
  if (is_plain(name)) text_puts(out, name);
  else put_quoted(out, name);
}

static void put_names(text *out, const char *key, strings names) {
  text_printf(out, "  %s:%s\n", key, names.n ? "" : " []");
  for (uint32_t i = 0; i < names.n; i++) {
    text_puts(out, "    - ");
    put_name(out, names.items[i]);
    text_putc(out, '\n');
  }
}

void cluster_file_put(const cluster_file *file, text *out) {
  for (uint32_t i = 0; i < file->n; i++) {
    const cluster_entry *x = &file->items[i];
    put_name(out, x->name);
    text_puts(out, ":\n");
    if (x->metric) {
      text_puts(out, "  metric: ");
      put_name(out, x->metric);
      text_putc(out, '\n');
    }
    if (x->neighbours.n) put_names(out, "neighbours", x->neighbours);
    put_names(out, "tasks", x->tasks);
  }
}
