// What a run needs on the device, sized so that it fits: weights, what trains, packed rows, graphs.
#ifndef TRAIN_SETUP_H
#define TRAIN_SETUP_H

#include "eval/corpus.h"
#include "eval/score.h"
#include "models/adapter.h"
#include "models/load.h"
#include "train/step.h"

// Row capacity and checkpointing: chosen at the first start of a run, then kept, since they decide how sums are grouped.
typedef struct setup_choice {
  uint32_t capacity;         // tokens of a packed row
  graph_recompute recompute; // whose segments are the model's layers
} setup_choice;

// What a run is sized for: a device, or only a size of memory.
typedef struct setup_target {
  const char *name;
  const gpu_plan *limits;
  uint64_t budget; // bytes that the run may take; 0: not known
} setup_target;

// What rows have to hold.
typedef struct setup_rows {
  uint32_t longest;    // example, in tokens
  uint32_t sequence;   // the longest of which every token may see every earlier one: an example, or one answer of a pair
  uint32_t max_length; // that an example may have
  uint64_t wanted;     // tokens, where the device has room
} setup_rows;

// Device memory by kind, as it is allocated, with what rounds it up.
typedef struct setup_need {
  uint64_t frozen;      // weights that do not train
  uint64_t weights;     // f32 masters of those that do
  uint64_t gradients;   // their sums
  uint64_t optimizer;   // its state
  uint64_t activations; // of forward and backward, with scratch
  uint64_t rest;        // packed rows, rotary tables, scalars
} setup_need;
uint64_t setup_need_total(const setup_need *n);

// Tokens of a row that hold a whole step of ordinary examples, within bounds: what a device with room for it gets.
uint64_t setup_wanted_tokens(const corpus *c, const vkift_train_options *o);
setup_rows setup_rows_of(const corpus *c, const vkift_train_options *o);
setup_target setup_target_of(const gpu_device *d);
// What may be taken of so much memory: a reserve stays for the driver and the screen.
uint64_t setup_share(uint64_t bytes);

typedef struct setup {
  model *model;
  gpu_device *device;
  gpu_heap *heap, *staging, *counted; // counted: the requests that heap gets, on no device
  params params;
  adapter *adapter; // NULL with other methods than lora
  batch *batch;
  step *step;
  score *score;
  graph_memory activations;
  setup_choice choice;
  setup_need need;
  vkift_strings kernels; // choices that the recordings were made with (ops/tune.h)
  bool too_large;        // setup_plan failed because nothing that was tried fits
} setup;

// Declares, chooses and plans everything, and counts the memory that it takes: what setup_open allocates, to the byte. No
// device is needed. `fixed` (may be NULL): a choice made earlier. What does not fit is an error, with what would make it
// fit; s->need says what the smallest choice takes.
bool setup_plan(arena *a, model *m, const setup_target *target, const setup_rows *rows, const vkift_train_options *o,
                const setup_choice *fixed, setup *s, err *e);
// setup_plan for a device; then allocates, uploads the weights and records. note: what was chosen, for the person at the
// terminal.
bool setup_open(arena *a, model *m, gpu_device *d, const corpus *c, const vkift_train_options *o, const setup_choice *fixed,
                setup *s, text *note, err *e);
// Objective dpo: setup_open leaves the adapter without effect, as the reference wants the model; this gives it the values of the
// one that the run goes on from, where there is one.
bool setup_take_adapter(setup *s, const vkift_train_options *o, err *e);
void setup_close(setup *s);

#endif
