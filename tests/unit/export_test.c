// vkift_export of a model that the test writes: what is stopped or refused leaves nothing, and an empty directory may be there already.
#define _GNU_SOURCE // symlink
#include "support/test.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "models/prompt_choice.h"
#include "models/save.h"
#include "support/tiny_model.h"
#include "vkift.h"

typedef struct watch {
  int64_t done, tensors, stop_at; // stop_at 0: never
} watch;

static void on_progress(void *user, int64_t done, int64_t tensors) {
  watch *w = user;
  assert_int_equal(done, w->done + 1);
  *w = (watch){done, tensors, w->stop_at};
}

static bool should_stop(void *user) {
  const watch *w = user;
  return w->stop_at && w->done >= w->stop_at;
}

static float planted; // 0: none
static bool values(void *user, const model_param *p, float *out, err *e) {
  (void)e;
  model_read_param(user, p, 3, out);
  if (planted != 0 && !strcmp(p->name, "model.layers.1.mlp.up_proj.weight")) out[2] = planted;
  return true;
}

// A directory that has weights.
static const char *made_base(float plant) {
  static const char name[] = "base";
  arena *a = arena_new("test");
  const char *dir = test_path(test_directory(), name);
  prompt_style prompt;
  model *m = NULL;
  err e = {0};
  planted = plant;
  test_ok(model_open(a, tiny_model("shape"), true, &m, &e) && dir_make(dir, &e), &e);
  test_ok(prompt_choose(a, m, "chatml", &prompt, &e) && save_model(m, &prompt, dir, DTYPE_F32, values, m, &e), &e);
  model_close(m);
  arena_free(a);
  return dir;
}

static bool export(const char *base, const char *to, vkift_export_format format, watch *w, vkift_error *error) {
  vkift_export_options o = vkift_export_defaults();
  const vkift_export_events events = {w, on_progress, should_stop};
  o.source.model = base;
  o.output_dir = to;
  o.format = format;
  return vkift_export(&o, &events, error) == VKIFT_OK;
}

static bool is_there(const char *dir, const char *name) {
  return file_exists(test_path(dir, name));
}

static void what_is_stopped_leaves_nothing(void **state) {
  (void)state;
  const char *base = made_base(0), *to = test_path(test_directory(), "to"), *early = test_path(test_directory(), "to.tmp");
  static const vkift_export_format formats[] = {VKIFT_EXPORT_HF, VKIFT_EXPORT_GGUF};
  for (int there = 0; there < 2; there++) {
    for (int f = 0; f < 2; f++) {
      err e = {0};
      vkift_error error = {0};
      watch w = {.stop_at = 4};
      if (there) test_ok(dir_make(to, &e), &e);
      assert_false(export(base, to, formats[f], &w, &error));
      assert_int_equal(w.done, 4);
      assert_non_null(strstr(error.message, "stopped: nothing is left of the export to "));
      assert_int_equal(file_exists(to), there);
      assert_false(file_exists(early));
      w = (watch){0};
      if (!export(base, to, formats[f], &w, &error)) fail_msg("%s", error.message);
      assert_true(w.done > 4 && w.done == w.tensors);
      assert_true(is_there(to, "README.md") && is_there(to, formats[f] == VKIFT_EXPORT_HF ? "model.safetensors" : "model.gguf"));
      test_ok(dir_remove(to, &e), &e);
    }
  }
}

static void a_link_is_not_replaced(void **state) {
  (void)state;
  const char *base = made_base(0), *real = test_path(test_directory(), "real"), *alias = test_path(test_directory(), "link");
  vkift_error error = {0};
  err e = {0};
  watch w = {0};
  test_ok(dir_make(real, &e), &e);
  assert_int_equal(symlink(real, alias), 0);
  assert_false(export(base, alias, VKIFT_EXPORT_GGUF, &w, &error));
  assert_non_null(strstr(error.message, "link: expected a new directory, or an empty one that another can replace"));
  assert_int_equal(w.done, 0);
  assert_true(dir_is_empty(real) && file_exists(alias));
}

static void what_is_no_number_is_refused(void **state) {
  (void)state;
  static const struct {
    float value;
    vkift_export_type type;
    const char *message;
  } rows[] = {
      {NAN, VKIFT_EXPORT_AUTO, "mlp.up_proj.weight: element 2: expected a number that fits f32, found"},
      {70000, VKIFT_EXPORT_F16, "mlp.up_proj.weight: element 2: expected a number that fits f16, found 70000 (--dtype bf16"},
      {70000, VKIFT_EXPORT_BF16, NULL}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    vkift_export_options o = vkift_export_defaults();
    vkift_error error = {0};
    o.source.model = made_base(rows[i].value);
    o.output_dir = test_path(test_directory(), "planted");
    o.dtype = rows[i].type;
    const bool ok = vkift_export(&o, NULL, &error) == VKIFT_OK;
    if (ok != !rows[i].message || (!ok && !strstr(error.message, rows[i].message))) fail_msg("%d: %s", (int)i, error.message);
    assert_int_equal(file_exists(o.output_dir), ok);
  }
}

// A card of somebody else may be of any size.
static void a_large_readme_is_in_nobodys_way(void **state) {
  (void)state;
  static char large[(1 << 20) + 100];
  const char *base = made_base(0), *to = test_path(test_directory(), "carded");
  vkift_error error = {0};
  watch w = {0};
  memset(large, 'x', sizeof large);
  test_write(test_path(base, "README.md"), large, sizeof large);
  if (!export(base, to, VKIFT_EXPORT_HF, &w, &error)) fail_msg("%s", error.message);
  assert_true(is_there(to, "README.md"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_stopped_leaves_nothing),
      cmocka_unit_test(a_link_is_not_replaced),
      cmocka_unit_test(what_is_no_number_is_refused),
      cmocka_unit_test(a_large_readme_is_in_nobodys_way),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
