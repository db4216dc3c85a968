#include "crossval/record.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "base/file.h"
#include "crossval/arm.h"

enum { RECORD_BYTES = 1 << 24 };

static const char *record_path(arena *a, const crossval *v, uint32_t i) {
  return path_join(a, crossval_fold_dir(a, v, i), "fold.json");
}

bool record_is_done(const crossval *v, uint32_t i) {
  arena *a = arena_new("path");
  const bool done = file_exists(record_path(a, v, i));
  arena_free(a);
  return done;
}

bool record_read(arena *a, const crossval *v, uint32_t i, json *d, err *e) {
  return json_read(record_path(a, v, i), RECORD_BYTES, d, e);
}

// --- answers -----------------------------------------------------------------------------------------------------------

// One arm's file of answers, line by line.
typedef struct lines {
  const char *path;
  file_map map;
  uint64_t at, number;
} lines;

static bool next_line(arena *a, lines *l, json *d, err *e) {
  const char *from = (const char *)l->map.data + l->at;
  const char *end = memchr(from, '\n', (size_t)(l->map.size - l->at));
  if (!end)
    return ERR(e, "%s:%llu: expected a line for each answer, found the file's end", l->path, (unsigned long long)l->number + 1);
  l->at += (uint64_t)(end - from) + 1;
  return json_parse(arena_printf(a, "%s:%llu", l->path, (unsigned long long)++l->number), from, (uint64_t)(end - from), d, e);
}

// The tuned model's row, with the other arms' answers and scores in it: "prediction_base", "score_base", …
static bool merge_row(arena *a, lines all[N_ARMS], text *out, err *e) {
  json rows[N_ARMS] = {{0}};
  bool ok = true;
  for (int k = 0; ok && k < N_ARMS; k++)
    if (all[k].path) ok = next_line(a, &all[k], &rows[k], e);
  for (int k = 0; ok && k < N_ARMS; k++) {
    if (k == ARM_TUNED || !all[k].path) continue;
    static const char *const keys[] = {"prediction", "score"};
    for (int i = 0; i < 2; i++) {
      cJSON *x = cJSON_DetachItemFromObjectCaseSensitive(rows[k].root, keys[i]);
      if (x) cJSON_AddItemToObject(rows[ARM_TUNED].root, arena_printf(a, "%s_%s", keys[i], arm_names[k]), x);
    }
  }
  char *line = ok ? cJSON_PrintUnformatted(rows[ARM_TUNED].root) : NULL;
  if (line) {
    text_puts(out, line);
    text_putc(out, '\n');
  }
  cJSON_free(line);
  for (int k = 0; k < N_ARMS; k++) json_free(&rows[k]);
  return ok;
}

static bool merge_answers(arena *a, const crossval *v, uint32_t i, uint64_t n, err *e) {
  const char *dir = path_join(a, v->run_dir, "predictions");
  TRY(dir_make(dir, e));
  file_writer w;
  TRY(file_writer_open(path_join(a, dir, arena_printf(a, "%s.jsonl", v->files[i])), &w, e));
  lines all[N_ARMS] = {{0}};
  bool ok = true;
  for (arm_kind kind = 0; ok && kind < N_ARMS; kind++) {
    if (!arm_is_wanted(v, kind)) continue;
    all[kind].path = arm_answers_path(a, v, i, kind);
    ok = file_map_open(all[kind].path, &all[kind].map, e);
  }
  text row = {0};
  for (uint64_t k = 0; ok && k < n; k++) {
    arena *of_row = arena_new("row");
    text_clear(&row);
    ok = merge_row(of_row, all, &row, e) && file_write(&w, row.data, row.length, e);
    arena_free(of_row);
  }
  text_free(&row);
  for (int k = 0; k < N_ARMS; k++) file_unmap(&all[k].map);
  if (ok) return file_writer_commit(&w, e);
  file_writer_abort(&w);
  return false;
}

// --- the fold ----------------------------------------------------------------------------------------------------------

static void add_left_out(arena *a, cJSON *to, const char *key, const fold_left_out *x) {
  cJSON_AddNumberToObject(to, key, (double)x->n);
  cJSON_AddNumberToObject(to, arena_printf(a, "%s_tasks", key), x->n_tasks);
}

// What each arm was really trained on.
static bool add_arms(arena *a, const crossval *v, uint32_t i, cJSON *to, err *e) {
  cJSON *all = cJSON_AddObjectToObject(to, "arms");
  for (arm_kind kind = ARM_TUNED; kind < N_ARMS; kind++) {
    if (!arm_is_wanted(v, kind)) continue;
    arm_result r;
    TRY(arm_read(a, v, i, kind, &r, e));
    cJSON *o = cJSON_AddObjectToObject(all, arm_names[kind]);
    cJSON_AddNumberToObject(o, "examples", (double)r.examples);
    if (kind == ARM_SHUFFLED) cJSON_AddNumberToObject(o, "own_answer", (double)r.own);
    cJSON_AddNumberToObject(o, "tokens", (double)r.tokens);
  }
  return true;
}

bool record_fold(const crossval *v, uint32_t i, const fold *f, err *e) {
  arena *a = arena_new("fold's record");
  bool ok = merge_answers(a, v, i, f->eval.n, e);
  cJSON *o = cJSON_CreateObject();
  cJSON_AddStringToObject(o, "name", v->names[i]);
  cJSON_AddNumberToObject(o, "train", (double)f->train.n);
  cJSON_AddNumberToObject(o, "valid", (double)f->valid.n);
  cJSON_AddNumberToObject(o, "judged", (double)f->eval.n);
  cJSON_AddNumberToObject(o, "not_judged", (double)f->not_evaluated);
  cJSON *left_out = cJSON_AddObjectToObject(o, "left_out");
  add_left_out(a, left_out, "neighbours", &f->neighbours);
  add_left_out(a, left_out, "same_source", &f->sources);
  cJSON_AddNumberToObject(left_out, "same_prompt", (double)f->same_prompts);
  cJSON_AddNumberToObject(left_out, "near_duplicates", (double)f->near);
  ok = ok && add_arms(a, v, i, o, e);
  text out = {0};
  json_print(o, &out);
  ok = ok && file_replace(record_path(a, v, i), out.data, out.length, e);
  text_free(&out);
  cJSON_Delete(o);
  arena_free(a);
  return ok;
}
