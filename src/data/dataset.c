// Reading instruction data: examples of files (rows.c), their tokens and mask (encode.c), and here what is done with lengths,
// faults and counts on the way to the bytes in which a data set is kept (tokenised.c), in memory or in the cache on disk.
#include "data/dataset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "data/augment_rows.h"
#include "data/dataset_files.h"
#include "data/dataset_maps.h"
#include "data/draw.h"
#include "data/encode.h"
#include "data/joined.h"
#include "data/minhash.h"
#include "data/token_cache.h"

typedef struct reader {
  const dataset_options *options;
  tokenised_writer out;
  tokenised_counts counts;
  uint32_t file;          // number of the file that is being read
  const char *name;       // … and what messages call it
  const augment *augment; // of its examples; NULL: they stay as they are
  bool may_be_empty;      // it is one of several, and another may have the examples
  joined joined;          // texts on their way to examples
} reader;

// --- one example -------------------------------------------------------------------------------------------------------

// While it is made, an example's mask can be written to.
typedef struct draft {
  example x;
  uint8_t *target;
} draft;

static void count_targets(draft *d, bool all_tokens) {
  example *x = &d->x;
  if (all_tokens && x->n) memset(d->target, 1, x->n);
  if (x->n) d->target[0] = d->target[x->second] = 0; // nothing predicts them
  x->n_targets = 0;
  for (uint32_t i = 0; i < x->n; i++) x->n_targets += d->target[i];
  x->target = d->target;
}

static bool put(reader *r, draft *d, err *e) {
  d->x.hash = dataset_hash_example(&d->x);
  return tokenised_put(&r->out, &d->x, r->file, e);
}

// --- texts that are joined ---------------------------------------------------------------------------------------------

static bool put_joined(void *user, example *x, err *e) {
  reader *r = user;
  x->hash = dataset_hash_example(x);
  return tokenised_put(&r->out, x, r->file, e);
}

static bool end_joined(reader *r, err *e) {
  return joined_end(&r->joined, put_joined, r, e);
}

static int by_value(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

bool dataset_is_asked(const dataset_options *o, uint64_t hash) {
  return o->n_asked && bsearch(&hash, o->asked, (size_t)o->n_asked, sizeof hash, by_value);
}

// Behind this, nobody can tell where a text begins: what whole examples are left out for is looked for here.
static bool is_left_out(reader *r, const example *x) {
  const dataset_watch *w = r->options->watch;
  const uint64_t hash = dataset_hash_text(x->ids, x->n, r->options->eos_id);
  const bool again = r->options->drop_texts && joined_has_seen(&r->joined, hash);
  if (!again && !dataset_is_asked(r->options, hash)) return false;
  r->counts.repeated_texts += again;
  r->counts.asked_texts += !again;
  if (w && w->left_out) w->left_out(w->user, r->name, x->line, again);
  return true;
}

static bool join(reader *r, const example *x, err *e) {
  return is_left_out(r, x) || joined_add(&r->joined, x, r->options->max_length, put_joined, r, e);
}

// --- lengths -----------------------------------------------------------------------------------------------------------

// What becomes of an example that is too long: `n` is what it had.
static void tell_excess(const reader *r, const example *x, uint32_t n, excess_length happened) {
  const dataset_watch *w = r->options->watch;
  if (w && w->excess) w->excess(w->user, r->name, x->origin->task, x->line, n, happened);
}

static void drop_long(reader *r, const example *x, uint32_t n) {
  r->counts.dropped_long++;
  tell_excess(r, x, n, EXCESS_DROP);
}

static bool put_pieces(reader *r, const draft *whole, err *e) {
  const uint32_t most = r->options->max_length, n = whole->x.n, prompt_n = whole->x.prompt_n;
  const uint64_t prompt_hash = whole->x.plain ? whole->x.plain->prompt_hash : dataset_hash_prompt(whole->x.ids, prompt_n);
  uint32_t kept = 0;
  for (uint32_t from = 0; from < n; from += most) {
    draft piece = *whole;
    piece.x.as_answers = NULL;
    piece.x.n = n - from < most ? n - from : most;
    piece.x.ids += from;
    piece.target += from;
    piece.x.prompt_n = prompt_n <= from ? 0 : prompt_n - from < piece.x.n ? prompt_n - from : piece.x.n;
    count_targets(&piece, false);
    // Its own tokens tell whether it is there twice; the prompt of the whole, whether that one is asked in the evaluation.
    const example_plain plain = {dataset_hash_example(&piece.x), prompt_hash};
    piece.x.plain = prompt_n ? &plain : NULL;
    if (kept) { // what is the text's as a whole goes with its first piece
      piece.x.sketch = NULL;
      piece.x.answer = "";
      piece.x.references = piece.x.choices = NULL;
    }
    if (piece.x.n_targets) {
      TRY(put(r, &piece, e));
      kept++;
    }
    if (n - from <= most) break; // before `from` could wrap around
  }
  if (kept) tell_excess(r, &whole->x, n, EXCESS_SPLIT);
  else drop_long(r, &whole->x, n);
  return true;
}

static bool put_beginning(reader *r, draft *d, err *e) {
  example *x = &d->x;
  const uint32_t n = x->n;
  x->n = r->options->max_length;
  x->as_answers = NULL;
  if (x->prompt_n > x->n) x->prompt_n = x->n;
  count_targets(d, false);
  if (!x->n_targets) return drop_long(r, x, n), true;
  r->counts.truncated++;
  tell_excess(r, x, n, EXCESS_TRUNCATE);
  return put(r, d, e);
}

// Of a pair, the longer of its two sequences counts.
static uint32_t length_of(const example *x) {
  const uint32_t other = x->n - x->second;
  return x->second > other ? x->second : other;
}

static bool has_targets(const example *x, uint32_t from, uint32_t to) {
  while (from < to && !x->target[from]) from++;
  return from < to;
}

// By its length. ROW_STOP: it could not be written.
static row_outcome put_example(reader *r, const char *origin, data_format format, draft *d, err *e) {
  const dataset_options *o = r->options;
  const uint32_t label = o->labels != NULL, most = o->max_length ? o->max_length + label : 0; // a label takes no text's room
  count_targets(d, o->all_tokens);
  const uint32_t n = length_of(&d->x);
  if (!d->x.n_targets || (d->x.second && !(has_targets(&d->x, 0, d->x.second) && has_targets(&d->x, d->x.second, d->x.n)))) {
    ERR(e, "%s: the mask covers nothing: none of the example's tokens (%u) carries loss", origin, d->x.n);
    return ROW_BAD;
  }
  if (r->out.n >= UINT32_MAX - 1) return ERR(e, "%s: more examples than can be counted", origin), ROW_STOP;
  if (o->join && most && format == DATA_TEXT) return join(r, &d->x, e) ? ROW_TAKEN : ROW_STOP;
  excess_length excess = o->excess;
  if (excess == EXCESS_DEFAULT) excess = format == DATA_TEXT ? EXCESS_SPLIT : EXCESS_DROP;
  if (!most || n <= most) return put(r, d, e) ? ROW_TAKEN : ROW_STOP;
  if (d->x.second && excess != EXCESS_ERROR) excess = EXCESS_DROP; // half an answer is not what was judged
  switch (excess) {
    case EXCESS_TRUNCATE: return put_beginning(r, d, e) ? ROW_TAKEN : ROW_STOP;
    case EXCESS_SPLIT: return put_pieces(r, d, e) ? ROW_TAKEN : ROW_STOP;
    case EXCESS_ERROR:
      ERR(e, "%s: expected at most %u tokens (--max-length), found %u", origin, most - label, n - label);
      return ROW_BAD;
    default: drop_long(r, &d->x, n); return ROW_TAKEN;
  }
}

// --- what it carries besides its tokens --------------------------------------------------------------------------------

static const char *answer_of(const raw_example *raw) {
  for (uint32_t i = raw->n_messages; i--;)
    if (raw->messages[i].role == ROLE_ASSISTANT) return raw->messages[i].content;
  for (uint32_t i = raw->n_segments; i--;)
    if (raw->segments[i].train) return raw->segments[i].text;
  return "";
}

// What is the example's own: neither system messages nor the instruction that all instances of a task share, nor the words of
// a template.
static const uint32_t *sketch(arena *a, const raw_example *raw) {
  minhash *m = ARENA_NEW(a, minhash);
  if (raw->input) minhash_add_text(m, raw->input);
  if (raw->own) minhash_add_text(m, raw->own);
  for (uint32_t i = 0; i < raw->n_messages; i++)
    if (raw->messages[i].role != ROLE_SYSTEM && !(raw->own && raw->messages[i].role == ROLE_USER))
      minhash_add_text(m, raw->messages[i].content);
  if (raw->text) minhash_add_text(m, raw->text);
  for (uint32_t i = 0; i < raw->n_segments; i++) minhash_add_text(m, raw->segments[i].text);
  for (uint32_t i = 0; i < raw->n_ids; i++) minhash_add_word(m, (uint64_t)raw->ids[i]);
  minhash_finish(m);
  return m->least;
}

// What an example becomes. plain: what it was, where it is augmented; else NULL.
static bool encode(reader *r, arena *a, const formats_row *row, const raw_example *raw, uint32_t place, masked *m,
                   example_plain **plain, encode_losses *losses, err *e) {
  augmented with;
  uint32_t demonstrations;
  *plain = NULL;
  TRY(encode_example(a, r->options, row, raw, m, losses, e));
  if (!augment_draw(r->augment, a, raw, place, &with)) return true;
  *plain = ARENA_NEW(a, example_plain);
  **plain =
      (example_plain){dataset_hash_example(&(example){.ids = m->ids, .target = m->target, .n = m->n}), encode_hash_prompt(m)};
  TRY(encode_augmented(a, r->options, &with, m, &demonstrations, losses, e));
  augment_count(&r->counts.augmented, &with, demonstrations);
  return true;
}

static row_outcome take_example(void *user, const formats_row *row, raw_example *raw, uint32_t place, err *e) {
  reader *r = user;
  arena *a = arena_new("one example's tokens");
  const char *origin = row->json->origin;
  masked m;
  example_plain *plain;
  encode_losses losses;
  choice_tokens *choices = NULL;
  row_outcome outcome = ROW_BAD;
  if (encode(r, a, row, raw, place, &m, &plain, &losses, e) &&
      (!r->options->choices || m.second || encode_choices(a, r->options, row, raw, &m, &choices, e))) {
    const example_origin from = {
        .task = raw->task, .cluster = raw->cluster, .source = raw->source, .category = raw->category, .metric = raw->metric};
    draft d = {.target = m.target};
    d.x = (example){.ids = m.ids,
                    .n = m.n,
                    .prompt_n = m.prompt_n,
                    .second = m.second,
                    .weight = raw->weight,
                    .line = place,
                    .origin = &from,
                    .answer = answer_of(raw),
                    .references = packed_strings_of(a, raw->references),
                    .choices = packed_strings_of(a, raw->choices),
                    .as_answers = choices,
                    .plain = plain,
                    .sketch = r->options->sketches ? sketch(a, raw) : NULL};
    const dataset_watch *w = r->options->watch;
    if (m.has_border && w && w->border) w->border(w->user, r->name, place);
    r->counts.without_demonstrations += losses.demonstrations;
    r->counts.truncated += losses.input;
    outcome = put_example(r, origin, row->format, &d, e);
  } else {
    err_prefix(e, "%s", origin);
  }
  arena_free(a);
  return outcome;
}

// --- files -------------------------------------------------------------------------------------------------------------

// One file's worth of `rows` lies behind: it must have given something.
static bool check_file(reader *r, const rows_reading *rows, const char *name, uint64_t n_before, uint64_t dropped_before,
                       uint64_t bad_before, err *e) {
  const uint64_t dropped = r->counts.dropped_long - dropped_before, bad = rows->n_bad - bad_before;
  if (r->out.n > n_before || r->may_be_empty) return true;
  if (r->counts.repeated_texts + r->counts.asked_texts)
    return ERR(e, "%s: no text is left: %llu are in the evaluation data too (--allow-leakage keeps them), %llu are there already",
               name, (unsigned long long)r->counts.asked_texts, (unsigned long long)r->counts.repeated_texts);
  if (!dropped)
    return ERR(e, "%s: none of its %llu examples can be used; the first fault: %s", name, (unsigned long long)bad,
               rows->first_bad.message);
  return ERR(e, "%s: no example is left: %llu longer than %u tokens (--max-length, --excess-length), %llu bad", name,
             (unsigned long long)dropped, r->options->max_length, (unsigned long long)bad);
}

static uint64_t bytes_of(const char *path) {
  struct stat st;
  return stat(path, &st) || st.st_size < 0 ? 0 : (uint64_t)st.st_size;
}

static uint64_t bytes_of_all(const dataset_files *files) {
  uint64_t bytes = 0;
  for (uint64_t i = 0; i < files->n; i++) bytes += bytes_of(files->paths[i]);
  return bytes;
}

static bool read_files(reader *r, const dataset_files *files, err *e) {
  rows_reading rows = {.options = r->options, .on = take_example, .user = r, .total_bytes = bytes_of_all(files)};
  bool ok = true;
  for (uint64_t i = 0; ok && i < files->n; i++) {
    const uint64_t n = r->out.n, dropped = r->counts.dropped_long, bad = rows.n_bad;
    r->file = (uint32_t)i;
    r->name = files->paths[i];
    augment *g = augment_rows_open(&rows, files->paths[i], NULL, 0);
    r->augment = g;
    ok = rows_read(&rows, files->paths[i], e) && end_joined(r, e) && check_file(r, &rows, files->paths[i], n, dropped, bad, e);
    augment_free(g);
    rows.done_bytes += bytes_of(files->paths[i]);
  }
  joined_free(&r->joined);
  r->counts.skipped_bad = rows.n_bad;
  return ok;
}

static void add_counts(dataset *set, const tokenised_counts *counts) {
  set->skipped_bad += counts->skipped_bad;
  set->dropped_long += counts->dropped_long;
  set->truncated += counts->truncated;
  set->without_demonstrations += counts->without_demonstrations;
  set->repeated_texts += counts->repeated_texts;
  set->asked_texts += counts->asked_texts;
  set->augmented.demonstrations += counts->augmented.demonstrations;
  set->augmented.persona += counts->augmented.persona;
  set->augmented.definition += counts->augmented.definition;
  set->augmented.length_constraint += counts->augmented.length_constraint;
}

static void free_image(void *image) {
  free(image);
}

uint32_t dataset_n_ids(const dataset_options *o) {
  return o->labels && o->labels->n > o->vocab_size ? o->labels->n : o->vocab_size;
}

// What was written to memory becomes a part of the set.
static void add_image(arena *a, reader *r, const char *const *files, uint32_t n_files, dataset *set) {
  text *image = &r->out.image;
  tokenised_counts counts;
  arena_at_end(a, free_image, image->data);
  const bool ok = tokenised_open(a, image->data, image->length, NULL, (tokenised_key){0}, dataset_n_ids(r->options), files,
                                 n_files, set, &counts);
  REQUIRE(ok, "%s: %llu examples in %zu bytes cannot be read back", files[0], (unsigned long long)r->out.n, image->length);
  add_counts(set, &counts);
}

static bool read_to_memory(arena *a, reader *r, const dataset_files *files, dataset *set, err *e) {
  const bool ok =
      tokenised_begin(NULL, (tokenised_key){0}, &r->out, e) && read_files(r, files, e) && tokenised_end(&r->out, &r->counts, e);
  if (ok) add_image(a, r, (const char *const *)files->paths, (uint32_t)files->n, set);
  else tokenised_abort(&r->out);
  return ok;
}

// *cache_failed: the reason is the cache's. *n: examples that were written; the file is there where it is not 0.
static bool read_to_cache(reader *r, const dataset_files *files, const char *path, tokenised_key key, uint64_t stamp, uint64_t *n,
                          bool *cache_failed, err *e) {
  *cache_failed = true;
  TRY(token_cache_make_dir(path, e) && tokenised_begin(path, key, &r->out, e));
  bool ok = read_files(r, files, e);
  *cache_failed = r->out.failed;
  *n = r->out.n;
  if (ok && *n) {
    ok = token_cache_stamp(files) == stamp || ERR(e, "%s: the data were written to meanwhile", files->paths[0]);
    ok = ok && tokenised_end(&r->out, &r->counts, e);
    *cache_failed = !ok;
    token_cache_clean(path);
  }
  tokenised_abort(&r->out);
  return ok;
}

// The cache is there to help: what cannot be kept in it, on a full disk say, is held in memory. Who watches has seen the rows,
// where they were begun.
static bool read_without_cache(arena *a, reader *r, const dataset_files *files, const char *reason, dataset *set, err *e) {
  dataset_options options = *r->options;
  if (r->name) options.watch = NULL;
  reader again = {.options = &options, .may_be_empty = r->may_be_empty};
  set->cache_fault = arena_strdup(a, reason);
  return read_to_memory(a, &again, files, set, e);
}

// From the cache where it is there; else it is written first.
static bool read_through_cache(arena *a, reader *r, const dataset_files *files, dataset *set, err *e) {
  tokenised_key key;
  tokenised_counts counts;
  err fault = {0};
  uint64_t n = 0;
  bool cache_failed = false;
  const uint64_t stamp = token_cache_stamp(files);
  TRY(token_cache_key(files, r->options, &key, e));
  const char *path = token_cache_path(a, key);
  if (!path) return read_without_cache(a, r, files, "there is no home directory", set, e);
  if (!token_cache_open(a, path, key, r->options, files, set, &counts)) {
    if (!read_to_cache(r, files, path, key, stamp, &n, &cache_failed, &fault))
      return cache_failed ? read_without_cache(a, r, files, fault.message, set, e) : ERR(e, "%s", fault.message);
    if (!n) return add_counts(set, &r->counts), true;
    if (!token_cache_open(a, path, key, r->options, files, set, &counts))
      return read_without_cache(a, r, files, "what was just written there is gone, or something else", set, e);
    set->cache_written = path;
  }
  add_counts(set, &counts);
  return true;
}

// Who watches sees the rows: the tokens are not looked for then, but lie in a file all the same, which nobody else wants: it goes
// with the arena.
static bool read_watched(arena *a, reader *r, const dataset_files *files, dataset *set, err *e) {
  const char *dir = cache_dir(a);
  tokenised_counts counts;
  uint64_t n = 0;
  bool cache_failed = true;
  err fault = {0};
  const tokenised_key key = {(uint64_t)getpid(), (uint64_t)(uintptr_t)set};
  const char *path = dir ? token_cache_path(a, key) : NULL;
  const uint64_t stamp = token_cache_stamp(files);
  if (!path || !token_cache_make_dir(path, NULL)) return read_to_memory(a, r, files, set, e);
  if (!read_to_cache(r, files, path, key, stamp, &n, &cache_failed, &fault))
    return cache_failed ? read_without_cache(a, r, files, fault.message, set, e) : ERR(e, "%s", fault.message);
  const bool ok = !n || token_cache_open(a, path, key, r->options, files, set, &counts);
  unlink(path); // it stays mapped
  if (!ok) return read_without_cache(a, r, files, "what was just written there is gone", set, e);
  add_counts(set, n ? &counts : &r->counts);
  return true;
}

static bool read_list(arena *a, const dataset_files *files, const dataset_options *options, dataset *set, err *e) {
  reader r = {.options = options, .may_be_empty = files->n > 1};
  bool wanted = false;
  TRY(!options->cache || token_cache_wanted(bytes_of_all(files), &wanted, e));
  if (!wanted) return read_to_memory(a, &r, files, set, e);
  return options->watch ? read_watched(a, &r, files, set, e) : read_through_cache(a, &r, files, set, e);
}

bool dataset_read(arena *a, const char *path, const dataset_options *options, dataset *set, err *e) {
  char **paths = ARENA_ARRAY(a, char *, 1);
  paths[0] = arena_strdup(a, path);
  return read_list(a, &(dataset_files){.paths = paths, .n = 1}, options, set, e);
}

bool dataset_read_memory(arena *a, const char *name, const void *data, uint64_t size, const dataset_options *options,
                         dataset *set, err *e) {
  reader r = {.options = options, .name = name};
  rows_reading rows = {.options = options, .on = take_example, .user = &r};
  const char **files = ARENA_ARRAY(a, const char *, 1);
  files[0] = arena_strdup(a, name);
  augment *g = augment_rows_open(&rows, name, data, size);
  r.augment = g;
  bool ok =
      tokenised_begin(NULL, (tokenised_key){0}, &r.out, e) && rows_read_memory(&rows, name, data, size, e) && end_joined(&r, e);
  joined_free(&r.joined);
  ok = ok && check_file(&r, &rows, name, 0, 0, 0, e);
  augment_free(g);
  r.counts.skipped_bad = rows.n_bad;
  ok = ok && tokenised_end(&r.out, &r.counts, e);
  if (ok) add_image(a, &r, files, 1, set);
  else tokenised_abort(&r.out);
  return ok;
}

bool dataset_read_split(arena *a, const char *path, const char *split, const dataset_options *options, dataset *set, err *e) {
  dataset_files files;
  dataset_options of_split = *options;
  const uint64_t n_before = set->n;
  TRY(dataset_files_find(a, path, split, &files, e));
  TRY(dataset_files_set_pack(&files, path, &of_split, e));
  if (files.are_tasks && !strcmp(split, "test") && !of_split.max_instances) {
    of_split.max_instances = SUPERNI_TEST_INSTANCES;
    of_split.first_instances = true;
  }
  TRY(read_list(a, &files, &of_split, set, e));
  set->missing_tasks += files.n_missing;
  return set->n > n_before ||
         ERR(e, "%s: no example is left of its %llu files: all are bad or longer than %u tokens (--max-length)%s", path,
             (unsigned long long)files.n, options->max_length,
             set->asked_texts ? ", or texts that are in the evaluation data too (--allow-leakage keeps them)" : "");
}

// --- whole sets --------------------------------------------------------------------------------------------------------

static void move_to(dataset *to, example x) {
  to->items[to->n++] = x;
  to->n_tokens += x.n;
  to->n_targets += x.n_targets;
}

bool dataset_same_row(const example *x, const example *y) {
  return x->prompt_n && y->prompt_n && (x->origin == y->origin || x->origin->file == y->origin->file) && x->line == y->line;
}

// Each draws a number that depends on the seed and the index of its row's first example alone. So what came of one row draws the
// same, and so do copies of one example (--data PATH:3), which share an index.
static void draw_all(const dataset *set, uint64_t seed, draw *draws) {
  for (uint64_t i = 0, row = 0; i < set->n; i++) {
    if (!dataset_same_row(&set->items[row], &set->items[i])) row = i;
    draws[i] = (draw){.key = draw_key(seed, set->items[row].index, DRAW_SPLIT), .i = i};
  }
  qsort(draws, (size_t)set->n, sizeof *draws, draw_order);
}

// Who drew the same stays together: what is scored is never trained on too. In the order of their numbers those groups are held
// out that bring the count nearer to what is wanted, and one at least, the smallest where none does.
static void hold_out(const draw *draws, uint64_t n, uint64_t wanted, bool *held, uint64_t *n_held) {
  uint64_t smallest = 0, n_smallest = n + 1;
  *n_held = 0;
  for (uint64_t first = 0, end; first < n; first = end) {
    for (end = first; end < n && draws[end].key == draws[first].key; end++) continue;
    if (end - first < n_smallest) smallest = first, n_smallest = end - first;
    const bool nearer = *n_held < wanted && end - first < 2 * (wanted - *n_held);
    if (!nearer || *n_held + end - first == n) continue;
    for (uint64_t i = first; i < end; i++) held[draws[i].i] = true;
    *n_held += end - first;
  }
  if (*n_held || n_smallest >= n) return;
  for (uint64_t i = smallest; i < smallest + n_smallest; i++) held[draws[i].i] = true;
  *n_held = n_smallest;
}

void dataset_split(arena *a, dataset *set, double share, uint64_t seed, dataset *held_out) {
  *held_out = (dataset){0};
  if (!(share > 0) || set->n < 2) return;
  const uint64_t n = set->n, share_n = (uint64_t)llround(fmin(share, 1) * (double)n);
  const uint64_t wanted = share_n < 1 ? 1 : share_n > n - 1 ? n - 1 : share_n;
  draw *draws = ARENA_ARRAY(a, draw, n);
  bool *held = ARENA_ARRAY(a, bool, n);
  uint64_t n_held;
  draw_all(set, seed, draws);
  hold_out(draws, n, wanted, held, &n_held);
  example *all = set->items;
  held_out->items = ARENA_ARRAY(a, example, n_held);
  held_out->maps = set->maps;
  set->n = set->n_tokens = set->n_targets = 0;
  for (uint64_t i = 0; i < n; i++) move_to(held[i] ? held_out : set, all[i]); // within one array only to the left
}

// --- hashes ------------------------------------------------------------------------------------------------------------

uint64_t dataset_hash_prompt(const int32_t *ids, uint32_t n) {
  return XXH3_64bits(ids, n * sizeof *ids);
}

uint64_t dataset_hash_text(const int32_t *ids, uint32_t n, int32_t eos) {
  for (; n && *ids == eos; n--) ids++;
  while (n && ids[n - 1] == eos) n--;
  return dataset_hash_prompt(ids, n);
}

uint64_t dataset_hash_example(const example *x) {
  const uint64_t hash = XXH3_64bits_withSeed(x->target, x->n, dataset_hash_prompt(x->ids, x->n));
  return x->second ? XXH3_64bits_withSeed(&x->second, sizeof x->second, hash) : hash;
}

uint64_t dataset_hash(const dataset *set) {
  uint64_t hash = XXH3_64bits_withSeed(&set->n, sizeof set->n, 0);
  for (uint64_t i = 0; i < set->n; i++) {
    const example *x = &set->items[i];
    hash = XXH3_64bits_withSeed(&x->hash, sizeof x->hash, hash);
    hash = XXH3_64bits_withSeed(&x->weight, sizeof x->weight, hash);
  }
  return hash;
}
