// Files of clusters: whatever the bytes, a file is refused, or written anew it reads back as the same.
#define _GNU_SOURCE
#include "fuzz.h"

#include <string.h>

#include "data/cluster_file.h"

static void check_same(strings x, strings y) {
  REQUIRE(x.n == y.n, "%u names became %u", x.n, y.n);
  for (uint32_t i = 0; i < x.n; i++) REQUIRE(!strcmp(x.items[i], y.items[i]), "%s became %s", x.items[i], y.items[i]);
}

static void check_written(arena *a, const cluster_file *file) {
  text out = {0};
  char path[32];
  cluster_file again;
  err e = {0};
  cluster_file_put(file, &out);
  const int fd = fuzz_file((const uint8_t *)out.data, out.length, path);
  REQUIRE(cluster_file_read(a, path, &again, &e), "what was written is refused: %s", e.message);
  REQUIRE(again.n == file->n, "%u clusters became %u", file->n, again.n);
  for (uint32_t i = 0; i < file->n; i++) {
    const cluster_entry *x = &file->items[i], *y = &again.items[i];
    REQUIRE(!strcmp(x->name, y->name) && !x->metric == !y->metric, "%s became %s", x->name, y->name);
    if (x->metric) REQUIRE(!strcmp(x->metric, y->metric), "%s became %s", x->metric, y->metric);
    check_same(x->tasks, y->tasks);
    check_same(x->neighbours, y->neighbours);
  }
  close(fd);
  text_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char path[32];
  const int fd = fuzz_file(data, size, path);
  arena *a = arena_new("fuzzing");
  cluster_file file;
  err e = {0};
  const bool ok = cluster_file_read(a, path, &file, &e);
  fuzz_check(ok, &e);
  if (ok) check_written(a, &file);
  arena_free(a);
  close(fd);
  return 0;
}
