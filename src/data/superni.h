// Task files of Super-NaturalInstructions (Wang et al., "Super-NaturalInstructions", EMNLP 2022) and of the older Natural
// Instructions: a definition, demonstrations, and instances of the task, put into words as Tk-Instruct was trained.
#ifndef DATA_SUPERNI_H
#define DATA_SUPERNI_H

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"
#include "io/json.h"

enum { SUPERNI_POS_EXAMPLES = 2, SUPERNI_TEST_INSTANCES = 100 }; // Tk-Instruct's default; the official evaluation's

typedef struct superni_encoding {
  uint32_t n_pos, n_neg; // demonstrations, as far as the task has them
  bool explanations;     // of why a demonstration is right or wrong
} superni_encoding;

typedef struct superni_example {
  const char *input, *output, *explanation; // explanation: NULL where there is none
} superni_example;

// Strings belong to the JSON document or to the arena.
typedef struct superni_task {
  const char *definition;
  const char *avoid, *caution, *prompt; // Natural Instructions v1 only; else NULL
  superni_example *positive, *negative; // [n_positive], [n_negative]
  uint32_t n_positive, n_negative;
  const char *category, *source; // NULL where the file has none
} superni_task;

// Everything but the instances.
bool superni_read(arena *a, const json *d, superni_task *t, err *e);

// The instruction for an instance whose input is the first `input_n` bytes of `input`; appended. Never more
// demonstrations than the task has.
void superni_put_prompt(const superni_task *t, const superni_encoding *how, const char *input, size_t input_n, text *out);

#endif
