#include "data/task_notes.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "data/formats_parts.h"
#include "io/quote.h"
#include "io/yaml_tree.h"

static int by_task(const void *a, const void *b) {
  return strcmp(((const task_note *)a)->task, ((const task_note *)b)->task);
}

static const char *const keys[] = {"definition", "things_to_avoid", "personas", NULL};

static const char *keep(arena *a, const char *string) {
  return string && *string ? arena_strdup(a, string) : NULL;
}

static bool read_note(arena *a, const json *d, const cJSON *item, task_note *note, err *e) {
  const char *task = item->string, *definition = NULL, *avoid = NULL;
  char shown[QUOTE_BYTES];
  strings personas;
  if (!cJSON_IsObject(item))
    return formats_unexpected(d, quote_string(task, shown), "definition, things_to_avoid or personas", item, e);
  TRY(json_check_keys(d, item, quote_string(task, shown), keys, e));
  TRY(json_string_or(d, item, task, "definition", &definition, e));
  TRY(json_string_or(d, item, task, "things_to_avoid", &avoid, e));
  TRY(formats_strings(a, d, item, task, "personas", &personas, e));
  TRY(formats_check_personas(d, task, personas, e));
  const char **kept = ARENA_ARRAY(a, const char *, personas.n);
  for (uint32_t i = 0; i < personas.n; i++) kept[i] = arena_strdup(a, personas.items[i]);
  *note = (task_note){arena_strdup(a, task), keep(a, definition), keep(a, avoid), {kept, personas.n}};
  return true;
}

static uint64_t hash_string(const char *string, uint64_t seed) {
  return string ? XXH3_64bits_withSeed(string, strlen(string) + 1, seed) : XXH3_64bits_withSeed("", 0, seed);
}

static uint64_t hash_notes(const task_notes *notes) {
  uint64_t hash = 0;
  for (uint64_t i = 0; i < notes->n; i++) {
    const task_note *x = &notes->items[i];
    hash = hash_string(x->avoid, hash_string(x->definition, hash_string(x->task, hash)));
    hash = XXH3_64bits_withSeed(&x->personas.n, sizeof x->personas.n, hash);
    for (uint32_t k = 0; k < x->personas.n; k++) hash = hash_string(x->personas.items[k], hash);
  }
  return hash;
}

static bool read_all(arena *a, const json *d, task_notes *notes, err *e) {
  if (!cJSON_IsObject(d->root)) return formats_unexpected(d, "the file", "names of tasks with what is known of them", d->root, e);
  notes->items = ARENA_ARRAY(a, task_note, cJSON_GetArraySize(d->root));
  const cJSON *item;
  cJSON_ArrayForEach(item, d->root) TRY(read_note(a, d, item, &notes->items[notes->n++], e));
  qsort(notes->items, (size_t)notes->n, sizeof *notes->items, by_task);
  notes->hash = hash_notes(notes);
  return true;
}

bool task_notes_read(arena *a, const char *path, task_notes *notes, err *e) {
  json d;
  *notes = (task_notes){0};
  TRY(yaml_tree_read(path, &d, e));
  const bool ok = read_all(a, &d, notes, e);
  json_free(&d);
  return ok;
}

const task_note *task_notes_find(const task_notes *notes, const char *task) {
  const task_note wanted = {.task = task};
  return notes->n ? bsearch(&wanted, notes->items, (size_t)notes->n, sizeof wanted, by_task) : NULL;
}

void task_notes_add(const task_notes *notes, const char *task, raw_example *x) {
  const task_note *found = notes ? task_notes_find(notes, task) : NULL;
  if (!found) return;
  if (!x->definition) x->definition = found->definition;
  if (!x->avoid) x->avoid = found->avoid;
  if (!x->personas.n) x->personas = found->personas;
}
