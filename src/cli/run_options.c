#include "cli/run_options.h"

#include <string.h>

#include "base/assets.h"
#include "base/file.h"
#include "config/yaml.h"

static const char no_model[] =
    "--model is missing: a Hugging Face directory or a GGUF file (or leave out --data too, for the built-in example)";

// The directory to resume: named, or where the options say that the run is written.
static bool check_run(arena *a, const run_options *r, const char *run, err *e) {
  if (!run) {
    e->usage = true;
    return ERR(e, "--resume: which %s? Name its directory: --resume RUN", r->what);
  }
  if (!file_is_dir(run))
    return ERR(e, "%s: expected the directory of a %s to resume, found %s", run, r->what,
               file_exists(run) ? "a file" : "nothing");
  return !r->check || r->check(a, run, e);
}

static bool check_given(const run_options *r, err *e) {
  const bool ok = !r->train->model ? ERR(e, "%s", no_model)
                  : !r->train->data.n
                      ? ERR(e, "--data is missing: %s (or leave out --model too, for the built-in example)", r->data)
                      : true;
  if (!ok) e->usage = true;
  return ok;
}

// The flags are stored first and last: first, so that what is wrong with the command line is said before a file is looked
// for. A run is resumed with the options in its config.yaml, unless --config names others.
bool run_options_read(arena *a, const flags *f, const run_options *r, err *e) {
  const char *config = flags_value(f, "config"), *named = r->train ? flags_value(f, "resume") : NULL;
  const char *run = r->train ? flags_value(f, "output_dir") : NULL;
  TRY(flags_store(a, f, e));
  if (named && *named) {
    if (run && strcmp(path_trim(a, named), path_trim(a, run))) {
      e->usage = true;
      return ERR(e, "--resume RUN and --output-dir name different directories");
    }
    run = named;
  }
  if (named && !config) {
    TRY(check_run(a, r, run, e));
    config = path_join(a, run, "config.yaml");
  }
  if (!config && !flags_value(f, "model") && !flags_value(f, "data")) config = assets_path(a, r->built_in);
  memcpy(r->options, r->defaults, r->bytes);
  if (config) TRY(yaml_read(a, config, r->sets, r->n_sets, e));
  TRY(flags_store(a, f, e));
  if (!r->train) return true;
  if (run) r->train->output_dir = run;
  if (named) {
    TRY(check_run(a, r, r->train->output_dir, e));
    r->train->resume = true;
  }
  return check_given(r, e);
}
