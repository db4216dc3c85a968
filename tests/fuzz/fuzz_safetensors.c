// A safetensors file: refused with a message, or its tensors cover its data exactly.
#define _GNU_SOURCE
#include "fuzz.h"

#include <string.h>

#include "io/weights.h"

static void read_all(const weights *w) {
  uint64_t bytes = 0;
  for (uint64_t i = 0; i < w->n; i++) {
    REQUIRE(weights_find(w, w->items[i].name) == &w->items[i], "tensor %s", w->items[i].name);
    fuzz_touch(w->items[i].data, w->items[i].bytes);
    bytes += w->items[i].bytes;
  }
  uint64_t size = w->maps[0].size;
  REQUIRE(size >= 8 + bytes && size - 8 - bytes <= 100000000, "%llu bytes of tensors in a file of %llu",
          (unsigned long long)bytes, (unsigned long long)size);
}

// The header's length has two bytes here, since nearly any of eight would lie beyond the file.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2) return 0;
  uint8_t *bytes = calloc(1, size + 6);
  REQUIRE(bytes, "%zu bytes", size);
  memcpy(bytes, data, 2);
  memcpy(bytes + 8, data + 2, size - 2);
  char path[32];
  int fd = fuzz_file(bytes, size + 6, path);
  arena *a = arena_new("fuzz");
  weights w;
  err e = {0};
  bool ok = safetensors_open(a, path, &w, &e);
  fuzz_check(ok, &e);
  if (ok) {
    read_all(&w);
    weights_close(&w);
  }
  arena_free(a);
  close(fd);
  free(bytes);
  return 0;
}
