// Augmentations: what any conversation can be given before it is rendered, so that the mask stays exact. Each is drawn by
// the seed and the example's place in its file alone.
//
//   demonstrations     earlier turns in front of the first: the prompts and answers of other examples of the same task in
//                      the same file, without loss. A chat model meets them in the form in which it is asked and answers
//   persona            one of the example's own `personas`, in front of the system message or as one
//   definition         its `definition` and `things_to_avoid`, in front of the first prompt, that of a demonstration included
//   length constraint  a sentence behind the prompt that states a limit which the answer fulfils (augment_length.h)
//
// Demonstrations and length constraints are for conversations of one prompt and one trained answer, without tools. A
// demonstration has the system message of the example, its persona among its own where it got one, and another prompt; of a
// template pack, it is of another row.
// Task files of Super-NaturalInstructions keep their own encoding.
#ifndef DATA_AUGMENT_H
#define DATA_AUGMENT_H

#include "data/augment_pool.h"

enum { AUGMENT_DEMONSTRATIONS = 16 }; // the most that may be asked for

// The augmentations of one file's examples.
typedef struct augment augment;

// NULL where the options ask for none. `file` names the task of rows that do not.
augment *augment_new(const dataset_options *o, const char *file);
void augment_free(augment *g); // NULL is fine

// First, where augment_needs_pool: the examples of the file as they were read, each of which may become a demonstration.
// place: its line, or its place in an array.
bool augment_needs_pool(const augment *g);                                    // NULL: no
bool augment_wants(const augment *g, const raw_example *raw, uint32_t place); // it would be kept
void augment_offer(augment *g, const raw_example *raw, uint32_t place);

typedef struct augmented {
  const raw_example *plain;
  const char *persona, *definition, *constraint; // NULL: none. definition: with the things to avoid
  const pool_candidate *demonstrations[AUGMENT_DEMONSTRATIONS];
  uint32_t n_demonstrations;
} augmented;

// Draws what an example gets; false where that is nothing.
bool augment_draw(const augment *g, arena *a, const raw_example *raw, uint32_t place, augmented *x);
// The example with it, and with those demonstrations whose bits are set. Strings belong to the example, the arena or the pool.
raw_example augment_build(arena *a, const augmented *x, uint32_t demonstrations);
uint32_t augment_all(const augmented *x); // the bits of all its demonstrations
void augment_count(augment_counts *counts, const augmented *x, uint32_t demonstrations);

#endif
