#define _GNU_SOURCE // utimensat
#include "data/token_cache.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "data/dataset_maps.h"
#include "data/task_notes.h"
#include "data/template_pack.h"

// Raise it with every change to what the same data become: a file of another revision is not found.
enum { REVISION = 8 };

enum { LEAST_BYTES = 8 << 20, CHUNK_BYTES = 16 << 20, DAYS_UNUSED = 30 };

static const char SUFFIX[] = ".tokens";

bool token_cache_wanted(uint64_t data_bytes, bool *wanted, err *e) {
  const char *setting = getenv("VKIFT_DATA_CACHE");
  uint64_t least = LEAST_BYTES;
  if (setting && *setting && strcmp(setting, "off")) {
    char *end;
    least = strtoull(setting, &end, 10);
    if (*setting < '0' || *setting > '9' || *end)
      return ERR(e, "VKIFT_DATA_CACHE: expected off, or a number of bytes, found %.100s", setting);
  }
  *wanted = data_bytes >= least && !(setting && !strcmp(setting, "off"));
  return true;
}

// --- the key -----------------------------------------------------------------------------------------------------------

// Each part with its length, so that no two lists of parts are alike.
static void add(XXH3_state_t *h, const void *bytes, uint64_t n) {
  XXH3_128bits_update(h, &n, sizeof n);
  XXH3_128bits_update(h, bytes, (size_t)n);
}

static void add_string(XXH3_state_t *h, const char *s) {
  const uint8_t given = s != NULL;
  add(h, &given, 1);
  if (s) add(h, s, strlen(s));
}

static void add_number(XXH3_state_t *h, uint64_t n) {
  add(h, &n, sizeof n);
}

// The same bytes are other rows as CSV, as TSV and as JSON.
static uint64_t reader_of(const char *path) {
  return path_ends_with(path, ".csv") ? 1 : path_ends_with(path, ".tsv") ? 2 : 0;
}

static bool add_file(XXH3_state_t *h, const char *path, const dataset_options *o, err *e) {
  file_map map;
  TRY(file_map_open(path, &map, e));
  add_number(h, map.size);
  add_number(h, reader_of(path));
  bool ok = true;
  for (uint64_t at = 0; ok && at < map.size; at += CHUNK_BYTES) {
    const uint64_t left = map.size - at, n = left < CHUNK_BYTES ? left : CHUNK_BYTES;
    XXH3_128bits_update(h, map.data + at, (size_t)n);
    file_map_let_go(&map, at, at + n);
    if (o->progress && !o->progress(o->progress_user, at, map.size)) ok = ERR(e, "stopped while %s was read", path);
  }
  file_unmap(&map);
  return ok;
}

static bool add_tokenizer(XXH3_state_t *h, const tokenizer *t, err *e) {
  text source = {0};
  const bool ok = tokenizer_to_json(t, &source, e);
  if (ok) add(h, source.data, source.length);
  text_free(&source);
  return ok;
}

static void add_prompt(XXH3_state_t *h, const prompt_style *p) {
  add_number(h, p->kind);
  add_number(h, p->takes_parts);
  const char *const parts[] = {p->bos, p->eos, p->end_of_turn, p->end_between, p->source, p->heading};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) add_string(h, parts[i]);
  REQUIRE(!prompt_asks_date(p) || p->date, "a prompt whose day is not fixed (prompt_fix_date)");
  if (prompt_asks_date(p)) add_string(h, p->date);
}

// Another seed is another file only where something is drawn.
static bool draws(const dataset_options *o) {
  const augmentation *w = &o->augment;
  const bool chooses = o->max_instances && !o->first_instances;
  return o->pack || chooses || w->n_demonstrations || w->persona > 0 || w->length_constraint > 0 || w->definition > 0;
}

static void add_options(XXH3_state_t *h, const dataset_options *o) {
  const uint64_t numbers[] = {(uint64_t)(int64_t)o->eos_id,
                              o->vocab_size,
                              o->max_length,
                              o->excess,
                              o->format,
                              o->train_on_last,
                              o->skip_bad_examples,
                              o->all_tokens,
                              o->pairs,
                              o->join,
                              o->drop_texts,
                              o->any_conversation,
                              o->superni.n_pos,
                              o->superni.n_neg,
                              o->superni.explanations,
                              o->max_instances,
                              o->first_instances,
                              draws(o) ? o->seed : 0,
                              o->sketches,
                              o->choices,
                              o->pack ? o->pack->hash : 0};
  add(h, numbers, sizeof numbers);
  add_string(h, o->strip_suffix);
  for (uint32_t i = 0; o->labels && i < o->labels->n; i++) add_string(h, o->labels->items[i]);
}

// Notes are found by the names of files too.
static void add_augmentation(XXH3_state_t *h, const dataset_options *o, const dataset_files *files) {
  const augmentation *w = &o->augment;
  const double shares[] = {w->persona, w->length_constraint, w->definition};
  add_number(h, w->n_demonstrations);
  add(h, shares, sizeof shares);
  add(h, o->asked, o->n_asked * sizeof *o->asked);
  if (!w->notes) return;
  add_number(h, w->notes->hash);
  for (uint64_t i = 0; i < files->n; i++) add_string(h, path_name(files->paths[i]));
}

bool token_cache_key(const dataset_files *files, const dataset_options *options, tokenised_key *key, err *e) {
  XXH3_state_t *h = XXH3_createState();
  REQUIRE(h, "out of host memory for a hash");
  XXH3_128bits_reset(h);
  add_number(h, REVISION);
  add_options(h, options);
  add_augmentation(h, options, files);
  add_prompt(h, options->prompt);
  bool ok = add_tokenizer(h, options->tokenizer, e);
  for (uint64_t i = 0; ok && i < files->n; i++) ok = add_file(h, files->paths[i], options, e);
  const XXH128_hash_t digest = XXH3_128bits_digest(h);
  *key = (tokenised_key){digest.low64, digest.high64};
  XXH3_freeState(h);
  return ok;
}

// --- the directory -----------------------------------------------------------------------------------------------------

const char *token_cache_path(arena *a, tokenised_key key) {
  const char *dir = cache_dir(a);
  if (!dir) return NULL;
  return path_join(a, path_join(a, dir, "data"),
                   arena_printf(a, "%016llx%016llx%s", (unsigned long long)key.high, (unsigned long long)key.low, SUFFIX));
}

// Nobody else may read what is made of private data.
bool token_cache_make_dir(const char *path_of_one, err *e) {
  arena *a = arena_new("directory of cached data");
  const char *dir = path_directory(a, path_of_one);
  const bool is_new = !file_exists(dir), ok = dir_make(dir, e);
  if (ok && is_new) chmod(dir, 0700);
  arena_free(a);
  return ok;
}

bool token_cache_open(arena *a, const char *path, tokenised_key key, const dataset_options *options, const dataset_files *files,
                      dataset *set, tokenised_counts *counts) {
  file_map *map = ARENA_NEW(a, file_map);
  if (!file_map_open(path, map, NULL)) return false;
  if (!tokenised_open(a, map->data, map->size, map, key, dataset_n_ids(options), (const char *const *)files->paths,
                      (uint32_t)files->n, set, counts)) {
    file_unmap(map);
    return false;
  }
  dataset_maps_add(a, set, map);
  utimensat(AT_FDCWD, path, NULL, 0); // used now
  return true;
}

static bool is_old(const char *path, time_t now) {
  struct stat st;
  return !stat(path, &st) && now - st.st_mtime > (time_t)DAYS_UNUSED * 24 * 3600;
}

uint64_t token_cache_stamp(const dataset_files *files) {
  uint64_t stamp = files->n;
  for (uint64_t i = 0; i < files->n; i++) {
    struct stat st;
    if (stat(files->paths[i], &st)) continue;
    const int64_t of_file[] = {(int64_t)st.st_size, (int64_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
    stamp = XXH3_64bits_withSeed(of_file, sizeof of_file, stamp);
  }
  return stamp;
}

// What a killed run left unfinished (….tokens.tmp-…) goes the same way.
void token_cache_clean(const char *path_of_one) {
  arena *a = arena_new("listing of cached data");
  const char *dir = arena_strndup(a, path_of_one, (size_t)(path_name(path_of_one) - path_of_one));
  char **names;
  uint64_t n;
  const time_t now = time(NULL);
  if (dir_list(a, dir, &names, &n, NULL)) {
    for (uint64_t i = 0; i < n; i++) {
      const char *path = path_join(a, dir, names[i]);
      if (strstr(names[i], SUFFIX) && is_old(path, now)) unlink(path);
    }
  }
  arena_free(a);
}
