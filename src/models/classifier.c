#include "models/classifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/file.h"
#include "data/labels.h"

static const char CLASSIFIER[] = "ForSequenceClassification";
static const char *const language_models[] = {"ForCausalLM", "LMHeadModel"};
enum { N_LANGUAGE_MODELS = 2, FILE_LIMIT = 16 << 20 };

// Names that do not follow the rule: of Gemma 3 the other one is of texts with pictures.
static const char *const others[][2] = {{"Gemma3ForCausalLM", "Gemma3TextForSequenceClassification"}};
enum { N_OTHERS = sizeof others / sizeof *others };

static bool ends_with(const char *name, const char *end) {
  const size_t n = strlen(name), n_end = strlen(end);
  return n > n_end && !strcmp(name + n - n_end, end);
}

int classifier_bases(arena *a, const char *architecture, const char *bases[2]) {
  for (int i = 0; i < N_OTHERS; i++)
    if (!strcmp(architecture, others[i][1])) return bases[0] = others[i][0], 1;
  if (!ends_with(architecture, CLASSIFIER)) return 0;
  const int stem = (int)(strlen(architecture) - strlen(CLASSIFIER));
  for (int i = 0; i < N_LANGUAGE_MODELS; i++) bases[i] = arena_printf(a, "%.*s%s", stem, architecture, language_models[i]);
  return N_LANGUAGE_MODELS;
}

const char *classifier_architecture(arena *a, const char *language_model) {
  for (int i = 0; i < N_OTHERS; i++)
    if (!strcmp(language_model, others[i][0])) return others[i][1];
  for (int i = 0; i < N_LANGUAGE_MODELS; i++)
    if (ends_with(language_model, language_models[i]))
      return arena_printf(a, "%.*s%s", (int)(strlen(language_model) - strlen(language_models[i])), language_model, CLASSIFIER);
  return language_model;
}

static bool are_numbers(const strings *labels) {
  char name[24];
  for (uint32_t i = 0; i < labels->n; i++) {
    snprintf(name, sizeof name, "LABEL_%u", i);
    if (strcmp(labels->items[i], name)) return false;
  }
  return true;
}

// {"0": "no", "1": "yes"}: each number below their count once.
static bool read_id2label(arena *a, const json *d, const cJSON *map, strings *labels, err *e) {
  char found[64];
  const int n = cJSON_GetArraySize(map);
  const char **items = ARENA_ARRAY(a, const char *, n);
  for (const cJSON *x = map->child; x; x = x->next) {
    char *end;
    const unsigned long id = strtoul(x->string, &end, 10);
    if (x->string[0] < '0' || x->string[0] > '9' || *end || id >= (unsigned long)n || items[id])
      return ERR(e, "%s: id2label: expected each number from 0 to %d once, found \"%.40s\"", d->origin, n - 1, x->string);
    if (!cJSON_IsString(x)) return ERR(e, "%s: id2label.%lu: expected a name, found %s", d->origin, id, json_describe(x, found));
    items[id] = arena_strdup(a, x->valuestring);
  }
  *labels = (strings){items, (uint32_t)n};
  return labels_check(arena_printf(a, "%s: id2label", d->origin), labels, e);
}

static bool read_count(arena *a, const json *d, strings *labels, err *e) {
  uint32_t n = 2;
  TRY(json_u32_or(d, d->root, "", "num_labels", &n, e));
  if (n < 2 || n > LABELS_MOST) return ERR(e, "%s: num_labels: expected 2 to %d, found %u", d->origin, LABELS_MOST, n);
  const char **items = ARENA_ARRAY(a, const char *, n);
  for (uint32_t i = 0; i < n; i++) items[i] = arena_printf(a, "LABEL_%u", i);
  *labels = (strings){items, n};
  return true;
}

bool classifier_read_labels(arena *a, const json *d, strings *labels, bool *numbers, err *e) {
  const cJSON *map = cJSON_GetObjectItemCaseSensitive(d->root, "id2label");
  const char *type = "single_label_classification";
  char found[64];
  TRY(json_string_or(d, d->root, "", "problem_type", &type, e));
  if (strcmp(type, "single_label_classification"))
    return ERR(e, "%s: problem_type: expected single_label_classification, found \"%.60s\"", d->origin, type);
  if (map && !cJSON_IsObject(map) && !cJSON_IsNull(map))
    return ERR(e, "%s: id2label: expected an object, found %s", d->origin, json_describe(map, found));
  TRY(cJSON_IsObject(map) ? read_id2label(a, d, map, labels, e) : read_count(a, d, labels, e));
  *numbers = are_numbers(labels);
  return true;
}

// --- writing -----------------------------------------------------------------------------------------------------------

static cJSON *id2label(const strings *labels) {
  char id[16];
  cJSON *map = cJSON_CreateObject();
  for (uint32_t i = 0; i < labels->n; i++) {
    snprintf(id, sizeof id, "%u", i);
    cJSON_AddStringToObject(map, id, labels->items[i]);
  }
  return map;
}

static void put(cJSON *o, const char *key, cJSON *value) {
  cJSON_DeleteItemFromObjectCaseSensitive(o, key);
  cJSON_AddItemToObject(o, key, value);
}

void classifier_put_config(cJSON *config, const strings *labels) {
  arena *a = arena_new("a classifier's config");
  const cJSON *list = cJSON_GetObjectItemCaseSensitive(config, "architectures"), *first = list ? list->child : NULL;
  const char *name = classifier_architecture(a, cJSON_IsString(first) ? first->valuestring : "");
  cJSON *names = cJSON_CreateArray(), *ids = cJSON_CreateObject();
  cJSON_AddItemToArray(names, cJSON_CreateString(name));
  for (uint32_t i = 0; i < labels->n; i++) cJSON_AddNumberToObject(ids, labels->items[i], i);
  put(config, "architectures", names);
  put(config, "id2label", id2label(labels));
  put(config, "label2id", ids);
  put(config, "problem_type", cJSON_CreateString("single_label_classification"));
  cJSON_DeleteItemFromObjectCaseSensitive(config, "num_labels");
  arena_free(a);
}

bool classifier_read_file(arena *a, const char *dir, strings *labels, err *e) {
  const char *path = path_join(a, dir, "labels.json");
  json d;
  *labels = (strings){0};
  if (!file_exists(path)) return true;
  TRY(json_read(path, FILE_LIMIT, &d, e));
  cJSON *map;
  const bool ok = json_object(&d, d.root, "", "id2label", &map, e) && read_id2label(a, &d, map, labels, e);
  json_free(&d);
  return ok;
}

bool classifier_write_file(const char *dir, const strings *labels, err *e) {
  arena *a = arena_new("labels.json");
  cJSON *o = cJSON_CreateObject();
  text out = {0};
  cJSON_AddItemToObject(o, "id2label", id2label(labels));
  json_print(o, &out);
  const bool ok = file_replace(path_join(a, dir, "labels.json"), out.data, out.length, e);
  text_free(&out);
  cJSON_Delete(o);
  arena_free(a);
  return ok;
}
