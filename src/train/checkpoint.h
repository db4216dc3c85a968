// Checkpoints: everything that the next step depends on, so that a resumed run ends with the bits of one that was never
// stopped. A directory checkpoints/step-N that appears whole or not at all:
//   state.safetensors   weights, m and v of every trained tensor, F32
//   state.json          the counters below; no times, so that the same run gives the same files
//   checksums.json      XXH3-64 of the two; verified before anything is loaded
#ifndef TRAIN_CHECKPOINT_H
#define TRAIN_CHECKPOINT_H

#include "data/loader.h"
#include "models/params.h"

typedef struct checkpoint_state {
  uint64_t step;         // attempted steps
  uint32_t applied;      // steps that changed the weights: the device's count
  uint32_t bad_in_a_row; // steps that were not finite, up to now
  uint64_t bad_steps;    // of the whole run
  loader_state loader;
  uint64_t data_hash; // dataset_hash of the training data
  uint64_t seed;
  uint32_t capacity;                            // tokens of a packed row: another would group sums otherwise
  uint32_t recomputed_layers, recomputed_group; // gradient checkpointing (graph_recompute)
  double last_loss;
  double last_eval_loss;       // of the newest evaluation; NaN: none yet
  uint64_t best_step;          // of the evaluation with the least loss; 0: none yet
  double best_eval_loss;       // … its loss
  uint32_t evals_without_gain; // evaluations since then, or since the first where none is the best
  uint64_t eval_hash;          // dataset_hash of the data that these evaluations are of; 0: not known
  uint64_t base_hash;          // model_fingerprint of what the run began with
  const char *device;          // name, driver and paths taken: another one may give other bits
} checkpoint_state;

// Writes <dir>/step-N beside, flushes it, renames it.
bool checkpoint_write(const char *dir, const checkpoint_state *state, const params *p, gpu_device *d, err *e);
// The newest checkpoint of <dir> whose checksums hold; damaged ones are skipped with a message to `note`. False with an
// error when there is none, or when the newest that is not damaged is of another version of this format.
bool checkpoint_find(arena *a, const char *dir, void (*note)(void *user, const char *message), void *user, char **path,
                     checkpoint_state *state, err *e);
// Whether <dir> has any checkpoint, good or damaged.
bool checkpoint_any(const char *dir);
// Whether the checkpoint is there and nothing of it is damaged.
bool checkpoint_verify(const char *path, err *e);
// Loads the tensors of a verified checkpoint.
bool checkpoint_load(const char *path, const params *p, gpu_device *d, err *e);
// Removes the oldest checkpoints until `keep` are left (0: all stay). The one of step `spared` stays beside them (0: none).
bool checkpoint_rotate(const char *dir, uint64_t keep, uint64_t spared, err *e);
char *checkpoint_path(arena *a, const char *dir, uint64_t step);
// Removes checkpoints of later steps than the one that a run goes on from: they are damaged, and would be kept as the
// newest in the place of good ones.
bool checkpoint_remove_after(const char *dir, uint64_t step, err *e);

#endif
