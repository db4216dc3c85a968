// For tests of the GPU room: an open device, about which the validation layers must stay silent.
#ifndef SUPPORT_DEVICE_FIXTURE_H
#define SUPPORT_DEVICE_FIXTURE_H

#include "support/test.h"

#include "gpu/gpu.h"

typedef struct device_fixture {
  arena *memory;
  gpu_device *device;
  gpu_heap *heap; // the tests' own: NULL at first
} device_fixture;

// Setup and teardown of a group: *state is a device_fixture. Closing fails where the validation layers had something to say.
int device_fixture_open(void **state);
int device_fixture_close(void **state);

// Runs a group as often as there are profiles (values of VKIFT_DEVICE_PROFILE; NULL: the device as it is), or once where a lane
// sets one. Returns how many tests failed.
#define device_fixture_run(tests, profiles, setup, teardown)                                                                     \
  device_fixture_run_group((tests), sizeof(tests) / sizeof *(tests), (profiles), sizeof(profiles) / sizeof *(profiles), (setup), \
                           (teardown))
int device_fixture_run_group(const struct CMUnitTest *tests, size_t n_tests, const char *const *profiles, size_t n_profiles,
                             CMFixtureFunction setup, CMFixtureFunction teardown);

#endif
