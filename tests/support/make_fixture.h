// Guidelines and seeds of tests, from text.
#ifndef SUPPORT_MAKE_FIXTURE_H
#define SUPPORT_MAKE_FIXTURE_H

#include "data/guideline.h"
#include "data/seeds.h"

// A guideline up to its instances, with two labels.
#define LABELLED                                                                                                        \
  "{\"Definition\": [\" Say whether it floats. \"], \"Things to Avoid\": \"-\", \"Emphasis & Caution\": \"Be sure.\", " \
  "\"Categories\": [\"Physics\"], \"Positive Examples\": [{\"input\": \"a cork in water\", \"output\": \"yes\"}, "      \
  "{\"input\": \"a stone in water\", \"output\": \"no\"}], \"Negative Examples\": [{\"input\": \"a brick in a pond\", " \
  "\"output\": \"yes\", \"explanation\": \"it sinks\"}], "

// Written to the test's directory; the path lives until the next call.
const char *make_fixture_file(const char *name, const char *content);
guidelines make_fixture_guidelines(arena *a, const char *path);
seeds make_fixture_seeds(arena *a, const char *name, const char *content);

#endif
