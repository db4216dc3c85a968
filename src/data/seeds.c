#include "data/seeds.h"

#include <cjson/cJSON.h>
#include <string.h>
#include <xxhash.h>

#include "base/file.h"
#include "data/dataset_files.h"
#include "data/formats_parts.h"
#include "data/rows.h"

typedef struct reading {
  arena *a;
  seeds *out;
  uint64_t capacity;
  const char *path, *stem;
} reading;

static const char *string_of(const cJSON *in, const char *key) {
  const cJSON *found = formats_field(in, key);
  return cJSON_IsString(found) ? found->valuestring : "";
}

static const char *first_turn(const raw_example *raw, message_role role) {
  for (uint32_t i = 0; i < raw->n_messages; i++)
    if (raw->messages[i].role == role && *raw->messages[i].content) return raw->messages[i].content;
  return NULL;
}

// The forms that have them apart give instruction and input as they are; what others have of a prompt is all instruction.
static void take(const formats_row *row, const raw_example *raw, seed_example *x) {
  const cJSON *root = row->json->root;
  x->input = "";
  x->instruction = first_turn(raw, ROLE_USER);
  x->output = first_turn(raw, ROLE_ASSISTANT);
  if (row->format == DATA_SUPERNI) {
    x->instruction = row->task.definition;
    x->input = raw->input;
  } else if (row->format == DATA_SELF_INSTRUCT) {
    x->instruction = string_of(root, "instruction");
    x->input = string_of(row->instances[raw->place - 1], "input");
  } else if (row->format == DATA_ALPACA && raw->n_messages <= 2) {
    x->instruction = string_of(root, "instruction");
    x->input = string_of(root, "input");
  }
}

static uint64_t hash_of(const seed_example *x, uint64_t hash) {
  const char *const parts[] = {x->instruction, x->input, x->output, x->task, x->name};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) hash = XXH3_64bits_withSeed(parts[i], strlen(parts[i]) + 1, hash);
  return hash;
}

static row_outcome on_row(void *user, const formats_row *row, raw_example *raw, uint32_t place, err *e) {
  reading *r = user;
  seed_example x = {0};
  if (!raw->n_messages)
    return ERR(e, "%s: expected seeds with an instruction and an answer, found a row of the format %s", row->json->origin,
               formats_name(row->format)),
           ROW_STOP;
  take(row, raw, &x);
  if (!x.instruction || !*x.instruction || !x.output)
    return ERR(e, "%s: expected an instruction and an answer, found one that is empty", row->json->origin), ROW_BAD;
  seeds *s = r->out;
  arena_grow(r->a, (void **)&s->items, &r->capacity, s->n + 1, sizeof *s->items);
  const char *name = path_name(r->path);
  x = (seed_example){.instruction = arena_strdup(r->a, x.instruction),
                     .input = arena_strdup(r->a, x.input),
                     .output = arena_strdup(r->a, x.output),
                     .task = arena_strdup(r->a, raw->task ? raw->task : r->stem),
                     .name = arena_printf(r->a, "%s:%u", name, place)};
  s->hash = hash_of(&x, s->hash);
  s->items[s->n++] = x;
  return ROW_TAKEN;
}

static bool read_path(reading *r, const char *path, dataset_options options, err *e) {
  static const prompt_style prompt = {.kind = PROMPT_TEMPLATE};
  dataset_files files;
  options.prompt = &prompt;
  options.vocab_size = UINT32_MAX; // rows of token ids are refused for what they are
  rows_reading rows = {.options = &options, .on = on_row, .user = r};
  bool ok = dataset_files_find(r->a, path, "train", &files, e) && dataset_files_set_pack(&files, path, &options, e);
  for (uint64_t i = 0; ok && i < files.n; i++) {
    r->path = files.paths[i];
    r->stem = path_stem(r->a, files.paths[i]);
    ok = rows_read(&rows, files.paths[i], e);
  }
  r->out->n_skipped += rows.n_bad;
  return ok;
}

bool seeds_read(arena *a, const char *const *paths, uint64_t n_paths, const dataset_options *options, seeds *out, err *e) {
  *out = (seeds){0};
  reading r = {.a = a, .out = out};
  for (uint64_t i = 0; i < n_paths; i++) {
    const uint64_t before = out->n;
    TRY(read_path(&r, paths[i], *options, e));
    if (out->n == before) return ERR(e, "%s: expected seed examples, found none", paths[i]);
  }
  return true;
}
