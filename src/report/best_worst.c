#include "report/best_worst.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/file.h"
#include "data/jsonl.h"
#include "io/json.h"

enum { MOST_GROUPS = 2000, MOST_FILES = 4000, MOST_REFERENCES = 8, LET_GO = 64 << 20 };

static const char BASE_ENDING[] = ".base.jsonl";

// A row by its place, ranked by `merit`: its score, turned so that more is better; among equals by what tuning gained.
typedef struct row {
  uint32_t line;
  uint64_t offset, length; // length 0: there is none
} row;

typedef struct place {
  uint32_t file;
  row row, base; // base: in the file of the base
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

static bool open_row(const reader *r, const char *path, const row *at, const char *data, char origin[4200], json *d) {
  snprintf(origin, 4200, "%s:%u", path, at->line);
  return json_parse(origin, data, at->length, d, r->e);
}

// `base` (may be NULL): the row of the base, in another file.
static bool rank_row(reader *r, const json *d, const json *base, const char *stem, place p) {
  const char *cluster = stem, *metric = NULL, *words = NULL;
  double score = NAN, score_base = NAN;
  TRY(json_string_or(d, d->root, "", "cluster", &cluster, r->e));
  if (!*cluster) cluster = stem;
  TRY(json_string_or(d, d->root, "", "metric", &metric, r->e));
  TRY(json_string(d, d->root, "", "prediction", &words, r->e));
  TRY(json_number_or(d, d->root, "", "score", &score, r->e));
  if (base) TRY(json_number_or(base, base->root, "", "score", &score_base, r->e));
  else TRY(json_number_or(d, d->root, "", "score_base", &score_base, r->e));
  uint64_t index;
  TRY(find_group(r, d->origin, cluster, &index));
  r->out->groups[index].n++;
  if (!isfinite(score)) return true;
  const double sign = r->lower(metric) ? -1 : 1;
  p.merit = sign * score;
  p.gain = isfinite(score_base) ? sign * (score - score_base) : 0;
  ranking *g = &r->rankings[index];
  keep(g->best, &g->n_best, &p, 1);
  keep(g->worst, &g->n_worst, &p, -1);
  return true;
}

// A file of rows that is gone through one by one.
typedef struct lines {
  const char *path; // NULL: there is no such file
  file_map map;
  jsonl at;
  uint64_t passed; // bytes that need not stay in memory
} lines;

static bool lines_open(const reader *r, const char *path, lines *l) {
  *l = (lines){.path = path};
  if (!path) return true;
  TRY(file_map_open(path, &l->map, r->e));
  const char *data = (const char *)l->map.data;
  l->at = (jsonl){.name = path, .at = data, .end = data + l->map.size, .line = 1};
  return jsonl_check_text(path, data, l->map.size, r->e);
}

// The next row, parsed; *any is false behind the last.
static bool lines_next(const reader *r, lines *l, char origin[4200], row *at, json *d, bool *any) {
  jsonl_item item;
  *any = false;
  if (!l->path) return true;
  const jsonl_status status = jsonl_next(&l->at, &item, r->e);
  if (status == JSONL_END) return true;
  if (status != JSONL_ITEM) return false;
  *at = (row){item.place, (uint64_t)(item.data - (const char *)l->map.data), item.length};
  if (at->offset - l->passed > LET_GO) {
    file_map_let_go(&l->map, l->passed, at->offset);
    l->passed = at->offset;
  }
  return *any = open_row(r, l->path, at, item.data, origin, d);
}

static bool rank_next(reader *r, lines *own, lines *base, const char *stem, uint32_t file, bool *any) {
  char origin[4200], base_origin[4200];
  place p = {.file = file};
  json d = {0}, of_base = {0};
  bool has_base = false;
  const bool ok = lines_next(r, own, origin, &p.row, &d, any) &&
                  (!*any || lines_next(r, base, base_origin, &p.base, &of_base, &has_base)) &&
                  (!*any || rank_row(r, &d, has_base ? &of_base : NULL, stem, p));
  json_free(&d);
  json_free(&of_base);
  return ok;
}

static const char *base_path(const reader *r, uint32_t file) {
  const char *path = path_join(r->memory, r->dir, r->files[file]);
  return arena_printf(r->memory, "%.*s%s", (int)(strlen(path) - strlen(".jsonl")), path, BASE_ENDING);
}

static bool rank_file(reader *r, uint32_t file) {
  const char *path = path_join(r->memory, r->dir, r->files[file]), *of_base = base_path(r, file);
  lines own, base = {0};
  bool ok = lines_open(r, path, &own) && lines_open(r, file_exists(of_base) ? of_base : NULL, &base);
  for (bool any = true; ok && any;) ok = rank_next(r, &own, &base, path_stem(r->memory, path), file, &any);
  file_unmap(&own.map);
  file_unmap(&base.map);
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
static bool open_again(const reader *r, const char *path, const row *at, char origin[4200], json *d) {
  file_map map;
  TRY(file_map_open(path, &map, r->e));
  const bool ok = ((at->offset <= map.size && at->length <= map.size - at->offset) ||
                   ERR(r->e, "%s: it became shorter while it was read", path)) &&
                  open_row(r, path, at, (const char *)map.data + at->offset, origin, d);
  file_unmap(&map);
  return ok;
}

typedef struct wanted {
  const char *key, **to;
} wanted;

static bool read_strings(const reader *r, const json *d, const wanted *strings, size_t n) {
  for (size_t i = 0; i < n; i++) {
    TRY(json_string_or(d, d->root, "", strings[i].key, strings[i].to, r->e));
    if (*strings[i].to) *strings[i].to = arena_strdup(r->memory, *strings[i].to);
  }
  return true;
}

static bool read_base(const reader *r, const place *at, prediction *p) {
  if (!at->base.length) return true;
  const char *path = base_path(r, at->file);
  char origin[4200];
  json d = {0};
  p->base_file = path_name(path);
  p->base_line = at->base.line;
  p->base = NULL;
  p->score_base = NAN;
  const bool ok = open_again(r, path, &at->base, origin, &d) &&
                  read_strings(r, &d, (const wanted[]){{"prediction", &p->base}}, 1) &&
                  json_number_or(&d, d.root, "", "score", &p->score_base, r->e);
  json_free(&d);
  return ok;
}

static bool read_prediction(const reader *r, const place *at, prediction *p) {
  char origin[4200];
  json d = {0};
  *p = (prediction){.score = NAN, .score_base = NAN, .file = r->files[at->file], .line = at->row.line};
  const wanted strings[] = {{"task", &p->task},
                            {"prompt", &p->prompt},
                            {"prediction", &p->text},
                            {"prediction_base", &p->base},
                            {"metric", &p->metric}};
  const bool ok = open_again(r, path_join(r->memory, r->dir, r->files[at->file]), &at->row, origin, &d) &&
                  read_strings(r, &d, strings, sizeof strings / sizeof *strings) &&
                  json_number(&d, d.root, "", "score", &p->score, r->e) &&
                  json_number_or(&d, d.root, "", "score_base", &p->score_base, r->e) && read_references(r->memory, &d, p, r->e);
  json_free(&d);
  return ok && read_base(r, at, p);
}

static bool same_place(const place *x, const place *y) {
  return x->file == y->file && x->row.offset == y->row.offset;
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

// NAME.base.jsonl with NAME.jsonl beside it.
static bool is_of_base(arena *a, const char *dir, const char *name) {
  if (!path_ends_with(name, BASE_ENDING)) return false;
  return file_exists(path_join(a, dir, arena_printf(a, "%.*s.jsonl", (int)(strlen(name) - strlen(BASE_ENDING)), name)));
}

bool best_worst_read(arena *a, const char *dir, bool (*lower)(const char *metric), best_worst *out, err *e) {
  *out = (best_worst){0};
  if (!file_is_dir(dir)) return true;
  char **names;
  uint64_t n;
  TRY(dir_list(a, dir, &names, &n, e));
  reader r = {.memory = a, .dir = dir, .files = ARENA_ARRAY(a, char *, n), .lower = lower, .out = out, .e = e};
  for (uint64_t i = 0; i < n; i++)
    if (path_ends_with(names[i], ".jsonl") && !is_of_base(a, dir, names[i])) r.files[r.n_files++] = names[i];
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
