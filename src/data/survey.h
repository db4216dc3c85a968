// What is in a data set, as a person who is about to train on it would want to know: counts, and findings to act on.
#ifndef DATA_SURVEY_H
#define DATA_SURVEY_H

#include "data/dataset.h"

enum {
  SURVEY_LENGTHS = 24, // bucket i counts examples of [2^i, 2^(i+1)) tokens
  SURVEY_REASONS = 5   // reasons for bad examples that are told apart
};

// The examples of one task, or of one file.
typedef struct survey_group {
  const char *name;
  data_format format; // of a file
  uint64_t n, n_tokens, n_targets;
  uint64_t dropped; // too long
  uint64_t bad;     // of a file: not usable
} survey_group;

typedef struct survey_place {
  const char *file;
  uint32_t line;
  const char *text; // "data.jsonl:7"; "data.json: item 7" where the file has no lines
} survey_place;

// Something that a person may want to act on. Kinds, in their order:
//   bad_examples           n with the fault `detail`, the message about the first of them
//   dropped_long           longer than max_length; detail: the tokens of the first
//   truncated, split       cut to max_length, cut into pieces; detail: the tokens of the first
//   fewer_demonstrations   of Super-NaturalInstructions, where not all would fit
//   across_borders         a token stands on both sides of where an answer begins or ends: it counts by its last byte
//   missing_tasks          names in a list of tasks that have no file
//   duplicates             have the tokens and targets of an earlier example
//   leaked                 have the prompt of an example of the evaluation data
//   near_duplicates        much like an earlier one; detail: the similarity of the first two
//   other_answers          have the prompt of an earlier one, but another answer
//   no_end                 the last token that carries loss is no control token: the model does not learn to stop there
//   end_markers            answers that end in a literal marker (detail): the model would learn to write it
//   white_space            answers that begin or end with white space, which would be learned
//   control_text           ordinary text spells a control token (detail); it stays text
typedef struct survey_finding {
  const char *kind;
  uint64_t n;
  survey_place first, like; // of the first of them, and what that one is like; NULL: nothing
  const char *detail;       // "" where the kind has none
} survey_finding;

typedef struct survey_reason {
  const char *message, *file, *key; // key: the message without what differs from row to row
  uint64_t n;
} survey_reason;

// An example that was too long.
typedef struct survey_excess {
  const char *task, *file;
  uint32_t line, n;
  excess_length happened;
} survey_excess;

typedef struct survey_file {
  const char *name;
  data_format format;
  bool has_items; // of a JSON array or document, not lines
  bool is_eval;
  uint64_t bad;
} survey_file;

typedef struct survey {
  uint64_t n, n_tokens, n_targets; // of what is readable and not too long
  uint64_t n_bad;
  uint64_t empty_masks; // of them, those in which nothing carries loss
  uint64_t left;        // what a run would train on: without duplicates and what is evaluated on
  uint64_t lengths[SURVEY_LENGTHS];
  uint32_t longest, median_length, fewest_targets, median_targets, most_targets;
  survey_group *tasks, *files; // the largest first
  uint32_t n_tasks, n_files;
  survey_finding *findings;
  uint32_t n_findings;
  // while files are read
  arena *memory;
  dataset_watch watch, eval_watch;
  survey_reason reasons[SURVEY_REASONS + 1]; // the last: all others
  uint32_t n_reasons;
  survey_excess *excess;
  uint64_t n_excess, excess_capacity;
  uint64_t n_borders;
  const char *border_file; // the first
  uint32_t border_line;
  struct survey_texts { // texts that are not joined with the others: there already, or evaluated on
    uint64_t n;
    const char *file; // of the first
    uint32_t line;
  } again, asked;
  survey_file *seen;
  uint64_t n_seen, seen_capacity;
} survey;

// Makes ready to watch a reading: its options get &s->watch, skip_bad_examples (to read on), and sketches; that of the
// evaluation data gets &s->eval_watch.
void survey_begin(survey *s, arena *a);
// All that there is to say about what was read. `train` is left with what a run would train on. eval may be empty. `all_tokens`:
// every token carries loss, and no answer is looked for.
bool survey_make(survey *s, dataset *train, const dataset *eval, const tokenizer *t, bool all_tokens, err *e);

#endif
