#include "report/best_worst.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/file.h"
#include "data/jsonl.h"
#include "io/json.h"

enum { MOST_GROUPS = 2000, MOST_FILES = 4000, MOST_REFERENCES = 8, LET_GO = 64 << 20 };

// A row by its place, ranked by `merit`: its score, turned so that more is better; among equals by what tuning gained.
typedef struct place {
  uint32_t file, line;
  uint64_t offset, length;
  double merit, gain;
} place;

typedef struct ranking {
  place best[BEST_WORST_SHOWN], worst[BEST_WORST_SHOWN];
  uint64_t n_best, n_worst;
} ranking;

typedef struct reader {
  arena *memory;
  const char *dir;
  char **files;
  uint64_t n_files;
  bool (*lower)(const char *metric);
  best_worst *out;
  ranking *rankings; // [out->n]
  uint64_t groups_capacity, rankings_capacity, last;
  err *e;
} reader;

// Positive where x is better than y; among equals the earlier row is kept.
static int compare(const place *x, const place *y) {
  if (x->merit != y->merit) return x->merit > y->merit ? 1 : -1;
  if (x->gain != y->gain) return x->gain > y->gain ? 1 : -1;
  return 0;
}

// Keeps the BEST_WORST_SHOWN first by `sign` · compare, in order.
static void keep(place *list, uint64_t *n, const place *p, int sign) {
  uint64_t at = *n;
  while (at > 0 && sign * compare(p, &list[at - 1]) > 0) at--;
  if (at == BEST_WORST_SHOWN) return;
  const uint64_t kept = *n < BEST_WORST_SHOWN ? *n : BEST_WORST_SHOWN - 1;
  memmove(&list[at + 1], &list[at], (kept - at) * sizeof *list);
  list[at] = *p;
  *n = kept + 1;
}

static bool find_group(reader *r, const char *origin, const char *cluster, uint64_t *index) {
  best_worst *out = r->out;
  if (r->last < out->n && !strcmp(out->groups[r->last].cluster, cluster)) return *index = r->last, true;
  for (uint64_t i = 0; i < out->n; i++)
    if (!strcmp(out->groups[i].cluster, cluster)) return *index = r->last = i, true;
  if (out->n == MOST_GROUPS) return ERR(r->e, "%s: expected at most %d clusters, found more", origin, MOST_GROUPS);
  arena_grow(r->memory, (void **)&out->groups, &r->groups_capacity, out->n + 1, sizeof *out->groups);
  arena_grow(r->memory, (void **)&r->rankings, &r->rankings_capacity, out->n + 1, sizeof *r->rankings);
  out->groups[out->n] = (prediction_group){.cluster = arena_strdup(r->memory, cluster)};
  r->rankings[out->n] = (ranking){0};
  *index = r->last = out->n++;
  return true;
}

static bool open_row(const reader *r, const char *path, const place *p, const char *data, char origin[4200], json *d) {
  snprintf(origin, 4200, "%s:%u", path, p->line);
  return json_parse(origin, data, p->length, d, r->e);
}

static bool rank_row(reader *r, const json *d, const char *stem, place p) {
  const char *cluster = stem, *metric = NULL, *words = NULL;
  double score = NAN, base = NAN;
  TRY(json_string_or(d, d->root, "", "cluster", &cluster, r->e));
  if (!*cluster) cluster = stem;
  TRY(json_string_or(d, d->root, "", "metric", &metric, r->e));
  TRY(json_string(d, d->root, "", "prediction", &words, r->e));
  TRY(json_number_or(d, d->root, "", "score", &score, r->e));
  TRY(json_number_or(d, d->root, "", "score_base", &base, r->e));
  uint64_t index;
  TRY(find_group(r, d->origin, cluster, &index));
  r->out->groups[index].n++;
  if (!isfinite(score)) return true;
  const double sign = r->lower(metric) ? -1 : 1;
  p.merit = sign * score;
  p.gain = isfinite(base) ? sign * (score - base) : 0;
  ranking *g = &r->rankings[index];
  keep(g->best, &g->n_best, &p, 1);
  keep(g->worst, &g->n_worst, &p, -1);
  return true;
}

static bool rank_rows(reader *r, const char *path, const file_map *map, uint32_t file) {
  const char *data = (const char *)map->data, *stem = path_stem(r->memory, path);
  jsonl lines = {.name = path, .at = data, .end = data + map->size, .line = 1};
  TRY(jsonl_check_text(path, data, map->size, r->e));
  for (uint64_t passed = 0;;) {
    jsonl_item item;
    const jsonl_status status = jsonl_next(&lines, &item, r->e);
    if (status == JSONL_END) return true;
    if (status != JSONL_ITEM) return false;
    const place p = {.file = file, .line = item.place, .offset = (uint64_t)(item.data - data), .length = item.length};
    char origin[4200];
    json d;
    TRY(open_row(r, path, &p, item.data, origin, &d));
    const bool ok = rank_row(r, &d, stem, p);
    json_free(&d);
    TRY(ok);
    if (p.offset - passed > LET_GO) file_map_let_go(map, passed, p.offset), passed = p.offset;
  }
}

static bool rank_file(reader *r, uint32_t file) {
  const char *path = path_join(r->memory, r->dir, r->files[file]);
  file_map map;
  TRY(file_map_open(path, &map, r->e));
  const bool ok = rank_rows(r, path, &map, file);
  file_unmap(&map);
  return ok;
}

// --- the rows that are shown -------------------------------------------------------------------------------------------------

static bool read_references(arena *a, const json *d, prediction *p, err *e) {
  const cJSON *given = cJSON_GetObjectItemCaseSensitive(d->root, "references");
  if (!given || cJSON_IsNull(given)) return true;
  cJSON *list;
  TRY(json_array(d, d->root, "", "references", &list, e));
  p->references = ARENA_ARRAY(a, const char *, MOST_REFERENCES);
  for (const cJSON *item = list->child; item && p->n_references < MOST_REFERENCES; item = item->next) {
    char found[64];
    if (!cJSON_IsString(item)) return ERR(e, "%s: references: expected strings, found %s", d->origin, json_describe(item, found));
    p->references[p->n_references++] = arena_strdup(a, item->valuestring);
  }
  return true;
}

// A row that was looked at before, once more.
static bool open_again(const reader *r, const place *p, char origin[4200], json *d) {
  const char *path = path_join(r->memory, r->dir, r->files[p->file]);
  file_map map;
  TRY(file_map_open(path, &map, r->e));
  const bool ok = ((p->offset <= map.size && p->length <= map.size - p->offset) ||
                   ERR(r->e, "%s: it became shorter while it was read", path)) &&
                  open_row(r, path, p, (const char *)map.data + p->offset, origin, d);
  file_unmap(&map);
  return ok;
}

static bool read_prediction(const reader *r, const place *at, prediction *p) {
  char origin[4200];
  json d;
  TRY(open_again(r, at, origin, &d));
  *p = (prediction){.score = NAN, .score_base = NAN, .file = r->files[at->file], .line = at->line};
  const struct {
    const char *key, **to;
  } strings[] = {{"task", &p->task},
                 {"prompt", &p->prompt},
                 {"prediction", &p->text},
                 {"prediction_base", &p->base},
                 {"metric", &p->metric}};
  bool ok = true;
  for (size_t i = 0; ok && i < sizeof strings / sizeof *strings; i++) {
    ok = json_string_or(&d, d.root, "", strings[i].key, strings[i].to, r->e);
    if (ok && *strings[i].to) *strings[i].to = arena_strdup(r->memory, *strings[i].to);
  }
  ok = ok && json_number(&d, d.root, "", "score", &p->score, r->e) &&
       json_number_or(&d, d.root, "", "score_base", &p->score_base, r->e) && read_references(r->memory, &d, p, r->e);
  json_free(&d);
  return ok;
}

static bool same_place(const place *x, const place *y) {
  return x->file == y->file && x->offset == y->offset;
}

static bool read_shown(reader *r) {
  for (uint64_t i = 0; i < r->out->n; i++) {
    prediction_group *g = &r->out->groups[i];
    const ranking *k = &r->rankings[i];
    for (uint64_t b = 0; b < k->n_best; b++) TRY(read_prediction(r, &k->best[b], &g->best[g->n_best++]));
    for (uint64_t w = 0; w < k->n_worst; w++) {
      bool shown = false;
      for (uint64_t b = 0; b < k->n_best; b++) shown |= same_place(&k->worst[w], &k->best[b]);
      if (!shown) TRY(read_prediction(r, &k->worst[w], &g->worst[g->n_worst++]));
    }
  }
  return true;
}

bool best_worst_read(arena *a, const char *dir, bool (*lower)(const char *metric), best_worst *out, err *e) {
  *out = (best_worst){0};
  if (!file_is_dir(dir)) return true;
  char **names;
  uint64_t n;
  TRY(dir_list(a, dir, &names, &n, e));
  reader r = {.memory = a, .dir = dir, .files = ARENA_ARRAY(a, char *, n), .lower = lower, .out = out, .e = e};
  for (uint64_t i = 0; i < n; i++)
    if (path_ends_with(names[i], ".jsonl")) r.files[r.n_files++] = names[i];
  if (r.n_files > MOST_FILES)
    return ERR(e, "%s: expected at most %d files of predictions, found %llu", dir, MOST_FILES, (unsigned long long)r.n_files);
  for (uint32_t i = 0; i < r.n_files; i++) TRY(rank_file(&r, i));
  return read_shown(&r);
}

const prediction_group *best_worst_find(const best_worst *p, const char *cluster) {
  for (uint64_t i = 0; i < p->n; i++)
    if (!strcmp(p->groups[i].cluster, cluster)) return &p->groups[i];
  return NULL;
}
