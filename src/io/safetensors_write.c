// Writing safetensors: the header from the list, padded with spaces so that the data begins at a multiple of 8, then the
// data in the list's order. Equal input gives equal bytes.
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "io/json.h"
#include "io/weights.h"

enum { HEADER_LIMIT = 100000000 };

static const char *type_name(dtype t) {
  static const char *const names[DTYPE_COUNT] = {
      [DTYPE_F32] = "F32", [DTYPE_F16] = "F16", [DTYPE_BF16] = "BF16", [DTYPE_I32] = "I32"};
  REQUIRE(t < DTYPE_COUNT && names[t], "safetensors has no type for %s", dtype_get(t)->name);
  return names[t];
}

static uint64_t tensor_bytes(const safetensors_tensor *t) {
  uint64_t elements = 1, bytes;
  REQUIRE(t->n_dims <= 4, "%s: %u dimensions", t->name, t->n_dims);
  for (uint32_t d = 0; d < t->n_dims; d++)
    REQUIRE(t->shape[d] && size_mul(elements, t->shape[d], &elements), "%s: dimension %u is %u", t->name, d, t->shape[d]);
  REQUIRE(size_mul(elements, dtype_get(t->type)->block_bytes, &bytes), "%s: %llu elements", t->name,
          (unsigned long long)elements);
  return bytes;
}

static int by_string(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void require_unique_names(const safetensors_tensor *tensors, uint64_t n) {
  const char **names = calloc((size_t)n + 1, sizeof *names);
  REQUIRE(names, "out of host memory for %llu names", (unsigned long long)n);
  for (uint64_t i = 0; i < n; i++) names[i] = tensors[i].name;
  qsort(names, (size_t)n, sizeof *names, by_string);
  for (uint64_t i = 1; i < n; i++) REQUIRE(strcmp(names[i - 1], names[i]), "two tensors are called %s", names[i]);
  free(names);
}

// Returns the bytes of data.
static uint64_t put_header(text *out, const safetensors_tensor *tensors, uint64_t n, const char *const (*metadata)[2],
                           uint64_t n_metadata) {
  uint64_t at = 0;
  text_putc(out, '{');
  if (n_metadata) {
    text_puts(out, "\"__metadata__\":{");
    for (uint64_t i = 0; i < n_metadata; i++) {
      if (i) text_putc(out, ',');
      json_put_string(out, metadata[i][0]);
      text_putc(out, ':');
      json_put_string(out, metadata[i][1]);
    }
    text_puts(out, n ? "}," : "}");
  }
  for (uint64_t i = 0; i < n; i++) {
    const safetensors_tensor *t = &tensors[i];
    uint64_t end, bytes = tensor_bytes(t);
    REQUIRE(size_add(at, bytes, &end), "%llu bytes and %s", (unsigned long long)at, t->name);
    if (i) text_putc(out, ',');
    json_put_string(out, t->name);
    text_printf(out, ":{\"dtype\":\"%s\",\"shape\":[", type_name(t->type));
    for (uint32_t d = 0; d < t->n_dims; d++) text_printf(out, "%s%u", d ? "," : "", t->shape[d]);
    text_printf(out, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)at, (unsigned long long)end);
    at = end;
  }
  text_putc(out, '}');
  while (out->length % 8) text_putc(out, ' ');
  return at;
}

static bool write_header(safetensors_writer *w, const char *path, const text *header, err *e) {
  uint8_t length[8];
  if (header->length > HEADER_LIMIT)
    return ERR(e, "%s: expected names that fit into a header of %d bytes, found %zu", path, HEADER_LIMIT, header->length);
  for (int i = 0; i < 8; i++) length[i] = (uint8_t)((uint64_t)header->length >> 8 * i);
  TRY(file_writer_open(path, &w->file, e));
  if (file_write(&w->file, length, 8, e) && file_write(&w->file, header->data, header->length, e)) return true;
  safetensors_abort(w);
  return false;
}

bool safetensors_create(const char *path, const safetensors_tensor *tensors, uint64_t n, const char *const (*metadata)[2],
                        uint64_t n_metadata, safetensors_writer *w, err *e) {
  *w = (safetensors_writer){0};
  require_unique_names(tensors, n);
  text header = {0};
  w->expected = put_header(&header, tensors, n, metadata, n_metadata);
  bool ok = write_header(w, path, &header, e);
  text_free(&header);
  return ok;
}

bool safetensors_write(safetensors_writer *w, const void *data, uint64_t bytes, err *e) {
  REQUIRE(bytes <= w->expected - w->written, "%s: %llu bytes after %llu of %llu", w->file.path, (unsigned long long)bytes,
          (unsigned long long)w->written, (unsigned long long)w->expected);
  TRY(file_write(&w->file, data, bytes, e));
  w->written += bytes;
  return true;
}

bool safetensors_commit(safetensors_writer *w, err *e) {
  if (w->written == w->expected) return file_writer_commit(&w->file, e);
  ERR(e, "%s: expected %llu bytes of data, found %llu written", w->file.path, (unsigned long long)w->expected,
      (unsigned long long)w->written);
  safetensors_abort(w);
  return false;
}

void safetensors_abort(safetensors_writer *w) {
  file_writer_abort(&w->file);
}
