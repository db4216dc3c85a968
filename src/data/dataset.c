// Reading instruction data: items of a file (jsonl.c), rows (formats.c), prompts (prompt.c), tokens and mask (mask.c),
// and here what is done with lengths, faults and counts.
#include "data/dataset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/file.h"
#include "base/rng.h"
#include "data/dataset_files.h"
#include "data/formats.h"
#include "data/jsonl.h"
#include "data/mask.h"
#include "data/minhash.h"

typedef struct reader {
  arena *a;
  const dataset_options *options;
  dataset *set;
  uint64_t capacity; // of set->items
  const char *file, *stem;
  data_format format;
  bool may_be_empty; // one file of several, where another may have the examples
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

// What becomes of an example that is too long: `n` is what it had.
static void tell_excess(const reader *r, const example *x, uint32_t n, excess_length happened) {
  const dataset_watch *w = r->options->watch;
  if (w && w->excess) w->excess(w->user, x, n, happened);
}

static void drop_long(reader *r, const example *x, uint32_t n) {
  r->set->dropped_long++;
  tell_excess(r, x, n, EXCESS_DROP);
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
  if (kept) tell_excess(r, whole, whole->n, EXCESS_SPLIT);
  else drop_long(r, whole, whole->n);
}

static void append_beginning(reader *r, example *x) {
  const uint32_t n = x->n;
  x->n = r->options->max_length;
  if (x->prompt_n > x->n) x->prompt_n = x->n;
  count_targets(x, false);
  if (!x->n_targets) {
    drop_long(r, x, n);
    return;
  }
  r->set->truncated++;
  tell_excess(r, x, n, EXCESS_TRUNCATE);
  append(r, x);
}

static bool add_example(reader *r, const char *origin, example *x, err *e) {
  uint32_t most = r->options->max_length;
  count_targets(x, r->options->all_tokens);
  if (!x->n_targets) return ERR(e, "%s: the mask covers nothing: none of the example's tokens (%u) carries loss", origin, x->n);
  if (r->set->n == UINT32_MAX) return ERR(e, "%s: more examples than can be counted", origin);
  excess_length excess = r->options->excess;
  if (excess == EXCESS_DEFAULT) excess = r->format == DATA_TEXT ? EXCESS_SPLIT : EXCESS_DROP;
  if (!most || x->n <= most) append(r, x);
  else if (excess == EXCESS_DROP) drop_long(r, x, x->n);
  else if (excess == EXCESS_TRUNCATE) append_beginning(r, x);
  else if (excess == EXCESS_SPLIT) append_pieces(r, x);
  else return ERR(e, "%s: expected at most %u tokens (--max-length), found %u", origin, most, x->n);
  return true;
}

// --- from a row to tokens ---

static bool encode_conversation(reader *r, arena *a, const raw_example *raw, masked *m, err *e) {
  rendered conversation;
  bool ok = prompt_render(r->options->prompt, raw->messages, raw->n_messages, false, &conversation, e) &&
            mask_encode(a, r->options->tokenizer, r->options->prompt, &conversation, m, e);
  rendered_free(&conversation);
  return ok;
}

static void copy_tokens(arena *a, const int32_t *ids, const uint8_t *target, uint32_t n, masked *m) {
  m->n = n;
  m->ids = ARENA_ARRAY(a, int32_t, n);
  m->target = ARENA_ARRAY(a, uint8_t, n);
  memcpy(m->ids, ids, n * sizeof *ids);
  memcpy(m->target, target, n);
}

// An instance of Super-NaturalInstructions on its way to tokens.
typedef struct fitting {
  reader *r;
  const formats_row *row;
  const raw_example *raw;
} fitting;

// Encodes it with these demonstrations and so much of its input. *fits: within max_length; only then, or where `always`,
// is it kept in *m.
static bool encode_instance_as(const fitting *f, superni_encoding how, size_t input_n, bool always, bool *fits, masked *m,
                               err *e) {
  const uint32_t most = f->r->options->max_length;
  arena *scratch = arena_new("one encoding of an instance");
  text prompt = {0};
  masked tried;
  superni_put_prompt(&f->row->task, &how, f->raw->input, input_n, &prompt);
  f->raw->messages[0].content = prompt.data;
  bool ok = encode_conversation(f->r, scratch, f->raw, &tried, e);
  f->raw->messages[0].content = "";
  if (ok) *fits = !most || tried.n <= most;
  if (ok && (*fits || always)) {
    *m = tried;
    copy_tokens(f->r->a, tried.ids, tried.target, tried.n, m);
  }
  text_free(&prompt);
  arena_free(scratch);
  return ok;
}

static bool instance_fits(const fitting *f, superni_encoding how, size_t input_n, bool *fits, err *e) {
  masked unused;
  return encode_instance_as(f, how, input_n, false, fits, &unused, e);
}

// Tk-Instruct's order: a demonstration is taken while the whole still fits, positive ones first.
static bool fit_demonstrations(const fitting *f, superni_encoding wanted, superni_encoding *how, err *e) {
  const size_t input_n = strlen(f->raw->input);
  *how = (superni_encoding){.explanations = wanted.explanations};
  uint32_t *const counts[] = {&how->n_pos, &how->n_neg}, most[] = {wanted.n_pos, wanted.n_neg};
  for (int kind = 0; kind < 2; kind++) {
    bool fits = true;
    while (fits && *counts[kind] < most[kind]) {
      ++*counts[kind];
      TRY(instance_fits(f, *how, input_n, &fits, e));
      *counts[kind] -= !fits;
    }
  }
  return true;
}

// The longest beginning of the input, in whole characters, with which the example fits; all of it where none does.
static bool fit_input(const fitting *f, superni_encoding how, size_t *input_n, err *e) {
  const char *input = f->raw->input;
  size_t good = 0, bad = strlen(input);
  bool fits;
  TRY(instance_fits(f, how, 0, &fits, e));
  if (!fits) return true;
  for (;;) {
    size_t middle = good + (bad - good) / 2;
    while (middle > good && (input[middle] & 0xC0) == 0x80) middle--;
    if (middle == good) do
        middle++;
      while ((input[middle] & 0xC0) == 0x80);
    if (middle >= bad) return *input_n = good, true;
    TRY(instance_fits(f, how, middle, &fits, e));
    if (fits) good = middle;
    else bad = middle;
  }
}

// A demonstration that would not fit is left out; then the input is cut, where cutting was asked for.
static bool encode_instance(const fitting *f, masked *m, err *e) {
  const superni_task *task = &f->row->task;
  dataset *set = f->r->set;
  superni_encoding wanted = f->r->options->superni, how;
  if (wanted.n_pos > task->n_positive) wanted.n_pos = task->n_positive;
  if (wanted.n_neg > task->n_negative) wanted.n_neg = task->n_negative;
  const size_t whole = strlen(f->raw->input);
  size_t input_n = whole;
  bool fits;
  TRY(encode_instance_as(f, wanted, whole, false, &fits, m, e));
  if (fits) return true;
  TRY(fit_demonstrations(f, wanted, &how, e));
  TRY(instance_fits(f, how, whole, &fits, e));
  if (!fits && f->r->options->excess == EXCESS_TRUNCATE) TRY(fit_input(f, how, &input_n, e));
  set->without_demonstrations += how.n_pos < wanted.n_pos || how.n_neg < wanted.n_neg;
  set->truncated += input_n < whole;
  return encode_instance_as(f, how, input_n, true, &fits, m, e);
}

// Tokens before the last run of targets.
static uint32_t last_answer(const uint8_t *target, uint32_t n) {
  while (n && !target[n - 1]) n--;
  while (n && target[n - 1]) n--;
  return n;
}

static bool encode_segments(reader *r, const raw_example *raw, masked *m, err *e) {
  text all = {0}, target = {0};
  text_puts(&all, ""), text_puts(&target, "");
  for (uint32_t i = 0; i < raw->n_segments; i++) {
    const segment *s = &raw->segments[i];
    text_puts(&all, s->text);
    for (const char *c = s->text; *c; c++) text_putc(&target, s->train);
  }
  bool ok = mask_encode_marked(r->a, r->options->tokenizer, all.data, target.data, r->options->eos_id, m, e);
  if (ok) m->prompt_n = last_answer(m->target, m->n);
  text_free(&all), text_free(&target);
  return ok;
}

static bool encode(reader *r, const formats_row *row, const raw_example *raw, masked *m, err *e) {
  const dataset_options *o = r->options;
  switch (raw->format) {
    case DATA_TEXT: return mask_encode_text(r->a, o->tokenizer, raw->text, o->eos_id, m, e);
    case DATA_TOKENS:
      *m = (masked){.prompt_n = last_answer(raw->target, raw->n_ids)};
      return copy_tokens(r->a, raw->ids, raw->target, raw->n_ids, m), true;
    case DATA_SEGMENTS: return encode_segments(r, raw, m, e);
    case DATA_SUPERNI: return encode_instance(&(fitting){r, row, raw}, m, e);
    default: return encode_conversation(r, r->a, raw, m, e);
  }
}

// --- what an example carries besides its tokens ---

// Most rows of a file carry the same task, cluster and source: one copy for all in a row.
static const char *keep(reader *r, const char *string, const char *otherwise, size_t offset) {
  if (!string) return otherwise;
  if (r->set->n) {
    const char *before = *(const char *const *)((const char *)&r->set->items[r->set->n - 1] + offset);
    if (!strcmp(before, string)) return before;
  }
  return arena_strdup(r->a, string);
}

static strings keep_strings(reader *r, strings all) {
  const char **items = ARENA_ARRAY(r->a, const char *, all.n);
  for (uint32_t i = 0; i < all.n; i++) items[i] = arena_strdup(r->a, all.items[i]);
  return all.n ? (strings){items, all.n} : (strings){0};
}

static const char *answer_of(const raw_example *raw) {
  for (uint32_t i = raw->n_messages; i--;)
    if (raw->messages[i].role == ROLE_ASSISTANT) return raw->messages[i].content;
  for (uint32_t i = raw->n_segments; i--;)
    if (raw->segments[i].train) return raw->segments[i].text;
  return "";
}

// What is the example's own: neither system messages nor the instruction that all instances of a task share.
static const uint32_t *sketch(arena *a, const raw_example *raw) {
  minhash *m = ARENA_NEW(a, minhash);
  if (raw->input) minhash_add_text(m, raw->input);
  for (uint32_t i = 0; i < raw->n_messages; i++)
    if (raw->messages[i].role != ROLE_SYSTEM) minhash_add_text(m, raw->messages[i].content);
  if (raw->text) minhash_add_text(m, raw->text);
  for (uint32_t i = 0; i < raw->n_segments; i++) minhash_add_text(m, raw->segments[i].text);
  for (uint32_t i = 0; i < raw->n_ids; i++) minhash_add_word(m, (uint64_t)raw->ids[i]);
  minhash_finish(m);
  return m->least;
}

static bool read_example(reader *r, arena *scratch, const formats_row *row, uint32_t i, uint32_t place, err *e) {
  const char *origin = row->json->origin;
  raw_example raw;
  TRY(formats_read(scratch, row, i, &raw, e));
  masked m;
  if (!encode(r, row, &raw, &m, e)) return err_prefix(e, "%s", origin);
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
               .answer = arena_strdup(r->a, answer_of(&raw)),
               .references = keep_strings(r, raw.references),
               .choices = keep_strings(r, raw.choices),
               .sketch = r->options->sketches ? sketch(r->a, &raw) : NULL};
  const dataset_watch *w = r->options->watch;
  if (m.has_border && w && w->border) w->border(w->user, &x);
  return add_example(r, origin, &x, e);
}

// --- rows and items ---

// Examples that could not be used, of a file whose bad ones are skipped.
typedef struct faults {
  uint64_t n;
  err first;
} faults;

// false ends the reading; a fault that is skipped does not.
static bool skip(const reader *r, faults *f, const err *fault, err *e) {
  const dataset_watch *w = r->options->watch;
  if (w && w->bad) w->bad(w->user, r->file, fault->message);
  if (!r->options->skip_bad_examples) return ERR(e, "%s", fault->message);
  if (!f->n++) f->first = *fault;
  return true;
}

static bool read_row(reader *r, const jsonl *file, const json *doc, uint32_t place, faults *bad, err *e) {
  arena *scratch = arena_new("one row of data");
  bool detected = r->options->format == DATA_AUTO;
  formats_row row;
  err fault = {0};
  bool ok = (r->format != DATA_AUTO || formats_detect(doc, &r->format, &fault)) &&
            formats_open(scratch, doc, r->format, detected, r->options, &row, &fault);
  uint32_t n = ok ? row.n : 0;
  if (!ok) ok = skip(r, bad, &fault, e);
  for (uint32_t i = 0; ok && i < n; i++) {
    arena *one = arena_new("one example of data");
    fault = (err){0};
    if (!read_example(r, one, &row, i, file->is_document ? row.places ? row.places[i] : 1 : place, &fault))
      ok = skip(r, bad, &fault, e);
    arena_free(one);
  }
  arena_free(scratch);
  return ok;
}

static bool read_item(reader *r, const jsonl *file, const jsonl_item *item, faults *bad, err *e) {
  text origin = {0};
  text_puts(&origin, r->file);
  if (!file->is_document) text_printf(&origin, file->is_array ? ": item %u" : ":%u", item->place);
  json doc;
  err fault = {0};
  bool ok = json_parse(origin.data, item->data, item->length, &doc, &fault);
  if (ok) {
    ok = read_row(r, file, &doc, item->place, bad, e);
    json_free(&doc);
  } else {
    ok = skip(r, bad, &fault, e);
  }
  text_free(&origin);
  return ok;
}

// --- one file ---

static bool read_items(reader *r, jsonl *file, err *e) {
  uint64_t n_before = r->set->n, dropped_before = r->set->dropped_long;
  faults bad = {0};
  for (;;) {
    jsonl_item item;
    err fault = {0};
    jsonl_status status = jsonl_next(file, &item, &fault);
    if (status == JSONL_END) break;
    if (status == JSONL_BROKEN) return ERR(e, "%s", fault.message);
    if (status == JSONL_BAD) TRY(skip(r, &bad, &fault, e));
    else TRY(read_item(r, file, &item, &bad, e));
  }
  const dataset_watch *w = r->options->watch;
  if (w && w->file) w->file(w->user, r->file, r->format, !file->is_array && !file->is_document);
  r->set->skipped_bad += bad.n;
  if (r->set->n > n_before || r->may_be_empty) return true;
  uint64_t dropped = r->set->dropped_long - dropped_before;
  if (!dropped)
    return ERR(e, "%s: none of its %llu examples can be used; the first fault: %s", r->file, (unsigned long long)bad.n,
               bad.first.message);
  return ERR(e, "%s: no example is left: %llu longer than %u tokens (--max-length, --excess-length), %llu bad", r->file,
             (unsigned long long)dropped, r->options->max_length, (unsigned long long)bad.n);
}

static bool read_memory(arena *a, const char *name, const void *data, uint64_t size, const dataset_options *options,
                        bool may_be_empty, dataset *set, err *e) {
  jsonl file;
  TRY(jsonl_open(name, data, size, &file, e));
  const char *last = path_name(name), *dot = strrchr(last, '.');
  reader r = {.a = a,
              .options = options,
              .set = set,
              .capacity = set->n,
              .file = arena_strdup(a, name),
              .stem = arena_strndup(a, last, dot && dot > last ? (size_t)(dot - last) : strlen(last)),
              .format = options->format,
              .may_be_empty = may_be_empty};
  return read_items(&r, &file, e);
}

bool dataset_read_memory(arena *a, const char *name, const void *data, uint64_t size, const dataset_options *options,
                         dataset *set, err *e) {
  return read_memory(a, name, data, size, options, false, set, e);
}

static bool read_path(arena *a, const char *path, const dataset_options *options, bool may_be_empty, dataset *set, err *e) {
  file_map map;
  TRY(file_map_open(path, &map, e));
  bool ok = read_memory(a, path, map.data, map.size, options, may_be_empty, set, e);
  file_unmap(&map);
  return ok;
}

bool dataset_read(arena *a, const char *path, const dataset_options *options, dataset *set, err *e) {
  return read_path(a, path, options, false, set, e);
}

bool dataset_read_split(arena *a, const char *path, const char *split, const dataset_options *options, dataset *set, err *e) {
  dataset_files files;
  dataset_options of_split = *options;
  const uint64_t n_before = set->n;
  TRY(dataset_files_find(a, path, split, &files, e));
  if (files.are_tasks && !strcmp(split, "test") && !of_split.max_instances) {
    of_split.max_instances = SUPERNI_TEST_INSTANCES;
    of_split.first_instances = true;
  }
  for (uint64_t i = 0; i < files.n; i++) TRY(read_path(a, files.paths[i], &of_split, files.n > 1, set, e));
  set->missing_tasks += files.n_missing;
  return set->n > n_before ||
         ERR(e, "%s: no example is left of its %llu files: all are bad or longer than %u tokens (--max-length)", path,
             (unsigned long long)files.n, options->max_length);
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
