// Names of clusters as names of directories.
#include "support/test.h"

#include <string.h>

#include "crossval/names.h"

static void each_has_a_name_of_its_own(void **state) {
  (void)state;
  arena *a = arena_new("names");
  const char *const names[] = {"arithmetic", "Question Answering", "../x", "", "Arithmetic", "..", "a/b", "a_b", "вопросы",
                               "v1.0"};
  const char *const want[] = {"arithmetic", "Question_Answering", "_._x", "_", "Arithmetic-2", "_.", "a_b",
                              "a_b-2",      "______________",     "v1.0"};
  const char **found = names_for_files(a, names, 10);
  for (int i = 0; i < 10; i++) assert_string_equal(found[i], want[i]);
  arena_free(a);
}

static void long_names_are_cut(void **state) {
  (void)state;
  arena *a = arena_new("names");
  char long_name[301];
  memset(long_name, 'x', 300);
  long_name[300] = 0;
  const char *const names[] = {long_name, long_name};
  const char **found = names_for_files(a, names, 2);
  assert_int_equal(strlen(found[0]), 100);
  assert_string_equal(found[1], arena_printf(a, "%s-2", found[0]));
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(each_has_a_name_of_its_own), cmocka_unit_test(long_names_are_cut)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
