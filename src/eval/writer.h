// One answer as it grows: its tokens are chosen from logits one after the other, until a token ends it, its text holds a
// stop string, or it is long enough.
#ifndef EVAL_WRITER_H
#define EVAL_WRITER_H

#include "eval/loaded.h"
#include "eval/sample.h"

typedef struct writer_options {
  uint32_t max_new_tokens;
  sample_options sample;
  uint64_t seed;
  vkift_strings stop; // UTF-8, none of them empty
} writer_options;

typedef struct writer {
  const loaded *of;
  const writer_options *options;
  const int32_t *prompt; // what the penalty counts beside the answer
  uint32_t n_prompt;
  uint64_t index;       // with the seed and a token's place the key of its random numbers
  uint32_t n, capacity; // tokens; the one that ended it is not among them
  int32_t *ids;         // [capacity]
  bool ended;
  vkift_finish finish; // once it has ended
  text text;           // of ids, up to the stop string; whole where a text is asked for or it has ended
  float *penalized;    // [vocabulary], NULL without a penalty
  bool needs_text;     // after each token
} writer;

// Memory for answers of up to `most` tokens; a writer is then begun for one prompt after the other. streams: its text is
// wanted while it grows.
void writer_open(arena *a, const loaded *l, const writer_options *options, uint32_t most, bool streams, writer *w);
void writer_begin(writer *w, uint64_t index, const int32_t *prompt, uint32_t n_prompt);
void writer_close(writer *w);

// Takes the next token from [vocabulary] logits. `last`: there is no room for another one.
bool writer_take(writer *w, const float *logits, bool last, err *e);
// Ends it as VKIFT_FINISH_STOPPED where it is.
bool writer_stop(writer *w, err *e);
// Bytes of `text` that no later token changes: whole characters, and none that a stop string may begin with.
size_t writer_settled(const writer *w);

// Where the first of the stop strings that `in` holds begins; `length` where it holds none.
size_t writer_find_stop(const vkift_strings *stop, const char *in, size_t length);
// The bytes at the end of `in` that a stop string may begin with.
size_t writer_begun_stop(const vkift_strings *stop, const char *in, size_t length);

#endif
