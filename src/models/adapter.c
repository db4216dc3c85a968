#include "models/adapter.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "models/load.h"
#include "models/trainable.h"

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

bool adapter_names_head(const char *module) {
  return !strcmp(module, "score") || !strcmp(module, "classifier");
}

// Of a classifier the adapter has the head whole, whatever is listed.
bool adapter_choose_whole(arena *a, model *m, const adapter_config *c, err *e) {
  if (c->classifier != (m->labels.n > 0))
    return ERR(e, "task_type: expected %s, found that of %s", m->labels.n ? "SEQ_CLS, an adapter of a classifier" : "CAUSAL_LM",
               c->classifier ? "a classifier (SEQ_CLS)" : "a language model");
  const char **names = ARENA_ARRAY(a, const char *, c->n_whole);
  uint32_t n = 0;
  for (uint32_t i = 0; i < c->n_whole; i++)
    if (!c->classifier || !adapter_names_head(c->whole[i])) names[n++] = c->whole[i];
  TRY(trainable_choose_modules(m, names, n, e));
  if (c->classifier) model_head(m)->whole = true;
  return true;
}

static void add_whole(arena *a, adapter *ad, const char *name, model_param *p) {
  ad->whole[ad->n_whole++] = (adapter_whole){arena_printf(a, "base_model.model.%s", name), p};
}

// Under PEFT's keys, a tied embedding under both of its names; and the list of names without those that it has twice.
static void declare_whole(arena *a, model *m, adapter *ad) {
  const adapter_config given = ad->config;
  const char **names = ARENA_ARRAY(a, const char *, given.n_whole + 1);
  ad->whole = ARENA_ARRAY(a, adapter_whole, m->n_params + 1);
  for (uint32_t i = 0; i < m->n_params; i++) {
    model_param *p = &m->params[i];
    if (!p->whole) continue;
    add_whole(a, ad, p->name, p);
    if (p == model_embedding(m) && p == model_head(m)) add_whole(a, ad, "lm_head.weight", p);
  }
  ad->config.whole = names;
  ad->config.n_whole = 0;
  for (uint32_t i = 0; i < given.n_whole; i++) {
    const bool other = given.classifier && !strcmp(given.whole[i], "classifier");
    if (!other && !has_name(names, ad->config.n_whole, given.whole[i])) names[ad->config.n_whole++] = given.whole[i];
  }
  if (given.classifier && !has_name(names, ad->config.n_whole, "score")) names[ad->config.n_whole++] = "score";
}

// --- the adapter ---------------------------------------------------------------------------------------------------------

static bool check_apart(const adapter_config *config, const model_param *p, err *e) {
  if (!p->whole) return true;
  return ERR(e, "target_modules and modules_to_save contradict each other: both name %s%s", p->module,
             config->n_targets ? "" : "; give target_modules without it (all-linear names every linear layer)");
}

// A tensor of the adapter's, trained or frozen; out [shape[0]] or [shape[0], shape[1]].
static tensor *declare_tensor(arena *a, params *train, const char *name, uint32_t n_dims, const uint32_t *shape) {
  return train ? params_add(train, name, n_dims, shape) : tensor_persistent(a, name, DTYPE_F32, LIVE_ALL, n_dims, shape);
}

static void declare_dora(arena *a, params *train, adapter_entry *x, int path) {
  model_lora *l = x->param->lora;
  const uint32_t out = x->param->shape[0];
  x->m_name = arena_printf(a, "base_model.model.%.*s.lora_magnitude_vector", path, x->param->name);
  x->m = l->magnitude = declare_tensor(a, train, x->m_name, 1, &out);
  l->norms = tensor_persistent(a, "norms", DTYPE_F32, LIVE_ALL, 1, &out);
  l->squares = tensor_persistent(a, "squares", DTYPE_F32, LIVE_ALL, 1, &out);
  l->row_squares = ARENA_ARRAY(a, float, out);
}

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
    TRY(check_apart(config, p, e));
    adapter_entry *x = &ad->entries[ad->n];
    const int path = (int)trainable_path_length(p);
    const uint32_t shape_a[] = {config->r, p->shape[1]}, shape_b[] = {p->shape[0], config->r};
    x->param = p;
    x->a_name = arena_printf(a, "base_model.model.%.*s.lora_A.weight", path, p->name);
    x->b_name = arena_printf(a, "base_model.model.%.*s.lora_B.weight", path, p->name);
    x->a = declare_tensor(a, train, x->a_name, 2, shape_a);
    x->b = declare_tensor(a, train, x->b_name, 2, shape_b);
    p->lora = ARENA_NEW(a, model_lora);
    *p->lora = (model_lora){.a = x->a, .b = x->b, .scale = (float)adapter_scale(config), .module = ad->n++};
    if (config->dora) declare_dora(a, train, x, path);
  }
  *out = ad;
  return true;
}

uint64_t adapter_elements(const adapter *ad) {
  uint64_t n = 0;
  for (uint32_t i = 0; i < ad->n; i++) {
    const adapter_entry *x = &ad->entries[i];
    n += tensor_elements(x->a) + tensor_elements(x->b) + (x->m ? tensor_elements(x->m) : 0);
  }
  return n;
}

// PEFT's own start: kaiming_uniform with a = √5, which is uniform in ±1/√in.
static void fresh_a(const tensor *t, uint32_t module, uint64_t seed, float *out) {
  const double bound = 1 / sqrt(t->shape[1]);
  rng r = rng_new(seed + module * 0x9E3779B97F4A7C15u, RNG_INIT);
  for (uint64_t i = 0; i < tensor_elements(t); i++) out[i] = (float)((2 * rng_uniform(&r) - 1) * bound);
}

// --- values of an adapter's file -----------------------------------------------------------------------------------------

static bool check_weight(const weights *w, const char *file, const char *name, uint32_t n_dims, const uint32_t *shape, err *e) {
  const struct weight *x = weights_find(w, name);
  if (!x) return ERR(e, "%s: tensor %s: expected by the adapter's configuration, found none of that name", file, name);
  if (x->n_dims != n_dims || memcmp(x->shape, shape, n_dims * sizeof *shape)) {
    char want[MODEL_SHAPE_TEXT], found[MODEL_SHAPE_TEXT];
    model_shape_text(shape, n_dims, want);
    model_shape_text(x->shape, x->n_dims, found);
    return ERR(e, "%s: tensor %s: expected shape %s for this model, found %s", file, name, want, found);
  }
  if (x->type == DTYPE_I32) return ERR(e, "%s: tensor %s: expected a float type, found i32", file, name);
  return true;
}

static bool check_whole(const adapter *ad, const weights *w, const char *file, err *e) {
  for (uint32_t i = 0; i < ad->n_whole; i++) {
    const adapter_whole *this = &ad->whole[i], *last = i ? this - 1 : NULL;
    uint32_t shape[2];
    model_hf_shape(this->param, shape);
    TRY(check_weight(w, file, this->name, this->param->n_dims, shape, e));
    if (!last || last->param != this->param) continue;
    const struct weight *x = weights_find(w, last->name), *y = weights_find(w, this->name);
    if (x->type != y->type || memcmp(x->data, y->data, (size_t)x->bytes))
      return ERR(e, "%s: tensor %s: expected the values of %s, since this model has one matrix for the two, found others", file,
                 this->name, last->name);
  }
  return true;
}

static bool is_known(const adapter *ad, const char *name) {
  bool known = false;
  for (uint32_t k = 0; !known && k < ad->n; k++)
    known = !strcmp(name, ad->entries[k].a_name) || !strcmp(name, ad->entries[k].b_name) ||
            (ad->entries[k].m && !strcmp(name, ad->entries[k].m_name));
  for (uint32_t k = 0; !known && k < ad->n_whole; k++) known = !strcmp(name, ad->whole[k].name);
  return known;
}

static bool check_weights(const adapter *ad, const weights *w, const char *file, err *e) {
  for (uint32_t i = 0; i < ad->n; i++) {
    const adapter_entry *x = &ad->entries[i];
    TRY(check_weight(w, file, x->a_name, 2, x->a->shape, e) && check_weight(w, file, x->b_name, 2, x->b->shape, e));
    if (x->m) TRY(check_weight(w, file, x->m_name, 1, x->m->shape, e));
  }
  TRY(check_whole(ad, w, file, e));
  const uint64_t n = (ad->config.dora ? 3 : 2) * (uint64_t)ad->n + ad->n_whole;
  for (uint64_t i = 0; w->n > n && i < w->n; i++) // more keys than the adapter has: which one is it?
    if (!is_known(ad, w->items[i].name))
      return ERR(e, "%s: tensor %s: belongs to no target module of this model", file, w->items[i].name);
  return true;
}

bool adapter_open_weights(arena *a, const adapter *ad, const char *dir, weights *w, err *e) {
  const char *file = path_join(a, dir, "adapter_model.safetensors");
  return safetensors_open(a, file, w, e) && check_weights(ad, w, file, e);
}

// Where there is no file, A and m begin as they do, B with zeros.
static bool put_tensor(const adapter *ad, uint32_t entry, const tensor *t, const weights *w, uint64_t seed, gpu_device *d,
                       err *e) {
  arena *scratch = arena_new("adapter tensor");
  const adapter_entry *of = &ad->entries[entry];
  const uint64_t n = tensor_elements(t);
  float *values = ARENA_ARRAY(scratch, float, n);
  const struct weight *source = w ? weights_find(w, t->name) : NULL;
  if (source) dtype_to_f32(source->type, source->data, values, n);
  else if (t == of->a) fresh_a(t, entry, seed, values);
  else if (t == of->m)
    for (uint64_t i = 0; i < n; i++) values[i] = sqrtf(of->param->lora->row_squares[i]);
  const bool ok = gpu_upload(d, t->memory, values, n * 4, e);
  arena_free(scratch);
  return ok;
}

static bool put_entry(const adapter *ad, uint32_t i, const weights *w, uint64_t seed, gpu_device *d, err *e) {
  const adapter_entry *x = &ad->entries[i];
  TRY(put_tensor(ad, i, x->a, w, seed, d, e) && put_tensor(ad, i, x->b, w, seed, d, e));
  if (!x->m) return true;
  const model_lora *l = x->param->lora;
  return put_tensor(ad, i, x->m, w, seed, d, e) && tensor_upload(l->squares, d, l->row_squares, e);
}

void adapter_read_whole(const adapter_whole *x, const weights *w, float *out) {
  const struct weight *source = weights_find(w, x->name);
  dtype_to_f32(source->type, source->data, out, (uint64_t)x->param->shape[0] * (x->param->n_dims > 1 ? x->param->shape[1] : 1));
  model_turn_from_hf(x->param, out);
}

static bool put_whole(const adapter *ad, const weights *w, gpu_device *d, err *e) {
  bool ok = true;
  for (uint32_t i = 0; ok && i < ad->n_whole; i++) {
    arena *scratch = arena_new("a parameter that an adapter has whole");
    const adapter_whole *x = &ad->whole[i];
    float *values = ARENA_ARRAY(scratch, float, tensor_elements(x->param->t));
    adapter_read_whole(x, w, values);
    ok = load_put(x->param, d, values, e);
    arena_free(scratch);
  }
  return ok;
}

bool adapter_allocate(const adapter *ad, gpu_heap *heap, err *e) {
  for (uint32_t i = 0; i < ad->n; i++) {
    const adapter_entry *x = &ad->entries[i];
    const model_lora *l = x->param->lora;
    tensor *all[] = {x->a, x->b, x->m, l->norms, l->squares};
    for (int k = 0; k < 5; k++)
      if (all[k] && !all[k]->needs_grad) TRY(heap_alloc(heap, tensor_bytes(all[k]), &all[k]->memory, e));
  }
  return true;
}

bool adapter_upload(const adapter *ad, const char *dir, uint64_t seed, gpu_device *d, err *e) {
  arena *a = arena_new("adapter file");
  weights w = {0};
  bool ok = !dir || adapter_open_weights(a, ad, dir, &w, e);
  for (uint32_t i = 0; ok && i < ad->n; i++) ok = put_entry(ad, i, dir ? &w : NULL, seed, d, e);
  if (ok && dir) ok = put_whole(ad, &w, d, e);
  weights_close(&w);
  arena_free(a);
  return ok;
}
