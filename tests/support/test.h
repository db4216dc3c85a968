// For every test program: cmocka with what it wants included first, and where things are.
#ifndef SUPPORT_TEST_H
#define SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"

// The shared data folder (real models and golden numbers) beside the repository, or $VKIFT_SHARED_DATA. Tests that need
// it call this first: where it is absent the test is skipped and says so.
const char *test_shared_data(void);
// A fresh directory for this test program, removed at exit.
const char *test_directory(void);
// <directory>/<name>, in static storage that lives until the program ends.
const char *test_path(const char *directory, const char *name);
// Fails the test with the message of `e` where a call did not succeed.
void test_ok(bool ok, const err *e);
// Writes a whole file, for tests that make their own input.
void test_write(const char *path, const void *data, size_t bytes);

#endif
