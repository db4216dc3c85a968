#include "data/guideline.h"

#include <cjson/cJSON.h>
#include <string.h>
#include <xxhash.h>

#include "base/file.h"
#include "base/unicode.h"
#include "data/formats.h"
#include "data/jsonl.h"
#include "data/task_notes.h"

enum { MOST_LABELS = 10, LEAST_ANSWERS = 4 };

// --- pieces ------------------------------------------------------------------------------------------------------------

static bool is_space_at(const char *s, size_t n, int *length) {
  uint32_t code = 0;
  *length = utf8_decode(s, n, &code);
  return *length && utf8_is_space(code);
}

// A copy without white space at its ends. Of v1's files, "-" says that there is nothing to say.
static const char *piece(arena *a, const char *s) {
  int length;
  size_t n = s ? strlen(s) : 0;
  while (n && is_space_at(s, n, &length)) s += length, n -= (size_t)length;
  for (size_t back = 1; back <= 3 && back <= n; back++)
    if (is_space_at(s + n - back, back, &length) && (size_t)length == back) n -= back, back = 0;
  return n && !(n == 1 && *s == '-') ? arena_strndup(a, s, n) : NULL;
}

static uint32_t count_words(const char *s) {
  uint32_t n = 0;
  bool within = false;
  for (const char *end = s + strlen(s); s < end;) {
    const bool space = utf8_is_space(unicode_take(&s, end));
    n += !space && !within;
    within = !space;
  }
  return n;
}

static bool is_same(const char *x, const char *y) {
  return !strcmp(x, y);
}

strings guideline_labels(arena *a, const char *const *answers, uint64_t n) {
  const char **found = ARENA_ARRAY(a, const char *, MOST_LABELS);
  uint32_t n_found = 0;
  for (uint64_t i = 0; i < n; i++) {
    uint32_t at = 0;
    while (at < n_found && !is_same(found[at], answers[i])) at++;
    if (at < n_found) continue;
    if (n_found == MOST_LABELS) return (strings){0};
    found[n_found++] = answers[i];
  }
  return n >= LEAST_ANSWERS && 2 * (uint64_t)n_found <= n ? (strings){found, n_found} : (strings){0};
}

// --- task files ----------------------------------------------------------------------------------------------------------

typedef struct examples {
  const char **inputs, **answers; // [n]: of right demonstrations and instances
  uint64_t n, n_positive;
} examples;

static void add_example(arena *a, guideline *g, examples *x, const char *input, const char *answer) {
  const uint32_t words = count_words(input);
  if (!x->n || words < g->least_words) g->least_words = words;
  const char *kept = piece(a, input), *right = piece(a, answer);
  x->inputs[x->n] = kept ? kept : "";
  x->answers[x->n++] = right ? right : "";
  g->copies |= kept && right && is_same(kept, right);
}

static const superni_example *keep_demonstrations(arena *a, const superni_example *from, uint32_t n) {
  superni_example *kept = ARENA_ARRAY(a, superni_example, n);
  for (uint32_t i = 0; i < n; i++)
    kept[i] = (superni_example){arena_strdup(a, from[i].input), arena_strdup(a, from[i].output), piece(a, from[i].explanation)};
  return kept;
}

static void take_task(arena *a, const superni_task *t, guideline *g) {
  g->definition = piece(a, t->definition);
  g->avoid = piece(a, t->avoid);
  g->caution = piece(a, t->caution);
  g->category = piece(a, t->category);
  g->positive = keep_demonstrations(a, t->positive, t->n_positive);
  g->negative = keep_demonstrations(a, t->negative, t->n_negative);
  g->n_positive = t->n_positive;
  g->n_negative = t->n_negative;
}

// The row's instances, of which there may be none.
static bool read_instances(arena *a, arena *scratch, const formats_row *row, guideline *g, err *e) {
  examples x = {.n = 0};
  const uint64_t most = (uint64_t)row->n + g->n_positive;
  x.inputs = ARENA_ARRAY(a, const char *, most);
  x.answers = ARENA_ARRAY(a, const char *, most);
  for (uint32_t i = 0; i < g->n_positive; i++) add_example(a, g, &x, g->positive[i].input, g->positive[i].output);
  x.n_positive = x.n;
  for (uint32_t i = 0; i < row->n; i++) {
    raw_example raw;
    TRY(formats_read(scratch, row, i, &raw, e));
    add_example(a, g, &x, raw.input, raw.references.items[0]);
  }
  g->inputs = (strings){x.inputs + x.n_positive, (uint32_t)(x.n - x.n_positive)};
  g->labels = guideline_labels(a, x.answers, x.n);
  return true;
}

static bool read_document(arena *a, arena *scratch, const json *d, guideline *g, err *e) {
  static const dataset_options options = {.any_conversation = true};
  char found[64];
  formats_row row = {.json = d, .options = &options};
  if (!cJSON_IsObject(d->root))
    return ERR(e, "%s: expected a guideline (an object with \"Definition\"), found %s", d->origin, json_describe(d->root, found));
  const cJSON *instances = cJSON_GetObjectItemCaseSensitive(d->root, "Instances");
  const bool has_instances = instances && !cJSON_IsNull(instances) && !(cJSON_IsArray(instances) && !instances->child);
  if (has_instances) TRY(formats_open(scratch, d, 1, DATA_SUPERNI, false, &options, &row, e));
  else TRY(superni_read(scratch, d, &row.task, e));
  take_task(a, &row.task, g);
  if (!g->definition) return ERR(e, "%s: Definition: expected what the task is, found an empty text", d->origin);
  return read_instances(a, scratch, &row, g, e);
}

static bool read_task_file(arena *a, const char *path, guideline *g, err *e) {
  json d;
  TRY(json_read(path, JSONL_DOCUMENT_BYTES, &d, e));
  arena *scratch = arena_new("a guideline");
  const bool ok = read_document(a, scratch, &d, g, e);
  arena_free(scratch);
  json_free(&d);
  return ok;
}

// --- files ---------------------------------------------------------------------------------------------------------------

typedef struct reading {
  guidelines *out;
  uint64_t capacity;
} reading;

static bool add(arena *a, reading *r, const char *path, const guideline *g, err *e) {
  guidelines *all = r->out;
  for (uint32_t i = 0; i < all->n; i++)
    if (is_same(all->items[i].task, g->task))
      return ERR(e, "%s: expected guidelines of a task that none before is of, found the task %s again (%s)", path, g->task,
                 all->items[i].file);
  if (all->n == GUIDELINE_MOST) return ERR(e, "%s: expected at most %d guidelines, found more", path, GUIDELINE_MOST);
  arena_grow(a, (void **)&all->items, &r->capacity, (uint64_t)all->n + 1, sizeof *all->items);
  all->items[all->n++] = *g;
  return true;
}

static bool read_notes(arena *a, reading *r, const char *path, err *e) {
  task_notes notes;
  TRY(task_notes_read(a, path, &notes, e));
  for (uint64_t i = 0; i < notes.n; i++) {
    const task_note *x = &notes.items[i];
    const guideline g = {
        .file = path_name(path), .task = x->task, .definition = piece(a, x->definition), .avoid = piece(a, x->avoid)};
    if (!g.definition) return ERR(e, "%s: %s: definition: expected what the task is, found nothing", path, x->task);
    TRY(add(a, r, path, &g, e));
  }
  return notes.n ? true : ERR(e, "%s: expected at least one task, found none", path);
}

static bool hash_file(const char *path, uint64_t *hash, err *e) {
  file_map map;
  TRY(file_map_open(path, &map, e));
  *hash = XXH3_64bits_withSeed(map.data, (size_t)map.size, *hash);
  file_unmap(&map);
  return true;
}

bool guidelines_read(arena *a, const char *const *paths, uint64_t n, guidelines *out, err *e) {
  *out = (guidelines){0};
  reading r = {.out = out};
  for (uint64_t i = 0; i < n; i++) {
    const char *path = arena_strdup(a, paths[i]);
    TRY(hash_file(path, &out->hash, e));
    if (path_ends_with(path, ".yaml") || path_ends_with(path, ".yml")) {
      TRY(read_notes(a, &r, path, e));
      continue;
    }
    guideline g = {.file = path_name(path), .task = path_stem(a, path)};
    TRY(read_task_file(a, path, &g, e) && add(a, &r, path, &g, e));
  }
  return true;
}
