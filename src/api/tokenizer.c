// The tokenizer functions of the public API, over data/tokenizer.h.
#include <stdlib.h>
#include <string.h>

#include "api/status.h"
#include "data/tokenizer_file.h"
#include "vkift.h"

struct vkift_tokenizer {
  arena *memory;
  tokenizer_file of;
};

vkift_status vkift_tokenizer_open(const char *path, vkift_tokenizer **opened, vkift_error *error) {
  err e = {0};
  arena *a = arena_new("tokenizer");
  vkift_tokenizer *t = ARENA_NEW(a, vkift_tokenizer);
  t->memory = a;
  bool ok = tokenizer_file_open(a, path, &t->of, &e);
  if (ok) *opened = t;
  else vkift_tokenizer_close(t);
  return status_from(ok, &e, error);
}

void vkift_tokenizer_close(vkift_tokenizer *t) {
  if (!t) return;
  tokenizer_file_close(&t->of);
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
  bool ok = tokenizer_encode(t->of.tokens, bytes, length, NULL, add_special, &list, &e) && copy_ids(&list, ids, n, &e);
  token_list_free(&list);
  return status_from(ok, &e, error);
}

vkift_status vkift_tokenizer_decode(const vkift_tokenizer *t, const int32_t *ids, size_t n, bool skip_special, char **bytes,
                                    size_t *length, vkift_error *error) {
  err e = {0};
  text out = {0};
  text_puts(&out, ""); // so that an empty result is a string too
  bool ok = tokenizer_decode(t->of.tokens, ids, n, skip_special, &out, &e);
  if (ok) {
    *bytes = out.data; // a text's bytes come from malloc: vkift_free releases them
    *length = out.length;
  } else {
    text_free(&out);
  }
  return status_from(ok, &e, error);
}
