#include "support/make_fixture.h"

#include <string.h>

#include "support/test.h"

const char *make_fixture_file(const char *name, const char *content) {
  const char *path = test_path(test_directory(), name);
  test_write(path, content, strlen(content));
  return path;
}

guidelines make_fixture_guidelines(arena *a, const char *path) {
  guidelines all;
  err e = {0};
  test_ok(guidelines_read(a, &path, 1, &all, &e), &e);
  return all;
}

seeds make_fixture_seeds(arena *a, const char *name, const char *content) {
  const char *path = make_fixture_file(name, content);
  const dataset_options options = {.format = DATA_AUTO};
  seeds from;
  err e = {0};
  test_ok(seeds_read(a, &path, 1, &options, &from, &e), &e);
  return from;
}
