// PEFT's two files: adapter_config.json and adapter_model.safetensors.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "io/json.h"
#include "models/adapter.h"
#include "models/load.h"

enum { CONFIG_LIMIT = 1 << 20 };
static const char SEQ_CLS[] = "SEQ_CLS";

// --- reading ---------------------------------------------------------------------------------------------------------

// Settings that change the result and that vkift does not have: only their neutral values are taken.
static bool refuse_what_we_lack(const json *d, err *e) {
  char found[64];
  const char *off[] = {"lora_bias", "use_qalora"};
  for (size_t i = 0; i < sizeof off / sizeof *off; i++) {
    bool on = false;
    TRY(json_bool_or(d, d->root, "", off[i], &on, e));
    if (on) return ERR(e, "%s: %s: expected false, found true: not supported", d->origin, off[i]);
  }
  const char *empty[] = {
      "rank_pattern",      "alpha_pattern",           "layers_to_transform",     "layer_replication", "exclude_modules",
      "target_parameters", "trainable_token_indices", "alora_invocation_tokens", "use_bdlora",        "arrow_config",
      "kasa_config",       "monteclora_config"};
  for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(d->root, empty[i]);
    if (v && !cJSON_IsNull(v) && (v->child || !(cJSON_IsObject(v) || cJSON_IsArray(v))))
      return ERR(e, "%s: %s: expected null or empty, found %s: not supported", d->origin, empty[i], json_describe(v, found));
  }
  const cJSON *init =
      cJSON_GetObjectItemCaseSensitive(d->root, "init_lora_weights"); // pissa, olora, loftq, corda change the base
  if (cJSON_IsString(init) && strcmp(init->valuestring, "gaussian") && strcmp(init->valuestring, "eva") &&
      strcmp(init->valuestring, "orthogonal"))
    return ERR(e,
               "%s: init_lora_weights: expected an initialisation that leaves the base model as it is, found %s: not supported",
               d->origin, json_describe(init, found));
  const char *bias = "none", *type = "", *task = "CAUSAL_LM";
  TRY(json_string(d, d->root, "", "peft_type", &type, e));
  TRY(json_string_or(d, d->root, "", "bias", &bias, e));
  TRY(json_string_or(d, d->root, "", "task_type", &task, e));
  if (strcmp(task, "CAUSAL_LM") && strcmp(task, SEQ_CLS))
    return ERR(e, "%s: task_type: expected CAUSAL_LM or SEQ_CLS, found \"%.60s\"", d->origin, task);
  if (strcmp(type, "LORA")) return ERR(e, "%s: peft_type: expected LORA, found %s", d->origin, type);
  if (strcmp(bias, "none")) return ERR(e, "%s: bias: expected none, found %s", d->origin, bias);
  return true;
}

static bool read_names(arena *a, const json *d, const char *key, const char *const **out, uint32_t *n, err *e) {
  const cJSON *v = cJSON_GetObjectItemCaseSensitive(d->root, key);
  char found[64];
  if (!cJSON_IsArray(v) || !v->child)
    return ERR(e, "%s: %s: expected a list of module names, found %s", d->origin, key, v ? json_describe(v, found) : "nothing");
  const char **list = ARENA_ARRAY(a, const char *, cJSON_GetArraySize(v));
  for (const cJSON *item = v->child; item; item = item->next) {
    if (!cJSON_IsString(item)) return ERR(e, "%s: %s: expected names, found %s", d->origin, key, json_describe(item, found));
    list[(*n)++] = arena_strdup(a, item->valuestring);
  }
  *out = list;
  return true;
}

static bool read_targets(arena *a, const json *d, adapter_config *c, err *e) {
  const cJSON *v = cJSON_GetObjectItemCaseSensitive(d->root, "target_modules");
  if (cJSON_IsString(v) && !strcmp(v->valuestring, "all-linear")) return true;
  return read_names(a, d, "target_modules", &c->targets, &c->n_targets, e);
}

// null, or a list that may be empty.
static bool read_whole(arena *a, const json *d, adapter_config *c, err *e) {
  const cJSON *v = cJSON_GetObjectItemCaseSensitive(d->root, "modules_to_save");
  if (!v || cJSON_IsNull(v) || (cJSON_IsArray(v) && !v->child)) return true;
  return read_names(a, d, "modules_to_save", &c->whole, &c->n_whole, e);
}

bool adapter_read_config(arena *a, const char *dir, adapter_config *c, err *e) {
  json d;
  const char *path = path_join(a, dir, "adapter_config.json");
  if (!file_exists(path)) return ERR(e, "%s: expected a PEFT adapter directory, found no adapter_config.json in it", dir);
  TRY(json_read(path, CONFIG_LIMIT, &d, e));
  *c = (adapter_config){0};
  bool ok = refuse_what_we_lack(&d, e) && json_u32(&d, d.root, "", "r", &c->r, e) &&
            json_number(&d, d.root, "", "lora_alpha", &c->alpha, e) &&
            json_number_or(&d, d.root, "", "lora_dropout", &c->dropout, e) &&
            json_bool_or(&d, d.root, "", "use_rslora", &c->rslora, e) && json_bool_or(&d, d.root, "", "use_dora", &c->dora, e) &&
            json_bool_or(&d, d.root, "", "fan_in_fan_out", &c->fan_in_fan_out, e) && read_targets(a, &d, c, e) &&
            read_whole(a, &d, c, e);
  const cJSON *task = cJSON_GetObjectItemCaseSensitive(d.root, "task_type");
  c->classifier = cJSON_IsString(task) && !strcmp(task->valuestring, SEQ_CLS);
  if (ok && (c->r < 1 || c->r > 4096)) ok = ERR(e, "%s: r: expected 1 to 4096, found %u", path, c->r);
  if (ok && !(c->alpha > 0 && isfinite((float)c->alpha)))
    ok = ERR(e, "%s: lora_alpha: expected a number above 0, found %g", path, c->alpha);
  if (ok && !(c->dropout >= 0 && c->dropout < 1))
    ok = ERR(e, "%s: lora_dropout: expected 0 to below 1, found %g", path, c->dropout);
  json_free(&d);
  return ok;
}

// --- writing ---------------------------------------------------------------------------------------------------------

static int by_text(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// Keys in the order of the alphabet, as PEFT writes them.
static bool write_config(const adapter *ad, const char *path, const char *base_name, err *e) {
  const adapter_config *c = &ad->config;
  cJSON *o = cJSON_CreateObject();
  cJSON_AddItemToObject(o, "alpha_pattern", cJSON_CreateObject());
  cJSON_AddStringToObject(o, "base_model_name_or_path", base_name);
  cJSON_AddStringToObject(o, "bias", "none");
  cJSON_AddBoolToObject(o, "fan_in_fan_out", c->fan_in_fan_out);
  cJSON_AddBoolToObject(o, "inference_mode", true);
  cJSON_AddBoolToObject(o, "init_lora_weights", true);
  cJSON_AddNumberToObject(o, "lora_alpha", c->alpha);
  cJSON_AddNumberToObject(o, "lora_dropout", c->dropout);
  if (c->n_whole) cJSON_AddItemToObject(o, "modules_to_save", cJSON_CreateStringArray(c->whole, (int)c->n_whole));
  else cJSON_AddNullToObject(o, "modules_to_save");
  cJSON_AddStringToObject(o, "peft_type", "LORA");
  cJSON_AddNumberToObject(o, "r", c->r);
  cJSON_AddItemToObject(o, "rank_pattern", cJSON_CreateObject());
  const char **targets = malloc(c->n_targets * sizeof *targets);
  REQUIRE(targets, "out of host memory for adapter_config.json");
  memcpy(targets, c->targets, c->n_targets * sizeof *targets);
  qsort(targets, c->n_targets, sizeof *targets, by_text);
  cJSON_AddItemToObject(o, "target_modules", cJSON_CreateStringArray(targets, (int)c->n_targets));
  free(targets);
  cJSON_AddStringToObject(o, "task_type", c->classifier ? SEQ_CLS : "CAUSAL_LM");
  cJSON_AddBoolToObject(o, "use_dora", c->dora);
  cJSON_AddBoolToObject(o, "use_rslora", c->rslora);
  text out = {0};
  json_print(o, &out);
  cJSON_Delete(o);
  const bool ok = file_replace(path, out.data, out.length, e);
  text_free(&out);
  return ok;
}

typedef struct named {
  const char *name;
  const tensor *t;
  const model_param *whole; // that it is; else a tensor of the adapter's own
} named;

static int by_tensor_name(const void *a, const void *b) {
  return strcmp(((const named *)a)->name, ((const named *)b)->name);
}

static named *list_tensors(const adapter *ad, arena *a, uint64_t *n) {
  named *list = ARENA_ARRAY(a, named, 3 * (uint64_t)ad->n + ad->n_whole);
  *n = 0;
  for (uint32_t i = 0; i < ad->n; i++) {
    list[(*n)++] = (named){ad->entries[i].a_name, ad->entries[i].a, NULL};
    list[(*n)++] = (named){ad->entries[i].b_name, ad->entries[i].b, NULL};
    if (ad->entries[i].m) list[(*n)++] = (named){ad->entries[i].m_name, ad->entries[i].m, NULL};
  }
  for (uint32_t i = 0; i < ad->n_whole; i++) list[(*n)++] = (named){ad->whole[i].name, ad->whole[i].param->t, ad->whole[i].param};
  qsort(list, (size_t)*n, sizeof *list, by_tensor_name);
  return list;
}

// In Hugging Face's form.
static bool download(const named *x, gpu_device *d, float *out, err *e) {
  if (!x->whole) return tensor_download(x->t, d, out, e);
  TRY(load_download(x->whole, d, out, e));
  model_turn_for_hf(x->whole, out);
  return true;
}

static bool write_weights(const adapter *ad, arena *a, const char *path, gpu_device *d, err *e) {
  uint64_t n;
  const named *list = list_tensors(ad, a, &n);
  safetensors_tensor *rows = ARENA_ARRAY(a, safetensors_tensor, n);
  for (uint64_t i = 0; i < n; i++) {
    rows[i] = (safetensors_tensor){list[i].name, DTYPE_F32, list[i].t->n_dims, {list[i].t->shape[0], list[i].t->shape[1]}};
    if (list[i].whole) model_hf_shape(list[i].whole, rows[i].shape);
  }
  static const char *const metadata[][2] = {{"format", "pt"}};
  safetensors_writer w;
  TRY(safetensors_create(path, rows, n, metadata, 1, &w, e));
  bool ok = true;
  for (uint64_t i = 0; ok && i < n; i++) {
    arena *scratch = arena_new("adapter tensor");
    void *values = arena_alloc(scratch, tensor_bytes(list[i].t));
    ok = download(&list[i], d, values, e) && safetensors_write(&w, values, tensor_bytes(list[i].t), e);
    arena_free(scratch);
  }
  if (ok) return safetensors_commit(&w, e);
  safetensors_abort(&w);
  return false;
}

bool adapter_write(const adapter *ad, const char *dir, const char *base_name, gpu_device *d, err *e) {
  arena *a = arena_new("adapter files");
  const bool ok = write_weights(ad, a, path_join(a, dir, "adapter_model.safetensors"), d, e) &&
                  write_config(ad, path_join(a, dir, "adapter_config.json"), base_name, e);
  arena_free(a);
  return ok;
}
