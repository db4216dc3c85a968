#include "data/tokenised.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "data/minhash.h"

static const uint64_t MAGIC = 0x314B4F5446494B56, END_MAGIC = 0x31444E4546494B56; // "VKIFTOK1", "VKIFEND1", little-endian

enum { LET_GO_BYTES = 16 << 20 };

typedef struct header {
  uint64_t magic;
  tokenised_key key;
} header;

typedef struct ending {
  uint64_t magic, n, n_tokens, bytes; // bytes: of header and records
  tokenised_counts counts;
  uint64_t hash; // XXH3 of all before it
} ending;

typedef struct record {
  uint64_t hash;  // example.hash
  uint32_t bytes; // of the whole record, a multiple of 8
  uint32_t n, n_targets, prompt_n;
  uint32_t file, line;
  float weight;
  uint8_t has_sketch, has_plain, has_choices, has_second;
} record;

_Static_assert(sizeof(record) % 8 == 0 && sizeof(header) % 8 == 0, "records begin at multiples of 8");

// --- writing -----------------------------------------------------------------------------------------------------------

// What is in w->image from `from` on is finished.
static bool flush(tokenised_writer *w, size_t from, err *e) {
  const size_t bytes = w->image.length - from;
  XXH3_64bits_update(w->hash, w->image.data + from, bytes);
  w->bytes += bytes;
  if (w->in_memory) return true;
  if (!file_write(&w->file, w->image.data + from, bytes, e)) return !(w->failed = true);
  text_clear(&w->image);
  return true;
}

static void put(tokenised_writer *w, const void *bytes, size_t n) {
  text_put(&w->image, bytes, n);
}

static void pad(tokenised_writer *w, size_t to) {
  while (w->image.length % to) text_putc(&w->image, 0);
}

bool tokenised_begin(const char *path, tokenised_key key, tokenised_writer *w, err *e) {
  *w = (tokenised_writer){.in_memory = !path};
  if (path && !file_writer_open(path, &w->file, e)) return !(w->failed = true);
  if (path) file_writer_make_private(&w->file);
  w->hash = XXH3_createState();
  REQUIRE(w->hash, "out of host memory for a hash");
  XXH3_64bits_reset(w->hash);
  const header h = {MAGIC, key};
  put(w, &h, sizeof h);
  return flush(w, 0, e);
}

static void put_list(tokenised_writer *w, const packed_strings *list) {
  const packed_strings none = {0};
  if (!list) list = &none;
  put(w, list, sizeof *list + list->bytes);
  pad(w, 4);
}

static void put_string(tokenised_writer *w, const char *s) {
  if (s) put(w, s, strlen(s));
  text_putc(&w->image, 0);
}

bool tokenised_put(tokenised_writer *w, const example *x, uint32_t file, err *e) {
  const size_t from = w->image.length;
  record r = {.hash = x->hash,
              .n = x->n,
              .n_targets = x->n_targets,
              .prompt_n = x->prompt_n,
              .file = file,
              .line = x->line,
              .weight = x->weight,
              .has_sketch = x->sketch != NULL,
              .has_plain = x->plain != NULL,
              .has_choices = x->as_answers != NULL,
              .has_second = x->second != 0};
  put(w, &r, sizeof r);
  if (x->plain) put(w, x->plain, sizeof *x->plain);
  put(w, (const void *)x->ids, x->n * sizeof *x->ids);
  if (x->second) put(w, &x->second, sizeof x->second);
  if (x->sketch) put(w, (const void *)x->sketch, MINHASH_N * sizeof *x->sketch);
  put_list(w, x->references);
  put_list(w, x->choices);
  if (x->as_answers) put(w, x->as_answers, sizeof *x->as_answers + x->as_answers->n_words * sizeof *x->as_answers->data);
  put(w, (const void *)x->target, x->n);
  put_string(w, x->origin->task);
  put_string(w, x->origin->cluster);
  put_string(w, x->origin->source);
  put_string(w, x->origin->category);
  put_string(w, x->origin->metric);
  put_string(w, x->answer);
  pad(w, 8);
  const uint64_t bytes = w->image.length - from;
  REQUIRE(bytes <= UINT32_MAX, "an example of %llu bytes", (unsigned long long)bytes);
  r.bytes = (uint32_t)bytes;
  memcpy(w->image.data + from, &r, sizeof r);
  w->n++;
  w->n_tokens += x->n;
  return flush(w, from, e);
}

bool tokenised_end(tokenised_writer *w, const tokenised_counts *counts, err *e) {
  ending end = {.magic = END_MAGIC, .n = w->n, .n_tokens = w->n_tokens, .bytes = w->bytes, .counts = *counts};
  XXH3_64bits_update(w->hash, &end, offsetof(ending, hash));
  end.hash = XXH3_64bits_digest(w->hash);
  put(w, &end, sizeof end);
  bool ok = true;
  if (!w->in_memory) ok = file_write(&w->file, w->image.data, w->image.length, e) && file_writer_commit(&w->file, e);
  if (!w->in_memory) {
    file_writer_abort(&w->file);
    text_free(&w->image);
    w->failed = !ok;
  }
  XXH3_freeState(w->hash);
  w->hash = NULL;
  return ok;
}

void tokenised_abort(tokenised_writer *w) {
  if (!w->hash) return;
  file_writer_abort(&w->file);
  text_free(&w->image);
  XXH3_freeState(w->hash);
  *w = (tokenised_writer){.failed = w->failed};
}

// --- origins -----------------------------------------------------------------------------------------------------------

// Those met so far, by their hash: open addressing, at most half full.
typedef struct origins {
  arena *a; // of the origins
  const example_origin **items;
  uint64_t *hashes;
  uint64_t n, mask;
} origins;

static origins origins_new(arena *a, uint64_t size) {
  origins o = {.a = a, .mask = size - 1};
  o.items = calloc(size, sizeof *o.items);
  o.hashes = calloc(size, sizeof *o.hashes);
  REQUIRE(o.items && o.hashes, "out of host memory: %llu origins", (unsigned long long)size);
  return o;
}

static void origins_free(origins *o) {
  free(o->items);
  free(o->hashes);
}

static bool same_origin(const example_origin *x, const example_origin *y) {
  return x->file == y->file && !strcmp(x->task, y->task) && !strcmp(x->cluster, y->cluster) && !strcmp(x->source, y->source) &&
         !strcmp(x->category, y->category) && !strcmp(x->metric, y->metric);
}

static uint64_t place_of(const origins *o, uint64_t hash, const example_origin *x) {
  uint64_t at = hash & o->mask;
  while (o->items[at] && !(o->hashes[at] == hash && same_origin(o->items[at], x))) at = (at + 1) & o->mask;
  return at;
}

static void grow(origins *o) {
  origins larger = origins_new(o->a, 2 * (o->mask + 1));
  for (uint64_t i = 0; i <= o->mask; i++) {
    if (!o->items[i]) continue;
    const uint64_t at = place_of(&larger, o->hashes[i], o->items[i]);
    larger.items[at] = o->items[i];
    larger.hashes[at] = o->hashes[i];
  }
  larger.n = o->n;
  origins_free(o);
  *o = larger;
}

static uint64_t hash_string(const char *s, uint64_t seed) {
  return XXH3_64bits_withSeed(s, strlen(s) + 1, seed);
}

static const example_origin *intern(origins *o, const example_origin *x) {
  const char *const parts[] = {x->task, x->cluster, x->source, x->category, x->metric};
  uint64_t hash = (uint64_t)(uintptr_t)x->file;
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) hash = hash_string(parts[i], hash);
  uint64_t at = place_of(o, hash, x);
  if (o->items[at]) return o->items[at];
  if (2 * ++o->n > o->mask) grow(o), at = place_of(o, hash, x);
  example_origin *kept = ARENA_NEW(o->a, example_origin);
  *kept = *x; // its strings lie in the bytes
  o->hashes[at] = hash;
  return o->items[at] = kept;
}

// --- reading -----------------------------------------------------------------------------------------------------------

typedef struct cursor {
  const char *at, *end;
} cursor;

static const void *take(cursor *c, uint64_t bytes) {
  if ((uint64_t)(c->end - c->at) < bytes) return NULL;
  const void *taken = c->at;
  c->at += bytes;
  return taken;
}

static const char *take_string(cursor *c) {
  const char *s = c->at, *nul = memchr(s, 0, (size_t)(c->end - s));
  if (nul) c->at = nul + 1;
  return nul ? s : NULL;
}

static bool take_list(cursor *c, const packed_strings **list) {
  const packed_strings *p = take(c, sizeof *p);
  if (!p) return false;
  const uint64_t padded = ((uint64_t)p->bytes + 3) / 4 * 4;
  if (!take(c, padded)) return false;
  cursor inside = {p->data, p->data + p->bytes};
  for (uint32_t i = 0; i < p->n; i++)
    if (!take_string(&inside)) return false;
  *list = p->n ? p : NULL;
  return inside.at == inside.end;
}

static bool take_choices(cursor *c, example *x, uint32_t vocab_size) {
  const choice_tokens *t = take(c, sizeof *t);
  if (!t || !take(c, (uint64_t)t->n_words * sizeof *t->data)) return false;
  x->as_answers = t;
  return choice_tokens_check(t, x->n, vocab_size);
}

// Both sequences of a pair begin with a token that nothing predicts.
static bool take_second(cursor *c, example *x) {
  const uint32_t *second = take(c, sizeof *second);
  if (!second || !*second || *second >= x->n) return false;
  x->second = *second;
  return true;
}

static bool check_tokens(const example *x, uint32_t vocab_size) {
  uint32_t n_targets = 0;
  for (uint32_t i = 0; i < x->n; i++) {
    if (x->ids[i] < 0 || (uint32_t)x->ids[i] >= vocab_size || x->target[i] > 1) return false;
    n_targets += x->target[i];
  }
  return x->n && n_targets == x->n_targets && !x->target[0] && !x->target[x->second] && x->prompt_n <= x->n && x->weight > 0 &&
         isfinite(x->weight);
}

typedef struct opening {
  uint32_t vocab_size, n_files;
  const char *const *files, *const *stems;
  origins origins;
} opening;

static bool take_record(opening *o, cursor *all, example *x) {
  const record *r = (const record *)(const void *)all->at;
  if ((uint64_t)(all->end - all->at) < sizeof *r || r->bytes < sizeof *r || r->bytes % 8) return false;
  cursor c = {all->at, all->at + r->bytes};
  if (!take(all, r->bytes) || r->file >= o->n_files) return false;
  take(&c, sizeof *r);
  *x = (example){
      .hash = r->hash, .n = r->n, .n_targets = r->n_targets, .prompt_n = r->prompt_n, .line = r->line, .weight = r->weight};
  if (r->has_plain) x->plain = take(&c, sizeof *x->plain);
  x->ids = take(&c, (uint64_t)r->n * sizeof *x->ids);
  if (r->has_second && (!x->ids || !take_second(&c, x))) return false;
  if (r->has_sketch) x->sketch = take(&c, MINHASH_N * sizeof *x->sketch);
  if (!x->ids || (r->has_plain && !x->plain) || (r->has_sketch && !x->sketch) || !take_list(&c, &x->references) ||
      !take_list(&c, &x->choices) || (r->has_choices && !take_choices(&c, x, o->vocab_size)))
    return false;
  x->target = take(&c, r->n);
  if (!x->target || !check_tokens(x, o->vocab_size)) return false;
  example_origin origin = {.file = o->files[r->file]};
  const char **parts[] = {&origin.task, &origin.cluster, &origin.source, &origin.category, &origin.metric, &x->answer};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (!(*parts[i] = take_string(&c))) return false;
  if (!*origin.task) origin.task = o->stems[r->file];
  x->origin = intern(&o->origins, &origin);
  return c.end - c.at < 8;
}

// The hash of all goes with the same pass: each byte is read once.
static bool take_records(opening *o, const char *bytes, const ending *end, const file_map *map, example *items, dataset *sums) {
  XXH3_state_t *hash = XXH3_createState();
  REQUIRE(hash, "out of host memory for a hash");
  XXH3_64bits_reset(hash);
  cursor all = {bytes + sizeof(header), bytes + end->bytes};
  uint64_t hashed = 0;
  bool ok = true;
  for (uint64_t i = 0; ok && i < end->n; i++) {
    ok = take_record(o, &all, &items[i]);
    sums->n_tokens += items[i].n, sums->n_targets += items[i].n_targets;
    const uint64_t at = (uint64_t)(all.at - bytes);
    if (at - hashed < LET_GO_BYTES && i + 1 < end->n) continue;
    XXH3_64bits_update(hash, bytes + hashed, at - hashed);
    if (map) file_map_let_go(map, hashed, at);
    hashed = at;
  }
  if (!end->n) XXH3_64bits_update(hash, bytes, sizeof(header));
  XXH3_64bits_update(hash, end, offsetof(ending, hash));
  ok = ok && all.at == all.end && XXH3_64bits_digest(hash) == end->hash && sums->n_tokens == end->n_tokens;
  XXH3_freeState(hash);
  return ok;
}

static bool read_ends(const char *bytes, uint64_t size, tokenised_key key, ending *end) {
  header h;
  if (size < sizeof h + sizeof *end || size % 8) return false;
  memcpy(&h, bytes, sizeof h);
  memcpy(end, bytes + size - sizeof *end, sizeof *end);
  return h.magic == MAGIC && h.key.low == key.low && h.key.high == key.high && end->magic == END_MAGIC &&
         end->bytes == size - sizeof *end && end->n <= end->bytes / sizeof(record);
}

bool tokenised_open(arena *a, const void *data, uint64_t size, const file_map *map, tokenised_key key, uint32_t vocab_size,
                    const char *const *files, uint32_t n_files, dataset *set, tokenised_counts *counts) {
  const char *bytes = data;
  ending end;
  if (!read_ends(bytes, size, key, &end) || end.n > UINT32_MAX - set->n) return false;
  const char **stems = ARENA_ARRAY(a, const char *, n_files);
  for (uint32_t i = 0; i < n_files; i++) stems[i] = path_stem(a, files[i]);
  opening o = {.vocab_size = vocab_size, .n_files = n_files, .files = files, .stems = stems, .origins = origins_new(a, 64)};
  if (set->capacity < set->n) set->capacity = set->n;
  arena_grow(a, (void **)&set->items, &set->capacity, set->n + end.n, sizeof *set->items);
  example *items = set->items;
  dataset sums = {0};
  const bool ok = take_records(&o, bytes, &end, map, items + set->n, &sums);
  origins_free(&o.origins);
  if (!ok) return false;
  for (uint64_t i = set->n; i < set->n + end.n; i++) items[i].index = (uint32_t)i;
  set->n += end.n;
  set->n_tokens += sums.n_tokens;
  set->n_targets += sums.n_targets;
  *counts = end.counts;
  return true;
}
