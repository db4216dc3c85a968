// Splitting text into the words that byte-pair encoding works within: the pre-tokenizers of tokenizer.json. Inside the
// tokenizer.
#ifndef DATA_PRETOKENIZE_H
#define DATA_PRETOKENIZE_H

#include "data/normalize.h"
#include "data/pretokenize_regex.h"

typedef enum pretokenize_kind {
  PRETOKENIZE_SPLIT,     // at the matches of a pattern: Split, Digits, and the pattern of ByteLevel
  PRETOKENIZE_PREFIX,    // a space before what does not begin with one: add_prefix_space of ByteLevel
  PRETOKENIZE_METASPACE, // spaces become ▁, one more in front, and (optionally) each begins a word
} pretokenize_kind;

// JOINED: a match ends the word that it stands behind (MergedWithPrevious).
typedef enum pretokenize_keep { KEEP_ALL, KEEP_MATCHES, KEEP_GAPS, KEEP_JOINED } pretokenize_keep;
typedef enum metaspace_prepend { METASPACE_ALWAYS, METASPACE_FIRST, METASPACE_NEVER } metaspace_prepend;

typedef struct pretokenize_step {
  pretokenize_kind kind;
  regex pattern;             // SPLIT
  pretokenize_keep keep;     // SPLIT
  const char *replacement;   // METASPACE
  metaspace_prepend prepend; // METASPACE
  bool split;                // METASPACE
} pretokenize_step;

typedef struct pretokenizer {
  pretokenize_step *steps;
  uint64_t n, capacity;
} pretokenizer;

// One run's memory and what it does with each word.
typedef struct pretokenize_run {
  const pretokenizer *steps;
  arena *memory;
  regex_work regex;
  bool (*word)(void *context, const piece *word, err *e);
  void *context;
} pretokenize_run;

// Calls run->word for the words of p, in order. No word is empty.
bool pretokenize(pretokenize_run *run, const piece *p, err *e);

#endif
