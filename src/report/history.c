#include "report/history.h"

#include <math.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/file.h"
#include "data/jsonl.h"
#include "io/json.h"

enum { MOST_LINES = 4 << 20, WINDOWS = 40 };

const char *const history_key_names[HISTORY_KEYS] = {"step",          "epoch",           "loss",
                                                     "grad_norm",     "learning_rate",   "tokens",
                                                     "target_tokens", "seconds",         "target_tokens_per_second",
                                                     "device_bytes",  "rewards/margins", "rewards/accuracies",
                                                     "eval_loss"};

static void put_line(arena *a, history_lines *l, const double *values, uint32_t line) {
  uint64_t capacity = l->capacity;
  arena_grow(a, (void **)&l->line, &capacity, l->n + 1, sizeof *l->line);
  for (int k = 0; k < HISTORY_KEYS; k++) {
    uint64_t of_column = l->capacity;
    arena_grow(a, (void **)&l->columns[k], &of_column, l->n + 1, sizeof **l->columns);
    l->columns[k][l->n] = values[k];
  }
  l->line[l->n++] = line;
  l->capacity = capacity;
}

static bool read_line(arena *a, const json *d, uint32_t line, history *h, err *e) {
  double values[HISTORY_KEYS];
  for (int k = 0; k < HISTORY_KEYS; k++) {
    values[k] = NAN;
    TRY(json_number_or(d, d->root, "", history_key_names[k], &values[k], e));
  }
  const bool is_eval = cJSON_GetObjectItemCaseSensitive(d->root, "eval_loss") != NULL;
  history_lines *l = is_eval ? &h->evals : &h->steps;
  const double step = values[HISTORY_STEP], before = l->n ? l->columns[HISTORY_STEP][l->n - 1] : 0;
  if (!(step >= 0 && step < 1e15 && step == floor(step)))
    return ERR(e, "%s: step: expected a whole number from 0 on, found %g", d->origin, step);
  if (l->n && !(step > before)) return ERR(e, "%s: step: expected a number above %.0f, found %.0f", d->origin, before, step);
  if (l->n >= MOST_LINES) return ERR(e, "%s: expected at most %d lines, found more", d->origin, MOST_LINES);
  bool bad = false;
  TRY(json_bool_or(d, d->root, "", "bad", &bad, e));
  h->n_bad += bad;
  put_line(a, l, values, line);
  return true;
}

static bool read_lines(arena *a, jsonl *r, const file_map *map, history *h, err *e) {
  const bool ends_whole = map->data[map->size - 1] == '\n';
  for (;;) {
    jsonl_item item;
    err fault = {0};
    const jsonl_status status = jsonl_next(r, &item, &fault);
    if (status == JSONL_END) return true;
    const bool is_last = r->at == r->end;
    if (status != JSONL_ITEM) return (h->is_cut_short = is_last && !ends_whole) || ERR(e, "%s", fault.message);
    char origin[4200];
    json d;
    snprintf(origin, sizeof origin, "%s:%u", r->name, item.place);
    const bool parsed = json_parse(origin, item.data, item.length, &d, &fault);
    if (!parsed && is_last && !ends_whole) return h->is_cut_short = true;
    const bool ok = parsed && read_line(a, &d, item.place, h, &fault);
    if (parsed) json_free(&d);
    if (!ok) return ERR(e, "%s", fault.message);
  }
}

bool history_read(arena *a, const char *path, history *h, err *e) {
  *h = (history){0};
  if (!file_exists(path)) return true;
  file_map map;
  TRY(file_map_open(path, &map, e));
  jsonl r = {.name = path, .at = (const char *)map.data, .end = (const char *)map.data + map.size, .line = 1};
  const bool ok = !map.size || (jsonl_check_text(path, (const char *)map.data, map.size, e) && read_lines(a, &r, &map, h, e));
  file_unmap(&map);
  return ok;
}

// --- what is asked of it ---------------------------------------------------------------------------------------------------

double history_sum(const history_lines *l, history_key key) {
  double sum = 0;
  for (uint64_t i = 0; i < l->n; i++)
    if (isfinite(l->columns[key][i])) sum += l->columns[key][i];
  return sum;
}

uint64_t history_least(const history_lines *l, history_key key) {
  uint64_t least = l->n;
  for (uint64_t i = 0; i < l->n; i++)
    if (isfinite(l->columns[key][i]) && (least == l->n || l->columns[key][i] < l->columns[key][least])) least = i;
  return least;
}

uint64_t history_first(const history_lines *l, history_key key) {
  uint64_t i = 0;
  while (i < l->n && !isfinite(l->columns[key][i])) i++;
  return i;
}

uint64_t history_last(const history_lines *l, history_key key) {
  for (uint64_t i = l->n; i > 0; i--)
    if (isfinite(l->columns[key][i - 1])) return i - 1;
  return l->n;
}

uint64_t history_window(uint64_t n) {
  return n < WINDOWS ? 1 : n / WINDOWS | 1;
}

double history_smooth(const double *y, uint64_t n, uint64_t window, uint64_t i) {
  const uint64_t half = window / 2, before = i < half ? i : half, after = n - 1 - i < half ? n - 1 - i : half;
  const uint64_t least = half / 3, lesser = before < after ? before : after, reach = lesser > least ? lesser : least;
  double sum = 0;
  uint64_t count = 0;
  for (uint64_t k = i - (before < reach ? before : reach); k <= i + (after < reach ? after : reach); k++)
    if (isfinite(y[k])) sum += y[k], count++;
  return count ? sum / (double)count : NAN;
}

uint64_t history_thin(const double *y, uint64_t n, uint64_t most, uint64_t *out) {
  uint64_t kept = 0;
  if (n <= most) {
    for (uint64_t i = 0; i < n; i++) out[kept++] = i;
    return kept;
  }
  const uint64_t stretches = most / 2;
  for (uint64_t s = 0; s < stretches; s++) {
    const uint64_t from = s * n / stretches, to = (s + 1) * n / stretches;
    uint64_t low = from, high = from;
    for (uint64_t i = from; i < to; i++) {
      if (y[i] < y[low] || !isfinite(y[low])) low = i;
      if (y[i] > y[high] || !isfinite(y[high])) high = i;
    }
    const uint64_t places[4] = {s ? n : 0, low < high ? low : high, low < high ? high : low, s + 1 < stretches ? n : n - 1};
    for (int k = 0; k < 4; k++)
      if (places[k] < n && (!kept || out[kept - 1] < places[k])) out[kept++] = places[k];
  }
  return kept;
}
