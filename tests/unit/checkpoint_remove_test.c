// Checkpoints that a resumed run cannot use are taken away before it writes its own.
#include "base/file.h"
#include "support/test.h"
#include "train/checkpoint.h"

static void removes_later_ones_only(void **state) {
  (void)state;
  err e = {0};
  const char *dir = test_path(test_directory(), "checkpoints"), *names[] = {"step-2", "step-9", "step-10", "step-x", "other"};
  for (int i = 0; i < 5; i++)
    assert_true(dir_make(test_path(dir, names[i]), &e) &&
                file_replace(test_path(test_path(dir, names[i]), "state.json"), "{}", 2, &e));
  assert_true(checkpoint_remove_after(dir, 2, &e));
  for (int i = 0; i < 5; i++) assert_int_equal(file_exists(test_path(dir, names[i])), i != 1 && i != 2);
  assert_false(checkpoint_remove_after(test_path(dir, "none"), 2, NULL));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(removes_later_ones_only)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
