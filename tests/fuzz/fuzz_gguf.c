// A GGUF file: refused with a message, or everything that it offers can be read.
#define _GNU_SOURCE
#include "fuzz.h"

#include "io/gguf.h"

static void read_all(arena *a, const gguf *g) {
  for (uint64_t i = 0; i < g->n_values; i++) {
    const gguf_value *v = &g->values[i];
    const char *string;
    uint32_t number;
    float f;
    bool b = false;
    REQUIRE(gguf_find(g, v->key) == v, "key %s", v->key);
    for (uint64_t j = 0; j < v->n; j++) {
      if (v->strings) fuzz_touch(v->strings[j].data, v->strings[j].length);
      else gguf_float_at(v, j);
    }
    err e[4] = {{0}};
    fuzz_check(gguf_get_string(a, g, v->key, &string, &e[0]), &e[0]);
    fuzz_check(gguf_get_u32(g, v->key, &number, &e[1]), &e[1]);
    fuzz_check(gguf_get_f32(g, v->key, &f, &e[2]), &e[2]);
    fuzz_check(gguf_get_bool_or(g, v->key, &b, &e[3]), &e[3]);
  }
  for (uint64_t i = 0; i < g->weights.n; i++) {
    const weight *w = &g->weights.items[i];
    REQUIRE(weights_find(&g->weights, w->name) == w, "tensor %s", w->name);
    fuzz_touch(w->data, w->bytes);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char path[32];
  int fd = fuzz_file(data, size, path);
  arena *a = arena_new("fuzz");
  gguf g;
  err e = {0};
  bool ok = gguf_open(a, path, &g, &e);
  fuzz_check(ok, &e);
  if (ok) {
    read_all(a, &g);
    gguf_close(&g);
  }
  arena_free(a);
  close(fd);
  return 0;
}
