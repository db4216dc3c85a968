// Added tokens: strings such as <|im_end|> that are found in a text before it is split into words. Inside the tokenizer.
#ifndef DATA_TOKENIZER_ADDED_H
#define DATA_TOKENIZER_ADDED_H

#include "data/normalize.h"
#include "data/pretokenize_regex.h"

typedef struct added_token {
  int32_t id;
  const char *content; // as in the file
  const char *pattern; // what is looked for: the content, or what the normaliser makes of it
  bool special;
  bool control;        // special, or of the form <|…|>: content never becomes it
  bool skipped;        // left out when decoding without special tokens
  bool single_word;    // not where a letter, digit or mark stands next to it
  bool lstrip, rstrip; // takes the white space on its left, right with it
  bool normalized;     // looked for in the normalised text
} added_token;

// Finds the leftmost, of those the longest, of a set of patterns.
typedef struct added_matcher {
  const added_token **tokens; // sorted by pattern
  uint32_t n;
  bool begins[256]; // some pattern begins with this byte
} added_matcher;

// Of the tokens that are (not) `normalized`. Two of the same pattern are an error.
bool added_matcher_build(added_matcher *m, arena *a, const added_token *tokens, uint64_t n, bool normalized, err *e);

typedef struct added_match {
  const added_token *token;
  uint64_t begin, end; // bytes of the piece, with what it strips
  uint64_t last;       // of the token's own text
} added_match;

// Where the search goes on. Zero-initialise.
typedef struct added_cursor {
  uint64_t at;      // behind the last match
  uint64_t covered; // behind the last match and what it stripped
} added_cursor;

// The next match in p; of a control token, one in which no byte stands for a byte of the input with content[i] != 0 (content may
// be NULL).
// word: what a word's character is, for single_word. *found false at the end.
bool added_next(const added_matcher *m, const piece *p, const uint8_t *content, const regex *word, regex_work *work,
                added_cursor *cursor, bool *found, added_match *match, err *e);

#endif
