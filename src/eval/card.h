// The card of an adapter or a model: README.md, with Hugging Face's front matter. It names files, never where this machine has them.
#ifndef EVAL_CARD_H
#define EVAL_CARD_H

#include "eval/corpus.h"
#include "models/adapter.h"

typedef enum card_kind { CARD_ADAPTER, CARD_MODEL, CARD_GGUF, CARD_GGUF_ADAPTER } card_kind;

// What a training run knows at its end. Losses that there are none of are NaN.
typedef struct card_run {
  const vkift_train_options *options;
  const model *model;
  const prompt_style *prompt;
  const adapter *adapter; // NULL: the model itself was trained
  const corpus *corpus;
  uint64_t steps, best_step; // best_step: whose weights are kept; 0: the last one's
  double train_loss, eval_loss;
} card_run;

// Writes README.md into an existing directory.
bool card_write(const card_run *r, const char *dir, err *e);

// What vkift eval left of a run's answers, for its card.
typedef struct card_score {
  const char *data, *metric;
  double score, low, high;
  uint64_t n;
} card_score;

// The card that lies in `from` (NULL: none does), with the front matter of another form of the same, and what was scored since.
typedef struct card_copy {
  card_kind kind;
  bool is_classifier;
  const char *base; // the base model's name
  const char *from; // a directory
  const char *form; // what is exported, as a sentence
  const card_score *scores;
  uint64_t n_scores;
} card_copy;
bool card_export(const card_copy *c, const char *dir, err *e);

#endif
