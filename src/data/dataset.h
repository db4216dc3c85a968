// Instruction data: from files in any known format to token ids with an exact loss mask.
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include "base/arena.h"
#include "base/err.h"
#include "data/prompt.h"
#include "data/superni.h"
#include "data/tokenizer.h"

typedef struct strings {
  const char *const *items;
  uint32_t n;
} strings;

typedef struct example {
  uint32_t index;                      // its place in the data set: keys random numbers, and the order of evaluation output
  uint32_t n;                          // tokens
  uint32_t n_targets;                  // tokens that carry loss
  int32_t *ids;                        // [n]
  uint8_t *target;                     // [n]: 1 where predicting this token carries loss (the trainer shifts); target[0] is 0
  float weight;                        // of its loss, 1 by default
  const char *task, *cluster, *source; // "" where the row has none; task: the file's stem
  const char *file;
  uint32_t line;          // where it came from, 1-based (array formats: the item's place)
  uint32_t prompt_n;      // tokens before the last answer: what generation starts from; 0 for text
  const char *answer;     // text of the last answer, "" where there is none
  strings references;     // the right answers, where the row has several; else empty
  strings choices;        // among which the answer is one, where the row has them; else empty
  const uint32_t *sketch; // [MINHASH_N] of its words (minhash.h); NULL unless asked for
  uint32_t part;          // number of the `--data` that it came with: the caller's
} example;

typedef struct dataset {
  example *items;
  uint64_t n;
  uint64_t n_tokens, n_targets;
  uint64_t skipped_bad, dropped_long, truncated; // counted, said by the caller; examples cut into pieces are not among them
  uint64_t without_demonstrations; // Super-NaturalInstructions: examples that lack demonstrations, since they would not fit
  uint64_t missing_tasks;          // names in a list of tasks that have no file
} dataset;

typedef enum data_format {
  DATA_AUTO,
  DATA_ALPACA,
  DATA_MESSAGES,
  DATA_PROMPT_COMPLETION,
  DATA_TEXT,
  DATA_TOKENS,
  DATA_SHAREGPT,
  DATA_SEGMENTS,
  DATA_SELF_INSTRUCT,
  DATA_SUPERNI,
  DATA_PREFERENCE,
  DATA_LABELLED,
} data_format;
typedef enum excess_length { EXCESS_DEFAULT, EXCESS_DROP, EXCESS_TRUNCATE, EXCESS_SPLIT, EXCESS_ERROR } excess_length;

// Told of what happens while files are read: for a person who wants to know. Each may be NULL.
typedef struct dataset_watch {
  void *user;
  void (*file)(void *user, const char *file, data_format format, bool has_lines);   // behind its last example
  void (*bad)(void *user, const char *file, const char *fault);                     // an example that cannot be used
  void (*excess)(void *user, const example *x, uint32_t n, excess_length happened); // had n tokens: dropped, cut or split
  void (*border)(void *user, const example *x); // a token stands across the border of a target: it counts by its last byte
} dataset_watch;

typedef struct dataset_options {
  const tokenizer *tokenizer;
  const prompt_style *prompt; // how conversations become text (prompt.h)
  int32_t eos_id;       // appended to `text` examples where missing, and behind a last segment that carries loss; −1: none
  uint32_t vocab_size;  // of the model: ids of pre-tokenised data are checked against it
  uint32_t max_length;  // tokens of one example; 0: any number
  excess_length excess; // default: drop, and split for text
  data_format format;
  bool train_on_last;       // conversations: only the last assistant turn carries loss
  bool skip_bad_examples;   // a bad line is counted instead of ending the run
  bool all_tokens;          // objective lm: every token carries loss
  bool any_conversation;    // one that teaches nothing is fine too (no answer, no question): it is rendered, not learned
  const char *strip_suffix; // a literal end marker that answers carry in their text, removed; NULL: none
  superni_encoding superni; // how task files of Super-NaturalInstructions are put into words
  uint32_t max_instances;   // of such a file; 0: all
  bool first_instances;     // … are its first ones, as the official evaluation has them; else chosen by `seed`
  uint64_t seed;
  bool sketches;              // fill example.sketch
  const dataset_watch *watch; // NULL: nobody
} dataset_options;

// Appends the examples of one file (JSON array, JSON Lines, or one JSON object) to `set`. Errors name file, line and
// field. A file without one usable example is an error, whatever the options. A prompt and a completion that are strings
// are a user's turn and its answer: both go through the prompt, so that a tuned model is asked in one way only.
bool dataset_read(arena *a, const char *path, const dataset_options *options, dataset *set, err *e);
// The same from memory; `name` is what messages call it, and its stem the task.
bool dataset_read_memory(arena *a, const char *name, const void *data, uint64_t size, const dataset_options *options,
                         dataset *set, err *e);
// `--data` and `--eval-data`: appends the split "train", "valid" or "test" of whatever stands at `path` (dataset_files.h).
// Of task files, a test is the first 100 instances, as in the official evaluation, unless max_instances says otherwise.
bool dataset_read_split(arena *a, const char *path, const char *split, const dataset_options *options, dataset *set, err *e);
// Moves a seeded share of `set` (by seed and index, at least one example each where share > 0) into `held_out`.
void dataset_split(arena *a, dataset *set, double share, uint64_t seed, dataset *held_out);
// XXH3 over ids, targets and weights in order: what a checkpoint keeps to know its data again.
uint64_t dataset_hash(const dataset *set);

#endif
