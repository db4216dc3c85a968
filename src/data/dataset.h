// Instruction data: from files in any known format to token ids with an exact loss mask.
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include "base/arena.h"
#include "base/err.h"
#include "data/choice_tokens.h"
#include "data/prompt.h"
#include "data/strings.h"
#include "data/superni.h"
#include "data/tokenizer.h"

// Where examples come from. Those of a file that agree share one.
typedef struct example_origin {
  const char *file;
  const char *task, *cluster, *source; // "" where the row has none; task: the file's stem
  const char *category, *metric;       // of the task: its kind, and the metric that is named for it; "" where the row has none
} example_origin;

// What an example was before augmentations (augment.h), by which duplicates and leakage are told.
typedef struct example_plain {
  uint64_t hash, prompt_hash;
} example_plain;

// What is known of each example in memory; the rest lies in a mapped file where the data are large (tokenised.h).
typedef struct example {
  const int32_t *ids;               // [n]
  const uint8_t *target;            // [n]: 1 where predicting this token carries loss (the trainer shifts); target[0] is 0
  const example_origin *origin;     // where it came from
  const char *answer;               // text of the last answer, "" where there is none
  const packed_strings *references; // the right answers, where the row has several; else NULL
  const packed_strings *choices;    // among which the answer is one, where the row has them; else NULL
  const choice_tokens *as_answers;  // each of the choices in the answer's place; NULL unless asked for, and where it was cut
  const uint32_t *sketch;           // [MINHASH_N] of its words (minhash.h); NULL unless asked for, and of a text's later pieces
  const example_plain *plain;       // of an augmented example, what it was before; else NULL
  uint64_t hash;                    // of ids and targets
  uint32_t index;                   // its place in the data set: keys random numbers, and the order of evaluation output
  uint32_t n, n_targets;            // tokens, and those of them that carry loss
  uint32_t prompt_n;                // tokens before the last answer: what generation starts from; 0 for text
  uint32_t second;                  // of a pair, where the prompt with the rejected answer begins; else 0
  uint32_t line;                    // of its file, 1-based (array formats: the item's place)
  uint32_t part;                    // number of the `--data` that it came with: the caller's
  float weight;                     // of its loss, 1 by default
  const float *reference;           // [2]: of a pair, the reference's log-likelihoods of both answers, from who trains; else NULL
} example;

// What was put around examples (augment.h): how many of them got each.
typedef struct augment_counts {
  uint64_t demonstrations, persona, length_constraint, definition;
} augment_counts;

typedef struct dataset {
  example *items;
  uint64_t n, capacity; // capacity: places of items, where more are to be appended
  uint64_t n_tokens, n_targets;
  uint64_t skipped_bad, dropped_long, truncated; // counted, said by the caller; examples cut into pieces are not among them
  uint64_t without_demonstrations;               // examples that lack demonstrations, since they would not fit
  augment_counts augmented;
  uint64_t repeated_texts, asked_texts; // that were not joined: there already, and in what is evaluated on (`asked`)
  uint64_t missing_tasks;               // names in a list of tasks that have no file
  const struct dataset_maps *maps;      // files in which examples lie; NULL: they lie in memory
  const char *cache_written;            // the last file that was added to the cache for it; NULL: none
  const char *cache_fault;              // why it could not be kept there, and is in memory; NULL: nothing went wrong
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
  DATA_PACK, // rows of labelled data through dataset_options.pack
} data_format;
typedef enum excess_length { EXCESS_DEFAULT, EXCESS_DROP, EXCESS_TRUNCATE, EXCESS_SPLIT, EXCESS_ERROR } excess_length;

// Augmentations of conversations (augment.h); all zero: none.
typedef struct augmentation {
  uint32_t n_demonstrations;
  double persona, length_constraint, definition; // share of the examples that could have one
  const struct task_notes *notes;                // definitions and personas of tasks (task_notes.h); NULL: none
} augmentation;

// Told of what happens while files are read: for a person who wants to know. Each may be NULL. A reading that is watched goes
// through the rows, also where the cache has their tokens.
typedef struct dataset_watch {
  void *user;
  void (*file)(void *user, const char *file, data_format format, bool has_lines); // behind its last example
  void (*bad)(void *user, const char *file, const char *fault);                   // an example that cannot be used
  // An example of a task (NULL: the file's) at `line` had n tokens, too many: it was dropped, cut or split.
  void (*excess)(void *user, const char *file, const char *task, uint32_t line, uint32_t n, excess_length happened);
  // A token of the example stands across the border of a target: it counts by its last byte.
  void (*border)(void *user, const char *file, uint32_t line);
  // A text is not joined: it is there already (`again`), or is evaluated on.
  void (*left_out)(void *user, const char *file, uint32_t line, bool again);
} dataset_watch;

typedef struct dataset_options {
  const tokenizer *tokenizer;
  const prompt_style *prompt; // how conversations become text (prompt.h)
  int32_t eos_id;       // appended to `text` examples where missing, and behind a last segment that carries loss; −1: none
  uint32_t vocab_size;  // of the model: ids of pre-tokenised data are checked against it
  uint32_t max_length;  // tokens of one example; 0: any number
  excess_length excess; // default: drop, and split for text
  data_format format;
  bool train_on_last;               // conversations: only the last assistant turn carries loss
  bool skip_bad_examples;           // a bad line is counted instead of ending the run
  bool all_tokens;                  // objective lm: every token carries loss
  bool join;                        // `text` examples of a file are joined and cut into examples of max_length; not those `asked`
  bool drop_texts;                  // … nor those that are there already
  bool pairs;                       // objective dpo: of preference rows both answers, each with the prompt, as one example
  const strings *labels;            // objective classify: an example is its text and its label's number (labels.h); else NULL
  bool any_conversation;            // one that teaches nothing is fine too (no answer, no question): it is rendered, not learned
  const char *strip_suffix;         // a literal end marker that answers carry in their text, removed; NULL: none
  superni_encoding superni;         // how task files of Super-NaturalInstructions are put into words
  uint32_t max_instances;           // of such a file; 0: all
  bool first_instances;             // … are its first ones, as the official evaluation has them; else chosen by `seed`
  const struct template_pack *pack; // of a template pack's data; set by the reading itself, as the format is
  uint64_t seed;
  augmentation augment;  // drawn by `seed`
  const uint64_t *asked; // [n_asked], sorted: hashes of prompts and texts that are evaluated on, which demonstrate nothing
  uint64_t n_asked;
  bool sketches; // fill example.sketch
  bool choices;  // fill example.as_answers
  bool cache;    // tokens of a large data set are kept on disk, and found there the next time (token_cache.h)
  bool (*progress)(void *user, uint64_t done_bytes, uint64_t total_bytes); // while data are tokenised; false stops. NULL: none
  void *progress_user;
  const dataset_watch *watch; // NULL: nobody
} dataset_options;

// Appends the examples of one file (JSON array, JSON Lines, one JSON object, or a table) to `set`. Errors name file, line and
// field; nothing is appended then. A file without one usable example is an error, whatever the options. A prompt and a
// completion that are strings are a user's turn and its answer: both go through the prompt, so that a tuned model is asked in
// one way only. What the examples point to lies in the arena or is let go with it.
bool dataset_read(arena *a, const char *path, const dataset_options *options, dataset *set, err *e);
// The same from memory; `name` is what messages call it, and its stem the task.
bool dataset_read_memory(arena *a, const char *name, const void *data, uint64_t size, const dataset_options *options,
                         dataset *set, err *e);
// `--data` and `--eval-data`: appends the split "train", "valid" or "test" of whatever stands at `path` (dataset_files.h).
// Of task files, a test is the first 100 instances, as in the official evaluation, unless max_instances says otherwise.
bool dataset_read_split(arena *a, const char *path, const char *split, const dataset_options *options, dataset *set, err *e);
// Beyond the largest id of an example: there may be more labels than tokens.
uint32_t dataset_n_ids(const dataset_options *options);
// Moves a seeded share of `set` (by seed and index, at least one example each where share > 0) into `held_out`. What came of
// one row stays together.
void dataset_split(arena *a, dataset *set, double share, uint64_t seed, dataset *held_out);
// Whether both came of one row, as the phrasings of a template pack and the instances of self-instruct do. (The pieces of a long
// text do too, but they are other texts.)
bool dataset_same_row(const example *x, const example *y);
// XXH3 over hashes and weights in order: what a checkpoint keeps to know its data again.
uint64_t dataset_hash(const dataset *set);
// What hash an example of these tokens has, and its prompt (all of it, where it has none).
uint64_t dataset_hash_example(const example *x);
uint64_t dataset_hash_prompt(const int32_t *ids, uint32_t n);
// Of a text, without the EOS behind it (and in front, where that is the BOS too).
uint64_t dataset_hash_text(const int32_t *ids, uint32_t n, int32_t eos);
bool dataset_is_asked(const dataset_options *o, uint64_t hash);

// Who goes through the tokens of many examples says of each that it is done with it: what was read of mapped files is let go
// from time to time, so that a pass over data of any size keeps little of them in memory. Zero-initialise `passed` for a pass.
void dataset_passed(const dataset *set, const example *x, uint64_t *passed);

#endif
