// Reading safetensors, one file or the shards of a model. The format (huggingface/safetensors, README):
//
//   header length u64 (little-endian, at most 100,000,000)
//   header: a JSON object {"name": {"dtype": "F32", "shape": [..], "data_offsets": [begin, end]}, …}, which may hold one
//           "__metadata__" object of strings; spaces may follow
//   data: the tensors without holes or overlaps, offsets from the end of the header
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/json.h"
#include "io/json_text.h"
#include "io/quote.h"
#include "io/weights.h"

enum {
  HEADER_LIMIT = 100000000,
  INDEX_LIMIT = 32 << 20, // of model.safetensors.index.json; some 300,000 tensors
  ENTRY_LIMIT = 4096      // the text of one tensor's entry, which is read as a tree; real ones have some 100 bytes
};

typedef struct reader {
  const char *path;
  json_slice header;
  const uint8_t *data;
  uint64_t data_bytes;
  arena *a;
  text name;  // of the current entry, escapes resolved
  text place; // "tensor \"name\"", for messages
  err *e;
} reader;

static bool read_header(reader *r, const file_map *map) {
  if (map->size < 8)
    return ERR(r->e, "%s: byte 0: expected 8 bytes with the header's length, found a file of %llu", r->path,
               (unsigned long long)map->size);
  uint64_t length = 0;
  for (int i = 0; i < 8; i++) length |= (uint64_t)map->data[i] << 8 * i;
  if (length > HEADER_LIMIT)
    return ERR(r->e, "%s: byte 0: expected a header of at most %d bytes, found %llu%s", r->path, HEADER_LIMIT,
               (unsigned long long)length,
               !memcmp(map->data, "PK", 2) || map->data[0] == 0x80 ? " (this looks like a PyTorch pickle)" : "");
  if (length > map->size - 8)
    return ERR(r->e, "%s: byte 0: expected a header within the %llu bytes that follow, found a length of %llu", r->path,
               (unsigned long long)(map->size - 8), (unsigned long long)length);
  r->header = (json_slice){(const char *)map->data + 8, length};
  r->data = map->data + 8 + length;
  r->data_bytes = map->size - 8 - length;
  if (!length || *r->header.data != '{') return ERR(r->e, "%s: byte 8: expected a header that begins with '{'", r->path);
  char origin[1024];
  snprintf(origin, sizeof origin, "%s: header", r->path);
  return json_text_check(origin, r->header.data, length, r->e);
}

static bool check_metadata(reader *r, json_slice value) {
  json_slice key, item;
  char quoted[QUOTE_BYTES];
  if (*value.data != '{')
    return ERR(r->e, "%s: __metadata__: expected an object, found %s", r->path, quote(value.data, value.length, quoted));
  while (json_text_member(&value, &key, &item))
    if (*item.data != '"') {
      char name[QUOTE_BYTES];
      return ERR(r->e, "%s: __metadata__: %s: expected a string, found %s", r->path, quote(key.data, key.length, name),
                 quote(item.data, item.length, quoted));
    }
  return true;
}

static bool read_type(reader *r, const char *name, dtype *type) {
  static const struct {
    const char *name;
    dtype type;
  } types[] = {{"F32", DTYPE_F32}, {"F16", DTYPE_F16}, {"BF16", DTYPE_BF16}, {"I32", DTYPE_I32}};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (!strcmp(types[i].name, name)) {
      *type = types[i].type;
      return true;
    }
  char quoted[QUOTE_BYTES];
  return ERR(r->e, "%s: %s: expected the dtype F32, F16, BF16 or I32, found %s, which vkift does not read", r->path,
             r->place.data, quote_string(name, quoted));
}

// A whole number below 2^53, which a double holds exactly.
static bool read_count(reader *r, const char *field, const cJSON *item, uint64_t most, uint64_t *x) {
  char found[64];
  double d = cJSON_IsNumber(item) ? item->valuedouble : -1;
  if (!(d >= 0 && d <= (double)most && d == floor(d)))
    return ERR(r->e, "%s: %s: %s: expected whole numbers from 0 to %llu, found %s", r->path, r->place.data, field,
               (unsigned long long)most, json_describe(item, found));
  *x = (uint64_t)d;
  return true;
}

static bool read_fields(reader *r, const json *doc, weight *w) {
  const char *type = NULL;
  cJSON *shape = NULL, *offsets = NULL;
  uint64_t begin = 0, end = 0, dim = 0;
  TRY(json_string(doc, doc->root, r->place.data, "dtype", &type, r->e));
  TRY(json_array(doc, doc->root, r->place.data, "shape", &shape, r->e));
  TRY(json_array(doc, doc->root, r->place.data, "data_offsets", &offsets, r->e));
  if (cJSON_GetArraySize(doc->root) != 3)
    return ERR(r->e, "%s: %s: expected dtype, shape and data_offsets, found %d fields", r->path, r->place.data,
               cJSON_GetArraySize(doc->root));
  TRY(read_type(r, type, &w->type));
  int n_dims = cJSON_GetArraySize(shape), n_offsets = cJSON_GetArraySize(offsets);
  if (n_dims > 4) return ERR(r->e, "%s: %s: expected at most 4 dimensions, found %d", r->path, r->place.data, n_dims);
  w->n_dims = (uint32_t)n_dims;
  const cJSON *item = shape->child;
  for (int d = 0; d < n_dims; d++, item = item->next) {
    TRY(read_count(r, "shape", item, UINT32_MAX, &dim));
    w->shape[d] = (uint32_t)dim;
  }
  TRY(weight_size(w, r->e));
  if (n_offsets != 2) return ERR(r->e, "%s: %s: expected 2 data_offsets, found %d", r->path, r->place.data, n_offsets);
  TRY(read_count(r, "data_offsets", offsets->child, r->data_bytes, &begin));
  TRY(read_count(r, "data_offsets", offsets->child->next, r->data_bytes, &end));
  if (end < begin || end - begin != w->bytes)
    return ERR(r->e, "%s: %s: data_offsets: expected %llu bytes, as dtype and shape say, found %llu to %llu", r->path,
               r->place.data, (unsigned long long)w->bytes, (unsigned long long)begin, (unsigned long long)end);
  w->data = r->data + begin;
  return true;
}

static bool read_entry(reader *r, json_slice value, weight *w) {
  char quoted[QUOTE_BYTES];
  text_clear(&r->place);
  text_printf(&r->place, "tensor %s", quote(r->name.data, r->name.length, quoted));
  if (*value.data != '{' || value.length > ENTRY_LIMIT)
    return ERR(r->e, "%s: %s: expected an object of at most %d bytes, found %s", r->path, r->place.data, ENTRY_LIMIT,
               quote(value.data, value.length, quoted));
  w->name = arena_strndup(r->a, r->name.data, r->name.length);
  w->file = r->path;
  json doc;
  bool ok = json_parse(r->path, value.data, value.length, &doc, r->e) && read_fields(r, &doc, w);
  json_free(&doc);
  return ok;
}

static bool is_metadata(json_slice key) {
  return key.length == 12 && !memcmp(key.data, "__metadata__", 12);
}

static bool read_entries(reader *r, weights *w) {
  json_slice at = r->header, key, value;
  uint64_t n = 0;
  while (json_text_member(&at, &key, &value)) n++;
  w->items = ARENA_ARRAY(r->a, weight, n);
  at = r->header;
  while (json_text_member(&at, &key, &value)) {
    text_clear(&r->name);
    json_text_unescape(key, &r->name);
    if (is_metadata((json_slice){r->name.data, r->name.length})) TRY(check_metadata(r, value));
    else TRY(read_entry(r, value, &w->items[w->n++]));
  }
  return true;
}

static int by_data(const void *a, const void *b) {
  const weight *x = a, *y = b;
  return x->data < y->data ? -1 : x->data > y->data;
}

// The data is one row of tensors from offset 0 to the end of the file.
static bool check_offsets(reader *r, weights *w) {
  char name[QUOTE_BYTES];
  const uint8_t *expected = r->data;
  if (w->n) qsort(w->items, (size_t)w->n, sizeof *w->items, by_data);
  for (uint64_t i = 0; i < w->n; i++) {
    const weight *t = &w->items[i];
    if (t->data != expected)
      return ERR(r->e,
                 "%s: tensor %s: data_offsets: expected a beginning at %llu, where the tensor before it ends, found %llu (%s)",
                 r->path, quote_string(t->name, name), (unsigned long long)(expected - r->data),
                 (unsigned long long)(t->data - r->data), t->data < expected ? "an overlap" : "a hole");
    expected = t->data + t->bytes;
  }
  uint64_t used = (uint64_t)(expected - r->data);
  if (used != r->data_bytes)
    return ERR(r->e, "%s: expected %llu bytes of data, as the header says, found %llu before the end of the file", r->path,
               (unsigned long long)used, (unsigned long long)r->data_bytes);
  return true;
}

bool safetensors_open(arena *a, const char *path, weights *w, err *e) {
  *w = (weights){0};
  file_map *map = ARENA_NEW(a, file_map);
  TRY(file_map_open(path, map, e));
  w->maps = map;
  w->n_maps = 1;
  reader r = {.path = map->path, .a = a, .e = e};
  bool ok = read_header(&r, map) && read_entries(&r, w) && check_offsets(&r, w) && weights_sort(w, e);
  text_free(&r.name);
  text_free(&r.place);
  if (!ok) weights_close(w);
  return ok;
}

// --- a model in shards: model.safetensors.index.json says which tensor is in which file ---

typedef struct mapping {
  const char *tensor, *shard;
} mapping;

static int by_tensor(const void *a, const void *b) {
  return strcmp(((const mapping *)a)->tensor, ((const mapping *)b)->tensor);
}

static int by_string(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// A file beside the index, never a path that leads elsewhere.
static bool is_plain_name(const char *name) {
  return *name && !strchr(name, '/') && !strchr(name, '\\') && strcmp(name, ".") && strcmp(name, "..") && strlen(name) <= 255;
}

// The weight map sorted by tensor, and its shards sorted, each once.
static bool read_map(arena *a, const json *doc, mapping **map, uint64_t *n, const char ***shards, uint64_t *n_shards, err *e) {
  cJSON *weight_map = NULL;
  char tensor[QUOTE_BYTES], shard[QUOTE_BYTES], found[64];
  TRY(json_object(doc, doc->root, "", "weight_map", &weight_map, e));
  uint64_t count = (uint64_t)cJSON_GetArraySize(weight_map);
  *map = ARENA_ARRAY(a, mapping, count);
  *shards = ARENA_ARRAY(a, const char *, count);
  *n = *n_shards = 0;
  for (const cJSON *item = weight_map->child; item; item = item->next) {
    if (!cJSON_IsString(item) || !is_plain_name(item->valuestring))
      return ERR(e, "%s: weight_map: %s: expected the name of a file in the same directory, found %s", doc->origin,
                 quote_string(item->string, tensor),
                 cJSON_IsString(item) ? quote_string(item->valuestring, shard) : json_describe(item, found));
    (*shards)[*n] = item->valuestring;
    (*map)[(*n)++] = (mapping){item->string, item->valuestring};
  }
  if (!*n) return ERR(e, "%s: weight_map: expected at least one tensor, found none", doc->origin);
  qsort(*map, (size_t)count, sizeof **map, by_tensor);
  qsort(*shards, (size_t)count, sizeof **shards, by_string);
  for (uint64_t i = 0; i < count; i++)
    if (!i || strcmp((*shards)[i], (*shards)[*n_shards - 1])) (*shards)[(*n_shards)++] = (*shards)[i];
  return true;
}

// The tensors that the shards hold are those of the map, each in its shard. Both lists are sorted by name.
static bool check_map(const json *doc, const mapping *map, uint64_t n, const weights *w, err *e) {
  char name[QUOTE_BYTES];
  for (uint64_t i = 0, j = 0; i < n || j < w->n;) {
    int order = i == n ? 1 : j == w->n ? -1 : strcmp(map[i].tensor, w->items[j].name);
    if (order < 0)
      return ERR(e, "%s: weight_map: tensor %s: expected it in %s, found it in no shard", doc->origin,
                 quote_string(map[i].tensor, name), map[i].shard);
    if (order > 0)
      return ERR(e, "%s: tensor %s: expected only tensors that the weight_map of %s names, found one that it does not",
                 w->items[j].file, quote_string(w->items[j].name, name), path_name(doc->origin));
    if (strcmp(map[i].shard, path_name(w->items[j].file)))
      return ERR(e, "%s: weight_map: tensor %s: expected it in %s, found it in %s", doc->origin,
                 quote_string(map[i].tensor, name), map[i].shard, path_name(w->items[j].file));
    i++, j++;
  }
  return true;
}

static bool open_shards(arena *a, const char *dir, const char *const *shards, uint64_t n, weights *w, err *e) {
  uint64_t capacity = 0;
  w->maps = ARENA_ARRAY(a, file_map, n);
  for (uint64_t i = 0; i < n; i++) {
    weights one;
    TRY(safetensors_open(a, path_join(a, dir, shards[i]), &one, e));
    w->maps[w->n_maps++] = one.maps[0];
    arena_grow(a, (void **)&w->items, &capacity, w->n + one.n, sizeof *w->items);
    if (one.n) memcpy(w->items + w->n, one.items, (size_t)one.n * sizeof *one.items);
    w->n += one.n;
  }
  return weights_sort(w, e);
}

static bool open_index(arena *a, const char *dir, const json *doc, weights *w, err *e) {
  mapping *map;
  const char **shards;
  uint64_t n, n_shards;
  TRY(read_map(a, doc, &map, &n, &shards, &n_shards, e));
  if (open_shards(a, dir, shards, n_shards, w, e) && check_map(doc, map, n, w, e)) return true;
  weights_close(w);
  return false;
}

bool safetensors_open_model(arena *a, const char *dir, weights *w, err *e) {
  *w = (weights){0};
  const char *single = path_join(a, dir, "model.safetensors"), *index = path_join(a, dir, "model.safetensors.index.json");
  if (file_exists(single)) return safetensors_open(a, single, w, e);
  if (!file_exists(index))
    return ERR(e, "%s: expected model.safetensors, or model.safetensors.index.json and its shards, found %s", dir,
               file_exists(path_join(a, dir, "pytorch_model.bin")) ? "pytorch_model.bin, a pickle, which vkift does not read"
                                                                   : "neither");
  json doc;
  bool ok = json_read(index, INDEX_LIMIT, &doc, e) && open_index(a, dir, &doc, w, e);
  json_free(&doc);
  return ok;
}
