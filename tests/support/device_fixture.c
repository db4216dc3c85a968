#define _GNU_SOURCE
#include "support/device_fixture.h"

#include <stdlib.h>

int device_fixture_open(void **state) {
  static device_fixture f;
  err e = {0};
  f = (device_fixture){.memory = arena_new("test")};
  if (!device_open(f.memory, NULL, &f.device, &e)) {
    print_message("%s\n", e.message);
    return -1;
  }
  *state = &f;
  return 0;
}

int device_fixture_close(void **state) {
  device_fixture *f = *state;
  device_close(f->device);
  const uint32_t messages = device_validation_messages(f->device);
  arena_free(f->memory);
  return messages ? -1 : 0;
}

int device_fixture_run_group(const struct CMUnitTest *tests, size_t n_tests, const char *const *profiles, size_t n_profiles,
                             CMFixtureFunction setup, CMFixtureFunction teardown) {
  const char *outer = getenv("VKIFT_DEVICE_PROFILE");
  int failed = 0;
  for (size_t i = 0; i < n_profiles; i++) {
    if (i && outer) break;
    if (profiles[i]) setenv("VKIFT_DEVICE_PROFILE", profiles[i], true);
    failed += _cmocka_run_group_tests(profiles[i] ? profiles[i] : "the device itself", tests, n_tests, setup, teardown);
  }
  return failed;
}
