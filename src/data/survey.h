// What is in a data set, as a person who is about to train on it would want to know.
#ifndef DATA_SURVEY_H
#define DATA_SURVEY_H

#include "data/dataset.h"

enum { SURVEY_LENGTHS = 24 }; // bucket i counts examples of [2^i, 2^(i+1)) tokens

typedef struct survey_task {
  const char *name;
  uint64_t n, n_tokens, n_targets;
} survey_task;

typedef struct survey {
  uint64_t n, n_tokens, n_targets;
  uint64_t lengths[SURVEY_LENGTHS];
  uint32_t longest, median_length, fewest_targets, median_targets, most_targets;
  uint64_t duplicates;      // examples whose tokens and mask another has too
  uint64_t control_text;    // examples whose ordinary text spells a control token: it stays text
  const char *control_name; // … the first such token
  uint64_t end_markers;     // answers that end in a literal marker such as <|endoftext|>: the model would learn to write it
  const char *end_marker;   // … the first such marker
  survey_task *tasks;       // by name
  uint32_t n_tasks;
} survey;

bool survey_make(arena *a, const dataset *set, const tokenizer *t, survey *out, err *e);

#endif
