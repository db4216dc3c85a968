// What a run trains and evaluates on, read with its model's tokenizer and prompt.
#ifndef EVAL_CORPUS_H
#define EVAL_CORPUS_H

#include "data/dataset.h"
#include "data/mixture.h"
#include "models/model.h"
#include "vkift.h"

typedef struct corpus {
  bool choices;                              // set by the caller: examples have their choices in the answer's place
  dataset train, eval;                       // eval.n is 0 where none was asked for
  uint32_t max_length;                       // of an example, in tokens
  uint32_t longest;                          // example that is there
  const char *unused_valid;                  // a directory of the training data whose valid.jsonl nobody asked for; NULL: none
  uint64_t duplicates, beyond_limit, leaked; // training examples that were left out
  near_duplicates near;                      // that are trained on
  uint64_t unknown_notes;                    // tasks of --task-notes of which there is no example
  strings labels;                            // objective classify: by the numbers of the head's rows; else none
  uint64_t *label_counts;                    // … [labels.n]: training examples that have each
} corpus;

// events (may be NULL): how far it is is said, and whether to stop is asked.
bool corpus_read(arena *a, const model *m, const prompt_style *prompt, const vkift_train_options *o,
                 const vkift_train_events *events, corpus *c, err *e);
// A part of the data, and what it is evaluated on in place of what the options say. keep: whether an example is trained on;
// what it was before augmentations decides, so all that it may look at is where the example came from and its prompt's hash
// (mixture_hash_prompt). change: may drop more and put others in their place, before weights repeat them. The limit of a task
// does not hold: whoever chose the part kept to it.
typedef struct corpus_part {
  bool (*keep)(void *user, const example *x);
  void (*change)(void *user, arena *a, corpus *c);
  void *user;
  const dataset *eval; // lives longer than the corpus
} corpus_part;
bool corpus_read_part(arena *a, const model *m, const prompt_style *prompt, const vkift_train_options *o,
                      const vkift_train_events *events, const corpus_part *part, corpus *c, err *e);

// The labels of a classifier, into options->labels too: those of its model, those given, or where `data` names what is trained
// on those found there.
bool corpus_labels(arena *a, const model *m, const vkift_strings *given, const vkift_data_list *data, dataset_options *options,
                   strings *labels, err *e);

// Whether labels that were given are those of a model that names its own, in its order; none are.
bool corpus_check_labels(const model *m, const vkift_strings *given, err *e);

// Whether the weights leave something of each part of the data that `set` has examples of.
bool corpus_check_weights(const dataset *set, const vkift_data_list *data, err *e);

// "; 3 dropped: …" for what of a set is not used; nothing where all of it is.
void corpus_describe_lost(const dataset *set, uint32_t max_length, text *out);
// One sentence of counts for the person at the terminal.
void corpus_describe(const corpus *c, text *out);

// Tokens of an example: as asked, within the model's context; with 0 the default.
bool corpus_max_length(const model *m, int64_t asked, uint32_t *out, err *e);
// How rows are read, as the data room takes it; all that is not in a vkift_reading is zero.
dataset_options corpus_reading(const vkift_reading *reading);
// The same with what is needed to make tokens of them.
dataset_options corpus_options(const model *m, const prompt_style *prompt, const vkift_reading *reading,
                               vkift_objective objective, vkift_excess excess, uint32_t max_length);

// Of pairs of answers the chosen ones, as examples of their own: what objective sft would learn of these rows.
void corpus_keep_chosen(dataset *set);

// What training examples are given besides, into options->augment and options->seed. Values out of range, and
// demonstrations with objective lm, are wrong usage.
bool corpus_augment(arena *a, const vkift_augment *augment, int64_t seed, vkift_objective objective, dataset_options *options,
                    err *e);

#endif
