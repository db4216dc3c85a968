// Annotation guidelines: what people were told who wrote examples of a task, from which a model is to write further ones.
//
// A file is a task file of Super-NaturalInstructions or of the older Natural Instructions (superni.h; its Instances may be
// missing), or notes on tasks (task_notes.h, NAME.yaml), each of which is a guideline without examples.
#ifndef DATA_GUIDELINE_H
#define DATA_GUIDELINE_H

#include "data/strings.h"
#include "data/superni.h"

enum { GUIDELINE_MOST = 10000 }; // of one command

typedef struct guideline {
  const char *file; // its name, without directories
  const char *task; // the file's stem; of notes, the task's name
  const char *definition;
  const char *avoid, *caution;                // NULL where it has none
  const superni_example *positive, *negative; // [n_positive], [n_negative]
  uint32_t n_positive, n_negative;
  const char *category; // NULL where it has none
  strings inputs;       // of its instances: what exists already
  strings labels;       // where its right answers are few (guideline_labels), all of them; else empty
  bool copies;          // some right answer is its input
  uint32_t least_words; // of the inputs of its examples; 0 where there are none
} guideline;

typedef struct guidelines {
  guideline *items; // [n]
  uint32_t n;
  uint64_t hash; // of the files' bytes, in their order
} guidelines;

// All of the files, in their order. A file that is given twice is refused, as is a task of which two tell.
bool guidelines_read(arena *a, const char *const *paths, uint64_t n, guidelines *out, err *e);

// Whether answers come from a small set: at most ten different ones, each of them twice or more on average, of four at least.
// Then `labels` are these, in the order in which they come first; else none.
strings guideline_labels(arena *a, const char *const *answers, uint64_t n);

#endif
