// Lengths are counted exactly, then shown in at most BARS steps of equal width. Rows are packed as the first steps will pack
// them. Of examples nothing but their lengths is looked at, save the two that are shown.
#define _POSIX_C_SOURCE 200809L // gmtime_r
#include "train/facts.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "data/loader.h"
#include "data/token_text.h"
#include "io/json.h"

enum {
  BARS = 40,
  SHARES = 10,         // bars of a share from 0 to 1
  PACKED_STEPS = 1000, // steps whose rows are packed
  MOST_TASKS = 30,     // that are listed
  SAMPLE_HEAD = 60,
  SAMPLE_TAIL = 160 // tokens of an example that are shown, where it is longer
};

// ", " before the key where something is in front.
static void put_key(text *out, const char *key) {
  const char last = out->length ? out->data[out->length - 1] : '{';
  text_puts(out, last == '{' ? "" : ", ");
  json_put_string(out, key);
  text_puts(out, ": ");
}

static void put_number(text *out, const char *key, double value) {
  put_key(out, key);
  json_put_number(out, value);
}

static void put_string(text *out, const char *key, const char *value) {
  put_key(out, key);
  json_put_string(out, value);
}

static void put_counts(text *out, const char *key, const uint64_t *counts, size_t n) {
  put_key(out, key);
  text_putc(out, '[');
  for (size_t i = 0; i < n; i++) text_printf(out, "%s%llu", i ? ", " : "", (unsigned long long)counts[i]);
  text_putc(out, ']');
}

static bool write_object(const char *path, text *out, err *e) {
  text_puts(out, "}\n");
  const bool ok = file_replace(path, out->data, out->length, e);
  text_free(out);
  return ok;
}

// --- run.json --------------------------------------------------------------------------------------------------------------

static void put_device(text *out, const gpu_device *d) {
  const gpu_snapshot *s = device_snapshot(d);
  const gpu_plan *p = device_plan(d);
  put_string(out, "device", s->name);
  put_string(out, "driver", s->driver_name);
  put_string(out, "driver_version", s->driver_info);
  put_key(out, "paths");
  text_putc(out, '[');
  bool any = false;
  for (int f = 0; f < GPU_FEATURE_COUNT; f++) {
    if (!p->on[f]) continue;
    text_puts(out, any ? ", " : "");
    json_put_string(out, gpu_feature_name((gpu_feature)f));
    any = true;
  }
  text_putc(out, ']');
}

static void put_memory(text *out, const setup_need *n) {
  put_key(out, "memory");
  text_putc(out, '{');
  put_number(out, "frozen_bytes", (double)n->frozen);
  put_number(out, "weight_bytes", (double)n->weights);
  put_number(out, "gradient_bytes", (double)n->gradients);
  put_number(out, "optimizer_bytes", (double)n->optimizer);
  put_number(out, "activation_bytes", (double)n->activations);
  put_number(out, "rest_bytes", (double)n->rest);
  put_number(out, "device_bytes", (double)setup_need_total(n));
  text_putc(out, '}');
}

bool facts_write_run(const char *path, const setup *s, const vkift_train_options *o, err *e) {
  text out = {0};
  char began[32];
  const time_t now = time(NULL);
  struct tm utc;
  gmtime_r(&now, &utc);
  strftime(began, sizeof began, "%Y-%m-%dT%H:%M:%SZ", &utc);
  text_putc(&out, '{');
  put_string(&out, "vkift", vkift_version());
  put_key(&out, "command");
  text_putc(&out, '[');
  for (size_t i = 0; i < o->command.n; i++) {
    text_puts(&out, i ? ", " : "");
    json_put_string(&out, o->command.items[i]);
  }
  text_putc(&out, ']');
  put_string(&out, "began", began);
  put_device(&out, s->device);
  put_number(&out, "parameters", (double)(s->model->n_parameters + (s->adapter ? adapter_elements(s->adapter) : 0)));
  put_number(&out, "trained_parameters", (double)s->params.n_elements);
  put_number(&out, "layers", s->model->config.n_layers);
  put_number(&out, "row_tokens", s->choice.capacity);
  put_number(&out, "checkpointing_layers", s->choice.recompute.segments);
  put_memory(&out, &s->need);
  return write_object(path, &out, e);
}

// --- data.json: lengths ----------------------------------------------------------------------------------------------------

static uint64_t bar_width(uint64_t longest) {
  static const uint64_t steps[] = {1, 2, 5};
  for (uint64_t ten = 1;; ten *= 10)
    for (size_t i = 0; i < 3; i++)
      if (longest / (steps[i] * ten) < BARS) return steps[i] * ten;
}

static void put_lengths(arena *a, text *out, const dataset *d) {
  uint32_t longest = 0;
  uint32_t shortest = UINT32_MAX;
  for (uint64_t i = 0; i < d->n; i++) {
    longest = d->items[i].n > longest ? d->items[i].n : longest;
    shortest = d->items[i].n < shortest ? d->items[i].n : shortest;
  }
  uint32_t *of = ARENA_ARRAY(a, uint32_t, (uint64_t)longest + 1);
  for (uint64_t i = 0; i < d->n; i++) of[d->items[i].n]++;
  uint64_t bars[BARS] = {0}, seen = 0, median = 0, p90 = 0;
  const uint64_t width = bar_width(longest), first = longest ? shortest / width : 0;
  for (uint64_t n = 0; n <= longest; n++) {
    if (!of[n]) continue;
    if (seen < (d->n + 1) / 2) median = n;
    if (seen < (9 * d->n + 9) / 10) p90 = n;
    seen += of[n];
    bars[n / width] += of[n];
  }
  put_key(out, "lengths");
  text_putc(out, '{');
  put_number(out, "shortest", shortest);
  put_number(out, "median", (double)median);
  put_number(out, "p90", (double)p90);
  put_number(out, "longest", longest);
  put_number(out, "from", (double)(first * width));
  put_number(out, "width", (double)width);
  put_counts(out, "examples", bars + first, longest / width + 1 - first);
  text_putc(out, '}');
}

// The bar of part / whole among SHARES; all of it is in the last.
static size_t share_bar(uint64_t part, uint64_t whole) {
  const uint64_t bar = whole ? part * SHARES / whole : 0;
  return bar < SHARES ? (size_t)bar : SHARES - 1;
}

static void put_target_shares(text *out, const dataset *d) {
  uint64_t bars[SHARES] = {0};
  for (uint64_t i = 0; i < d->n; i++) bars[share_bar(d->items[i].n_targets, d->items[i].n)]++;
  put_counts(out, "target_shares", bars, SHARES);
}

static void put_rows(arena *a, text *out, const dataset *d, const pack_limits *limits, const vkift_train_options *o) {
  loader *l = loader_new(a, d,
                         &(loader_options){.batch_size = (uint32_t)o->batch_size,
                                           .no_shuffle = !o->shuffle,
                                           .seed = (uint64_t)o->seed,
                                           .task_cap = (uint32_t)o->mixing_cap});
  const uint64_t epoch = loader_epoch_steps(l), steps = epoch < PACKED_STEPS ? epoch : PACKED_STEPS;
  uint64_t bars[SHARES] = {0}, n_rows = 0, tokens = 0;
  for (uint64_t i = 0; i < steps; i++) {
    arena *of_step = arena_new("a step");
    uint32_t n, rows_n;
    uint64_t of_epoch;
    pack_row *rows;
    const example *const *examples = loader_next(l, &n, &of_epoch);
    pack_examples(of_step, examples, n, limits, o->packing, &rows, &rows_n);
    for (uint32_t r = 0; r < rows_n; r++) {
      bars[share_bar(rows[r].n_tokens, limits->tokens)]++;
      tokens += rows[r].n_tokens;
    }
    n_rows += rows_n;
    arena_free(of_step);
  }
  put_key(out, "rows");
  text_putc(out, '{');
  put_number(out, "capacity", limits->tokens);
  put_number(out, "steps", (double)steps);
  put_number(out, "rows", (double)n_rows);
  put_number(out, "tokens", (double)tokens);
  put_counts(out, "fill", bars, SHARES);
  text_putc(out, '}');
}

// --- data.json: tasks ------------------------------------------------------------------------------------------------------

typedef struct task_count {
  const char *name, *cluster;
  uint64_t examples, tokens, targets;
} task_count;

static int by_name(const void *a, const void *b) {
  const task_count *x = a, *y = b;
  return strcmp(x->name, y->name);
}

static int by_size(const void *a, const void *b) {
  const task_count *x = a, *y = b;
  if (x->examples != y->examples) return x->examples < y->examples ? 1 : -1;
  return strcmp(x->name, y->name);
}

// Examples of one task need not stand together, but mostly do: runs of them are counted first, then joined by name.
static void put_tasks(arena *a, text *out, const dataset *d) {
  task_count *tasks = NULL;
  uint64_t n = 0, capacity = 0;
  const example_origin *last = NULL;
  for (uint64_t i = 0; i < d->n; i++) {
    const example *x = &d->items[i];
    if (x->origin != last) {
      arena_grow(a, (void **)&tasks, &capacity, n + 1, sizeof *tasks);
      tasks[n++] = (task_count){x->origin->task, x->origin->cluster, 0, 0, 0};
      last = x->origin;
    }
    tasks[n - 1].examples++;
    tasks[n - 1].tokens += x->n;
    tasks[n - 1].targets += x->n_targets;
  }
  if (n) qsort(tasks, n, sizeof *tasks, by_name);
  uint64_t distinct = 0;
  for (uint64_t i = 0; i < n; i++) {
    task_count *same = distinct ? &tasks[distinct - 1] : NULL;
    if (!same || strcmp(same->name, tasks[i].name)) {
      tasks[distinct++] = tasks[i];
      continue;
    }
    same->examples += tasks[i].examples;
    same->tokens += tasks[i].tokens;
    same->targets += tasks[i].targets;
  }
  if (distinct) qsort(tasks, distinct, sizeof *tasks, by_size);
  put_number(out, "n_tasks", (double)distinct);
  put_key(out, "tasks");
  text_putc(out, '[');
  for (uint64_t i = 0; i < distinct && i < MOST_TASKS; i++) {
    text_puts(out, i ? ", {" : "{");
    put_string(out, "name", tasks[i].name);
    put_string(out, "cluster", tasks[i].cluster);
    put_number(out, "examples", (double)tasks[i].examples);
    put_number(out, "tokens", (double)tasks[i].tokens);
    put_number(out, "target_tokens", (double)tasks[i].targets);
    text_putc(out, '}');
  }
  text_putc(out, ']');
}

// --- data.json: examples ---------------------------------------------------------------------------------------------------

// Tokens that agree in what they are stand in one piece.
static void put_pieces(text *out, const tokenizer *t, const example *x, uint32_t from, const token_text *texts, uint32_t n,
                       bool *any) {
  text joined = {0};
  for (uint32_t i = 0; i < n;) {
    const bool target = x->target[from + i], control = tokenizer_is_special(t, x->ids[from + i]);
    text_clear(&joined);
    for (; i < n && x->target[from + i] == target && tokenizer_is_special(t, x->ids[from + i]) == control; i++)
      text_put(&joined, texts[i].data, texts[i].length);
    text_puts(out, *any ? ", {" : "{");
    *any = true;
    put_key(out, "text");
    json_put_bytes(out, joined.length ? joined.data : "", joined.length);
    text_printf(out, ", \"target\": %s, \"control\": %s}", target ? "true" : "false", control ? "true" : "false");
  }
  text_free(&joined);
}

// Nothing of one with ids that are no tokens: data that come as ids may have those of rows which the tokenizer does not know.
static bool put_sample(text *out, const char *before, const model *m, const example *x) {
  const tokenizer *t = m->tokenizer;
  arena *a = arena_new("a sample");
  const bool cut = x->n > SAMPLE_HEAD + SAMPLE_TAIL;
  const uint32_t head = cut ? SAMPLE_HEAD : x->n, tail = cut ? SAMPLE_TAIL : 0;
  token_text *texts = ARENA_ARRAY(a, token_text, head + tail);
  const bool label = m->labels.n > 0; // the last of them, which is no token
  const bool ok = token_texts(a, t, x->ids, head - (label && !cut), texts, NULL) &&
                  token_texts(a, t, x->ids + (x->n - tail), tail - (label && cut), texts + head, NULL);
  if (ok && label) texts[head + tail - 1] = (token_text){x->answer, strlen(x->answer)};
  if (ok) {
    text_printf(out, "%s{", before);
    put_string(out, "file", path_name(x->origin->file)); // the same wherever the data lie
    put_number(out, "line", x->line);
    put_string(out, "task", x->origin->task);
    put_number(out, "tokens", x->n);
    put_number(out, "target_tokens", x->n_targets);
    put_number(out, "left_out", x->n - head - tail);
    put_key(out, "pieces");
    text_putc(out, '[');
    bool any = false;
    put_pieces(out, t, x, 0, texts, head, &any);
    if (cut) text_puts(out, ", {\"gap\": true}");
    put_pieces(out, t, x, x->n - tail, texts + head, tail, &any);
    text_puts(out, "]}");
  }
  arena_free(a);
  return ok;
}

// The first example, and the first of another task that is a third longer, or the last.
static void put_samples(text *out, const model *m, const dataset *d) {
  put_key(out, "samples");
  text_putc(out, '[');
  const bool any = d->n && put_sample(out, "", m, &d->items[0]);
  if (d->n > 1) {
    uint64_t other = 1;
    while (other + 1 < d->n &&
           (3 * d->items[other].n < 4 * d->items[0].n || !strcmp(d->items[other].origin->task, d->items[0].origin->task)))
      other++;
    put_sample(out, any ? ", " : "", m, &d->items[other]);
  }
  text_putc(out, ']');
}

bool facts_write_data(const char *path, const corpus *c, const model *m, const pack_limits *limits, const vkift_train_options *o,
                      err *e) {
  const dataset *d = &c->train;
  arena *a = arena_new("data.json");
  text out = {0};
  text_putc(&out, '{');
  put_number(&out, "examples", (double)d->n);
  put_number(&out, "tokens", (double)d->n_tokens);
  put_number(&out, "target_tokens", (double)d->n_targets);
  put_number(&out, "eval_examples", (double)c->eval.n);
  put_number(&out, "max_length", c->max_length);
  put_key(&out, "left_out");
  text_putc(&out, '{');
  put_number(&out, "duplicates", (double)c->duplicates);
  put_number(&out, "beyond_limit", (double)c->beyond_limit);
  put_number(&out, "leaked", (double)c->leaked);
  put_number(&out, "dropped_long", (double)d->dropped_long);
  put_number(&out, "truncated", (double)d->truncated);
  put_number(&out, "bad", (double)d->skipped_bad);
  text_putc(&out, '}');
  put_lengths(a, &out, d);
  put_target_shares(&out, d);
  put_rows(a, &out, d, limits, o);
  put_tasks(a, &out, d);
  put_samples(&out, m, d);
  arena_free(a);
  return write_object(path, &out, e);
}
