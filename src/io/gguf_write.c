// The layout is that of gguf.c. Numbers are little-endian, whatever the host's order; data begin at multiples of 32 bytes, which is
// the alignment of a file that says nothing of it.
#include "io/gguf_write.h"

#include <string.h>

#include "io/gguf_types.h"

enum { ALIGNMENT = 32, VERSION = 3 };

// --- metadata --------------------------------------------------------------------------------------------------------------

static void put_number(text *t, uint64_t value, uint32_t bytes) {
  for (uint32_t i = 0; i < bytes; i++) text_putc(t, (char)(value >> 8 * i & 255));
}

static void put_bytes(text *t, const char *data, uint64_t length) {
  put_number(t, length, 8);
  text_put(t, data, (size_t)length);
}

static uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

void gguf_meta_free(gguf_meta *m) {
  text_free(&m->bytes);
  text_free(&m->keys);
  m->n = 0;
}

bool gguf_meta_has(const gguf_meta *m, const char *key) {
  const char *end = m->keys.data + m->keys.length;
  for (const char *k = m->keys.data; k && k < end; k += strlen(k) + 1)
    if (!strcmp(k, key)) return true;
  return false;
}

static void put_key(gguf_meta *m, const char *key, gguf_type type) {
  REQUIRE(*key && !gguf_meta_has(m, key), "key \"%s\" is put twice", key);
  text_put(&m->keys, key, strlen(key) + 1);
  put_bytes(&m->bytes, key, strlen(key));
  put_number(&m->bytes, type, 4);
  m->n++;
}

static void put_array(gguf_meta *m, const char *key, gguf_type items, uint64_t n) {
  put_key(m, key, GGUF_ARRAY);
  put_number(&m->bytes, items, 4);
  put_number(&m->bytes, n, 8);
}

void gguf_put_u32(gguf_meta *m, const char *key, uint32_t value) {
  put_key(m, key, GGUF_U32);
  put_number(&m->bytes, value, 4);
}

void gguf_put_f32(gguf_meta *m, const char *key, float value) {
  put_key(m, key, GGUF_F32);
  put_number(&m->bytes, bits_of(value), 4);
}

void gguf_put_bool(gguf_meta *m, const char *key, bool value) {
  put_key(m, key, GGUF_BOOL);
  put_number(&m->bytes, value, 1);
}

void gguf_put_string(gguf_meta *m, const char *key, const char *value) {
  put_key(m, key, GGUF_STRING);
  put_bytes(&m->bytes, value, strlen(value));
}

void gguf_put_strings(gguf_meta *m, const char *key, const char *const *items, uint64_t n) {
  put_array(m, key, GGUF_STRING, n);
  for (uint64_t i = 0; i < n; i++) put_bytes(&m->bytes, items[i], strlen(items[i]));
}

void gguf_put_i32s(gguf_meta *m, const char *key, const int32_t *items, uint64_t n) {
  put_array(m, key, GGUF_I32, n);
  for (uint64_t i = 0; i < n; i++) put_number(&m->bytes, (uint32_t)items[i], 4);
}

void gguf_put_f32s(gguf_meta *m, const char *key, const float *items, uint64_t n) {
  put_array(m, key, GGUF_F32, n);
  for (uint64_t i = 0; i < n; i++) put_number(&m->bytes, bits_of(items[i]), 4);
}

void gguf_put_value(gguf_meta *m, const gguf_value *v) {
  if (v->type == GGUF_ARRAY) put_array(m, v->key, v->item_type, v->n);
  else put_key(m, v->key, v->type);
  for (uint64_t i = 0; v->strings && i < v->n; i++) put_bytes(&m->bytes, v->strings[i].data, v->strings[i].length);
  if (!v->strings) text_put(&m->bytes, (const char *)v->data, (size_t)(v->n * gguf_type_bytes(v->item_type)));
}

// --- the file --------------------------------------------------------------------------------------------------------------

uint64_t gguf_tensor_bytes(const gguf_tensor *t) {
  uint64_t elements = 1, bytes;
  const dtype_info *info = dtype_get(t->type);
  REQUIRE(t->n_dims >= 1 && t->n_dims <= 4, "%s: %u dimensions", t->name, t->n_dims);
  REQUIRE(t->shape[t->n_dims - 1] % info->block_elements == 0, "%s: rows of %u elements of %s", t->name, t->shape[t->n_dims - 1],
          info->name);
  for (uint32_t d = 0; d < t->n_dims; d++)
    REQUIRE(t->shape[d] && size_mul(elements, t->shape[d], &elements), "%s: dimension %u is %u", t->name, d, t->shape[d]);
  REQUIRE(size_mul(elements / info->block_elements, info->block_bytes, &bytes), "%s: %llu elements", t->name,
          (unsigned long long)elements);
  return bytes;
}

static uint64_t aligned(uint64_t bytes) {
  return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static void put_header(text *out, const gguf_meta *meta, const gguf_tensor *tensors, uint64_t n) {
  uint64_t offset = 0;
  text_puts(out, "GGUF");
  put_number(out, VERSION, 4);
  put_number(out, n, 8);
  put_number(out, meta->n, 8);
  if (meta->n) text_put(out, meta->bytes.data, meta->bytes.length);
  for (uint64_t i = 0; i < n; i++) {
    const gguf_tensor *t = &tensors[i];
    const uint64_t bytes = gguf_tensor_bytes(t);
    put_bytes(out, t->name, strlen(t->name));
    put_number(out, t->n_dims, 4);
    for (uint32_t d = t->n_dims; d-- > 0;) put_number(out, t->shape[d], 8); // fastest first
    put_number(out, gguf_tensor_number(t->type), 4);
    put_number(out, offset, 8);
    REQUIRE(size_add(offset, aligned(bytes), &offset), "%llu bytes and %s", (unsigned long long)offset, t->name);
  }
  while (out->length % ALIGNMENT) text_putc(out, 0);
}

bool gguf_create(const char *path, const gguf_meta *meta, const gguf_tensor *tensors, uint64_t n, gguf_writer *w, err *e) {
  text header = {0};
  *w = (gguf_writer){.tensors = tensors, .n = n};
  put_header(&header, meta, tensors, n);
  bool ok = file_writer_open(path, &w->file, e);
  if (ok && !file_write(&w->file, header.data, header.length, e)) {
    gguf_abort(w);
    ok = false;
  }
  text_free(&header);
  return ok;
}

bool gguf_write(gguf_writer *w, const void *data, err *e) {
  static const uint8_t padding[ALIGNMENT];
  REQUIRE(w->next < w->n, "%s: %llu tensors", w->file.path, (unsigned long long)w->n);
  const uint64_t bytes = gguf_tensor_bytes(&w->tensors[w->next++]);
  return file_write(&w->file, data, bytes, e) && file_write(&w->file, padding, aligned(bytes) - bytes, e);
}

bool gguf_commit(gguf_writer *w, err *e) {
  REQUIRE(w->next == w->n, "%s: %llu of %llu tensors are written", w->file.path, (unsigned long long)w->next,
          (unsigned long long)w->n);
  return file_writer_commit(&w->file, e);
}

void gguf_abort(gguf_writer *w) {
  file_writer_abort(&w->file);
}
