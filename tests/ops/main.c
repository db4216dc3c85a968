// ops_test OPERATION [CASE…]: all cases of one operation, or those of these names, on the device that VKIFT_DEVICE names, or the
//                     best.
// ops_test coverage:  every operation of ops.def has the cases that it must have, and no case of cases.txt is gone (no
//                     device needed).
// ops_test list:      all cases, one a line, as cases.txt keeps them.
#include "support/op_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"

#define OP(name, backward) extern const op_suite name##_suite;
#include "ops/ops.def"
#undef OP

enum { NO_BACKWARD, HAS_BACKWARD };
typedef struct listed_op {
  const op_suite *suite;
  int backward;
} listed_op;
static const listed_op listed[] = {
#define OP(name, backward) {&name##_suite, backward},
#include "ops/ops.def"
#undef OP
};
enum { N_LISTED = sizeof listed / sizeof *listed };

static gpu_device *device;
static const op_case *current;

static void run_case(void **state) {
  const op_case *c = *state;
  arena *a = arena_new("operation test");
  op_test t = {.memory = a, .device = device, .counts = {UINT32_MAX, UINT32_MAX, UINT32_MAX, 0}};
  t.random = rng_new((uint64_t)(c - current) + 1, RNG_TEST);
  t.heap = heap_new(device, "operation test", GPU_MEMORY_DEVICE);
  tensor *counts = tensor_persistent(a, "counts", DTYPE_I32, LIVE_ALL, 1, (uint32_t[]){LIVE_COUNTS});
  err e = {0};
  if (!heap_alloc(t.heap, tensor_bytes(counts), &counts->memory, &e)) fail_msg("%s", e.message);
  t.graph = graph_new(a, c->name, counts);
  c->run(&t, c->shape);
  heap_free(t.heap);
  arena_free(a);
}

static const op_case *find(const op_suite *s, bool backward, dtype storage) {
  for (uint32_t i = 0; i < s->n_cases; i++)
    if (s->cases[i].backward >= backward && s->cases[i].storage == storage) return &s->cases[i];
  return NULL;
}

static void every_operation_is_covered(void **state) {
  (void)state;
  for (int i = 0; i < N_LISTED; i++) {
    const op_suite *s = listed[i].suite;
    enum { N_TYPES = 13 };
    static const dtype types[N_TYPES] = {DTYPE_F32,  DTYPE_F16,  DTYPE_BF16, DTYPE_Q8_0, DTYPE_Q4_0, DTYPE_Q4_1,      DTYPE_Q5_0,
                                         DTYPE_Q5_1, DTYPE_Q4_K, DTYPE_Q5_K, DTYPE_Q6_K, DTYPE_NF4,  DTYPE_NF4_DOUBLE};
    for (int k = 0; k < (s->has_matrix ? N_TYPES : s->has_weight ? 3 : 1); k++) {
      if (!find(s, false, types[k])) fail_msg("operation %s has no case with storage %s", s->name, dtype_get(types[k])->name);
      // What is quantized never trains: its table has no gradient, and nothing else of an embedding has one.
      const bool passes = !dtype_is_quantized(types[k]) || s != &embedding_suite;
      if (listed[i].backward == HAS_BACKWARD && passes && !find(s, true, types[k]))
        fail_msg("operation %s has no backward case with storage %s", s->name, dtype_get(types[k])->name);
    }
  }
}

// One line a case: "rmsnorm: prime sizes (f32, backward)".
static void put_case(text *out, const op_suite *s, const op_case *c) {
  text_printf(out, "%s: %s (%s%s)\n", s->name, c->name, dtype_get(c->storage)->name, c->backward ? ", backward" : "");
}

static void list_cases(text *out) {
  for (int i = 0; i < N_LISTED; i++)
    for (uint32_t k = 0; k < listed[i].suite->n_cases; k++) put_case(out, listed[i].suite, &listed[i].suite->cases[k]);
}

// The kinds above would be satisfied by one case each, so the cases themselves (sizes, windows, live rows) are on record.
static void no_case_is_gone(void **state) {
  (void)state;
  const char *source = getenv("VKIFT_SOURCE_DIR");
  arena *a = arena_new("list of cases");
  char *record;
  err e = {0};
  text cases = {0};
  list_cases(&cases);
  if (!file_read(a, test_path(source ? source : ".", "tests/ops/cases.txt"), 1 << 20, &record, NULL, &e))
    fail_msg("%s", e.message);
  if (strcmp(record, cases.data))
    fail_msg(
        "the cases are not those of tests/ops/cases.txt. A case that was removed must come back; one that was added is put on "
        "record by: ops_test list >tests/ops/cases.txt. Now they are:\n%s",
        cases.data);
  text_free(&cases);
  arena_free(a);
}

static int print_cases(void) {
  text cases = {0};
  list_cases(&cases);
  fputs(cases.data, stdout);
  text_free(&cases);
  return 0;
}

// Cases by their names; or all but those with a text in their names, "!with q".
static bool is_wanted(const op_case *c, char *const *names, int n) {
  bool any_name = false;
  for (int i = 0; i < n; i++) {
    if (names[i][0] == '!') {
      if (strstr(c->name, names[i] + 1)) return false;
      continue;
    }
    any_name = true;
    if (!strcmp(names[i], c->name)) return true;
  }
  return !any_name;
}

static int run_suite(const op_suite *s, char *const *names, int n_names) {
  struct CMUnitTest *tests = calloc(s->n_cases, sizeof *tests);
  uint32_t n = 0;
  current = s->cases;
  for (uint32_t i = 0; i < s->n_cases; i++)
    if (is_wanted(&s->cases[i], names, n_names))
      tests[n++] =
          (struct CMUnitTest){.name = s->cases[i].name, .test_func = run_case, .initial_state = (void *)(uintptr_t)&s->cases[i]};
  if (n < (uint32_t)n_names) { // names twice are no use either; a text that leaves nothing is a mistake
    fprintf(stderr, "ops_test: %s: expected %d cases of these names, found %u\n", s->name, n_names, n);
    free(tests);
    return 1;
  }
  int failed = _cmocka_run_group_tests(s->name, tests, n, NULL, NULL);
  free(tests);
  return failed;
}

int main(int argc, char **argv) {
  const char *name = argc > 1 ? argv[1] : "coverage";
  if (!strcmp(name, "coverage")) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_operation_is_covered), cmocka_unit_test(no_case_is_gone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
  }
  if (!strcmp(name, "list")) return print_cases();
  const op_suite *suite = NULL;
  for (int i = 0; i < N_LISTED; i++)
    if (!strcmp(name, listed[i].suite->name)) suite = listed[i].suite;
  if (!suite) return fprintf(stderr, "ops_test: ops.def has no operation %s\n", name), 2;
  arena *a = arena_new("device");
  err e = {0};
  if (!device_open(a, getenv("VKIFT_DEVICE"), &device, &e)) return fprintf(stderr, "ops_test: %s\n", e.message), 1;
  int failed = run_suite(suite, argv + 2, argc > 2 ? argc - 2 : 0);
  if (device_validation_messages(device)) failed = 1;
  device_close(device);
  arena_free(a);
  return failed;
}
