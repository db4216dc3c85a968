// Everything is written into DIR.tmp, which becomes DIR when it is whole.
#include "eval/export.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "base/file.h"
#include "base/log.h"
#include "eval/card.h"
#include "eval/merge.h"
#include "eval/modelfile.h"
#include "eval/predictions.h"
#include "io/json.h"
#include "models/classifier.h"
#include "models/save.h"
#include "models/save_gguf.h"

typedef struct exporting {
  arena *memory;
  const vkift_export_options *options;
  const char *dir; // that is written into
  merging merging;
} exporting;

static const dtype types[] = {
    [VKIFT_EXPORT_AUTO] = DTYPE_COUNT, [VKIFT_EXPORT_F32] = DTYPE_F32,   [VKIFT_EXPORT_F16] = DTYPE_F16,
    [VKIFT_EXPORT_BF16] = DTYPE_BF16,  [VKIFT_EXPORT_Q8_0] = DTYPE_Q8_0, [VKIFT_EXPORT_Q4_0] = DTYPE_Q4_0};

static bool is_adapter_format(vkift_export_format f) {
  return f == VKIFT_EXPORT_PEFT || f == VKIFT_EXPORT_GGUF_ADAPTER;
}

// --- Hugging Face and PEFT -------------------------------------------------------------------------------------------------

static bool write_hf(exporting *x, err *e) {
  const loaded *l = &x->merging.loaded;
  return save_model(l->model, &l->prompt, x->dir, types[x->options->dtype], merge_values, &x->merging, e);
}

static bool copy_file(exporting *x, const char *name, err *e) {
  file_map map;
  TRY(file_map_open(path_join(x->memory, x->merging.adapter_path, name), &map, e));
  const bool ok = file_replace(path_join(x->memory, x->dir, name), map.data, map.size, e);
  file_unmap(&map);
  return ok;
}

// Nobody else has the base where this machine has it.
static void forget_place(cJSON *config) {
  static const char key[] = "base_model_name_or_path";
  const cJSON *base = cJSON_GetObjectItemCaseSensitive(config, key);
  if (!cJSON_IsString(base) || *base->valuestring != '/') return;
  arena *a = arena_new("name of a base model");
  cJSON_ReplaceItemInObjectCaseSensitive(config, key, cJSON_CreateString(path_name(path_trim(a, base->valuestring))));
  arena_free(a);
}

static bool write_adapter_config(exporting *x, err *e) {
  static const char name[] = "adapter_config.json";
  json d;
  text out = {0};
  TRY(json_read(path_join(x->memory, x->merging.adapter_path, name), 1 << 20, &d, e));
  forget_place(d.root);
  json_print(d.root, &out);
  json_free(&d);
  const bool ok = file_replace(path_join(x->memory, x->dir, name), out.data, out.length, e);
  text_free(&out);
  return ok;
}

static bool write_peft(exporting *x, err *e) {
  const loaded *l = &x->merging.loaded;
  const strings *labels = &l->model->labels;
  return copy_file(x, "adapter_model.safetensors", e) && write_adapter_config(x, e) &&
         (!labels->n || classifier_write_file(x->dir, labels, e)) && save_tokenizer(l->model, &l->prompt, x->dir, e);
}

// --- GGUF ------------------------------------------------------------------------------------------------------------------

static bool write_modelfile(exporting *x, const modelfile *f, err *e) {
  const loaded *l = &x->merging.loaded;
  text out = {0};
  modelfile_print(f, &l->prompt, l->model->tokenizer, &out);
  const bool ok = file_replace(path_join(x->memory, x->dir, "Modelfile"), out.data, out.length, e);
  text_free(&out);
  return ok;
}

static bool write_gguf(exporting *x, err *e) {
  const loaded *l = &x->merging.loaded;
  save_gguf_result r;
  TRY(save_gguf(l->model, &l->prompt, path_join(x->memory, x->dir, "model.gguf"), types[x->options->dtype], merge_values,
                &x->merging, &r, e));
  if (r.n_f16) log_note("%u matrices stay F16, since their rows are no multiple of 32 (%s the first)", r.n_f16, r.first_f16);
  return write_modelfile(x, &(modelfile){.from = "model.gguf"}, e);
}

static bool write_gguf_adapter(exporting *x, err *e) {
  const loaded *l = &x->merging.loaded;
  const model *m = l->model;
  const dtype type = types[x->options->dtype];
  TRY(save_gguf_adapter(m, &l->prompt, l->adapter, &x->merging.file, path_join(x->memory, x->dir, "adapter.gguf"),
                        type == DTYPE_COUNT ? DTYPE_F32 : type, e));
  const char *base = path_name(m->path);
  modelfile f = {.from = m->is_gguf ? base : arena_printf(x->memory, "%s.gguf", base), .adapter = "adapter.gguf"};
  f.note = m->is_gguf ? "FROM is the base model's file, to be put beside this one."
                      : arena_printf(x->memory,
                                     "FROM is the base model as GGUF, to be put beside this file; it is made by: vkift export "
                                     "--model %s --format gguf --output-dir DIR",
                                     base);
  return write_modelfile(x, &f, e);
}

// --- the card --------------------------------------------------------------------------------------------------------------

enum { MOST_SCORES = 64 };

static bool is_total(const vkift_task_score *s) {
  return s->level == VKIFT_SCORE_ALL;
}

// The scores of all tasks in one file of answers, one of each metric. A file that cannot be scored again adds nothing.
static void score_file(exporting *x, const char *path, card_score *out, uint64_t *n) {
  const tasks_options options = {.metric = VKIFT_METRIC_AUTO, .rouge_tokenizer = x->merging.loaded.model->tokenizer};
  task_scores s = {0};
  vkift_task_score *rows;
  uint64_t n_rows;
  err e = {0};
  if (!predictions_load(x->memory, path, &s, &e) || !tasks_plan(x->memory, &options, &s, &e) ||
      !tasks_score(x->memory, &options, &s, &e))
    return;
  tasks_summarise(x->memory, &s, NULL, 42, &rows, &n_rows);
  for (uint64_t i = 0; i < n_rows && *n < MOST_SCORES; i++)
    if (is_total(&rows[i]))
      out[(*n)++] = (card_score){path_stem(x->memory, path), rows[i].metric_name, rows[i].score, rows[i].low, rows[i].high,
                                 (uint64_t)rows[i].examples};
}

static uint64_t read_scores(exporting *x, card_score *out) {
  const char *run = x->options->source.run;
  const char *dir = run ? path_join(x->memory, run, "predictions") : NULL;
  uint64_t n_names = 0, n = 0;
  char **names;
  if (!dir || !file_is_dir(dir) || !dir_list(x->memory, dir, &names, &n_names, NULL)) return 0;
  for (uint64_t i = 0; i < n_names; i++)
    if (path_ends_with(names[i], ".jsonl")) score_file(x, path_join(x->memory, dir, names[i]), out, &n);
  return n;
}

static bool write_card(exporting *x, err *e) {
  static const card_kind kinds[] = {[VKIFT_EXPORT_HF] = CARD_MODEL,
                                    [VKIFT_EXPORT_PEFT] = CARD_ADAPTER,
                                    [VKIFT_EXPORT_GGUF] = CARD_GGUF,
                                    [VKIFT_EXPORT_GGUF_ADAPTER] = CARD_GGUF_ADAPTER};
  static const char *const forms[] = {
      [VKIFT_EXPORT_HF] = "A Hugging Face model directory; an adapter is merged into the weights.",
      [VKIFT_EXPORT_PEFT] = "An adapter for PEFT.",
      [VKIFT_EXPORT_GGUF] =
          "A GGUF file for llama.cpp; an adapter is merged into the weights. "
          "`ollama create NAME -f Modelfile` reads the Modelfile.",
      [VKIFT_EXPORT_GGUF_ADAPTER] = "A GGUF adapter for llama.cpp (`--lora`), to be used with the base."};
  card_score scores[MOST_SCORES];
  const loaded *l = &x->merging.loaded;
  const char *base = l->is_run ? l->run.model : l->model->path;
  const card_copy copy = {.kind = kinds[x->options->format],
                          .is_classifier = l->model->labels.n > 0,
                          .base = path_name(path_trim(x->memory, base)),
                          .from = l->trained          ? l->trained
                                  : l->model->is_gguf ? NULL
                                                      : l->model->path,
                          .form = forms[x->options->format],
                          .scores = scores,
                          .n_scores = read_scores(x, scores)};
  return card_export(&copy, x->dir, e);
}

// --- all of them -----------------------------------------------------------------------------------------------------------

static bool check_options(const vkift_export_options *o, err *e) {
  const char *fault = NULL;
  const bool block = o->dtype == VKIFT_EXPORT_Q8_0 || o->dtype == VKIFT_EXPORT_Q4_0;
  if (!o->output_dir) fault = "--output-dir is missing: where to write";
  else if (block && o->format != VKIFT_EXPORT_GGUF)
    fault = "--dtype q8_0 and q4_0 are --format gguf's: the others have f32, f16 and bf16";
  else if (o->format == VKIFT_EXPORT_PEFT && o->dtype) fault = "--dtype: an adapter for PEFT is copied as it is";
  if (!fault) return true;
  e->usage = true;
  return ERR(e, "%s", fault);
}

static bool check_format(const exporting *x, err *e) {
  const vkift_export_format f = x->options->format;
  if (x->merging.loaded.model->labels.n && (f == VKIFT_EXPORT_GGUF || f == VKIFT_EXPORT_GGUF_ADAPTER))
    return ERR(e, "%s: this is a classifier, whose head has no place in GGUF: --format hf and peft write it",
               x->merging.loaded.model->path);
  if (x->merging.adapter_path || !is_adapter_format(x->options->format)) return true;
  return ERR(e, "%s: there is no adapter to write: --format hf and gguf write the whole model", x->merging.loaded.model->path);
}

static bool write_beside(exporting *x, const char *dir, err *e) {
  static bool (*const writers[])(exporting *, err *) = {[VKIFT_EXPORT_HF] = write_hf,
                                                        [VKIFT_EXPORT_PEFT] = write_peft,
                                                        [VKIFT_EXPORT_GGUF] = write_gguf,
                                                        [VKIFT_EXPORT_GGUF_ADAPTER] = write_gguf_adapter};
  x->dir = arena_printf(x->memory, "%s.tmp", dir);
  if (file_exists(x->dir))
    return ERR(e, "%s: expected nothing of that name, where the export is prepared: move or remove it", x->dir);
  TRY(dir_make(x->dir, e));
  if (writers[x->options->format](x, e) && write_card(x, e) && dir_sync(x->dir, e) && dir_rename(x->dir, dir, e)) return true;
  dir_remove(x->dir, NULL);
  return false;
}

bool export_write(const vkift_export_options *o, err *e) {
  TRY(check_options(o, e));
  if (!dir_is_empty(o->output_dir)) return ERR(e, "%s: expected a new or empty directory, found something in it", o->output_dir);
  exporting x = {.memory = arena_new("export"), .options = o};
  const bool ok = merge_open(x.memory, &o->source, &x.merging, e) && check_format(&x, e) &&
                  write_beside(&x, path_trim(x.memory, o->output_dir), e);
  merge_close(&x.merging);
  arena_free(x.memory);
  return ok;
}
