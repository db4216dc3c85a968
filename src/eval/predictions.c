#include "eval/predictions.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "data/formats_parts.h"
#include "data/item_reader.h"

// --- writing -----------------------------------------------------------------------------------------------------------

static void put_string(text *out, const char *key, const char *value) {
  text_printf(out, "%s\"%s\": ", out->length ? ", " : "{", key);
  json_put_string(out, value);
}

static void put_strings(text *out, const char *key, strings all) {
  text_printf(out, ", \"%s\": [", key);
  for (uint32_t i = 0; i < all.n; i++) {
    if (i) text_puts(out, ", ");
    json_put_string(out, all.items[i]);
  }
  text_putc(out, ']');
}

static void put_limit(text *out, const task_item *x) {
  static const char *const units[] = {
      [AUGMENT_WORDS] = "words", [AUGMENT_SENTENCES] = "sentences", [AUGMENT_CHARACTERS] = "characters"};
  const augment_limit *l = &x->limit;
  text_printf(out, ", \"limit\": {\"unit\": \"%s\"", units[l->unit]);
  if (l->least) text_printf(out, ", \"least\": %u", l->least);
  if (l->most < UINT32_MAX) text_printf(out, ", \"most\": %u", l->most);
  text_printf(out, ", \"found\": %u, \"met\": %s}", x->length, x->length >= l->least && x->length <= l->most ? "true" : "false");
}

static void put_number(text *out, const char *key, double value) {
  text_printf(out, ", \"%s\": ", key);
  json_put_number(out, value);
}

static void put_likelihoods(text *out, const char *key, const task_item *x) {
  if (!x || !x->choices.n || !x->loglikelihoods) return;
  text_printf(out, ", \"%s\": [", key);
  for (uint32_t i = 0; i < x->choices.n; i++) {
    if (i) text_puts(out, ", ");
    json_put_number(out, x->loglikelihoods[i]);
  }
  text_putc(out, ']');
}

// base: the same item by another model; NULL: none.
static void put_item(text *out, vkift_metric metric, const task_item *x, const task_item *base) {
  put_string(out, "task", x->task);
  put_string(out, "cluster", x->cluster);
  put_string(out, "category", x->category);
  put_string(out, "file", x->file);
  text_printf(out, ", \"line\": %u", x->line);
  put_string(out, "prompt", x->prompt);
  put_string(out, "prediction", x->prediction);
  put_strings(out, "references", x->references);
  put_string(out, "metric", metric_name(metric));
  put_number(out, "score", x->result.score);
  if (base) put_string(out, "prediction_base", base->prediction);
  if (base) put_number(out, "score_base", base->result.score);
  if (x->choices.n) put_strings(out, "choices", x->choices);
  put_likelihoods(out, "loglikelihoods", x);
  put_likelihoods(out, "loglikelihoods_base", base);
  if (x->has_limit) put_limit(out, x);
  text_puts(out, "}\n");
}

bool predictions_write_compared(const char *path, const task_scores *s, const task_scores *base, err *e) {
  file_writer file;
  text row = {0};
  TRY(file_writer_open(path, &file, e));
  bool ok = true;
  for (uint64_t i = 0; ok && i < s->n; i++) {
    text_clear(&row);
    put_item(&row, s->tasks[s->items[i].of].metric, &s->items[i], base ? &base->items[i] : NULL);
    ok = file_write(&file, row.data, row.length, e);
  }
  ok = ok && file_writer_commit(&file, e);
  file_writer_abort(&file);
  text_free(&row);
  return ok;
}

bool predictions_write(const char *path, const task_scores *s, err *e) {
  return predictions_write_compared(path, s, NULL, e);
}

// --- reading -----------------------------------------------------------------------------------------------------------

typedef struct reading {
  arena *memory;
  const char *path, *stem;
  task_scores *out;
  uint64_t capacity;
} reading;

static bool read_name(const reading *r, const json *d, const char *key, const char *otherwise, const char **out, err *e) {
  const char *found = NULL;
  TRY(json_string_or(d, d->root, "", key, &found, e));
  *out = arena_strdup(r->memory, found ? found : otherwise);
  return true;
}

// Strings that outlive the row.
static strings keep(arena *a, strings all) {
  const char **items = ARENA_ARRAY(a, const char *, all.n);
  for (uint32_t i = 0; i < all.n; i++) items[i] = arena_strdup(a, all.items[i]);
  return (strings){items, all.n};
}

static bool read_likelihoods(const reading *r, const json *d, task_item *x, err *e) {
  const cJSON *list = formats_field(d->root, "loglikelihoods"), *item;
  if (!list) return true;
  if (!x->choices.n) return formats_unexpected(d, "choices", "a list of answers, whose loglikelihoods are given", NULL, e);
  if (!cJSON_IsArray(list) || (uint32_t)cJSON_GetArraySize(list) != x->choices.n)
    return formats_unexpected(d, "loglikelihoods", "a number for each of the choices", list, e);
  double *values = ARENA_ARRAY(r->memory, double, x->choices.n), *at = values;
  cJSON_ArrayForEach(item, list) {
    if (!cJSON_IsNumber(item) || !isfinite(item->valuedouble))
      return formats_unexpected(d, "loglikelihoods", "finite numbers only", item, e);
    *at++ = item->valuedouble;
  }
  x->loglikelihoods = values;
  return true;
}

static bool read_row(reading *r, arena *one, const json *d, uint32_t place, err *e) {
  task_item x = {.file = r->path, .line = place};
  strings references, choices;
  if (!cJSON_IsObject(d->root)) return formats_unexpected(d, "the top level", "an object", d->root, e);
  TRY(read_name(r, d, "task", r->stem, &x.task, e) && read_name(r, d, "category", "", &x.category, e));
  TRY(read_name(r, d, "cluster", x.category, &x.cluster, e) && read_name(r, d, "metric", "", &x.metric, e));
  TRY(read_name(r, d, "prompt", "", &x.prompt, e));
  TRY(formats_strings(one, d, d->root, "", "references", &references, e));
  TRY(formats_strings(one, d, d->root, "", "choices", &choices, e));
  if (!references.n) return formats_unexpected(d, "references", "a list of right answers", NULL, e);
  x.references = keep(r->memory, references);
  x.choices = keep(r->memory, choices);
  TRY(read_likelihoods(r, d, &x, e));
  const char *prediction = NULL;
  if (x.loglikelihoods) TRY(json_string_or(d, d->root, "", "prediction", &prediction, e));
  else TRY(json_string(d, d->root, "", "prediction", &prediction, e));
  x.prediction = arena_strdup(r->memory, prediction ? prediction : "");
  x.is_unanswered = !prediction;
  task_scores *s = r->out;
  arena_grow(r->memory, (void **)&s->items, &r->capacity, s->n + 1, sizeof *s->items);
  s->items[s->n++] = x;
  return true;
}

static bool read_item(reading *r, const item_reader *items, const jsonl_item *item, err *e) {
  arena *one = arena_new("one row of predictions");
  json d;
  bool ok = item_reader_parse(items, item_reader_origin(one, items, item), item, &d, e);
  if (ok) {
    ok = read_row(r, one, &d, item->place, e);
    json_free(&d);
  }
  arena_free(one);
  return ok;
}

static bool read_all(reading *r, const file_map *map, err *e) {
  item_reader items;
  TRY(item_reader_open(r->memory, r->path, (const char *)map->data, map->size, &items, e));
  for (;;) {
    jsonl_item item;
    const jsonl_status status = item_reader_next(&items, &item, e);
    if (status == JSONL_END) break;
    if (status != JSONL_ITEM) return false;
    TRY(read_item(r, &items, &item, e));
  }
  return r->out->n ? true : ERR(e, "%s: expected rows with a prediction and references, found none", r->path);
}

bool predictions_load(arena *a, const char *path, task_scores *s, err *e) {
  file_map map;
  *s = (task_scores){0};
  reading r = {.memory = a, .path = arena_strdup(a, path), .stem = path_stem(a, path), .out = s};
  TRY(file_map_open(path, &map, e));
  const bool ok = read_all(&r, &map, e);
  file_unmap(&map);
  return ok;
}
