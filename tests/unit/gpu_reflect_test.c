// Reflection of the embedded shaders, and of damaged SPIR-V. No device needed.
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "gpu/internal.h"
#include "gpu/shader_table.h"

static const shader_code *shader(const char *name) {
  for (const shader_code *s = shader_table; s->name; s++)
    if (!strcmp(s->name, name)) return s;
  fail_msg("no shader %s", name);
  return NULL;
}

static reflection reflected(const char *name, const uint32_t *spec, uint32_t n_spec) {
  reflection r;
  err e = {0};
  const shader_code *s = shader(name);
  if (!reflect(s->words, s->bytes, spec, n_spec, &r, &e)) fail_msg("%s: %s", name, e.message);
  return r;
}

static void assert_binding(const reflection *r, uint32_t i, bool reads, bool writes) {
  assert_true(r->bindings[i].used);
  assert_int_equal(r->bindings[i].reads, reads);
  assert_int_equal(r->bindings[i].writes, writes);
}

static void test_directions(void **state) {
  (void)state;
  reflection r = reflected("check_arith", NULL, 0);
  assert_int_equal(r.n_bindings, 3);
  assert_binding(&r, 0, true, false);
  assert_binding(&r, 1, true, false);
  assert_binding(&r, 2, true, true);
  assert_false(r.bindings[3].used);
  assert_int_equal(r.push_bytes, 8);
  assert_int_equal(r.shared_bytes, 0);
  r = reflected("check_copy", NULL, 0); // two views of each binding
  assert_int_equal(r.n_bindings, 2);
  assert_binding(&r, 0, true, false);
  assert_binding(&r, 1, false, true);
}

static void test_specialized(void **state) {
  (void)state;
  reflection r = reflected("check_sum", (uint32_t[]){128}, 1);
  assert_int_equal(r.local_size[0], 128);
  assert_int_equal(r.local_size[1], 1);
  assert_int_equal(r.local_size[2], 1);
  assert_int_equal(r.shared_bytes, 512);
  r = reflected("check_sum", NULL, 0);
  assert_int_equal(r.local_size[0], 64);
  assert_int_equal(r.shared_bytes, 256);
}

// Every shader has an interface that vkift can use: few bindings, or addresses in their place; portable push constants.
static void test_all(void **state) {
  (void)state;
  int n = 0;
  for (const shader_code *s = shader_table; s->name; s++, n++) {
    reflection r = reflected(s->name, NULL, 0);
    const bool addresses = strlen(s->name) > 5 && !strcmp(s->name + strlen(s->name) - 5, "_addr");
    if (!r.n_bindings != addresses || !r.local_size[0] || !r.local_size[1] || !r.local_size[2])
      fail_msg("%s: %u bindings, workgroups of %u x %u x %u", s->name, r.n_bindings, r.local_size[0], r.local_size[1],
               r.local_size[2]);
    for (uint32_t i = 0; i < r.n_bindings; i++)
      if (r.bindings[i].used && !r.bindings[i].reads && !r.bindings[i].writes) fail_msg("%s: binding %u", s->name, i);
  }
  assert_true(n >= 5);
}

// Each truncation and each damaged word ends in success or a message, never in a crash (run under the sanitizers).
static void test_damaged(void **state) {
  (void)state;
  const shader_code *s = shader("check_sum");
  uint32_t *copy = malloc(s->bytes);
  reflection r;
  assert_false(reflect(s->words, 0, NULL, 0, &r, NULL));
  assert_false(reflect(s->words, s->bytes - 1, NULL, 0, &r, NULL));
  for (size_t words = 1; words < s->bytes / 4; words++) {
    uint32_t *cut = malloc(words * 4);
    memcpy(cut, s->words, words * 4);
    err e = {0};
    bool ok = reflect(cut, words * 4, NULL, 0, &r, &e);
    assert_true(ok == !e.failed);
    if (words <= 5) assert_false(ok);
    free(cut);
  }
  const uint32_t bad[] = {0, 1, 0xffff, 0xffff0000, 0xffffffff, 0x00010000};
  for (size_t i = 0; i < s->bytes / 4; i++) {
    for (size_t j = 0; j < sizeof bad / sizeof *bad; j++) {
      memcpy(copy, s->words, s->bytes);
      copy[i] = bad[j];
      err e = {0};
      bool ok = reflect(copy, s->bytes, NULL, 0, &r, &e);
      assert_true(ok == !e.failed);
      if (i == 0) assert_false(ok);
    }
  }
  free(copy);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_directions), cmocka_unit_test(test_specialized),
                                     cmocka_unit_test(test_all), cmocka_unit_test(test_damaged)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
