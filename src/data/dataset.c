// Reading instruction data: items of a file (jsonl.c), rows (formats.c), prompts (prompt.c), tokens and mask (mask.c),
// and here what is done with lengths, faults and counts.
#include "data/dataset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/file.h"
#include "base/rng.h"
#include "data/formats.h"
#include "data/jsonl.h"
#include "data/mask.h"

typedef struct reader {
  arena *a;
  const dataset_options *options;
  dataset *set;
  uint64_t capacity; // of set->items
  const char *file, *stem;
  data_format format;
} reader;

// --- one example ---

static void count_targets(example *x, bool all_tokens) {
  if (all_tokens && x->n) memset(x->target, 1, x->n);
  if (x->n) x->target[0] = 0; // nothing predicts it
  x->n_targets = 0;
  for (uint32_t i = 0; i < x->n; i++) x->n_targets += x->target[i];
}

static void append(reader *r, const example *x) {
  dataset *set = r->set;
  arena_grow(r->a, (void **)&set->items, &r->capacity, set->n + 1, sizeof *set->items);
  example *item = &set->items[set->n];
  *item = *x;
  item->index = (uint32_t)set->n++;
  set->n_tokens += x->n;
  set->n_targets += x->n_targets;
}

static void append_pieces(reader *r, const example *whole) {
  uint32_t most = r->options->max_length, kept = 0;
  for (uint32_t from = 0; from < whole->n; from += most) {
    example piece = *whole;
    piece.n = whole->n - from < most ? whole->n - from : most;
    piece.ids += from;
    piece.target += from;
    piece.prompt_n = whole->prompt_n <= from ? 0 : whole->prompt_n - from < piece.n ? whole->prompt_n - from : piece.n;
    count_targets(&piece, false);
    if (piece.n_targets) append(r, &piece), kept++;
    if (whole->n - from <= most) break; // before `from` could wrap around
  }
  r->set->dropped_long += !kept;
}

static void append_beginning(reader *r, example *x) {
  x->n = r->options->max_length;
  if (x->prompt_n > x->n) x->prompt_n = x->n;
  count_targets(x, false);
  if (!x->n_targets) {
    r->set->dropped_long++;
    return;
  }
  r->set->truncated++;
  append(r, x);
}

static bool add_example(reader *r, const char *origin, example *x, err *e) {
  uint32_t most = r->options->max_length;
  count_targets(x, r->options->all_tokens);
  if (!x->n_targets)
    return ERR(e, "%s: the mask covers nothing: none of the example's tokens (%u) carries loss", origin, x->n);
  if (r->set->n == UINT32_MAX) return ERR(e, "%s: more examples than can be counted", origin);
  excess_length excess = r->options->excess;
  if (excess == EXCESS_DEFAULT) excess = r->format == DATA_TEXT ? EXCESS_SPLIT : EXCESS_DROP;
  if (!most || x->n <= most) append(r, x);
  else if (excess == EXCESS_DROP) r->set->dropped_long++;
  else if (excess == EXCESS_TRUNCATE) append_beginning(r, x);
  else if (excess == EXCESS_SPLIT) append_pieces(r, x);
  else return ERR(e, "%s: expected at most %u tokens (--max-length), found %u", origin, most, x->n);
  return true;
}

static bool encode_conversation(reader *r, const raw_example *raw, masked *m, err *e) {
  rendered conversation;
  bool ok = prompt_render(r->options->prompt, raw->messages, raw->n_messages, false, &conversation, e) &&
            mask_encode(r->a, r->options->tokenizer, r->options->prompt, &conversation, m, e);
  rendered_free(&conversation);
  return ok;
}

// Tokens before the last run of targets.
static uint32_t last_answer(const uint8_t *target, uint32_t n) {
  while (n && !target[n - 1]) n--;
  while (n && target[n - 1]) n--;
  return n;
}

static bool encode(reader *r, const raw_example *raw, masked *m, err *e) {
  const dataset_options *o = r->options;
  if (raw->format == DATA_TEXT) return mask_encode_text(r->a, o->tokenizer, raw->text, o->eos_id, m, e);
  if (raw->format != DATA_TOKENS) return encode_conversation(r, raw, m, e);
  *m = (masked){.n = raw->n_ids, .prompt_n = last_answer(raw->target, raw->n_ids)};
  m->ids = ARENA_ARRAY(r->a, int32_t, m->n);
  m->target = ARENA_ARRAY(r->a, uint8_t, m->n);
  memcpy(m->ids, raw->ids, m->n * sizeof *m->ids);
  memcpy(m->target, raw->target, m->n);
  return true;
}

// Most rows of a file carry the same task, cluster and source: one copy for all in a row.
static const char *keep(reader *r, const char *string, const char *otherwise, size_t offset) {
  if (!string) return otherwise;
  if (r->set->n) {
    const char *before = *(const char *const *)((const char *)&r->set->items[r->set->n - 1] + offset);
    if (!strcmp(before, string)) return before;
  }
  return arena_strdup(r->a, string);
}

static const char *answer_of(const raw_example *raw) {
  for (uint32_t i = raw->n_messages; i--;)
    if (raw->messages[i].role == ROLE_ASSISTANT) return raw->messages[i].content;
  return "";
}

static bool read_row(reader *r, arena *scratch, const json *row, uint32_t place, err *e) {
  bool detected = r->options->format == DATA_AUTO;
  if (r->format == DATA_AUTO) TRY(formats_detect(row, &r->format, e));
  raw_example raw;
  TRY(formats_read(scratch, row, r->format, detected, r->options, &raw, e));
  masked m;
  if (!encode(r, &raw, &m, e)) return err_prefix(e, "%s", row->origin);
  example x = {.n = m.n,
               .ids = m.ids,
               .target = m.target,
               .weight = raw.weight,
               .task = keep(r, raw.task, r->stem, offsetof(example, task)),
               .cluster = keep(r, raw.cluster, "", offsetof(example, cluster)),
               .source = keep(r, raw.source, "", offsetof(example, source)),
               .file = r->file,
               .line = place,
               .prompt_n = m.prompt_n,
               .answer = arena_strdup(r->a, answer_of(&raw))};
  return add_example(r, row->origin, &x, e);
}

static bool read_item(reader *r, const jsonl *file, const jsonl_item *item, err *e) {
  arena *scratch = arena_new("one row of data");
  const char *form = file->is_array ? "%s: item %u" : "%s:%u";
  json row;
  bool ok = json_parse(arena_printf(scratch, form, r->file, item->place), item->data, item->length, &row, e);
  if (ok) {
    ok = read_row(r, scratch, &row, item->place, e);
    json_free(&row);
  }
  arena_free(scratch);
  return ok;
}

// --- one file ---

static bool read_items(reader *r, jsonl *file, err *e) {
  uint64_t n_before = r->set->n, dropped_before = r->set->dropped_long, bad = 0;
  err first = {0};
  for (;;) {
    jsonl_item item;
    err fault = {0};
    jsonl_status status = jsonl_next(file, &item, &fault);
    if (status == JSONL_END) break;
    if (status == JSONL_ITEM && read_item(r, file, &item, &fault)) continue;
    if (status == JSONL_BROKEN || !r->options->skip_bad_examples) return ERR(e, "%s", fault.message);
    if (!bad++) first = fault;
  }
  r->set->skipped_bad += bad;
  if (r->set->n > n_before) return true;
  uint64_t dropped = r->set->dropped_long - dropped_before;
  if (!dropped)
    return ERR(e, "%s: none of its %llu examples can be used; the first fault: %s", r->file, (unsigned long long)bad,
               first.message);
  return ERR(e, "%s: no example is left: %llu longer than %u tokens (--max-length, --excess-length), %llu bad", r->file,
             (unsigned long long)dropped, r->options->max_length, (unsigned long long)bad);
}

bool dataset_read_memory(arena *a, const char *name, const void *data, uint64_t size, const dataset_options *options,
                         dataset *set, err *e) {
  jsonl file;
  TRY(jsonl_open(name, data, size, &file, e));
  const char *last = path_name(name), *dot = strrchr(last, '.');
  reader r = {.a = a,
              .options = options,
              .set = set,
              .capacity = set->n,
              .file = arena_strdup(a, name),
              .stem = arena_strndup(a, last, dot && dot > last ? (size_t)(dot - last) : strlen(last)),
              .format = options->format};
  return read_items(&r, &file, e);
}

bool dataset_read(arena *a, const char *path, const dataset_options *options, dataset *set, err *e) {
  file_map map;
  TRY(file_map_open(path, &map, e));
  bool ok = dataset_read_memory(a, path, map.data, map.size, options, set, e);
  file_unmap(&map);
  return ok;
}

bool dataset_path(arena *a, const char *path, const char *split, char **file, err *e) {
  if (!file_is_dir(path)) {
    *file = arena_strdup(a, path);
    return file_exists(path) || ERR(e, "%s: expected a data file or a directory of them, found nothing", path);
  }
  *file = path_join(a, path, arena_printf(a, "%s.jsonl", split));
  return file_exists(*file) || ERR(e, "%s: expected %s.jsonl in this directory, found no such file", path, split);
}

// --- whole sets ---

typedef struct draw {
  uint64_t key, i;
} draw;

static int by_key(const void *a, const void *b) {
  const draw *x = a, *y = b;
  if (x->key != y->key) return x->key < y->key ? -1 : 1;
  return (x->i > y->i) - (x->i < y->i);
}

static void move_to(dataset *to, example x) {
  to->items[to->n++] = x;
  to->n_tokens += x.n;
  to->n_targets += x.n_targets;
}

// Copies of one example (--data PATH:3) drew the same number and stay together: what is scored is never trained on too.
static uint64_t at_border_of_copies(const draw *draws, uint64_t n, uint64_t n_held) {
  while (n_held < n && draws[n_held].key == draws[n_held - 1].key) n_held++;
  if (n_held < n) return n_held;
  while (n_held && draws[n_held - 1].key == draws[n - 1].key) n_held--;
  return n_held;
}

void dataset_split(arena *a, dataset *set, double share, uint64_t seed, dataset *held_out) {
  *held_out = (dataset){0};
  if (!(share > 0) || set->n < 2) return;
  uint64_t n = set->n, wanted = (uint64_t)llround(fmin(share, 1) * (double)n);
  uint64_t n_held = wanted < 1 ? 1 : wanted > n - 1 ? n - 1 : wanted;
  // Each example draws a number that depends on the seed and its index alone; the lowest are held out.
  rng stream = rng_new(seed, RNG_SPLIT);
  draw *draws = ARENA_ARRAY(a, draw, n);
  for (uint64_t i = 0; i < n; i++) {
    rng_block b = rng_philox(stream.key, (uint32_t[4]){set->items[i].index});
    draws[i] = (draw){(uint64_t)b.v[0] << 32 | b.v[1], i};
  }
  qsort(draws, (size_t)n, sizeof *draws, by_key);
  n_held = at_border_of_copies(draws, n, n_held);
  bool *held = ARENA_ARRAY(a, bool, n);
  for (uint64_t i = 0; i < n_held; i++) held[draws[i].i] = true;
  example *all = set->items;
  held_out->items = ARENA_ARRAY(a, example, n_held);
  set->n = set->n_tokens = set->n_targets = 0;
  for (uint64_t i = 0; i < n; i++) move_to(held[i] ? held_out : set, all[i]); // within one array only to the left
}

uint64_t dataset_hash(const dataset *set) {
  uint64_t hash = XXH3_64bits_withSeed(&set->n, sizeof set->n, 0);
  for (uint64_t i = 0; i < set->n; i++) {
    const example *x = &set->items[i];
    hash = XXH3_64bits_withSeed(x->ids, x->n * sizeof *x->ids, hash);
    hash = XXH3_64bits_withSeed(x->target, x->n, hash);
    hash = XXH3_64bits_withSeed(&x->weight, sizeof x->weight, hash);
  }
  return hash;
}
