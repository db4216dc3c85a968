#include "models/adapter.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "io/quote.h"

double adapter_scale(const adapter_config *c) {
  return c->rslora ? c->alpha / sqrt(c->r) : c->alpha / c->r;
}

// As PEFT: a target is a module's whole path, or its end from some dot on: "q_proj", "layers.0.self_attn.q_proj".
static bool names_linear(const char *target, const model_param *p) {
  const size_t n = strlen(target), path = strlen(p->name) - strlen(".weight");
  return p->role == PARAM_LINEAR && n && n <= path && !strncmp(p->name + path - n, target, n) &&
         (n == path || p->name[path - n - 1] == '.');
}

static bool is_target(const adapter_config *c, const model_param *p) {
  for (uint32_t i = 0; i < c->n_targets; i++)
    if (names_linear(c->targets[i], p)) return true;
  return false;
}

static bool has_name(const char *const *list, uint32_t n, const char *name) {
  for (uint32_t i = 0; i < n; i++)
    if (!strcmp(list[i], name)) return true;
  return false;
}

// The names of the model's linear layers, each once; its head is none of them.
static const char *const *linear_modules(arena *a, const model *m, uint32_t *n) {
  const char **names = ARENA_ARRAY(a, const char *, m->n_params);
  *n = 0;
  for (uint32_t i = 0; i < m->n_params; i++)
    if (m->params[i].role == PARAM_LINEAR && !has_name(names, *n, m->params[i].module)) names[(*n)++] = m->params[i].module;
  return names;
}

static bool check_targets(arena *a, const model *m, const adapter_config *c, err *e) {
  uint32_t n;
  const char *const *known = linear_modules(a, m, &n);
  for (uint32_t i = 0; i < c->n_targets; i++) {
    const char *all = "";
    bool found = false;
    for (uint32_t k = 0; !found && k < m->n_params; k++) found = names_linear(c->targets[i], &m->params[k]);
    if (found) continue;
    for (uint32_t k = 0; k < n; k++) all = arena_printf(a, "%s%s%s", all, k ? ", " : "", known[k]);
    return ERR(e, "target_modules: expected linear layers of the model (%s), found \"%s\"", all, c->targets[i]);
  }
  return true;
}

// As PEFT has it: whether the base keeps the weights as [in, out]. PEFT corrects a false one when it loads an adapter, and so
// does this.
static bool check_transposed(const model *m, adapter_config *c, err *e) {
  bool transposed = false;
  for (uint32_t i = 0; i < m->n_params; i++) transposed |= m->params[i].hf_transposed;
  if (c->fan_in_fan_out && !transposed)
    return ERR(e, "fan_in_fan_out: expected false, since this model's weights are not transposed, found true");
  c->fan_in_fan_out = transposed;
  return true;
}

// --- modules_to_save -----------------------------------------------------------------------------------------------------

// What may be trained whole: the embedding, by the family's name for it, and the head.
static void whole_modules(const model *m, const char *names[2]) {
  names[0] = model_embedding(m)->module;
  names[1] = "lm_head";
}

bool adapter_choose_whole(model *m, const adapter_config *c, err *e) {
  const char *known[2];
  bool chosen[2] = {false, false};
  whole_modules(m, known);
  for (uint32_t i = 0; i < c->n_whole; i++) {
    char quoted[QUOTE_BYTES];
    int k = 0;
    while (k < 2 && strcmp(c->whole[i], known[k])) k++;
    if (k == 2)
      return ERR(e, "modules_to_save: expected %s and %s, found %s", known[0], known[1], quote_string(c->whole[i], quoted));
    chosen[k] = true;
  }
  if (m->config.tie_embeddings && chosen[0] != chosen[1])
    return ERR(e, "modules_to_save: expected both %s and %s, since this model has one matrix for the two, found %s alone",
               known[0], known[1], known[chosen[1]]);
  model_embedding(m)->whole = chosen[0];
  model_head(m)->whole = chosen[1];
  return true;
}

static void declare_whole(arena *a, model *m, adapter *ad) {
  model_param *both[] = {model_embedding(m), model_head(m)};
  const char *const names[] = {both[0]->name, "lm_head.weight"};
  const char **modules = ARENA_ARRAY(a, const char *, 2), *known[2];
  whole_modules(m, known);
  for (int i = 0; i < 2; i++) {
    if (!both[i]->whole) continue;
    modules[ad->n_whole] = known[i];
    ad->whole[ad->n_whole++] = (adapter_whole){arena_printf(a, "base_model.model.%s", names[i]), both[i]};
  }
  ad->config.whole = modules;
  ad->config.n_whole = ad->n_whole;
}

// --- the adapter ---------------------------------------------------------------------------------------------------------

bool adapter_declare(arena *a, model *m, const adapter_config *config, params *train, adapter **out, err *e) {
  adapter *ad = ARENA_NEW(a, adapter);
  ad->config = *config;
  if (!config->n_targets) ad->config.targets = linear_modules(a, m, &ad->config.n_targets);
  TRY(check_targets(a, m, &ad->config, e) && check_transposed(m, &ad->config, e));
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
