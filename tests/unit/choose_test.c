// Choosing features and limits for invented devices.
#include "support/test.h"

#include <string.h>

#include "gpu/choose.h"

static const uint32_t API_1_1 = 1u << 22 | 1u << 12, API_1_3 = 1u << 22 | 3u << 12, API_1_4 = 1u << 22 | 4u << 12;
static const uint64_t MIB = 1 << 20, GIB = 1 << 30;

static gpu_snapshot big_card(void) {
  return (gpu_snapshot){.name = "Big card",
                        .kind = GPU_KIND_DISCRETE,
                        .api_version = API_1_4 + 305,
                        .max_storage_buffer_range = 0xffffffff,
                        .max_allocation_bytes = 0xfffffffc,
                        .storage_align = 16,
                        .max_workgroup_invocations = 1024,
                        .max_shared_bytes = 49152,
                        .subgroup_size = 32,
                        .min_subgroup_size = 32,
                        .max_subgroup_size = 64,
                        .max_required_subgroups = 16,
                        .f16 = true,
                        .storage_16bit = true,
                        .subgroup_arithmetic = true,
                        .subgroup_shuffle = true,
                        .coopmat = true,
                        .coopmats = {{16, 8, 16}, {16, 16, 16}, {16, 8, 8}},
                        .n_coopmats = 3,
                        .subgroup_size_control = true,
                        .vulkan_memory_model = true,
                        .maintenance4 = true,
                        .integer_dot = true,
                        .buffer_address = true,
                        .memory_budget = true};
}

static gpu_plan chosen(const gpu_snapshot *s, const char *disable, const char *profile) {
  gpu_plan p;
  const char *unknown = NULL;
  if (!choose(s, disable, profile, &p, &unknown)) fail_msg("unknown: %s", unknown);
  for (gpu_feature f = 0; f < GPU_FEATURE_COUNT; f++) assert_true(p.on[f] == !p.why_off[f]); // a reason exactly where off
  return p;
}

static void test_everything(void **state) {
  (void)state;
  gpu_snapshot s = big_card();
  gpu_plan p = chosen(&s, NULL, NULL);
  for (gpu_feature f = 0; f < GPU_FEATURE_COUNT; f++) assert_true(p.on[f]);
  assert_int_equal(p.api_version, API_1_3);
  assert_int_equal(p.max_binding_bytes, 0xffffff00);
  assert_int_equal(p.max_chunk_bytes, 0xffffff00);
  assert_int_equal(p.storage_align, 16);
  assert_int_equal(p.max_invocations, 1024);
  assert_int_equal(p.max_shared_bytes, 49152);
  assert_int_equal(p.subgroup_size, 32);
  assert_true(p.coopmat.m == 16 && p.coopmat.n == 16 && p.coopmat.k == 16); // the largest
  assert_false(p.coopmat_first);
  assert_int_equal(p.cores, 32);
  assert_true(p.slice_seconds == 0.1);
  assert_false(p.is_cpu);
  s.display = true;
  assert_true(chosen(&s, NULL, NULL).slice_seconds == 0.016);
  s.kind = GPU_KIND_CPU;
  p = chosen(&s, NULL, NULL);
  assert_true(p.is_cpu && p.slice_seconds >= 1);
}

static void test_not_offered(void **state) {
  (void)state;
  gpu_snapshot s = big_card();
  s.f16 = s.coopmat = s.subgroup_shuffle = false;
  s.api_version = API_1_1 + 7;
  gpu_plan p = chosen(&s, "", "");
  assert_false(p.on[GPU_FEATURE_F16] || p.on[GPU_FEATURE_COOPMAT] || p.on[GPU_FEATURE_SUBGROUP]);
  assert_true(p.on[GPU_FEATURE_STORAGE_16BIT]);
  assert_string_equal(p.why_off[GPU_FEATURE_COOPMAT], "not offered by the driver");
  assert_int_equal(p.api_version, API_1_1 + 7);
}

// Cooperative matrices want more than their extension.
static void test_coopmat(void **state) {
  (void)state;
  enum { RADV = 3 };
  gpu_snapshot s = big_card();
  s.driver_id = RADV;
  s.cores = 84;
  gpu_plan p = chosen(&s, NULL, NULL);
  assert_true(p.coopmat_first);
  assert_int_equal(p.cores, 84);
  assert_int_equal(chosen(&s, NULL, "cores=7").cores, 7);
  p = chosen(&s, "f16", NULL);
  assert_false(p.on[GPU_FEATURE_COOPMAT]);
  assert_string_equal(p.why_off[GPU_FEATURE_COOPMAT], "needs f16, which is off");
  p = chosen(&s, "subgroup", NULL); // its kernels need both
  assert_false(p.on[GPU_FEATURE_COOPMAT] || p.coopmat_first);
  p = chosen(&s, "coopmat", NULL);
  assert_false(p.on[GPU_FEATURE_COOPMAT] || p.coopmat_first);
  assert_false(chosen(&s, NULL, "coopmat_first=0").coopmat_first);
  s.driver_id = 0;
  assert_true(chosen(&s, NULL, "coopmat_first=1").coopmat_first);
  assert_false(chosen(&s, "coopmat", "coopmat_first=1").coopmat_first);
  s.n_coopmats = 0;
  assert_false(chosen(&s, NULL, NULL).on[GPU_FEATURE_COOPMAT]);
  s = big_card();
  s.maintenance4 = false;
  assert_false(chosen(&s, NULL, NULL).on[GPU_FEATURE_COOPMAT]);
  s = big_card();
  s.api_version = API_1_1;
  assert_false(chosen(&s, NULL, NULL).on[GPU_FEATURE_COOPMAT]);
}

// A kernel may ask for subgroups of a size where the device says so, for so many of them; or have no need to ask.
static void test_required_subgroups(void **state) {
  (void)state;
  gpu_snapshot s = big_card();
  gpu_plan p = chosen(&s, NULL, NULL);
  assert_true(choose_takes_subgroups(&p, 32) && choose_takes_subgroups(&p, 512));
  assert_false(choose_takes_subgroups(&p, 544) || choose_takes_subgroups(&p, 48));
  s.max_required_subgroups = 4;
  p = chosen(&s, NULL, NULL);
  assert_true(p.on[GPU_FEATURE_COOPMAT] && choose_takes_subgroups(&p, 128));
  assert_false(choose_takes_subgroups(&p, 256));
  s.max_required_subgroups = 0; // it may not ask
  p = chosen(&s, NULL, NULL);
  assert_false(p.on[GPU_FEATURE_COOPMAT] || choose_takes_subgroups(&p, 32));
  s.max_subgroup_size = 32; // and need not
  p = chosen(&s, NULL, NULL);
  assert_true(p.on[GPU_FEATURE_COOPMAT] && p.one_subgroup_size && choose_takes_subgroups(&p, 1024));
  s.subgroup_size = s.min_subgroup_size = s.max_subgroup_size = 0; // a driver without the extension
  assert_false(chosen(&s, NULL, NULL).on[GPU_FEATURE_COOPMAT]);
}

// GCN, what came after it, and a phone.
static void test_vendors(void **state) {
  (void)state;
  gpu_snapshot s = big_card();
  s.vendor_id = 0x1002;
  s.min_subgroup_size = 32;
  assert_false(chosen(&s, NULL, NULL).waves_of_64);
  s.min_subgroup_size = 64;
  assert_true(chosen(&s, NULL, NULL).waves_of_64);
  assert_int_equal(chosen(&s, NULL, NULL).max_sums, 64);
  s.vendor_id = 0x5143; // Adreno
  assert_false(chosen(&s, NULL, NULL).waves_of_64);
  assert_int_equal(chosen(&s, NULL, NULL).max_sums, 32);
}

static void test_disable(void **state) {
  (void)state;
  gpu_snapshot s = big_card();
  s.integer_dot = false;
  gpu_plan p = chosen(&s, "coopmat,f16,,integer_dot,", NULL);
  assert_false(p.on[GPU_FEATURE_F16] || p.on[GPU_FEATURE_COOPMAT]);
  assert_true(p.on[GPU_FEATURE_SUBGROUP]);
  assert_non_null(strstr(p.why_off[GPU_FEATURE_F16], "VKIFT_DISABLE"));
  assert_string_equal(p.why_off[GPU_FEATURE_INTEGER_DOT], "not offered by the driver"); // the first reason stays
  for (gpu_feature f = 0; f < GPU_FEATURE_COUNT; f++) {
    p = chosen(&s, gpu_feature_name(f), NULL);
    assert_false(p.on[f]);
  }
}

static void test_floor(void **state) {
  (void)state;
  gpu_snapshot s = big_card();
  gpu_plan p = chosen(&s, NULL, "floor");
  for (gpu_feature f = 0; f < GPU_FEATURE_COUNT; f++) assert_false(p.on[f]);
  assert_int_equal(p.api_version, API_1_1);
  assert_int_equal(p.max_binding_bytes, 128 * MIB);
  assert_int_equal(p.max_chunk_bytes, GIB);
  assert_int_equal(p.max_invocations, 256);
  assert_int_equal(p.max_shared_bytes, 16384);
  assert_int_equal(p.storage_align, 256);
  assert_int_equal(choose_api_version("floor"), API_1_1);
  assert_int_equal(choose_api_version("max_chunk_bytes=4096,floor"), API_1_1);
  assert_int_equal(choose_api_version("flooring"), API_1_3);
  assert_int_equal(choose_api_version(NULL), API_1_3);
  s.max_shared_bytes = 8192; // never more than the device has
  assert_int_equal(chosen(&s, NULL, "floor").max_shared_bytes, 8192);
}

static void test_clamps(void **state) {
  (void)state;
  gpu_snapshot s = big_card();
  gpu_plan p = chosen(&s, NULL, "max_binding_bytes=65536,max_chunk_bytes=1048576,slice_seconds=0.002,is_cpu=1,storage_align=64");
  assert_int_equal(p.max_binding_bytes, 65536);
  assert_int_equal(p.max_chunk_bytes, MIB);
  assert_int_equal(p.storage_align, 64);
  assert_true(p.slice_seconds == 0.002);
  assert_true(p.is_cpu && p.on[GPU_FEATURE_F16]);
  p = chosen(&s, NULL, "floor,max_invocations=128,max_shared_bytes=4096,max_binding_bytes=65537");
  assert_int_equal(p.max_invocations, 128);
  assert_int_equal(p.lanes_bound, 0);
  assert_int_equal(chosen(&s, "buffer_address", "lanes_bound=8").lanes_bound, 8);
  assert_int_equal(p.max_shared_bytes, 4096);
  assert_int_equal(p.max_binding_bytes, 65536);                                                      // whole words
  assert_int_equal(chosen(&s, NULL, "max_binding_bytes=99999999999").max_binding_bytes, 0xffffff00); // clamps only lower
  assert_int_equal(chosen(&s, NULL, "storage_align=4").storage_align, 16);                           // or raise
}

static void test_unknown(void **state) {
  (void)state;
  gpu_snapshot s = big_card();
  const char *const disables[] = {"f17", "f16,coopmats", "F16", " f16", "f16 "};
  const char *const profiles[] = {"ceiling",
                                  "floor,",
                                  "max_binding_bytes",
                                  "max_binding_bytes=",
                                  "max_binding_bytes=-1",
                                  "max_binding_bytes=4k",
                                  "max_binding_bytes=0",
                                  "storage_align=48",
                                  "storage_align=512",
                                  "is_cpu=2",
                                  "lanes_bound=257",
                                  "slice_seconds=0",
                                  "slice_seconds=nan",
                                  "max_chunk_bytes=1e300",
                                  "=5",
                                  "max_chunk_bytes=99999999999999999999999999999999999999"};
  gpu_plan p;
  const char *unknown;
  for (size_t i = 0; i < sizeof disables / sizeof *disables; i++) {
    unknown = NULL;
    if (choose(&s, disables[i], NULL, &p, &unknown)) fail_msg("took \"%s\"", disables[i]);
    assert_non_null(unknown);
  }
  for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++) {
    unknown = NULL;
    bool ok = choose(&s, NULL, profiles[i], &p, &unknown);
    if (ok != !strcmp(profiles[i], "floor,")) fail_msg("profile \"%s\"", profiles[i]); // a final comma is harmless
    assert_true(ok || unknown);
  }
  choose(&s, "f16,coopmats,subgroup", NULL, &p, &unknown);
  assert_true(!strncmp(unknown, "coopmats,", 9));
}

static void test_quirk(void **state) {
  (void)state;
  enum { MOLTENVK = 14, AMD = 0x1002, APPLE = 0x106b };
  gpu_snapshot s = big_card();
  s.driver_id = MOLTENVK;
  s.vendor_id = AMD;
  gpu_plan p = chosen(&s, NULL, NULL);
  assert_false(p.on[GPU_FEATURE_SUBGROUP]);
  assert_non_null(strstr(p.why_off[GPU_FEATURE_SUBGROUP], "MoltenVK"));
  s.vendor_id = APPLE;
  assert_true(chosen(&s, NULL, NULL).on[GPU_FEATURE_SUBGROUP]);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_everything), cmocka_unit_test(test_not_offered),
                                     cmocka_unit_test(test_coopmat),    cmocka_unit_test(test_disable),
                                     cmocka_unit_test(test_floor),      cmocka_unit_test(test_clamps),
                                     cmocka_unit_test(test_unknown),    cmocka_unit_test(test_quirk),
                                     cmocka_unit_test(test_vendors),    cmocka_unit_test(test_required_subgroups)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
