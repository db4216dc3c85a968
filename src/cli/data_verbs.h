// The verbs of `vkift data`.
#ifndef CLI_DATA_VERBS_H
#define CLI_DATA_VERBS_H

#include "base/err.h"
#include "vkift.h"

// These have options of their own; argv begins behind the verb.
bool data_render_run(int argc, char **argv, err *e);
bool data_cluster_run(int argc, char **argv, err *e);
bool data_make_run(int argc, char **argv, err *e);
// The options of `show` alone.
typedef struct show_flags {
  int64_t index, count;
  bool json, tokens, packed;
  int64_t step, batch_size, micro_batch_tokens; // 0: not given
  bool has_seed;                                // --seed was given: it wins over a run's
} show_flags;

bool data_show(const vkift_data_options *o, show_flags *f, err *e);
bool data_check(const vkift_data_options *o, bool as_json, err *e);

#endif
