// Opening a model: which kind of file, which family, and whether every parameter is there as the config says.
#include "models/model.h"

#include <math.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/file.h"
#include "io/quote.h"
#include "models/blocks.h"
#include "models/classifier.h"

static const char SCORE[] = "score.weight";
enum { JSON_LIMIT = 1 << 20, TOKENIZER_CONFIG_LIMIT = 16 << 20 };

static const model_family *const families[] = {
#define FAMILY(name) &name##_family,
#include "models/models.def"
#undef FAMILY
};
enum { N_FAMILIES = sizeof families / sizeof *families };

// --- checks that every family shares -----------------------------------------------------------------------------------

// The settings that most families do not have: each 0, or within what a kernel can do with.
static bool check_rest(const char *file, const model_config *c, err *e) {
  const struct {
    const char *name;
    double value, most;
  } rows[] = {{"soft cap of attention", c->attention_cap, 1e6},
              {"soft cap of logits", c->logits_cap, 1e6},
              {"query_pre_attn_scalar", c->query_scalar, 1e6},
              {"scale of embeddings", c->embedding_scale, 1e3},
              {"rope's base of layers with a window", c->rope_local_theta, 1e12},
              {"rope's attention factor", c->rope_attention_factor, 100}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (!(rows[i].value >= 0 && rows[i].value <= rows[i].most))
      return ERR(e, "%s: %s: expected 0 to %g, found %g", file, rows[i].name, rows[i].most, rows[i].value);
  if (c->rotary_dim % 2 || c->rotary_dim > c->head_dim)
    return ERR(e, "%s: features of a head that rope turns: expected an even number up to %u, found %u", file, c->head_dim,
               c->rotary_dim);
  for (uint32_t i = 0; c->scaling == ROPE_LONG && i < model_rotary_dim(c) / 2; i++)
    if (!(c->rope_short[i] >= 1e-3f && c->rope_short[i] <= 1e6f && c->rope_long[i] >= 1e-3f && c->rope_long[i] <= 1e6f))
      return ERR(e, "%s: rope's short and long factors: expected %u numbers of 0.001 to 1000000, found %g and %g at %u", file,
                 model_rotary_dim(c) / 2, (double)c->rope_short[i], (double)c->rope_long[i], i);
  return true;
}

// Bounds that no real model passes; they keep every product of two of them within 64 bits.
static bool check_config(const char *file, model_config *c, err *e) {
  if (!c->head_dim && c->n_heads) c->head_dim = c->hidden_size / c->n_heads;
  const struct {
    const char *name;
    uint32_t value, most;
  } rows[] = {{"vocabulary size", c->vocab_size, 1 << 20},          {"hidden size", c->hidden_size, 1 << 16},
              {"intermediate size", c->intermediate_size, 1 << 18}, {"number of layers", c->n_layers, MODEL_MAX_LAYERS},
              {"number of attention heads", c->n_heads, 1 << 10},   {"number of key-value heads", c->n_kv_heads, 1 << 10},
              {"head size", c->head_dim, MODEL_MAX_HEAD},           {"number of positions", c->max_positions, 1u << 31}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (rows[i].value < 1 || rows[i].value > rows[i].most)
      return ERR(e, "%s: %s: expected 1 to %u, found %u", file, rows[i].name, rows[i].most, rows[i].value);
  if (c->n_heads % c->n_kv_heads)
    return ERR(e, "%s: expected attention heads to be a multiple of key-value heads, found %u and %u", file, c->n_heads,
               c->n_kv_heads);
  if (c->head_dim % 2) return ERR(e, "%s: head size: expected an even number (rotary embedding), found %u", file, c->head_dim);
  if (!(c->rms_norm_eps > 0 && c->rms_norm_eps < 1))
    return ERR(e, "%s: rms_norm_eps: expected a small positive number, found %g", file, c->rms_norm_eps);
  if (!(c->rope_theta >= 1 && c->rope_theta < 1e12))
    return ERR(e, "%s: rope_theta: expected 1 to 1e12, found %g", file, c->rope_theta);
  if ((c->scaling == ROPE_LINEAR || c->scaling == ROPE_LLAMA3) && !(c->rope_factor >= 1 && c->rope_factor <= 1e4))
    return ERR(e, "%s: rope_scaling.factor: expected 1 to 10000, found %g", file, c->rope_factor);
  if (c->scaling == ROPE_LLAMA3 &&
      !(c->rope_low_freq_factor > 0 && c->rope_high_freq_factor > c->rope_low_freq_factor && c->rope_original_positions))
    return ERR(e, "%s: rope_scaling: expected 0 < low_freq_factor < high_freq_factor, found %g and %g", file,
               c->rope_low_freq_factor, c->rope_high_freq_factor);
  return check_rest(file, c, e);
}

void model_shape_text(const uint32_t *shape, uint32_t n, char out[MODEL_SHAPE_TEXT]) {
  int used = snprintf(out, MODEL_SHAPE_TEXT, "[");
  for (uint32_t i = 0; i < n && used < MODEL_SHAPE_TEXT - 4; i++)
    used += snprintf(out + used, (size_t)(MODEL_SHAPE_TEXT - used), "%s%u", i ? ", " : "", shape[i]);
  snprintf(out + used, (size_t)(MODEL_SHAPE_TEXT - used), "]");
}

static bool find_source(const model *m, const weights *w, model_param *p, err *e) {
  const char *name = m->is_gguf ? p->gguf_name : p->name, *prefix = m->family->prefix;
  uint32_t shape[] = {p->shape[0], p->shape[1]};
  if (!m->is_gguf) model_hf_shape(p, shape);
  p->source = weights_find(w, name);
  if (!p->source && !m->is_gguf && prefix && !strncmp(name, prefix, strlen(prefix)))
    p->source = weights_find(w, name + strlen(prefix));
  if (!p->source) return ERR(e, "%s: tensor %s: expected by the config, found none of that name", m->path, name);
  if (p->source->n_dims != p->n_dims || memcmp(p->source->shape, shape, p->n_dims * sizeof *shape)) {
    char want[MODEL_SHAPE_TEXT], found[MODEL_SHAPE_TEXT];
    model_shape_text(shape, p->n_dims, want);
    model_shape_text(p->source->shape, p->source->n_dims, found);
    return ERR(e, "%s: tensor %s: expected shape %s, found %s", p->source->file, name, want, found);
  }
  if (p->source->type == DTYPE_I32) return ERR(e, "%s: tensor %s: expected a float type, found i32", p->source->file, name);
  return true;
}

static bool find_sources(model *m, err *e) {
  const weights *w = m->is_gguf ? &m->gguf.weights : &m->weights;
  uint64_t used = 0;
  for (uint32_t i = 0; i < m->n_params; i++, used++) TRY(find_source(m, w, &m->params[i], e));
  for (uint64_t i = 0; used != w->n && i < w->n; i++) {
    const char *name = w->items[i].name, *dot = strrchr(name, '.');
    bool known = dot && !strcmp(dot, ".inv_freq"); // rotary tables that old exports carry
    known |= m->config.rope_divisors && !strcmp(name, "rope_freqs.weight");
    known |= m->family->is_no_weight && m->family->is_no_weight(name);
    known |= !m->is_gguf && m->config.tie_embeddings && !strcmp(name, "lm_head.weight");
    for (uint32_t k = 0; !known && k < m->n_params; k++) known = m->params[k].source == &w->items[i];
    if (!known)
      return ERR(e, "%s: tensor %s: not known to the %s family: leaving it out would change the result", w->items[i].file, name,
                 m->family->name);
  }
  return true;
}

// What is wanted of a model's files.
typedef struct opening {
  bool tokenizer, weights; // must be there
  bool shape;              // a plan's: weights that are there count, others need not be
} opening;

// The output head of a language model is no part of it.
static void list_score(arena *a, model *m) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < m->n_params; i++)
    if (m->params[i].role != PARAM_HEAD) m->params[n++] = m->params[i];
  m->n_params = n;
  block_list_param(a, m, SCORE, SCORE, "score", PARAM_HEAD, m->labels.n, m->config.hidden_size);
}

static void count_parameters(model *m) {
  m->n_parameters = 0;
  for (uint32_t i = 0; i < m->n_params; i++) {
    model_param *p = &m->params[i];
    if (p->role == PARAM_BIAS && i && p[-1].role == PARAM_LINEAR) p[-1].bias = p;
    m->n_parameters += (uint64_t)p->shape[0] * (p->n_dims > 1 ? p->shape[1] : 1);
  }
}

static bool list_params(arena *a, model *m, const opening *o, err *e) {
  m->family->list_params(a, m);
  if (m->labels.n) list_score(a, m);
  count_parameters(m);
  return !(o->weights || (o->shape && (m->is_gguf || m->weights.n))) || find_sources(m, e);
}

static bool check_vocabulary(const model *m, err *e) {
  const uint32_t n = tokenizer_fit(m->tokenizer, m->config.vocab_size);
  if (n > m->config.vocab_size)
    return ERR(e, "%s: the tokenizer has ids up to %u, the model's vocabulary only %u", m->path, n - 1, m->config.vocab_size);
  return true;
}

static void set_token_texts(model *m) {
  const char *bos = m->config.bos_id >= 0 ? tokenizer_content(m->tokenizer, m->config.bos_id) : NULL;
  if (!*m->bos_text && bos) m->bos_text = bos;
  const char *eos = m->config.n_eos ? tokenizer_content(m->tokenizer, m->config.eos_ids[0]) : NULL;
  if (!*m->eos_text && eos) m->eos_text = eos;
}

static void add_eos(model_config *c, int32_t id) {
  for (uint32_t i = 0; i < c->n_eos; i++)
    if (c->eos_ids[i] == id) return;
  if (id >= 0 && c->n_eos < MODEL_MAX_EOS) c->eos_ids[c->n_eos++] = id;
}

// --- Hugging Face directory ----------------------------------------------------------------------------------------------

// bos_token_id and eos_token_id of config.json or generation_config.json: a number, a list, or null.
static bool read_token_ids(const json *d, model_config *c, err *e) {
  const cJSON *bos = cJSON_GetObjectItemCaseSensitive(d->root, "bos_token_id");
  uint32_t id;
  if (cJSON_IsNumber(bos)) {
    TRY(json_u32(d, d->root, "", "bos_token_id", &id, e));
    if (id < c->vocab_size) c->bos_id = (int32_t)id;
  }
  const cJSON *eos = cJSON_GetObjectItemCaseSensitive(d->root, "eos_token_id");
  const cJSON *first = cJSON_IsArray(eos) ? eos->child : eos;
  char found[64];
  for (const cJSON *v = first; v; v = cJSON_IsArray(eos) ? v->next : NULL) {
    if (cJSON_IsNull(v)) continue;
    if (!cJSON_IsNumber(v) || !(v->valuedouble >= 0 && v->valuedouble < c->vocab_size) || v->valuedouble != floor(v->valuedouble))
      return ERR(e, "%s: eos_token_id: expected token ids below %u, found %s", d->origin, c->vocab_size, json_describe(v, found));
    add_eos(c, (int32_t)v->valuedouble);
  }
  return true;
}

// "bos_token": "<s>" or {"content": "<s>", …}
static bool read_token_text(arena *a, const json *d, const char *key, const char **out, err *e) {
  const cJSON *v = cJSON_GetObjectItemCaseSensitive(d->root, key);
  if (cJSON_IsObject(v)) {
    const char *content;
    TRY(json_string(d, v, key, "content", &content, e));
    *out = arena_strdup(a, content);
    return true;
  }
  const char *content = NULL;
  TRY(json_string_or(d, d->root, "", key, &content, e));
  if (content) *out = arena_strdup(a, content);
  return true;
}

// A string, or a list of {name, template} of which "default" is taken.
static bool read_chat_template(arena *a, const json *d, model *m, err *e) {
  const cJSON *v = cJSON_GetObjectItemCaseSensitive(d->root, "chat_template");
  if (cJSON_IsArray(v)) {
    for (const cJSON *item = v->child; item; item = item->next) {
      const char *name, *source;
      TRY(json_string(d, item, "chat_template", "name", &name, e));
      TRY(json_string(d, item, "chat_template", "template", &source, e));
      if (!strcmp(name, "default")) m->chat_template = arena_strdup(a, source);
    }
    return true;
  }
  const char *source = NULL;
  TRY(json_string_or(d, d->root, "", "chat_template", &source, e));
  if (source) m->chat_template = arena_strdup(a, source);
  return true;
}

// Older forms of a tokenizer, which transformers turns into the one that is read here.
static bool refuse_other_tokenizers(arena *a, const char *dir, err *e) {
  static const char *const others[] = {"tokenizer.model", "vocab.json", "vocab.txt"};
  if (file_exists(path_join(a, dir, "tokenizer.json"))) return true;
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (file_exists(path_join(a, dir, others[i])))
      return ERR(e,
                 "%s: expected tokenizer.json, found only %s: transformers' AutoTokenizer.from_pretrained(…).save_pretrained(…) "
                 "writes one",
                 dir, others[i]);
  return true;
}

static bool read_tokenizer_files(arena *a, model *m, err *e) {
  TRY(refuse_other_tokenizers(a, m->path, e));
  TRY(tokenizer_read(a, path_join(a, m->path, "tokenizer.json"), &m->tokenizer, e));
  TRY(check_vocabulary(m, e));
  const char *config = path_join(a, m->path, "tokenizer_config.json");
  if (file_exists(config)) {
    json d;
    TRY(json_read(config, TOKENIZER_CONFIG_LIMIT, &d, e));
    bool ok = read_token_text(a, &d, "bos_token", &m->bos_text, e) && read_token_text(a, &d, "eos_token", &m->eos_text, e) &&
              read_chat_template(a, &d, m, e);
    json_free(&d);
    if (!ok) return false;
  }
  const char *jinja = path_join(a, m->path, "chat_template.jinja");
  if (file_exists(jinja)) {
    char *source;
    TRY(file_read(a, jinja, JSON_LIMIT, &source, NULL, e));
    m->chat_template = source;
  }
  if (*m->eos_text) add_eos(&m->config, tokenizer_id(m->tokenizer, m->eos_text));
  return true;
}

static const char *const *names_of(const model_family *f, bool is_gguf) {
  return is_gguf ? f->gguf_architectures : f->hf_architectures;
}

static bool has_architecture(const model_family *f, bool is_gguf, const char *name) {
  const char *const *known = names_of(f, is_gguf);
  while (*known && strcmp(*known, name)) known++;
  return *known;
}

static bool pick_family(const char *file, const char *key, const char *name, model *m, err *e) {
  char all[512], quoted[QUOTE_BYTES];
  size_t used = 0;
  for (int i = 0; i < N_FAMILIES; i++) {
    if (has_architecture(families[i], m->is_gguf, name)) m->family = families[i];
    for (const char *const *known = names_of(families[i], m->is_gguf); *known; known++) {
      used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", used ? ", " : "", *known);
      REQUIRE(used < sizeof all, "names of %d families", N_FAMILIES);
    }
  }
  if (m->family) return true;
  return ERR(e, "%s: %s: expected one of %s, found %s: that family is not supported yet", file, key, all,
             quote_string(name, quoted));
}

static bool pick_family_hf(arena *a, const json *d, model *m, err *e) {
  cJSON *list;
  TRY(json_array(d, d->root, "", "architectures", &list, e));
  const char *name = list->child && cJSON_IsString(list->child) ? list->child->valuestring : "none";
  const char *language_model[2]; // that a classifier is made of
  const int n_names = classifier_bases(a, name, language_model);
  for (int i = 0; i < N_FAMILIES; i++)
    for (int k = 0; k < n_names; k++)
      if (has_architecture(families[i], false, language_model[k])) m->family = families[i];
  if (m->family) return classifier_read_labels(a, d, &m->labels, &m->labels_are_numbers, e);
  return pick_family(d->origin, "architectures", name, m, e);
}

static bool read_stored_type(const json *d, model *m, err *e) {
  const char *name = "";
  const char *keys[] = {"torch_dtype", "dtype"}; // the second is transformers 5's; other types than text say nothing to us
  for (int i = 0; i < 2; i++) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(d->root, keys[i]);
    if (cJSON_IsString(v)) name = v->valuestring;
  }
  m->stored = !strcmp(name, "bfloat16") ? DTYPE_BF16 : !strcmp(name, "float16") ? DTYPE_F16 : DTYPE_F32;
  return json_number_or(d, d->root, "", "pretraining_tokens", &m->config.pretraining_tokens, e);
}

static bool read_hf_config(arena *a, model *m, err *e) {
  const char *path = path_join(a, m->path, "config.json"), *generation = path_join(a, m->path, "generation_config.json");
  json d;
  TRY(json_read(path, JSON_LIMIT, &d, e));
  bool ok = pick_family_hf(a, &d, m, e) && m->family->config_from_hf(&d, &m->config, e) && check_config(path, &m->config, e) &&
            read_token_ids(&d, &m->config, e) && read_stored_type(&d, m, e);
  json_free(&d);
  if (!ok || !file_exists(generation)) return ok;
  TRY(json_read(generation, JSON_LIMIT, &d, e));
  ok = read_token_ids(&d, &m->config, e);
  json_free(&d);
  return ok;
}

static bool open_hf(arena *a, model *m, const opening *o, err *e) {
  if (!file_exists(path_join(a, m->path, "config.json")))
    return ERR(e, "%s: expected a model directory with config.json, tokenizer.json and model.safetensors, found no config.json",
               m->path);
  TRY(read_hf_config(a, m, e));
  if (o->tokenizer) {
    TRY(read_tokenizer_files(a, m, e));
    set_token_texts(m);
  }
  if (o->weights) TRY(safetensors_open_model(a, m->path, &m->weights, e));
  // A plan's need not be there: then config.json says the type.
  const bool there = file_exists(path_join(a, m->path, "model.safetensors")) ||
                     file_exists(path_join(a, m->path, "model.safetensors.index.json"));
  if (o->shape && there) TRY(safetensors_open_model(a, m->path, &m->weights, e));
  return list_params(a, m, o, e);
}

// --- GGUF ----------------------------------------------------------------------------------------------------------------

static bool open_gguf(arena *a, model *m, const opening *o, err *e) {
  const char *architecture;
  TRY(gguf_open(a, m->path, &m->gguf, e));
  m->is_gguf = true;
  TRY(gguf_get_string(a, &m->gguf, "general.architecture", &architecture, e));
  TRY(pick_family(m->path, "general.architecture", architecture, m, e));
  TRY(m->family->config_from_gguf(a, &m->gguf, &m->config, e));
  TRY(check_config(m->path, &m->config, e));
  if (!o->tokenizer) return list_params(a, m, o, e);
  TRY(tokenizer_from_gguf(a, &m->gguf, &m->tokenizer, e));
  uint32_t bos = UINT32_MAX, eos = UINT32_MAX, eot = UINT32_MAX, eom = UINT32_MAX;
  TRY(gguf_get_u32_or(&m->gguf, "tokenizer.ggml.bos_token_id", &bos, e));
  TRY(gguf_get_u32_or(&m->gguf, "tokenizer.ggml.eos_token_id", &eos, e));
  TRY(gguf_get_u32_or(&m->gguf, "tokenizer.ggml.eot_token_id", &eot, e));
  TRY(gguf_get_u32_or(&m->gguf, "tokenizer.ggml.eom_token_id", &eom, e));
  if (bos < m->config.vocab_size) m->config.bos_id = (int32_t)bos;
  if (eos < m->config.vocab_size) add_eos(&m->config, (int32_t)eos);
  if (eot < m->config.vocab_size) add_eos(&m->config, (int32_t)eot);
  if (eom < m->config.vocab_size) add_eos(&m->config, (int32_t)eom);
  if (gguf_find(&m->gguf, "tokenizer.chat_template"))
    TRY(gguf_get_string(a, &m->gguf, "tokenizer.chat_template", &m->chat_template, e));
  set_token_texts(m);
  TRY(check_vocabulary(m, e));
  return list_params(a, m, o, e);
}

// --- public --------------------------------------------------------------------------------------------------------------

// "org/name" is what other tools take; here it must be on disk.
static bool no_such_path(const char *path, err *e) {
  const char *slash = strchr(path, '/');
  bool hub = slash && slash != path && slash[1] && !strchr(slash + 1, '/') && path[0] != '.' && path[0] != '~';
  if (!hub) return ERR(e, "%s: no such file or directory (expected a Hugging Face model directory or a GGUF file)", path);
  return ERR(
      e,
      "%s: no such directory. vkift does not download models. If this is a model on the Hugging Face hub, fetch config.json, "
      "generation_config.json, model.safetensors (with its index and shards, if it has any), tokenizer.json and "
      "tokenizer_config.json into a directory, for instance by: hf download %s --local-dir %s",
      path, path, path_name(path));
}

static bool open_parts(arena *a, const char *path, const opening *o, model **out, err *e) {
  if (!file_exists(path)) return no_such_path(path, e);
  model *m = ARENA_NEW(a, model);
  m->path = path_trim(a, path); // its last part names the base in adapters
  m->bos_text = m->eos_text = "";
  m->config.bos_id = -1;
  bool ok = file_is_dir(path) ? open_hf(a, m, o, e) : open_gguf(a, m, o, e);
  if (!ok) {
    model_close(m);
    return false;
  }
  *out = m;
  return true;
}

bool model_open(arena *a, const char *path, bool random, model **out, err *e) {
  return open_parts(a, path, &(opening){.tokenizer = true, .weights = !random}, out, e);
}

bool model_open_shape(arena *a, const char *path, bool with_tokenizer, model **out, err *e) {
  return open_parts(a, path, &(opening){.tokenizer = with_tokenizer, .shape = true}, out, e);
}

model *model_of_config(arena *a, const char *name, const struct model_family *family, const model_config *c) {
  model *m = ARENA_NEW(a, model);
  *m = (model){.path = name, .family = family, .config = *c, .bos_text = "", .eos_text = ""};
  const opening o = {.shape = true};
  REQUIRE(list_params(a, m, &o, NULL), "parameters of %s", name);
  return m;
}

void model_close(model *m) {
  if (!m) return;
  tokenizer_free(m->tokenizer);
  if (m->is_gguf) gguf_close(&m->gguf);
  weights_close(&m->weights);
}

model_param *model_find(const model *m, const char *name) {
  for (uint32_t i = 0; i < m->n_params; i++)
    if (!strcmp(m->params[i].name, name)) return &m->params[i];
  return NULL;
}

model_param *model_embedding(const model *m) {
  return model_find(m, m->family->embedding);
}

void model_make_classifier(arena *a, model *m, const strings *labels) {
  const bool is_one = m->labels.n > 0;
  REQUIRE(!is_one || m->labels.n == labels->n, "a head of %u labels for %u", m->labels.n, labels->n);
  m->labels = *labels;
  m->labels_are_numbers = false;
  if (is_one) return;
  list_score(a, m);
  count_parameters(m);
}

model_param *model_head(const model *m) {
  model_param *head = model_find(m, m->labels.n ? SCORE : "lm_head.weight");
  return head ? head : model_embedding(m);
}

tensor *model_head_loss(const model_forward *f, tensor *h, tensor *ids) {
  const float cap = f->m->labels.n ? 0 : (float)f->m->config.logits_cap; // which is that of a language model's head
  return op_head_loss_capped(f->g, h, model_head(f->m)->t, ids, cap);
}

bool model_is_eos(const model *m, int32_t id) {
  for (uint32_t i = 0; i < m->config.n_eos; i++)
    if (m->config.eos_ids[i] == id) return true;
  return false;
}

tensor *model_build(const model_forward *f) {
  return f->m->family->build(f);
}
