#include "support/config_model.h"

#include <string.h>

#include "base/file.h"
#include "support/byte_tokenizer.h"
#include "support/test.h"

model *config_model(arena *a, const char *config, err *e) {
  static bool written;
  const char *dir = test_path(test_directory(), "model");
  if (!written) {
    text tokens = {0};
    assert_true(dir_make(dir, NULL));
    byte_tokenizer_json(false, &tokens);
    test_write(test_path(dir, "tokenizer.json"), tokens.data, tokens.length);
    text_free(&tokens);
    written = true;
  }
  test_write(test_path(dir, "config.json"), config, strlen(config));
  model *m = NULL;
  return model_open(a, dir, true, &m, e) ? m : NULL;
}

void config_model_cases(const config_case *rows, size_t n) {
  for (size_t i = 0; i < n; i++) {
    arena *a = arena_new("configuration");
    err e = {0};
    model *m = config_model(a, rows[i].config, &e);
    if (m && rows[i].wanted) fail_msg("%s: expected to be refused: %s", rows[i].config, rows[i].wanted);
    if (!m && (!rows[i].wanted || !strstr(e.message, rows[i].wanted)))
      fail_msg("%s: expected %s, found %s", rows[i].config, rows[i].wanted ? rows[i].wanted : "to be taken", e.message);
    model_close(m);
    arena_free(a);
  }
}
