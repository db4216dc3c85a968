#include "models/save.h"

#include <math.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/file.h"
#include "io/json.h"
#include "models/classifier.h"

static bool write_json(const char *dir, const char *name, const cJSON *o, err *e) {
  arena *a = arena_new("path");
  text out = {0};
  json_print(o, &out);
  const bool ok = file_replace(path_join(a, dir, name), out.data, out.length, e);
  text_free(&out);
  arena_free(a);
  return ok;
}

static bool write_text(const char *dir, const char *name, const char *data, size_t length, err *e) {
  arena *a = arena_new("path");
  const bool ok = file_replace(path_join(a, dir, name), data, length, e);
  arena_free(a);
  return ok;
}

bool save_own_json(const model *m, const char *name, cJSON **out, err *e) {
  *out = NULL;
  arena *a = arena_new("path");
  const char *path = path_join(a, m->path, name);
  bool ok = true;
  if (!m->is_gguf && file_exists(path)) {
    json d;
    ok = json_read(path, 16 << 20, &d, e);
    if (ok) *out = cJSON_Duplicate(d.root, true);
    if (ok) json_free(&d);
  }
  arena_free(a);
  if (ok && !cJSON_IsObject(*out)) {
    cJSON_Delete(*out);
    *out = cJSON_CreateObject();
  }
  return ok;
}

static void set(cJSON *o, const char *key, cJSON *value) {
  if (cJSON_GetObjectItemCaseSensitive(o, key)) cJSON_ReplaceItemInObjectCaseSensitive(o, key, value);
  else cJSON_AddItemToObject(o, key, value);
}

// --- what texts of a classifier are padded by ----------------------------------------------------------------------------

static const char *known_token(arena *a, const model *m, const cJSON *given) {
  if (cJSON_IsObject(given)) given = cJSON_GetObjectItemCaseSensitive(given, "content");
  return cJSON_IsString(given) && tokenizer_id(m->tokenizer, given->valuestring) >= 0 ? arena_strdup(a, given->valuestring)
                                                                                      : NULL;
}

static const char *token_of_id(const model *m, const cJSON *id) {
  const bool valid = cJSON_IsNumber(id) && id->valuedouble >= 0 && id->valuedouble < m->config.vocab_size;
  const bool added = valid && tokenizer_is_added(m->tokenizer, (int32_t)id->valuedouble);
  return added ? tokenizer_content(m->tokenizer, (int32_t)id->valuedouble) : NULL;
}

// transformers looks for a text's last token in front of its padding: the tokenizer that pads and the model that looks have to name
// the same token. It is the tokenizer's, else the model's, else the end of a text.
static bool find_padding(arena *a, const model *m, const char **out, err *e) {
  cJSON *tokens, *config;
  TRY(save_own_json(m, "tokenizer_config.json", &tokens, e));
  *out = known_token(a, m, cJSON_GetObjectItemCaseSensitive(tokens, "pad_token"));
  cJSON_Delete(tokens);
  if (*out) return true;
  TRY(save_own_json(m, "config.json", &config, e));
  *out = token_of_id(m, cJSON_GetObjectItemCaseSensitive(config, "pad_token_id"));
  cJSON_Delete(config);
  if (!*out) *out = m->eos_text;
  return true;
}

// A classifier has no turns to end. padding: NULL of a language model, whose own stays.
static cJSON *token_map(const model *m, const prompt_style *prompt, const char *padding, cJSON *o) {
  const char *end = *prompt->end_of_turn && !m->labels.n ? prompt->end_of_turn : m->eos_text;
  if (*m->bos_text) set(o, "bos_token", cJSON_CreateString(m->bos_text));
  if (*end || !m->labels.n) set(o, "eos_token", cJSON_CreateString(end));
  if (padding && *padding) set(o, "pad_token", cJSON_CreateString(padding));
  return o;
}

static bool write_tokenizer_config(const model *m, const prompt_style *prompt, const char *padding, const char *jinja,
                                   const char *dir, err *e) {
  cJSON *o;
  TRY(save_own_json(m, "tokenizer_config.json", &o, e));
  token_map(m, prompt, padding, o);
  if (!m->labels.n) set(o, "chat_template", cJSON_CreateString(jinja));
  if (!cJSON_GetObjectItemCaseSensitive(o, "tokenizer_class"))
    set(o, "tokenizer_class", cJSON_CreateString("PreTrainedTokenizerFast"));
  if (!cJSON_GetObjectItemCaseSensitive(o, "model_max_length"))
    set(o, "model_max_length", cJSON_CreateNumber(m->config.max_positions));
  if (!cJSON_GetObjectItemCaseSensitive(o, "clean_up_tokenization_spaces"))
    set(o, "clean_up_tokenization_spaces", cJSON_CreateFalse());
  const bool ok = write_json(dir, "tokenizer_config.json", o, e);
  cJSON_Delete(o);
  return ok;
}

bool save_tokenizer(const model *m, const prompt_style *prompt, const char *dir, err *e) {
  arena *a = arena_new("tokenizer files");
  const char *jinja = prompt_to_jinja(a, prompt), *padding = NULL;
  text source = {0};
  cJSON *map = NULL;
  bool ok = (!m->labels.n || find_padding(a, m, &padding, e)) && tokenizer_to_json(m->tokenizer, &source, e) &&
            write_text(dir, "tokenizer.json", source.data, source.length, e) &&
            write_tokenizer_config(m, prompt, padding, jinja, dir, e) &&
            (m->labels.n || write_text(dir, "chat_template.jinja", jinja, strlen(jinja), e)) &&
            save_own_json(m, "special_tokens_map.json", &map, e) &&
            write_json(dir, "special_tokens_map.json", token_map(m, prompt, padding, map), e);
  cJSON_Delete(map);
  text_free(&source);
  arena_free(a);
  return ok;
}

int32_t save_end_id(const model *m, const prompt_style *prompt) {
  const int32_t end = tokenizer_id(m->tokenizer, prompt->end_of_turn);
  return end >= 0 || !m->config.n_eos ? end : m->config.eos_ids[0];
}

dtype save_type(const model_param *p, dtype forced) {
  if (forced != DTYPE_COUNT) return forced;
  const bool half = p->source && (p->source->type == DTYPE_F16 || p->source->type == DTYPE_BF16);
  return half ? p->source->type : DTYPE_F32;
}

bool save_check_values(const char *file, const char *name, dtype type, const float *x, uint64_t n, err *e) {
  const bool half = type == DTYPE_F16;
  for (uint64_t i = 0; i < n; i++)
    if (!(fabsf(x[i]) < (half ? 65520 : INFINITY)))
      return ERR(e, "%s: tensor %s: element %llu: expected a number that fits %s, found %g%s", file, name, (unsigned long long)i,
                 dtype_get(type)->name, (double)x[i], half && isfinite(x[i]) ? " (--dtype bf16 holds it)" : "");
  return true;
}

// The token that ends a turn first, then the model's other ends.
static bool write_generation_config(const model *m, const prompt_style *prompt, const char *dir, err *e) {
  cJSON *o;
  TRY(save_own_json(m, "generation_config.json", &o, e));
  cJSON *list = cJSON_CreateArray();
  const int32_t end = tokenizer_id(m->tokenizer, prompt->end_of_turn);
  if (end >= 0) cJSON_AddItemToArray(list, cJSON_CreateNumber(end));
  for (uint32_t i = 0; i < m->config.n_eos; i++)
    if (m->config.eos_ids[i] != end) cJSON_AddItemToArray(list, cJSON_CreateNumber(m->config.eos_ids[i]));
  if (m->config.bos_id >= 0) set(o, "bos_token_id", cJSON_CreateNumber(m->config.bos_id));
  set(o, "eos_token_id", list);
  const bool ok = write_json(dir, "generation_config.json", o, e);
  cJSON_Delete(o);
  return ok;
}

static const char *torch_type(dtype t) {
  return t == DTYPE_F16 ? "float16" : t == DTYPE_BF16 ? "bfloat16" : "float32";
}

static bool put_classifier(arena *a, const model *m, cJSON *o, err *e) {
  const char *padding;
  TRY(find_padding(a, m, &padding, e));
  const int32_t id = tokenizer_id(m->tokenizer, padding);
  classifier_put_config(o, &m->labels);
  if (id >= 0) set(o, "pad_token_id", cJSON_CreateNumber(id));
  return true;
}

static bool write_config(const model *m, const prompt_style *prompt, dtype written, const char *dir, err *e) {
  arena *a = arena_new("config.json");
  const char *source;
  json d = {0};
  bool ok = model_config_json(a, m, &source, e) && json_parse("config.json", source, strlen(source), &d, e);
  if (ok) {
    json_keep_numbers(d.root, source);
    const int32_t end = tokenizer_id(m->tokenizer, prompt->end_of_turn);
    if (m->labels.n) ok = put_classifier(a, m, d.root, e);
    else if (end >= 0) set(d.root, "eos_token_id", cJSON_CreateNumber(end));
    const char *key = cJSON_GetObjectItemCaseSensitive(d.root, "dtype") ? "dtype" : "torch_dtype"; // transformers 5, 4
    set(d.root, key, cJSON_CreateString(torch_type(written)));
    ok = ok && write_json(dir, "config.json", d.root, e);
    json_free(&d);
  }
  arena_free(a);
  return ok;
}

static bool write_weights(const model *m, const char *dir, dtype forced, save_values *values, void *user, err *e) {
  arena *a = arena_new("weights file");
  safetensors_tensor *rows = ARENA_ARRAY(a, safetensors_tensor, m->n_params);
  for (uint32_t i = 0; i < m->n_params; i++) {
    const model_param *p = &m->params[i];
    const bool turned = p->hf_transposed;
    rows[i] = (safetensors_tensor){p->name, save_type(p, forced), p->n_dims, {p->shape[turned], p->shape[!turned]}};
  }
  static const char *const metadata[][2] = {{"format", "pt"}};
  safetensors_writer w;
  bool ok = safetensors_create(path_join(a, dir, "model.safetensors"), rows, m->n_params, metadata, 1, &w, e);
  const bool open = ok;
  for (uint32_t i = 0; ok && i < m->n_params; i++) {
    const model_param *p = &m->params[i];
    const uint64_t n = (uint64_t)p->shape[0] * (p->n_dims > 1 ? p->shape[1] : 1);
    arena *scratch = arena_new("weight on its way to a file");
    float *f = ARENA_ARRAY(scratch, float, n);
    void *stored = arena_alloc(scratch, dtype_bytes(rows[i].type, n));
    ok = values(user, p, f, e);
    if (ok) {
      model_turn_for_hf(p, f);
      dtype_from_f32(rows[i].type, f, stored, n);
    }
    ok = ok && safetensors_write(&w, stored, dtype_bytes(rows[i].type, n), e);
    arena_free(scratch);
  }
  if (ok) ok = safetensors_commit(&w, e);
  else if (open) safetensors_abort(&w);
  arena_free(a);
  return ok;
}

bool save_model(const model *m, const prompt_style *prompt, const char *dir, dtype forced, save_values *values, void *user,
                err *e) {
  return write_weights(m, dir, forced, values, user, e) && write_config(m, prompt, save_type(&m->params[0], forced), dir, e) &&
         (m->labels.n || write_generation_config(m, prompt, dir, e)) && save_tokenizer(m, prompt, dir, e);
}
