// Tokens in, next-token logits out, with a key/value cache: `prefill` (many tokens at once) and `decode` (one token a
// slot) are the same forward with two capacities. A slot is one sequence; slots never see each other.
#ifndef EVAL_GENERATOR_H
#define EVAL_GENERATOR_H

#include "models/model.h"

typedef struct generator generator;

typedef struct generator_options {
  uint32_t slots;          // sequences at once
  uint32_t context;        // tokens that a slot holds
  uint32_t prefill_tokens; // tokens of one prefill submission; longer prompts take several
} generator_options;

// A piece of one sequence: ids at positions [position, position + n) of the slot. What the cache held from `position` on
// is replaced.
typedef struct feed {
  uint32_t slot, position, n;
  const int32_t *ids;
} feed;

bool generator_new(arena *a, const model *m, gpu_device *d, gpu_heap *heap, gpu_heap *staging, const generator_options *options,
                   generator **g, err *e);
void generator_free(generator *g); // NULL is fine
uint32_t generator_vocabulary(const generator *g);
// Options whose cache keeps within one binding of the device, and at most `slots`.
generator_options generator_fit(const model *m, const gpu_device *d, uint32_t slots, uint32_t context);

// Feeds up to `slots` pieces (of different slots). logits[i] gets the [vocabulary] logits after piece i's last token,
// valid until the next call.
bool generator_feed(generator *g, const feed *pieces, uint32_t n, const float **logits, err *e);

#endif
