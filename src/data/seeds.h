// Seed examples: an instruction, perhaps an input, and its right answer, of rows in any form that holds them. The model that writes
// further ones is shown some of them.
#ifndef DATA_SEEDS_H
#define DATA_SEEDS_H

#include "data/dataset.h"

typedef struct seed_example {
  const char *instruction, *input, *output; // input: "" where it has none
  const char *task;                         // of its row, else its file's stem
  const char *name;                         // where it stands: "seeds.jsonl:7"
} seed_example;

typedef struct seeds {
  seed_example *items; // [n]
  uint64_t n, n_skipped;
  uint64_t hash; // of what they say, in their order
} seeds;

// Those of all paths (each as --data has them: files, directories, packs). Of the options count format, strip_suffix,
// skip_bad_examples and seed. Rows without an instruction and an answer (text, segments, token ids) are refused, and data without
// any row too. Of a conversation, the first question and its answer are taken.
bool seeds_read(arena *a, const char *const *paths, uint64_t n_paths, const dataset_options *options, seeds *out, err *e);

#endif
