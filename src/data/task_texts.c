#include "data/task_texts.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/file.h"
#include "base/rng.h"
#include "data/dataset_files.h"
#include "data/rows.h"

// A task while it is read. Of its examples those with the lowest numbers are kept.
typedef struct gathered {
  task_text text;
  uint64_t *keys;   // [per_task], of the samples
  uint32_t highest; // place of the highest key
} gathered;

typedef struct reading {
  arena *a;
  const dataset_options *options;
  uint32_t per_task;
  gathered *tasks; // [n]
  uint64_t n, capacity;
  uint32_t *table; // [mask + 1] of tasks, counted from 1, by their names
  uint64_t mask;
  const char *stem; // of the file that is read
} reading;

// --- tasks by name -----------------------------------------------------------------------------------------------------

enum { TABLE = 16384 };
_Static_assert(TABLE > 2 * TASK_TEXT_MOST && (TABLE & (TABLE - 1)) == 0, "a table of at most half its places");

static gathered *task_named(reading *r, const char *name) {
  uint64_t at = XXH3_64bits(name, strlen(name)) & r->mask;
  for (; r->table[at]; at = (at + 1) & r->mask)
    if (!strcmp(r->tasks[r->table[at] - 1].text.name, name)) return &r->tasks[r->table[at] - 1];
  if (r->n == TASK_TEXT_MOST) return NULL;
  arena_grow(r->a, (void **)&r->tasks, &r->capacity, r->n + 1, sizeof *r->tasks);
  gathered *g = &r->tasks[r->n++];
  *g = (gathered){.text = {.name = arena_strdup(r->a, name), .category = "", .definition = ""}};
  g->text.samples = ARENA_ARRAY(r->a, const char *, r->per_task);
  g->keys = ARENA_ARRAY(r->a, uint64_t, r->per_task);
  r->table[at] = (uint32_t)r->n;
  return g;
}

// --- the text of an example --------------------------------------------------------------------------------------------

// As much as is looked at, with whole characters.
static void put_cut(text *out, const char *s) {
  size_t n = strlen(s);
  if (n > TASK_TEXT_BYTES) n = TASK_TEXT_BYTES;
  while (n && ((unsigned char)s[n] & 0xC0) == 0x80) n--;
  text_put(out, s, n);
  text_putc(out, '\n');
}

static const char *text_of(arena *a, const raw_example *raw) {
  text all = {0};
  if (raw->input) put_cut(&all, raw->input);
  for (uint32_t i = 0; i < raw->n_messages; i++)
    if (raw->messages[i].role != ROLE_SYSTEM) put_cut(&all, raw->messages[i].content);
  if (raw->text) put_cut(&all, raw->text);
  for (uint32_t i = 0; i < raw->n_segments; i++) put_cut(&all, raw->segments[i].text);
  const char *kept = arena_strdup(a, all.data ? all.data : "");
  text_free(&all);
  return kept;
}

static uint64_t draw(const reading *r, const gathered *g) {
  const rng stream = rng_new(r->options->seed, RNG_SAMPLE);
  const rng_block b = rng_philox(stream.key, (uint32_t[4]){(uint32_t)g->text.n, (uint32_t)(g->text.n >> 32)});
  return (uint64_t)b.v[0] << 32 | b.v[1];
}

static void find_highest(gathered *g) {
  g->highest = 0;
  for (uint32_t i = 1; i < g->text.n_samples; i++)
    if (g->keys[i] > g->keys[g->highest]) g->highest = i;
}

static void keep(reading *r, gathered *g, const raw_example *raw) {
  const uint64_t key = draw(r, g);
  task_text *t = &g->text;
  t->n++;
  if (t->n_samples == r->per_task && key >= g->keys[g->highest]) return;
  const uint32_t at = t->n_samples < r->per_task ? t->n_samples++ : g->highest;
  g->keys[at] = key;
  t->samples[at] = text_of(r->a, raw);
  find_highest(g);
}

// What one row says first holds for its task.
static void take(arena *a, const char **kept, const char *said) {
  if (!**kept && said && *said) *kept = arena_strdup(a, said);
}

static row_outcome on_row(void *user, const formats_row *row, raw_example *raw, uint32_t place, err *e) {
  reading *r = user;
  (void)place;
  if (raw->format == DATA_TOKENS)
    return ERR(e, "%s: expected texts, whose similarity can be told, found a row of token ids", row->json->origin), ROW_STOP;
  gathered *g = task_named(r, raw->task ? raw->task : r->stem);
  if (!g) return ERR(e, "%s: expected at most %d tasks, found more", row->json->origin, TASK_TEXT_MOST), ROW_STOP;
  take(r->a, &g->text.category, raw->cluster);
  take(r->a, &g->text.definition, raw->definition ? raw->definition : row->task.definition);
  keep(r, g, raw);
  return ROW_TAKEN;
}

// --- everything --------------------------------------------------------------------------------------------------------

static bool read_path(reading *r, const char *path, uint64_t *n_bad, err *e) {
  arena *a = arena_new("files of tasks");
  dataset_files files;
  dataset_options options = *r->options;
  if (!options.vocab_size) options.vocab_size = UINT32_MAX; // rows of token ids are refused for what they are
  rows_reading rows = {.options = &options, .on = on_row, .user = r};
  bool ok = dataset_files_find(a, path, "train", &files, e) && dataset_files_set_pack(&files, path, &options, e);
  for (uint64_t i = 0; ok && i < files.n; i++) {
    r->stem = path_stem(a, files.paths[i]);
    ok = rows_read(&rows, files.paths[i], e);
  }
  *n_bad += rows.n_bad;
  arena_free(a);
  return ok;
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const task_text *)a)->name, ((const task_text *)b)->name);
}

bool task_texts_read(arena *a, const char *const *paths, uint64_t n_paths, const dataset_options *options, uint32_t per_task,
                     task_texts *out, err *e) {
  arena *scratch = arena_new("tasks while they are read");
  reading r = {
      .a = a, .options = options, .per_task = per_task, .table = ARENA_ARRAY(scratch, uint32_t, TABLE), .mask = TABLE - 1};
  bool ok = true;
  *out = (task_texts){0};
  for (uint64_t i = 0; ok && i < n_paths; i++) ok = read_path(&r, paths[i], &out->skipped_bad, e);
  arena_free(scratch);
  if (!ok) return false;
  out->n = (uint32_t)r.n;
  out->items = ARENA_ARRAY(a, task_text, r.n);
  for (uint64_t i = 0; i < r.n; i++) out->items[i] = r.tasks[i].text;
  if (r.n) qsort(out->items, (size_t)r.n, sizeof *out->items, by_name);
  return true;
}

void task_texts_take_clusters(task_texts *texts, const cluster_file *file) {
  for (uint32_t i = 0; i < texts->n; i++) texts->items[i].category = "";
  for (uint32_t i = 0; i < file->n; i++) {
    const cluster_entry *x = &file->items[i];
    for (uint32_t k = 0; k < x->tasks.n; k++) {
      const task_text wanted = {.name = x->tasks.items[k]};
      task_text *t = bsearch(&wanted, texts->items, texts->n, sizeof wanted, by_name);
      if (t) t->category = x->name;
    }
  }
}
