#include "train/checkpoint.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <xxhash.h>

#include "base/file.h"
#include "io/json.h"
#include "io/weights.h"

static const char *const files[] = {"state.json", "state.safetensors"};
enum { N_FILES = 2, VERSION = 2, JSON_LIMIT = 1 << 16 };

// --- tensors -----------------------------------------------------------------------------------------------------------

// What is kept of one trained tensor: its weight and moments, in f32 as it is shaped, or the moments' codes and scales by
// block.
typedef struct part {
  const char *suffix;
  dtype type;
  uint32_t n_dims, shape[2];
  const trained *t;
  const tensor *of_region;
  bool by_block;
} part;

enum { MOST_PARTS = 4 };

static part whole(const trained *t, const char *suffix, const tensor *of_region) {
  return (part){suffix, DTYPE_F32, t->t->n_dims, {t->n_rows, t->t->shape[1]}, t, of_region, false};
}

static part blocks(const trained *t, const char *suffix, const tensor *of_region) {
  return (part){suffix, of_region->type, 2, {t->n_blocks, of_region->shape[1]}, t, of_region, true};
}

static gpu_slice memory_of(const part *x) {
  return x->by_block ? params_blocks(x->t, x->of_region) : params_slice(x->t, x->of_region);
}

static uint32_t list_parts(const params *p, const trained *t, part out[MOST_PARTS]) {
  const params_region *r = &p->regions[t->region];
  out[0] = whole(t, "weight", r->weight);
  if (!r->scales) {
    out[1] = whole(t, "m", r->m);
    out[2] = whole(t, "v", r->v);
    return 3;
  }
  out[1] = blocks(t, "m_codes", r->m);
  out[2] = blocks(t, "v_codes", r->v);
  out[3] = blocks(t, "scales", r->scales);
  return 4;
}

static uint64_t list_all(arena *a, const params *p, part **parts, safetensors_tensor **rows) {
  uint64_t n = 0;
  *parts = ARENA_ARRAY(a, part, p->n * MOST_PARTS);
  *rows = ARENA_ARRAY(a, safetensors_tensor, p->n * MOST_PARTS);
  for (uint64_t i = 0; i < p->n; i++) {
    const uint32_t of_tensor = list_parts(p, &p->items[i], *parts + n);
    for (uint32_t k = 0; k < of_tensor; k++, n++) {
      const part *x = *parts + n;
      const char *name = arena_printf(a, x->t->row ? "%s.%s.%u" : "%s.%s", x->t->name, x->suffix, x->t->row);
      (*rows)[n] = (safetensors_tensor){name, x->type, x->n_dims, {x->shape[0], x->shape[1]}};
    }
  }
  return n;
}

static bool write_tensors(const char *path, const params *p, gpu_device *d, err *e) {
  arena *a = arena_new("checkpoint");
  part *parts;
  safetensors_tensor *rows;
  const uint64_t n = list_all(a, p, &parts, &rows);
  safetensors_writer w;
  bool ok = safetensors_create(path, rows, n, NULL, 0, &w, e);
  const bool open = ok;
  for (uint64_t i = 0; ok && i < n; i++) {
    const gpu_slice s = memory_of(&parts[i]);
    arena *scratch = arena_new("checkpoint tensor");
    void *values = arena_alloc(scratch, s.bytes);
    ok = gpu_download(d, s, values, s.bytes, e) && safetensors_write(&w, values, s.bytes, e);
    arena_free(scratch);
  }
  if (ok) ok = safetensors_commit(&w, e);
  else if (open) safetensors_abort(&w);
  arena_free(a);
  return ok;
}

static bool load_tensor(const weights *w, const char *name, const part *to, gpu_device *d, err *e) {
  const weight *x = weights_find(w, name);
  const gpu_slice memory = memory_of(to);
  if (!x) return ERR(e, "tensor %s: expected in the checkpoint, found none of that name", name);
  if (x->type != to->type || x->bytes != memory.bytes)
    return ERR(e, "tensor %s: expected %llu bytes of %s, found %llu of %s", name, (unsigned long long)memory.bytes,
               dtype_get(to->type)->name, (unsigned long long)x->bytes, dtype_get(x->type)->name);
  return gpu_upload(d, memory, x->data, x->bytes, e);
}

bool checkpoint_load(const char *path, const params *p, gpu_device *d, err *e) {
  arena *a = arena_new("checkpoint");
  part *parts;
  safetensors_tensor *rows;
  const uint64_t n = list_all(a, p, &parts, &rows);
  weights w = {0};
  bool ok = safetensors_open(a, path_join(a, path, "state.safetensors"), &w, e);
  if (ok && w.n != n)
    ok = ERR(e, "expected %llu tensors, found %llu: the run was trained with other options", (unsigned long long)n,
             (unsigned long long)w.n);
  for (uint64_t i = 0; ok && i < n; i++) ok = load_tensor(&w, rows[i].name, &parts[i], d, e);
  if (!ok) err_prefix(e, "%s", path);
  weights_close(&w);
  arena_free(a);
  return ok;
}

// --- counters ------------------------------------------------------------------------------------------------------------

// 64-bit words as text: JSON's numbers are doubles.
static void add_word(cJSON *o, const char *key, uint64_t v) {
  char hex[20];
  snprintf(hex, sizeof hex, "%016llx", (unsigned long long)v);
  cJSON_AddStringToObject(o, key, hex);
}

static void add_bits(cJSON *o, const char *key, double v) {
  uint64_t bits;
  memcpy(&bits, &v, sizeof bits);
  add_word(o, key, bits);
}

static bool read_word(const json *d, const char *key, uint64_t *v, err *e) {
  const char *hex;
  char *end;
  TRY(json_string(d, d->root, "", key, &hex, e));
  errno = 0;
  *v = strtoull(hex, &end, 16);
  if (errno || *end || strlen(hex) != 16)
    return ERR(e, "%s: %s: expected 16 hexadecimal digits, found \"%s\"", d->origin, key, hex);
  return true;
}

static bool read_bits(const json *d, const char *key, double *v, err *e) {
  uint64_t bits = 0;
  TRY(read_word(d, key, &bits, e));
  memcpy(v, &bits, sizeof bits);
  return true;
}

static bool write_object(const char *path, cJSON *o, err *e) {
  text out = {0};
  json_print(o, &out);
  const bool ok = file_replace(path, out.data, out.length, e);
  text_free(&out);
  cJSON_Delete(o);
  return ok;
}

static bool write_counters(const char *path, const checkpoint_state *s, err *e) {
  cJSON *o = cJSON_CreateObject();
  cJSON_AddNumberToObject(o, "version", VERSION);
  cJSON_AddNumberToObject(o, "step", (double)s->step);
  cJSON_AddNumberToObject(o, "applied", s->applied);
  cJSON_AddNumberToObject(o, "bad_in_a_row", s->bad_in_a_row);
  cJSON_AddNumberToObject(o, "bad_steps", (double)s->bad_steps);
  cJSON_AddNumberToObject(o, "epoch", (double)s->loader.epoch);
  cJSON_AddNumberToObject(o, "next_example", (double)s->loader.next);
  cJSON_AddNumberToObject(o, "micro_batch_tokens", s->capacity);
  cJSON_AddNumberToObject(o, "checkpointing_layers", s->recomputed_layers);
  cJSON_AddNumberToObject(o, "checkpointing_group", s->recomputed_group);
  add_word(o, "data_hash", s->data_hash);
  add_word(o, "seed", s->seed);
  add_word(o, "base_hash", s->base_hash);
  cJSON_AddStringToObject(o, "device", s->device);
  add_bits(o, "last_loss_bits", s->last_loss);
  if (!isnan(s->last_eval_loss)) add_bits(o, "last_eval_loss_bits", s->last_eval_loss);
  if (s->best_step) {
    cJSON_AddNumberToObject(o, "best_step", (double)s->best_step);
    add_bits(o, "best_eval_loss_bits", s->best_eval_loss);
  }
  cJSON_AddNumberToObject(o, "evals_without_gain", s->evals_without_gain);
  add_word(o, "eval_hash", s->eval_hash);
  return write_object(path, o, e);
}

static bool read_u64(const json *d, const char *key, uint64_t *v, err *e) {
  double number;
  TRY(json_number(d, d->root, "", key, &number, e));
  if (!(number >= 0 && number < 9e15)) return ERR(e, "%s: %s: expected a count, found %g", d->origin, key, number);
  *v = (uint64_t)number;
  return true;
}

static bool has(const json *d, const char *key) {
  return cJSON_GetObjectItemCaseSensitive(d->root, key);
}

// Of the evaluations and of the best one, where there was one. Older checkpoints of this version lack some of it.
static bool read_best(const json *d, checkpoint_state *s, err *e) {
  s->last_eval_loss = NAN;
  if (has(d, "last_eval_loss_bits")) TRY(read_bits(d, "last_eval_loss_bits", &s->last_eval_loss, e));
  if (has(d, "eval_hash")) TRY(read_word(d, "eval_hash", &s->eval_hash, e));
  if (has(d, "evals_without_gain")) TRY(json_u32(d, d->root, "", "evals_without_gain", &s->evals_without_gain, e));
  if (!has(d, "best_step")) return true;
  TRY(read_u64(d, "best_step", &s->best_step, e) && read_bits(d, "best_eval_loss_bits", &s->best_eval_loss, e));
  if (s->best_step > s->step)
    return ERR(e, "%s: best_step: expected at most the step %llu, found %llu", d->origin, (unsigned long long)s->step,
               (unsigned long long)s->best_step);
  return true;
}

static bool read_counters(arena *a, const char *dir, checkpoint_state *s, err *e) {
  json d;
  uint32_t version = 0;
  const char *device = "";
  *s = (checkpoint_state){0};
  TRY(json_read(path_join(a, dir, "state.json"), JSON_LIMIT, &d, e));
  bool ok = json_u32(&d, d.root, "", "version", &version, e);
  if (ok && version != VERSION)
    ok = ERR(e, "%s: version: expected %d, found %u: written by another vkift", d.origin, VERSION, version);
  ok = ok && read_u64(&d, "step", &s->step, e) && json_u32(&d, d.root, "", "applied", &s->applied, e) &&
       json_u32(&d, d.root, "", "bad_in_a_row", &s->bad_in_a_row, e) && read_u64(&d, "bad_steps", &s->bad_steps, e) &&
       read_u64(&d, "epoch", &s->loader.epoch, e) && read_u64(&d, "next_example", &s->loader.next, e) &&
       json_u32(&d, d.root, "", "micro_batch_tokens", &s->capacity, e) &&
       json_u32(&d, d.root, "", "checkpointing_layers", &s->recomputed_layers, e) &&
       json_u32(&d, d.root, "", "checkpointing_group", &s->recomputed_group, e) && read_word(&d, "data_hash", &s->data_hash, e) &&
       read_word(&d, "seed", &s->seed, e) && read_word(&d, "base_hash", &s->base_hash, e) &&
       json_string(&d, d.root, "", "device", &device, e) && read_bits(&d, "last_loss_bits", &s->last_loss, e) &&
       read_best(&d, s, e);
  s->device = arena_strdup(a, device);
  json_free(&d);
  return ok;
}

// --- checksums -----------------------------------------------------------------------------------------------------------

static bool hash_file(const char *path, uint64_t *hash, err *e) {
  file_map map;
  TRY(file_map_open(path, &map, e));
  *hash = XXH3_64bits(map.data, (size_t)map.size);
  file_unmap(&map);
  return true;
}

static bool write_checksums(arena *a, const char *dir, err *e) {
  cJSON *o = cJSON_CreateObject();
  for (int i = 0; i < N_FILES; i++) {
    uint64_t hash;
    if (!hash_file(path_join(a, dir, files[i]), &hash, e)) {
      cJSON_Delete(o);
      return false;
    }
    add_word(o, files[i], hash);
  }
  return write_object(path_join(a, dir, "checksums.json"), o, e);
}

static bool verify(arena *a, const json *sums, const char *dir, const char *file, err *e) {
  uint64_t want, found;
  const char *path = path_join(a, dir, file);
  TRY(read_word(sums, file, &want, e) && hash_file(path, &found, e));
  return want == found || ERR(e, "%s: checksum: expected %016llx, found %016llx: the file is damaged", path,
                              (unsigned long long)want, (unsigned long long)found);
}

// The counters of a checkpoint of which nothing is damaged. *foreign: its counters are whole, but not of this version.
static bool read_verified(arena *a, const char *dir, checkpoint_state *s, bool *foreign, err *e) {
  json sums;
  *foreign = false;
  TRY(json_read(path_join(a, dir, "checksums.json"), JSON_LIMIT, &sums, e));
  bool ok = verify(a, &sums, dir, files[0], e);
  if (ok && !read_counters(a, dir, s, e)) *foreign = true, ok = false;
  ok = ok && verify(a, &sums, dir, files[1], e);
  json_free(&sums);
  return ok;
}

bool checkpoint_verify(const char *path, err *e) {
  arena *a = arena_new("checkpoint check");
  checkpoint_state state;
  bool foreign;
  const bool ok = read_verified(a, path, &state, &foreign, e);
  arena_free(a);
  return ok;
}

// --- directories ---------------------------------------------------------------------------------------------------------

char *checkpoint_path(arena *a, const char *dir, uint64_t step) {
  return arena_printf(a, "%s/step-%llu", dir, (unsigned long long)step);
}

// A checkpoint is renamed before it is taken apart, so that half of one is never found.
static bool remove_checkpoint(arena *a, const char *dir, uint64_t step, err *e) {
  const char *old = checkpoint_path(a, dir, step);
  const char *away = arena_printf(a, "%s/.step-%llu.old", dir, (unsigned long long)step);
  return (!file_exists(away) || dir_remove(away, e)) && dir_rename(old, away, e) && dir_remove(away, e);
}

bool checkpoint_write(const char *dir, const checkpoint_state *state, const params *p, gpu_device *d, err *e) {
  arena *a = arena_new("checkpoint path");
  const char *final = checkpoint_path(a, dir, state->step);
  const char *beside = arena_printf(a, "%s/.step-%llu.tmp", dir, (unsigned long long)state->step);
  bool ok = dir_make(dir, e) && (!file_exists(beside) || dir_remove(beside, e)) && dir_make(beside, e) &&
            write_tensors(path_join(a, beside, files[1]), p, d, e) && write_counters(path_join(a, beside, files[0]), state, e) &&
            write_checksums(a, beside, e) && dir_sync(beside, e) &&
            (!file_exists(final) || remove_checkpoint(a, dir, state->step, e)) && dir_rename(beside, final, e);
  arena_free(a);
  return ok;
}

static int by_step_descending(const void *x, const void *y) {
  const uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
  return a < b ? 1 : a > b ? -1 : 0;
}

// The steps of the checkpoints in a directory, newest first.
static bool list_steps(arena *a, const char *dir, uint64_t **steps, uint64_t *n, err *e) {
  char **names;
  uint64_t n_names;
  *n = 0;
  TRY(dir_list(a, dir, &names, &n_names, e));
  *steps = ARENA_ARRAY(a, uint64_t, n_names);
  for (uint64_t i = 0; i < n_names; i++) {
    unsigned long long step;
    int end = 0;
    if (sscanf(names[i], "step-%llu%n", &step, &end) == 1 && !names[i][end] && isdigit((unsigned char)names[i][5]))
      (*steps)[(*n)++] = step;
  }
  qsort(*steps, (size_t)*n, sizeof **steps, by_step_descending);
  return true;
}

bool checkpoint_any(const char *dir) {
  arena *a = arena_new("checkpoint listing");
  uint64_t *steps, n;
  const bool any = list_steps(a, dir, &steps, &n, NULL) && n;
  arena_free(a);
  return any;
}

bool checkpoint_find(arena *a, const char *dir, void (*note)(void *user, const char *message), void *user, char **path,
                     checkpoint_state *state, err *e) {
  uint64_t *steps, n;
  TRY(list_steps(a, dir, &steps, &n, e));
  const char *newest = NULL;
  for (uint64_t i = 0; i < n; i++) {
    err why = {0};
    bool foreign;
    *path = checkpoint_path(a, dir, steps[i]);
    if (read_verified(a, *path, state, &foreign, &why)) return true;
    // To go on from an older one would take away what another vkift can still use.
    if (foreign) return ERR(e, "%.1300s (to go on from an older checkpoint, move this one away)", why.message);
    if (note) note(user, arena_printf(a, "checkpoint skipped: %s", why.message));
    if (!newest) newest = arena_strdup(a, why.message);
  }
  if (!newest) return ERR(e, "%s: expected a checkpoint to resume from, found none", dir);
  return ERR(e, "%s: expected a checkpoint to resume from, found none that can be used; the newest: %s", dir, newest);
}

// A killed run may leave half of what it wrote or removed: nothing reads it, and the next rotation takes it away.
static bool remove_left_over(arena *a, const char *dir, err *e) {
  char **names;
  uint64_t n;
  TRY(dir_list(a, dir, &names, &n, e));
  for (uint64_t i = 0; i < n; i++)
    if (!strncmp(names[i], ".step-", 6)) TRY(dir_remove(path_join(a, dir, names[i]), e));
  return true;
}

bool checkpoint_rotate(const char *dir, uint64_t keep, uint64_t spared, err *e) {
  if (!keep) return true;
  arena *a = arena_new("checkpoint rotation");
  uint64_t *steps, n;
  bool ok = remove_left_over(a, dir, e) && list_steps(a, dir, &steps, &n, e);
  for (uint64_t i = keep; ok && i < n; i++) ok = steps[i] == spared || remove_checkpoint(a, dir, steps[i], e);
  arena_free(a);
  return ok;
}

bool checkpoint_remove_after(const char *dir, uint64_t step, err *e) {
  arena *a = arena_new("checkpoints that cannot be used");
  uint64_t *steps, n;
  bool ok = list_steps(a, dir, &steps, &n, e);
  for (uint64_t i = 0; ok && i < n && steps[i] > step; i++) ok = remove_checkpoint(a, dir, steps[i], e);
  arena_free(a);
  return ok;
}
