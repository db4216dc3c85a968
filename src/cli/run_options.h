// Where the options of a run come from, for the commands that begin or resume one: flags, --config, the config.yaml of the
// run that is resumed, or the built-in example where neither model nor data is named.
#ifndef CLI_RUN_OPTIONS_H
#define CLI_RUN_OPTIONS_H

#include "cli/options.h"
#include "vkift.h"

typedef struct run_options {
  const option_set *sets; // all that the command reads
  size_t n_sets;
  void *options;        // the options of the library's call,
  const void *defaults; // theirs,
  size_t bytes;         // and their size
  const char *built_in; // the asset that is the config where neither --model nor --data is given
  // The rest is for commands that can resume: `train` lies within `options`.
  vkift_train_options *train;                       // NULL: nothing can be resumed, and what is missing the library says
  const char *what;                                 // is resumed: "run"
  const char *data;                                 // what --data may be, where it is missing
  bool (*check)(arena *a, const char *run, err *e); // whether an existing directory can be resumed; NULL: nothing more
} run_options;

// Flags win over the file, the file over the defaults.
bool run_options_read(arena *a, const flags *f, const run_options *r, err *e);

#endif
