// TensorBoard event files: the scalars of metrics.jsonl, for who looks at runs there. Each start of a run writes a file of its
// own; that of a resumed run begins with a record that makes TensorBoard forget what came after the checkpoint.
#ifndef TRAIN_TENSORBOARD_H
#define TRAIN_TENSORBOARD_H

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"
#include "vkift.h"

typedef struct tensorboard tensorboard;

// `done`: steps that the run goes on from; 0: it begins. The file lies in `dir`, which is made.
bool tensorboard_open(arena *a, const char *dir, uint64_t done, tensorboard **out, err *e);
void tensorboard_close(tensorboard *v); // NULL is fine, for all of these: nothing is written
bool tensorboard_step(tensorboard *v, const vkift_step *row, err *e);
bool tensorboard_evaluation(tensorboard *v, const vkift_eval_point *point, err *e);

// One record, appended: a scalar, the file's first, and the first of a resumed run.
void tensorboard_put_scalar(text *out, double time, uint64_t step, const char *tag, float value);
void tensorboard_put_version(text *out, double time);
void tensorboard_put_resumed(text *out, double time, uint64_t step);

#endif
