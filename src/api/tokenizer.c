// The tokenizer functions of the public API, over data/tokenizer.h.
#include <stdlib.h>
#include <string.h>

#include "api/status.h"
#include "base/file.h"
#include "data/tokenizer.h"
#include "vkift.h"

struct vkift_tokenizer {
  arena *memory;
  tokenizer *tokens;
  gguf file; // kept open: what was read from it may point into it. Zero for a tokenizer.json
};

static bool is_gguf(const char *path) {
  file_map map;
  if (!file_map_open(path, &map, NULL)) return false;
  bool magic = map.size >= 4 && !memcmp(map.data, "GGUF", 4);
  file_unmap(&map);
  return magic;
}

static bool open_any(vkift_tokenizer *t, const char *path, err *e) {
  if (file_is_dir(path)) return tokenizer_read(t->memory, path_join(t->memory, path, "tokenizer.json"), &t->tokens, e);
  if (!is_gguf(path)) return tokenizer_read(t->memory, path, &t->tokens, e);
  return gguf_open(t->memory, path, &t->file, e) && tokenizer_from_gguf(t->memory, &t->file, &t->tokens, e);
}

vkift_status vkift_tokenizer_open(const char *path, vkift_tokenizer **opened, vkift_error *error) {
  err e = {0};
  arena *a = arena_new("tokenizer");
  vkift_tokenizer *t = ARENA_NEW(a, vkift_tokenizer);
  t->memory = a;
  bool ok = open_any(t, path, &e);
  if (ok) *opened = t;
  else vkift_tokenizer_close(t);
  return status_from(ok, &e, error);
}

void vkift_tokenizer_close(vkift_tokenizer *t) {
  if (!t) return;
  tokenizer_free(t->tokens);
  gguf_close(&t->file);
  arena_free(t->memory);
}

static bool copy_ids(const token_list *list, int32_t **ids, size_t *n, err *e) {
  *ids = malloc((size_t)(list->n ? list->n : 1) * sizeof **ids);
  if (!*ids) return ERR(e, "out of host memory for %llu token ids", (unsigned long long)list->n);
  for (uint64_t i = 0; i < list->n; i++) (*ids)[i] = list->items[i].id;
  *n = (size_t)list->n;
  return true;
}

vkift_status vkift_tokenizer_encode(const vkift_tokenizer *t, const char *bytes, size_t length, bool add_special, int32_t **ids,
                                    size_t *n, vkift_error *error) {
  err e = {0};
  token_list list = {0};
  bool ok = tokenizer_encode(t->tokens, bytes, length, NULL, add_special, &list, &e) && copy_ids(&list, ids, n, &e);
  token_list_free(&list);
  return status_from(ok, &e, error);
}

vkift_status vkift_tokenizer_decode(const vkift_tokenizer *t, const int32_t *ids, size_t n, bool skip_special, char **bytes,
                                    size_t *length, vkift_error *error) {
  err e = {0};
  text out = {0};
  text_puts(&out, ""); // so that an empty result is a string too
  bool ok = tokenizer_decode(t->tokens, ids, n, skip_special, &out, &e);
  if (ok) {
    *bytes = out.data; // a text's bytes come from malloc: vkift_free releases them
    *length = out.length;
  } else {
    text_free(&out);
  }
  return status_from(ok, &e, error);
}
