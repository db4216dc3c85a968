// Rows that a model writes from guidelines and seeds, attempt by attempt, until there are enough of them.
//
// Attempts come in groups of batch_size. What the prompt of an attempt shows is drawn by the seed and the attempt's number from the
// guideline, the seeds and the rows of the groups before its own; the model's random numbers depend on the same two; and attempts
// are judged in their order. So rows depend on the options alone, not on how often the work was interrupted: what was written is
// in the journal (make_journal.h), from which all else is computed anew.
#ifndef EVAL_MAKE_H
#define EVAL_MAKE_H

#include "eval/make_prompt.h"
#include "vkift.h"

// How answers come back, in any order; i: of the prompts. What fails ends the answering.
typedef struct make_sink {
  void *making;
  bool (*answered)(void *making, uint32_t i, const char *bytes, size_t length, vkift_finish finish, err *e);
  bool (*should_stop)(void *making);
} make_sink;

// Who writes.
typedef struct make_model {
  void *user;
  const char *name;
  // Whether prompt and answer fit into the model's context.
  bool (*fits)(void *user, const make_prompt *p, bool *fits, err *e);
  // Prompt i has the random numbers of number first + i.
  bool (*answer)(void *user, const make_prompt *prompts, uint32_t n, uint64_t first, vkift_make_what what, const make_sink *sink,
                 err *e);
} make_model;

typedef struct make_job {
  const vkift_make_options *options;
  const guidelines *guidelines;
  const seeds *seeds;
  make_model model;
  const char *header;              // of the journal: all that the rows depend on
  const vkift_make_events *events; // NULL: nobody wants to know
} make_job;

const char *make_journal_path(arena *a, const char *output);
// result may be NULL.
bool make_run(arena *a, const make_job *job, vkift_make_result *result, err *e);

#endif
