// Metadata by the names of ggml's docs/gguf.md; which tensors stay as they are, as llama.cpp's converter and llama-quantize have it.
#include "models/save_gguf.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "base/file.h"
#include "base/quantize.h"
#include "data/mask.h"
#include "io/json.h"

// --- metadata --------------------------------------------------------------------------------------------------------------

const char *gguf_config_key(arena *a, const model *m, const char *rest) {
  return arena_printf(a, "%s.%s", m->family->gguf_architectures[0], rest);
}

static bool put_rope(arena *a, const model *m, gguf_config *out, err *e) {
  const model_config *c = &m->config;
  gguf_put_u32(out->meta, gguf_config_key(a, m, "rope.dimension_count"), model_rotary_dim(c));
  gguf_put_f32(out->meta, gguf_config_key(a, m, "rope.freq_base"), (float)c->rope_theta);
  if (c->scaling == ROPE_LINEAR) {
    gguf_put_string(out->meta, gguf_config_key(a, m, "rope.scaling.type"), "linear");
    gguf_put_f32(out->meta, gguf_config_key(a, m, "rope.scaling.factor"), (float)c->rope_factor);
  }
  if (c->scaling == ROPE_PLAIN || c->scaling == ROPE_LINEAR || out->n_extra) return true;
  return ERR(e, "%s: rope_scaling: expected none or linear, since GGUF has no other for %s: --format hf writes it", m->path,
             m->family->gguf_architectures[0]);
}

bool gguf_config_common(arena *a, const model *m, uint32_t context, gguf_config *out, err *e) {
  const model_config *c = &m->config;
  const struct {
    const char *key;
    uint32_t value;
  } numbers[] = {{"block_count", c->n_layers},          {"context_length", context},
                 {"embedding_length", c->hidden_size},  {"feed_forward_length", c->intermediate_size},
                 {"attention.head_count", c->n_heads},  {"attention.head_count_kv", c->n_kv_heads},
                 {"attention.key_length", c->head_dim}, {"attention.value_length", c->head_dim},
                 {"vocab_size", c->vocab_size}};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    gguf_put_u32(out->meta, gguf_config_key(a, m, numbers[i].key), numbers[i].value);
  const char *eps = c->learned_positions ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon";
  gguf_put_f32(out->meta, gguf_config_key(a, m, eps), (float)c->rms_norm_eps);
  return c->learned_positions || put_rope(a, m, out, e);
}

// llama.cpp's enum llama_ftype.
static uint32_t file_type(dtype t) {
  switch (t) {
    case DTYPE_F32: return 0;
    case DTYPE_F16: return 1;
    case DTYPE_Q4_0: return 2;
    case DTYPE_Q8_0: return 7;
    case DTYPE_BF16: return 32;
    default: REQUIRE(false, "a file of %s", dtype_get(t)->name);
  }
}

static bool is_replaced(const gguf_meta *meta, const char *key) {
  static const char *const prefixes[] = {"tokenizer.chat_template", "split.", "quantize.", "general.alignment",
                                         "general.quantized_by"};
  static const char *const keys[] = {"general.architecture",        "general.type",
                                     "general.file_type",           "general.quantization_version",
                                     "tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                                     "tokenizer.ggml.eom_token_id"};
  bool replaced = gguf_meta_has(meta, key);
  for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) replaced |= !strncmp(key, prefixes[i], strlen(prefixes[i]));
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) replaced |= !strcmp(key, keys[i]);
  return replaced;
}

// pad_token_id of config.json, or the pad_token of tokenizer_config.json.
static bool read_pad(const model *m, int32_t *id, err *e) {
  cJSON *config, *tokens;
  *id = -1;
  TRY(save_own_json(m, "config.json", &config, e));
  if (!save_own_json(m, "tokenizer_config.json", &tokens, e)) return cJSON_Delete(config), false;
  const cJSON *number = cJSON_GetObjectItemCaseSensitive(config, "pad_token_id");
  const cJSON *pad = cJSON_GetObjectItemCaseSensitive(tokens, "pad_token");
  if (cJSON_IsObject(pad)) pad = cJSON_GetObjectItemCaseSensitive(pad, "content");
  if (cJSON_IsString(pad)) *id = tokenizer_id(m->tokenizer, pad->valuestring);
  else if (cJSON_IsNumber(number) && number->valuedouble >= 0 && number->valuedouble < m->config.vocab_size)
    *id = (int32_t)number->valuedouble;
  cJSON_Delete(config);
  cJSON_Delete(tokens);
  return true;
}

// How prompts begin, as the model was trained on them: a chat template has only what it writes, whatever the tokenizer would add.
static void see_beginning(const model *m, const prompt_style *prompt, gguf_special_ids *ids) {
  const char *bos = mask_added_bos(m->tokenizer);
  const message hello = {.role = ROLE_USER, .content = "Hello"};
  token_list tokens = {0};
  rendered r;
  err e = {0};
  ids->begins_with_text = true;
  if (prompt->kind == PROMPT_ALPACA || !prompt_render(prompt, &hello, 1, true, &r, &e)) return;
  ids->without_bos = *bos && strncmp(r.text.data, bos, strlen(bos));
  if (tokenizer_encode(m->tokenizer, r.text.data, r.text.length, (const uint8_t *)r.content.data, false, &tokens, &e) && tokens.n)
    ids->begins_with_text = !tokenizer_is_added(m->tokenizer, tokens.items[0].id);
  token_list_free(&tokens);
  rendered_free(&r);
}

// The model's EOS that is not the end of a turn ends an answer as well.
static gguf_special_ids special_ids(const model *m, const prompt_style *prompt) {
  gguf_special_ids ids = {.bos = m->config.bos_id, .eos = save_end_id(m, prompt), .eom = -1, .pad = -1};
  see_beginning(m, prompt, &ids);
  for (uint32_t i = 0; i < m->config.n_eos && ids.eom < 0; i++)
    if (m->config.eos_ids[i] != ids.eos) ids.eom = m->config.eos_ids[i];
  return ids;
}

static void put_general(const model *m, const char *kind, gguf_meta *meta) {
  gguf_put_string(meta, "general.architecture", m->family->gguf_architectures[0]);
  gguf_put_string(meta, "general.type", kind);
}

static void copy_metadata(const model *m, const gguf_special_ids *ids, gguf_meta *meta) {
  if (ids->without_bos) gguf_put_bool(meta, "tokenizer.ggml.add_bos_token", false);
  for (uint64_t i = 0; i < m->gguf.n_values; i++)
    if (!is_replaced(meta, m->gguf.values[i].key)) gguf_put_value(meta, &m->gguf.values[i]);
  if (ids->eos >= 0) gguf_put_u32(meta, "tokenizer.ggml.eos_token_id", (uint32_t)ids->eos);
  if (ids->eom >= 0) gguf_put_u32(meta, "tokenizer.ggml.eom_token_id", (uint32_t)ids->eom);
}

// llama.cpp reads one thing of a tokenizer from the model's name.
static const char *name_of(arena *a, const model *m) {
  const char *name = path_name(m->path);
  const bool is_phi3 = tokenizer_is_phi3(m->tokenizer), says_so = tokenizer_gguf_phi3_name(name);
  if (is_phi3 == says_so) return name;
  return is_phi3 ? arena_printf(a, "Phi-3 %s", name) : "model";
}

static bool put_metadata(arena *a, const model *m, const prompt_style *prompt, dtype type, gguf_config *out, err *e) {
  gguf_special_ids ids = special_ids(m, prompt);
  put_general(m, "model", out->meta);
  gguf_put_u32(out->meta, "general.file_type", file_type(type));
  gguf_put_u32(out->meta, "general.quantization_version", 2);
  gguf_put_string(out->meta, "tokenizer.chat_template", prompt_to_jinja(a, prompt));
  if (m->is_gguf) {
    copy_metadata(m, &ids, out->meta);
    return true;
  }
  if (ids.eos < 0)
    return ERR(e,
               "%s: eos_token_id: expected a token that ends an answer, found none, for which llama.cpp would take another one: "
               "--format hf writes it",
               m->path);
  gguf_put_string(out->meta, "general.name", name_of(a, m));
  TRY(m->family->config_to_gguf ? m->family->config_to_gguf(a, m, out, e)
                                : gguf_config_common(a, m, m->config.max_positions, out, e));
  TRY(read_pad(m, &ids.pad, e));
  return tokenizer_to_gguf(m->tokenizer, m->config.vocab_size, &ids, out->meta, e);
}

// --- tensors ---------------------------------------------------------------------------------------------------------------

static uint64_t elements_of(const model_param *p) {
  return (uint64_t)p->shape[0] * (p->n_dims > 1 ? p->shape[1] : 1);
}

static bool stays_f32(const model_param *p) {
  static const char *const names[] = {"_norm.weight", "position_embd.weight", "token_types.weight"};
  bool stays = p->n_dims < 2;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) stays |= path_ends_with(p->gguf_name, names[i]);
  return stays;
}

static dtype own_type(const model *m) {
  for (uint32_t i = 0; i < m->n_params; i++) {
    const model_param *p = &m->params[i];
    if (p->n_dims < 2 || !p->source) continue;
    return dtype_get(p->source->type)->block_elements > 1 ? DTYPE_F16 : p->source->type;
  }
  return DTYPE_F32;
}

// llama-quantize gives the head six bits beside four, in blocks that vkift does not write: eight keep more.
static dtype choose_type(const model *m, const model_param *p, save_gguf_result *r) {
  if (stays_f32(p)) return DTYPE_F32;
  if (p->shape[1] % dtype_get(r->type)->block_elements) {
    if (!r->n_f16++) r->first_f16 = p->gguf_name;
    return DTYPE_F16;
  }
  return r->type == DTYPE_Q4_0 && p == model_head(m) ? DTYPE_Q8_0 : r->type;
}

static bool is_param(const model *m, const weight *x) {
  for (uint32_t i = 0; i < m->n_params; i++)
    if (m->params[i].source == x) return true;
  return false;
}

typedef struct tensor_list {
  gguf_tensor *rows;
  const void **data; // NULL: of a parameter
  uint64_t n;
} tensor_list;

static void add_tensor(tensor_list *l, const char *name, dtype type, uint32_t n_dims, const uint32_t *shape, const void *data) {
  gguf_tensor *t = &l->rows[l->n];
  l->data[l->n++] = data;
  *t = (gguf_tensor){.name = name, .type = type, .n_dims = n_dims};
  memcpy(t->shape, shape, n_dims * sizeof *shape);
}

// The parameters first, in their order.
static bool list_tensors(arena *a, const model *m, const gguf_config *c, save_gguf_result *r, tensor_list *l, err *e) {
  const uint64_t most = m->n_params + c->n_extra + (m->is_gguf ? m->gguf.weights.n : 0);
  *l = (tensor_list){ARENA_ARRAY(a, gguf_tensor, most), ARENA_ARRAY(a, const void *, most), 0};
  uint32_t n_matrices = 0;
  for (uint32_t i = 0; i < m->n_params; i++) {
    const model_param *p = &m->params[i];
    if (!p->gguf_name) return ERR(e, "%s: tensor %s: GGUF has no place for it: --format hf writes it", m->path, p->name);
    n_matrices += !stays_f32(p);
    add_tensor(l, p->gguf_name, choose_type(m, p, r), p->n_dims, p->shape, NULL);
  }
  if (n_matrices && r->n_f16 == n_matrices) {
    const model_param *p = &m->params[0];
    return ERR(e, "%s: tensor %s: expected rows that are a multiple of %u for %s, found shape [%u, %u], and no other that fits",
               m->path, p->gguf_name, dtype_get(r->type)->block_elements, dtype_get(r->type)->name, p->shape[0], p->shape[1]);
  }
  for (uint32_t i = 0; i < c->n_extra; i++) add_tensor(l, c->extra[i].name, DTYPE_F32, 1, &c->extra[i].n, c->extra[i].values);
  for (uint64_t i = 0; m->is_gguf && i < m->gguf.weights.n; i++) {
    const weight *x = &m->gguf.weights.items[i];
    if (!is_param(m, x)) add_tensor(l, x->name, x->type, x->n_dims, x->shape, x->data);
  }
  return true;
}

static bool write_values(gguf_writer *w, const char *file, const float *values, uint64_t n, err *e) {
  const gguf_tensor *t = &w->tensors[w->next];
  TRY(save_check_values(file, t->name, t->type, values, n, e));
  arena *a = arena_new("tensor on its way to a GGUF file");
  void *stored = arena_alloc(a, gguf_tensor_bytes(t));
  quantize(t->type, values, stored, n);
  const bool ok = gguf_write(w, stored, e);
  arena_free(a);
  return ok;
}

static bool write_param(gguf_writer *w, const model *m, const model_param *p, save_values *values, void *user, err *e) {
  arena *a = arena_new("parameter on its way to a GGUF file");
  const uint64_t n = elements_of(p);
  float *f = ARENA_ARRAY(a, float, n);
  bool ok = values(user, p, f, e);
  if (ok) model_to_gguf(p, f, p->n_dims > 1 ? p->shape[1] : 1);
  ok = ok && write_values(w, m->path, f, n, e);
  arena_free(a);
  return ok;
}

static bool finish(gguf_writer *w, bool ok, err *e) {
  if (ok) return gguf_commit(w, e);
  gguf_abort(w);
  return false;
}

bool save_gguf(const model *m, const prompt_style *prompt, const char *path, dtype type, save_values *values, void *user,
               save_gguf_result *result, err *e) {
  arena *a = arena_new("GGUF file");
  gguf_meta meta = {0};
  gguf_config config = {.meta = &meta};
  gguf_writer w;
  tensor_list list;
  *result = (save_gguf_result){.type = type == DTYPE_COUNT ? own_type(m) : type};
  bool ok = put_metadata(a, m, prompt, result->type, &config, e) && list_tensors(a, m, &config, result, &list, e) &&
            gguf_create(path, &meta, list.rows, list.n, &w, e);
  if (ok) {
    for (uint64_t i = 0; ok && i < list.n; i++)
      ok = list.data[i] ? gguf_write(&w, list.data[i], e) : write_param(&w, m, &m->params[i], values, user, e);
    ok = finish(&w, ok, e);
  }
  gguf_meta_free(&meta);
  arena_free(a);
  return ok;
}

// --- an adapter ------------------------------------------------------------------------------------------------------------

// llama.cpp scales by alpha / r.
static float gguf_alpha(const adapter_config *c) {
  return (float)(adapter_scale(c) * c->r);
}

static gguf_tensor *list_adapter(arena *a, const adapter *ad, dtype type) {
  gguf_tensor *rows = ARENA_ARRAY(a, gguf_tensor, 2 * (uint64_t)ad->n);
  for (uint32_t i = 0; i < ad->n; i++) {
    const adapter_entry *x = &ad->entries[i];
    rows[2 * i] = (gguf_tensor){arena_printf(a, "%s.lora_a", x->param->gguf_name), type, 2, {x->a->shape[0], x->a->shape[1]}};
    rows[2 * i + 1] = (gguf_tensor){arena_printf(a, "%s.lora_b", x->param->gguf_name), type, 2, {x->b->shape[0], x->b->shape[1]}};
  }
  return rows;
}

static bool write_low_rank(gguf_writer *w, const weights *file, const adapter_entry *x, bool is_b, err *e) {
  arena *a = arena_new("adapter tensor");
  const tensor *t = is_b ? x->b : x->a;
  const uint64_t n = tensor_elements(t);
  const weight *source = weights_find(file, t->name);
  float *values = ARENA_ARRAY(a, float, n);
  dtype_to_f32(source->type, source->data, values, n);
  if (is_b) model_to_gguf(x->param, values, t->shape[1]);
  const bool ok = write_values(w, source->file, values, n, e);
  arena_free(a);
  return ok;
}

static bool check_low_rank(const adapter *ad, const weights *file, err *e) {
  for (uint64_t i = 0; i < file->n; i++) {
    bool known = false;
    for (uint32_t k = 0; !known && k < ad->n; k++)
      known = !strcmp(file->items[i].name, ad->entries[k].a_name) || !strcmp(file->items[i].name, ad->entries[k].b_name);
    if (!known)
      return ERR(
          e, "%s: tensor %s: a GGUF adapter has low-rank terms only: DoRA and modules_to_save have to be merged (--format gguf)",
          file->items[i].file, file->items[i].name);
  }
  return true;
}

bool save_gguf_adapter(const model *m, const prompt_style *prompt, const adapter *ad, const weights *file, const char *path,
                       dtype type, err *e) {
  TRY(check_low_rank(ad, file, e));
  arena *a = arena_new("GGUF adapter");
  gguf_meta meta = {0};
  gguf_writer w;
  put_general(m, "adapter", &meta);
  gguf_put_string(&meta, "general.name", path_name(m->path));
  gguf_put_string(&meta, "adapter.type", "lora");
  gguf_put_f32(&meta, "adapter.lora.alpha", gguf_alpha(&ad->config));
  gguf_put_string(&meta, "tokenizer.chat_template", prompt_to_jinja(a, prompt));
  bool ok = gguf_create(path, &meta, list_adapter(a, ad, type), 2 * (uint64_t)ad->n, &w, e);
  if (ok) {
    for (uint32_t i = 0; ok && i < ad->n; i++)
      ok = write_low_rank(&w, file, &ad->entries[i], false, e) && write_low_rank(&w, file, &ad->entries[i], true, e);
    ok = finish(&w, ok, e);
  }
  gguf_meta_free(&meta);
  arena_free(a);
  return ok;
}
