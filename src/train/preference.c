#include "train/preference.h"

#include <math.h>
#include <string.h>
#include <xxhash.h>

#include "io/weights.h"

enum { KEYS = 4 }; // hashes: of the training data, the evaluation data, the base, and the values

dpo_options preference_options(const vkift_train_options *o) {
  return (dpo_options){
      .beta = (float)o->beta, .label_smoothing = (float)o->label_smoothing, .normalised = o->loss_type == VKIFT_SIGMOID_NORM};
}

// --- likelihoods of answers --------------------------------------------------------------------------------------------

typedef struct answers {
  uint32_t n[2]; // targets of the chosen and of the rejected one
  double log_p[2];
} answers;

static answers answers_of(const example *x, const float *losses) {
  answers of = {0};
  uint32_t t = 0;
  for (uint32_t i = 0; i < x->n; i++) {
    if (!x->target[i]) continue;
    const int a = i >= x->second;
    of.n[a]++;
    of.log_p[a] -= losses[t++];
  }
  return of;
}

// --- the reference -----------------------------------------------------------------------------------------------------

typedef struct taking {
  const preference *p;
  float *values;
} taking;

static bool take_one(void *user, const example *x, const float *losses, const float *logits, err *e) {
  (void)logits;
  const taking *t = user;
  const preference *p = t->p;
  const answers of = answers_of(x, losses);
  if (p->stop && p->stop(p->user)) return ERR(e, "stopped while the reference's log-likelihoods were taken");
  for (int a = 0; a < 2; a++) {
    const float value = (float)of.log_p[a];
    if (!isfinite(value))
      return ERR(e, "%s:%u: %s: expected a finite log-likelihood under the reference model, found %g: nothing could be learned",
                 x->origin->file, x->line, a ? "rejected" : "chosen", (double)value);
    t->values[2 * (uint64_t)x->index + (uint64_t)a] = value;
  }
  return true;
}

// Examples stand in the order of their indexes (corpus_read).
static float *room_for(const preference *p, dataset *set) {
  float *values = ARENA_ARRAY(p->memory, float, 2 * set->n);
  for (uint64_t i = 0; i < set->n; i++) {
    REQUIRE(set->items[i].index == i && set->items[i].second, "example %llu of the pairs", (unsigned long long)i);
    set->items[i].reference = values + 2 * i;
  }
  return values;
}

static bool take(const preference *p, const char *what, dataset *set, float **values, err *e) {
  score_total total;
  *values = room_for(p, set);
  if (!set->n) return true;
  if (p->note)
    p->note(p->user,
            arena_printf(p->memory, "the reference's log-likelihoods of %llu %s are taken", (unsigned long long)set->n, what));
  return score_dataset(p->score, p->batch, set, take_one, &(taking){p, *values}, &total, e);
}

// --- the file ------------------------------------------------------------------------------------------------------------

static uint64_t eval_hash(const preference *p) {
  return p->corpus->eval.n ? dataset_hash(&p->corpus->eval) : 0;
}

static uint64_t hash_values(const float *train, uint64_t n_train, const float *eval, uint64_t n_eval) {
  const uint64_t hash = XXH3_64bits(train, (size_t)(2 * n_train * sizeof *train));
  return n_eval ? XXH3_64bits_withSeed(eval, (size_t)(2 * n_eval * sizeof *eval), hash) : hash;
}

static bool write_file(const preference *p, const float *train, const float *eval, err *e) {
  const uint64_t n = p->corpus->train.n, m = p->corpus->eval.n;
  const uint64_t keys[KEYS] = {dataset_hash(&p->corpus->train), eval_hash(p), p->base_hash, hash_values(train, n, eval, m)};
  const safetensors_tensor tensors[] = {
      {"keys", DTYPE_I32, 1, {2 * KEYS}}, {"train", DTYPE_F32, 2, {(uint32_t)n, 2}}, {"eval", DTYPE_F32, 2, {(uint32_t)m, 2}}};
  safetensors_writer w;
  const bool ok = safetensors_create(p->path, tensors, m ? 3 : 2, NULL, 0, &w, e) &&
                  safetensors_write(&w, keys, sizeof keys, e) && safetensors_write(&w, train, 2 * n * sizeof *train, e) &&
                  (!m || safetensors_write(&w, eval, 2 * m * sizeof *eval, e)) && safetensors_commit(&w, e);
  if (!ok) safetensors_abort(&w);
  return ok;
}

bool preference_take(const preference *p, err *e) {
  float *train, *eval;
  return take(p, "pairs", &p->corpus->train, &train, e) && take(p, "evaluation pairs", &p->corpus->eval, &eval, e) &&
         write_file(p, train, eval, e);
}

static bool is_pairs(const weight *w, uint64_t n) {
  return w && w->type == DTYPE_F32 && w->n_dims == 2 && w->shape[0] == n && w->shape[1] == 2;
}

// What the file has, where it is whole and of this run's data and base. *eval stays NULL where its evaluation data are others.
static bool check_file(const preference *p, const weights *w, const float **train, const float **eval, err *e) {
  const weight *k = weights_find(w, "keys"), *t = weights_find(w, "train"), *v = weights_find(w, "eval");
  uint64_t keys[KEYS];
  if (!k || k->type != DTYPE_I32 || k->bytes != sizeof keys)
    return ERR(e, "%s: expected the reference log-likelihoods of a run, found something else", p->path);
  memcpy(keys, k->data, sizeof keys);
  if (keys[0] != dataset_hash(&p->corpus->train) || keys[2] != p->base_hash || !is_pairs(t, p->corpus->train.n))
    return ERR(e, "%s: expected the reference log-likelihoods of this run's data and model, found those of others", p->path);
  if (v && (v->type != DTYPE_F32 || v->n_dims != 2 || v->shape[1] != 2 || !keys[1]))
    return ERR(e, "%s: tensor eval: expected F32 of shape [pairs, 2], found something else", p->path);
  arena *a = arena_new("reference log-likelihoods"); // where they lie they may not be aligned
  const uint64_t m = v ? v->shape[0] : 0;
  float *of_train = ARENA_ARRAY(a, float, 2 * p->corpus->train.n), *of_eval = ARENA_ARRAY(a, float, 2 * m);
  memcpy(of_train, t->data, (size_t)t->bytes);
  if (m) memcpy(of_eval, v->data, (size_t)v->bytes);
  const bool whole = hash_values(of_train, p->corpus->train.n, of_eval, m) == keys[3];
  arena_free(a);
  if (!whole) return ERR(e, "%s: it is damaged: its values are not those that were written", p->path);
  *train = (const float *)(const void *)t->data;
  *eval = keys[1] == eval_hash(p) && is_pairs(v, p->corpus->eval.n) ? (const float *)(const void *)v->data : NULL;
  return true;
}

bool preference_restore(const preference *p, err *e) {
  weights w = {0};
  const float *of_train, *of_eval;
  float *train, *eval;
  TRY(safetensors_open(p->memory, p->path, &w, e));
  bool ok = check_file(p, &w, &of_train, &of_eval, e);
  if (ok) {
    train = room_for(p, &p->corpus->train);
    memcpy(train, of_train, (size_t)(2 * p->corpus->train.n * sizeof *train));
    if (p->corpus->eval.n && !of_eval) {
      ok = take(p, "evaluation pairs", &p->corpus->eval, &eval, e) && write_file(p, train, eval, e);
    } else if (p->corpus->eval.n) {
      eval = room_for(p, &p->corpus->eval);
      memcpy(eval, of_eval, (size_t)(2 * p->corpus->eval.n * sizeof *eval));
    }
  }
  weights_close(&w);
  return ok;
}

// --- evaluation ----------------------------------------------------------------------------------------------------------

typedef struct sums {
  const dpo_options *options;
  double weight, loss, chosen, rejected, right;
} sums;

// log(1 + e^x)
static double softplus(double x) {
  return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static bool add_one(void *user, const example *x, const float *losses, const float *logits, err *e) {
  (void)logits;
  (void)e;
  sums *s = user;
  const answers of = answers_of(x, losses);
  double ratio[2], share[2] = {1, 1};
  for (int a = 0; a < 2; a++) {
    ratio[a] = of.log_p[a] - x->reference[a];
    if (s->options->normalised) share[a] = 1.0 / of.n[a];
  }
  const double beta = s->options->beta, epsilon = s->options->label_smoothing;
  const double margin = beta * (ratio[0] * share[0] - ratio[1] * share[1]);
  s->weight += x->weight;
  s->loss += x->weight * ((1 - epsilon) * softplus(-margin) + epsilon * softplus(margin));
  s->chosen += x->weight * beta * ratio[0];
  s->rejected += x->weight * beta * ratio[1];
  s->right += ratio[0] > ratio[1] ? x->weight : 0;
  return true;
}

bool preference_score(const preference *p, const dpo_options *options, const dataset *set, double *loss, vkift_rewards *rewards,
                      score_total *total, err *e) {
  sums s = {.options = options};
  TRY(score_dataset(p->score, p->batch, set, add_one, &s, total, e));
  *loss = s.loss / s.weight;
  *rewards = (vkift_rewards){true, s.chosen / s.weight, s.rejected / s.weight, s.right / s.weight};
  return true;
}
