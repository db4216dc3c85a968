// Instruction data: from files in any known format to token ids with an exact loss mask.
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include "base/arena.h"
#include "base/err.h"
#include "data/prompt.h"
#include "data/tokenizer.h"

typedef struct example {
  uint32_t index;     // its place in the data set: keys random numbers, and the order of evaluation output
  uint32_t n;         // tokens
  uint32_t n_targets; // tokens that carry loss
  int32_t *ids;       // [n]
  uint8_t *target;    // [n]: 1 where predicting this token carries loss (the trainer shifts); target[0] is 0
  float weight;       // of its loss, 1 by default
  const char *task, *cluster, *source; // "" where the row has none; task: the file's stem
  const char *file;
  uint32_t line;      // where it came from, 1-based (array formats: the item's place)
  uint32_t prompt_n;  // tokens before the last answer: what generation starts from; 0 for text
  const char *answer; // text of the last answer, "" where there is none
} example;

typedef struct dataset {
  example *items;
  uint64_t n;
  uint64_t n_tokens, n_targets;
  uint64_t skipped_bad, dropped_long, truncated; // counted, said by the caller; examples cut into pieces are not among them
} dataset;

typedef enum data_format { DATA_AUTO, DATA_ALPACA, DATA_MESSAGES, DATA_PROMPT_COMPLETION, DATA_TEXT, DATA_TOKENS } data_format;
typedef enum excess_length { EXCESS_DEFAULT, EXCESS_DROP, EXCESS_TRUNCATE, EXCESS_SPLIT, EXCESS_ERROR } excess_length;

typedef struct dataset_options {
  const tokenizer *tokenizer;
  const prompt_style *prompt; // how conversations become text (prompt.h)
  int32_t eos_id;             // appended to `text` examples where missing; −1: none
  uint32_t vocab_size;        // of the model: ids of pre-tokenised data are checked against it
  uint32_t max_length;        // tokens of one example; 0: any number
  excess_length excess;       // default: drop, and split for text
  data_format format;
  bool train_on_last;         // messages: only the last assistant turn carries loss
  bool skip_bad_examples;     // a bad line is counted instead of ending the run
  bool all_tokens;            // objective lm: every token carries loss
} dataset_options;

// Appends the examples of one file (JSON array or JSON Lines) to `set`. Errors name file, line and field. A file without
// one usable example is an error, whatever the options. A prompt and a completion that are strings are a user's turn and
// its answer: both go through the prompt, so that a tuned model is asked in one way only.
bool dataset_read(arena *a, const char *path, const dataset_options *options, dataset *set, err *e);
// The same from memory; `name` is what messages call it, and its stem the task.
bool dataset_read_memory(arena *a, const char *name, const void *data, uint64_t size, const dataset_options *options,
                         dataset *set, err *e);
// `--data` and `--eval-data`: a file, or a directory with train.jsonl, valid.jsonl, test.jsonl (`split` picks one).
bool dataset_path(arena *a, const char *path, const char *split, char **file, err *e);
// Moves a seeded share of `set` (by seed and index, at least one example each where share > 0) into `held_out`.
void dataset_split(arena *a, dataset *set, double share, uint64_t seed, dataset *held_out);
// XXH3 over ids, targets and weights in order: what a checkpoint keeps to know its data again.
uint64_t dataset_hash(const dataset *set);

#endif
