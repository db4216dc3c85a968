#include "io/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "io/quote.h"

static int by_name(const void *a, const void *b) {
  return strcmp(((const weight *)a)->name, ((const weight *)b)->name);
}

const weight *weights_find(const weights *w, const char *name) {
  weight key = {.name = name};
  return w->n ? bsearch(&key, w->items, (size_t)w->n, sizeof *w->items, by_name) : NULL;
}

void weights_close(weights *w) {
  for (uint32_t i = 0; i < w->n_maps; i++) file_unmap(&w->maps[i]);
  *w = (weights){0};
}

bool weights_sort(weights *w, err *e) {
  char name[QUOTE_BYTES];
  if (w->n) qsort(w->items, (size_t)w->n, sizeof *w->items, by_name);
  for (uint64_t i = 1; i < w->n; i++)
    if (!strcmp(w->items[i - 1].name, w->items[i].name))
      return ERR(e, "%s: tensor %s: expected each name once, found it again%s%s", w->items[i].file,
                 quote_string(w->items[i].name, name), w->items[i - 1].file == w->items[i].file ? "" : " in ",
                 w->items[i - 1].file == w->items[i].file ? "" : w->items[i - 1].file);
  return true;
}

static bool bad_shape(const weight *w, const char *expected, err *e) {
  char name[QUOTE_BYTES];
  text shape = {0};
  for (uint32_t d = 0; d < w->n_dims; d++) text_printf(&shape, "%s%u", d ? ", " : "", w->shape[d]);
  ERR(e, "%s: tensor %s: expected %s, found the shape [%s]", w->file, quote_string(w->name, name), expected,
      w->n_dims ? shape.data : "");
  text_free(&shape);
  return false;
}

bool weight_size(weight *w, err *e) {
  const dtype_info *info = dtype_get(w->type);
  uint64_t elements = 1, bytes;
  for (uint32_t d = 0; d < w->n_dims; d++) {
    if (!w->shape[d]) return bad_shape(w, "dimensions of at least 1", e);
    if (!size_mul(elements, w->shape[d], &elements)) return bad_shape(w, "a size below 2^64 bytes", e);
  }
  uint32_t row = w->n_dims ? w->shape[w->n_dims - 1] : 1;
  if (row % info->block_elements) {
    char expected[64];
    snprintf(expected, sizeof expected, "rows in blocks of %u elements, as %s has", info->block_elements, info->name);
    return bad_shape(w, expected, e);
  }
  if (!size_mul(elements / info->block_elements, info->block_bytes, &bytes)) return bad_shape(w, "a size below 2^64 bytes", e);
  w->bytes = bytes;
  return true;
}
