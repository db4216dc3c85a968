// A safetensors file: refused with a message, or its tensors cover its data exactly and it can be written again.
#define _GNU_SOURCE
#include "fuzz.h"

#include "io/weights.h"

static unsigned read_all(const weights *w) {
  uint64_t bytes = 0;
  unsigned sum = 0;
  for (uint64_t i = 0; i < w->n; i++) {
    REQUIRE(weights_find(w, w->items[i].name) == &w->items[i], "tensor %s", w->items[i].name);
    sum += fuzz_sum(w->items[i].data, w->items[i].bytes);
    bytes += w->items[i].bytes;
  }
  REQUIRE(bytes < w->maps[0].size, "%llu bytes of tensors in a file of %llu", (unsigned long long)bytes,
          (unsigned long long)w->maps[0].size);
  return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // The header's length is set right, unless the first byte says otherwise: few inputs would get past it.
  uint8_t *copy = malloc(size + 8);
  REQUIRE(copy, "%zu bytes", size);
  size_t n = 0;
  if (size > 2 && data[0] < 250) {
    uint64_t header = ((uint64_t)data[1] << 8 | data[2]) % (size - 2);
    for (int i = 0; i < 8; i++) copy[n++] = (uint8_t)(header >> 8 * i);
    data += 2, size -= 2;
  }
  for (size_t i = n ? 1 : 0; i < size; i++) copy[n++] = data[i];
  char path[32];
  int fd = fuzz_file(copy, n, path);
  arena *a = arena_new("fuzz");
  weights w;
  err e = {0};
  bool ok = safetensors_open(a, path, &w, &e);
  fuzz_check(ok, &e);
  static volatile unsigned sum;
  if (ok) sum = read_all(&w);
  if (ok) weights_close(&w);
  arena_free(a);
  close(fd);
  free(copy);
  return 0;
}
