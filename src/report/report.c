// What is in the directory decides: with results.json it is a cross-validation, else a training run. The files may come from
// anywhere and are not trusted: sizes and counts are bounded where they are read, words are escaped where they are written.
#include "report/report.h"

#include <string.h>

#include "base/file.h"
#include "report/page.h"

enum { MOST_CONFIG = 1 << 20, MOST_FACTS = 16 << 20 };

static bool has(const page_run *r, const char *name) {
  return file_exists(path_join(r->memory, r->dir, name));
}

static bool read_json(const page_run *r, const char *name, json *out, err *e) {
  return !has(r, name) || json_read(path_join(r->memory, r->dir, name), MOST_FACTS, out, e);
}

static bool open_run(page_run *r, err *e) {
  const char *dir = r->dir;
  if (!file_is_dir(dir)) return ERR(e, "%s: expected a run directory, found %s", dir, file_exists(dir) ? "a file" : "nothing");
  if (!has(r, "config.yaml") && !has(r, "metrics.jsonl") && !has(r, "results.json"))
    return ERR(e, "%s: expected a run directory with config.yaml, metrics.jsonl or results.json, found none of them", dir);
  uint64_t size;
  if (has(r, "config.yaml"))
    TRY(file_read(r->memory, path_join(r->memory, dir, "config.yaml"), MOST_CONFIG, &r->config, &size, e));
  return read_json(r, "run.json", &r->facts, e) && read_json(r, "data.json", &r->data, e) &&
         best_worst_read(r->memory, path_join(r->memory, dir, "predictions"), results_lower_is_better, &r->predictions, e);
}

bool report_make(const char *dir, bool markdown, text *page, err *e) {
  arena *a = arena_new("report");
  doc d = {.markdown = markdown};
  page_run run = {.memory = a, .dir = path_trim(a, dir)};
  run.name = path_name(run.dir);
  const bool ok = open_run(&run, e) && (has(&run, "results.json") ? page_crossval(&d, &run, e) : page_train(&d, &run, e));
  json_free(&run.facts);
  json_free(&run.data);
  if (ok) {
    *page = d.out;
    d.out = (text){0};
  }
  doc_free(&d);
  arena_free(a);
  return ok;
}
