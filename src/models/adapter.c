#include "models/adapter.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "io/quote.h"

static const char *const all_linear[] = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
enum { N_ALL_LINEAR = 7 };

double adapter_scale(const adapter_config *c) {
  return c->rslora ? c->alpha / sqrt(c->r) : c->alpha / c->r;
}

static bool is_target(const adapter_config *c, const model_param *p) {
  if (p->role != PARAM_LINEAR) return false;
  for (uint32_t i = 0; i < c->n_targets; i++)
    if (!strcmp(c->targets[i], p->module)) return true;
  return false;
}

static bool check_targets(const model *m, const adapter_config *c, err *e) {
  for (uint32_t i = 0; i < c->n_targets; i++) {
    bool found = false;
    for (uint32_t k = 0; !found && k < m->n_params; k++)
      found = m->params[k].role == PARAM_LINEAR && !strcmp(m->params[k].module, c->targets[i]);
    if (!found)
      return ERR(e,
                 "target_modules: expected linear layers of the model (q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, "
                 "down_proj), found \"%s\"",
                 c->targets[i]);
  }
  return true;
}

// --- modules_to_save -----------------------------------------------------------------------------------------------------

static const char *const whole_modules[] = {"embed_tokens", "lm_head"};

// "classifier" is what some other classifiers call their head, and PEFT lists both.
static bool choose_of_classifier(model *m, const adapter_config *c, err *e) {
  model_head(m)->whole = true;
  for (uint32_t i = 0; i < c->n_whole; i++) {
    char quoted[QUOTE_BYTES];
    if (!strcmp(c->whole[i], "embed_tokens")) model_find(m, "model.embed_tokens.weight")->whole = true;
    else if (strcmp(c->whole[i], "score") && strcmp(c->whole[i], "classifier"))
      return ERR(e, "modules_to_save: expected score and embed_tokens, which a classifier has, found %s",
                 quote_string(c->whole[i], quoted));
  }
  return true;
}

bool adapter_choose_whole(model *m, const adapter_config *c, err *e) {
  bool chosen[2] = {false, false};
  if (c->classifier != (m->labels.n > 0))
    return ERR(e, "task_type: expected %s, found that of %s", m->labels.n ? "SEQ_CLS, an adapter of a classifier" : "CAUSAL_LM",
               c->classifier ? "a classifier (SEQ_CLS)" : "a language model");
  if (c->classifier) return choose_of_classifier(m, c, e);
  for (uint32_t i = 0; i < c->n_whole; i++) {
    char quoted[QUOTE_BYTES];
    int k = 0;
    while (k < 2 && strcmp(c->whole[i], whole_modules[k])) k++;
    if (k == 2) return ERR(e, "modules_to_save: expected embed_tokens and lm_head, found %s", quote_string(c->whole[i], quoted));
    chosen[k] = true;
  }
  if (m->config.tie_embeddings && chosen[0] != chosen[1])
    return ERR(
        e, "modules_to_save: expected both embed_tokens and lm_head, since this model has one matrix for the two, found %s alone",
        whole_modules[chosen[1]]);
  model_find(m, "model.embed_tokens.weight")->whole = chosen[0];
  model_head(m)->whole = chosen[1];
  return true;
}

static void declare_whole(arena *a, model *m, adapter *ad) {
  model_param *both[] = {model_find(m, "model.embed_tokens.weight"), model_head(m)};
  const char *const head = m->labels.n ? "score" : whole_modules[1];
  const char *const names[] = {"base_model.model.model.embed_tokens.weight", arena_printf(a, "base_model.model.%s.weight", head)};
  const char **modules = ARENA_ARRAY(a, const char *, 2);
  for (int i = 0; i < 2; i++) {
    if (!both[i]->whole) continue;
    modules[ad->n_whole] = i ? head : whole_modules[0];
    ad->whole[ad->n_whole++] = (adapter_whole){names[i], both[i]};
  }
  ad->config.whole = modules;
  ad->config.n_whole = ad->n_whole;
}

// --- the adapter ---------------------------------------------------------------------------------------------------------

bool adapter_declare(arena *a, model *m, const adapter_config *config, params *train, adapter **out, err *e) {
  adapter *ad = ARENA_NEW(a, adapter);
  ad->config = *config;
  if (!config->n_targets) ad->config.targets = all_linear, ad->config.n_targets = N_ALL_LINEAR;
  TRY(check_targets(m, &ad->config, e));
  declare_whole(a, m, ad);
  ad->entries = ARENA_ARRAY(a, adapter_entry, m->n_params);
  for (uint32_t i = 0; i < m->n_params; i++) {
    model_param *p = &m->params[i];
    if (!is_target(&ad->config, p)) continue;
    adapter_entry *x = &ad->entries[ad->n];
    const int path = (int)(strlen(p->name) - strlen(".weight"));
    const uint32_t shape_a[] = {config->r, p->shape[1]}, shape_b[] = {p->shape[0], config->r};
    x->param = p;
    x->a_name = arena_printf(a, "base_model.model.%.*s.lora_A.weight", path, p->name);
    x->b_name = arena_printf(a, "base_model.model.%.*s.lora_B.weight", path, p->name);
    x->a = train ? params_add(train, x->a_name, 2, shape_a) : tensor_persistent(a, x->a_name, DTYPE_F32, LIVE_ALL, 2, shape_a);
    x->b = train ? params_add(train, x->b_name, 2, shape_b) : tensor_persistent(a, x->b_name, DTYPE_F32, LIVE_ALL, 2, shape_b);
    p->lora = ARENA_NEW(a, model_lora);
    *p->lora = (model_lora){.a = x->a, .b = x->b, .scale = (float)adapter_scale(config), .module = ad->n++};
  }
  *out = ad;
  return true;
}

uint64_t adapter_elements(const adapter *ad) {
  uint64_t n = 0;
  for (uint32_t i = 0; i < ad->n; i++) n += tensor_elements(ad->entries[i].a) + tensor_elements(ad->entries[i].b);
  return n;
}

// PEFT's own start: kaiming_uniform with a = √5, which is uniform in ±1/√in.
static void fresh_a(const tensor *t, uint32_t module, uint64_t seed, float *out) {
  const double bound = 1 / sqrt(t->shape[1]);
  rng r = rng_new(seed + module * 0x9E3779B97F4A7C15u, RNG_INIT);
  for (uint64_t i = 0; i < tensor_elements(t); i++) out[i] = (float)((2 * rng_uniform(&r) - 1) * bound);
}

// --- values of an adapter's file -----------------------------------------------------------------------------------------

static bool check_weight(const weights *w, const char *file, const char *name, const uint32_t *shape, err *e) {
  const struct weight *x = weights_find(w, name);
  if (!x) return ERR(e, "%s: tensor %s: expected by the adapter's configuration, found none of that name", file, name);
  if (x->n_dims != 2 || x->shape[0] != shape[0] || x->shape[1] != shape[1])
    return ERR(e, "%s: tensor %s: expected shape [%u, %u] for this model, found [%u, %u]", file, name, shape[0], shape[1],
               x->shape[0], x->n_dims > 1 ? x->shape[1] : 1);
  if (x->type == DTYPE_I32) return ERR(e, "%s: tensor %s: expected a float type, found i32", file, name);
  return true;
}

static bool check_whole(const adapter *ad, const weights *w, const char *file, err *e) {
  for (uint32_t i = 0; i < ad->n_whole; i++) TRY(check_weight(w, file, ad->whole[i].name, ad->whole[i].param->shape, e));
  if (ad->n_whole < 2 || ad->whole[0].param != ad->whole[1].param) return true;
  const struct weight *x = weights_find(w, ad->whole[0].name), *y = weights_find(w, ad->whole[1].name);
  return (x->type == y->type && !memcmp(x->data, y->data, (size_t)x->bytes)) ||
         ERR(e, "%s: tensor %s: expected the values of %s, since this model has one matrix for the two, found others", file,
             ad->whole[1].name, ad->whole[0].name);
}

static bool is_known(const adapter *ad, const char *name) {
  bool known = false;
  for (uint32_t k = 0; !known && k < ad->n; k++)
    known = !strcmp(name, ad->entries[k].a_name) || !strcmp(name, ad->entries[k].b_name);
  for (uint32_t k = 0; !known && k < ad->n_whole; k++) known = !strcmp(name, ad->whole[k].name);
  return known;
}

static bool check_weights(const adapter *ad, const weights *w, const char *file, err *e) {
  for (uint32_t i = 0; i < ad->n; i++)
    TRY(check_weight(w, file, ad->entries[i].a_name, ad->entries[i].a->shape, e) &&
        check_weight(w, file, ad->entries[i].b_name, ad->entries[i].b->shape, e));
  TRY(check_whole(ad, w, file, e));
  const uint64_t n = 2 * (uint64_t)ad->n + ad->n_whole;
  for (uint64_t i = 0; w->n > n && i < w->n; i++) // more keys than the adapter has: which one is it?
    if (!is_known(ad, w->items[i].name))
      return ERR(e, "%s: tensor %s: belongs to no target module of this model", file, w->items[i].name);
  return true;
}

bool adapter_open_weights(arena *a, const adapter *ad, const char *dir, weights *w, err *e) {
  const char *file = path_join(a, dir, "adapter_model.safetensors");
  return safetensors_open(a, file, w, e) && check_weights(ad, w, file, e);
}

static bool put_tensor(const tensor *t, const weights *w, uint32_t module, uint64_t seed, bool is_a, gpu_device *d, err *e) {
  arena *scratch = arena_new("adapter tensor");
  const uint64_t n = tensor_elements(t);
  float *values = ARENA_ARRAY(scratch, float, n); // zeros: a fresh B
  const struct weight *source = w ? weights_find(w, t->name) : NULL;
  if (source) dtype_to_f32(source->type, source->data, values, n);
  else if (is_a) fresh_a(t, module, seed, values);
  const bool ok = gpu_upload(d, t->memory, values, n * 4, e);
  arena_free(scratch);
  return ok;
}

static bool put_whole(const adapter *ad, const weights *w, gpu_device *d, err *e) {
  bool ok = true;
  for (uint32_t i = 0; ok && i < ad->n_whole; i++) {
    arena *scratch = arena_new("a parameter that an adapter has whole");
    const tensor *t = ad->whole[i].param->t;
    const struct weight *x = weights_find(w, ad->whole[i].name);
    float *values = ARENA_ARRAY(scratch, float, tensor_elements(t));
    dtype_to_f32(x->type, x->data, values, tensor_elements(t));
    ok = tensor_upload(t, d, values, e);
    arena_free(scratch);
  }
  return ok;
}

bool adapter_allocate(const adapter *ad, gpu_heap *heap, err *e) {
  for (uint32_t i = 0; i < ad->n; i++) {
    tensor *both[] = {ad->entries[i].a, ad->entries[i].b};
    for (int k = 0; k < 2; k++)
      if (!both[k]->needs_grad) TRY(heap_alloc(heap, tensor_bytes(both[k]), &both[k]->memory, e));
  }
  return true;
}

bool adapter_upload(const adapter *ad, const char *dir, uint64_t seed, gpu_device *d, err *e) {
  arena *a = arena_new("adapter file");
  weights w = {0};
  bool ok = !dir || adapter_open_weights(a, ad, dir, &w, e);
  for (uint32_t i = 0; ok && i < ad->n; i++) {
    tensor *both[] = {ad->entries[i].a, ad->entries[i].b};
    for (int k = 0; ok && k < 2; k++) ok = put_tensor(both[k], dir ? &w : NULL, i, seed, k == 0, d, e);
  }
  if (ok && dir) ok = put_whole(ad, &w, d, e);
  weights_close(&w);
  arena_free(a);
  return ok;
}
