// vkift crossval: options to vkift_crossval, its events to a progress line, and the table.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"
#include "base/show.h"
#include "cli/cli.h"
#include "cli/marked.h"
#include "cli/run_options.h"
#include "config/crossval_options.h"
#include "config/train_options.h"

typedef struct crossval_flags {
  const char *config, *resume;
  bool json;
} crossval_flags;

#define GROUP .group = "This command"
static const option crossval_flag_table[] = {
    {"config", OPTION_PATH, offsetof(crossval_flags, config), .rules = OPTION_FLAG_ONLY, GROUP, .unset = "none", .value = "FILE",
     .help = "YAML file whose keys are these options with underscores; flags win over it"},
    {"resume", OPTION_PATH, offsetof(crossval_flags, resume), .rules = OPTION_FLAG_ONLY | OPTION_OPTIONAL_VALUE, GROUP,
     .unset = "off", .value = "RUN",
     .help = "go on with the crossval in this directory (by default the output directory), as its config.yaml or --config says; "
             "what is finished is not done again, and options that change results are refused"},
    {"json", OPTION_BOOL, offsetof(crossval_flags, json), .rules = OPTION_FLAG_ONLY, GROUP,
     .help = "print results.json instead of the table"},
    {0},
};

static const command_help help = {
    .usage = "vkift crossval [--config FILE] [--model PATH --data PATH[:WEIGHT]] [options]",
    .about =
        "Leave-one-cluster-out: for each cluster of tasks, tunes the model on the others and scores base and tuned model on "
        "the one held out. Options of training hold for every fold. With neither --model nor --data, the built-in example.",
    .example =
        "vkift crossval --model models/SmolLM2-135M --data tasks/ --max-steps 200 \\\n    --with-shuffled --output-dir "
        "runs/folds",
};

// What the callbacks keep.
typedef struct crossval_shown {
  arena *memory;
  int64_t fold, folds;
  const char *name, *arm;
  vkift_crossval_row *rows;
  uint64_t n_rows, capacity;
} crossval_shown;

static bool is_crossval(arena *a, const char *run, err *e) {
  const char *config = path_join(a, run, "config.yaml");
  if (!file_exists(config))
    return ERR(e,
               "%s: expected the directory of a crossval to resume, found one without config.yaml (begin one: --output-dir %s)",
               run, run);
  vkift_crossval_options began;
  return crossval_options_read(a, config, &began, e);
}

// --- progress ----------------------------------------------------------------------------------------------------------

static void on_fold(void *user, int64_t number, int64_t of, const char *name, const char *arm) {
  crossval_shown *s = user;
  s->fold = number;
  s->folds = of;
  s->name = name;
  s->arm = arm;
}

static void on_step(void *user, const vkift_step *x) {
  const crossval_shown *s = user;
  if (x->bad)
    log_warn("%s, %s, step %lld: loss or gradient is not finite; the weights stay as they were", s->name, s->arm,
             (long long)x->step);
  log_progress(x->step == x->total_steps, "fold %lld/%lld %s, %s: step %lld/%lld  loss %.4f  %s left", (long long)s->fold,
               (long long)s->folds, s->name, s->arm, (long long)x->step, (long long)x->total_steps, x->loss,
               show_time(x->seconds_left).text);
}

static void on_answers(void *user, int64_t done, int64_t examples) {
  const crossval_shown *s = user;
  log_progress(done == examples, "fold %lld/%lld %s, %s: answered %s of %s", (long long)s->fold, (long long)s->folds, s->name,
               s->arm, show_count(done).text, show_count(examples).text);
}

// What training says of itself is said once a fold by the crossval; a warning is passed on.
static void on_note(void *user, const char *message) {
  (void)user;
  log_note("%s", message);
}

static void on_row(void *user, const vkift_crossval_row *row) {
  crossval_shown *s = user;
  arena_grow(s->memory, (void **)&s->rows, &s->capacity, s->n_rows + 1, sizeof *s->rows);
  s->rows[s->n_rows] = *row;
  s->rows[s->n_rows].name = marked_name(s->memory, row->name);
  s->rows[s->n_rows++].metric = arena_strdup(s->memory, row->metric);
}

// --- the table ---------------------------------------------------------------------------------------------------------

static void print_score(double score, const char *format) {
  if (isfinite(score)) printf(format, score);
  else printf("%9s", "");
}

static void print_table(const crossval_shown *s) {
  int width = 7, metric_width = 6;
  bool shuffled = false, seen = false;
  for (uint64_t i = 0; i < s->n_rows; i++) {
    const int n = (int)strlen(s->rows[i].name), m = (int)strlen(s->rows[i].metric);
    if (n > width) width = n;
    if (m > metric_width) metric_width = m;
    shuffled = shuffled || isfinite(s->rows[i].shuffled);
    seen = seen || isfinite(s->rows[i].seen);
  }
  printf("%-*s  %-*s %9s%9s%9s%19s", width, "cluster", metric_width, "metric", "base", "tuned", "gain", "95 % interval");
  if (shuffled) printf("%9s", "shuffled");
  if (seen) printf("%9s", "seen");
  printf("%9s %11s%9s\n", "examples", "tokens", "time");
  for (uint64_t i = 0; i < s->n_rows; i++) {
    const vkift_crossval_row *r = &s->rows[i];
    char interval[40];
    snprintf(interval, sizeof interval, "%+.1f to %+.1f", r->low, r->high);
    printf("%-*s  %-*s %9.1f%9.1f%+9.1f%19s", width, r->name, metric_width, r->metric, r->base, r->tuned, r->difference,
           interval);
    if (shuffled) print_score(r->shuffled, "%9.1f");
    if (seen) print_score(r->seen, "%9.1f");
    printf("%9s %11s%9s\n", show_count(r->n).text, r->tokens ? show_count(r->tokens).text : "",
           r->tokens ? show_time(r->seconds).text : "");
  }
}

// Of clusters with unlike metrics there is a row over all for each, first that of most clusters: "overall" of results.json.
static void print_metrics(const crossval_shown *s) {
  const char *main = NULL;
  uint64_t n = 0;
  for (uint64_t i = 0; i < s->n_rows; i++) {
    if (!s->rows[i].is_overall) continue;
    if (!n++) main = s->rows[i].metric;
  }
  if (n > 1)
    printf(
        "scores by unlike metrics are not averaged: \"overall\" of results.json is of %s, which most clusters have, and "
        "\"overall_by_metric\" has all\n",
        main);
}

// Where tuning lowered a score, that comes first.
static void print_losses(const crossval_shown *s) {
  for (uint64_t i = 0; i < s->n_rows; i++) {
    const vkift_crossval_row *r = &s->rows[i];
    if (r->difference < 0)
      printf("tuning LOWERED %s: %.1f to %.1f%s\n", r->name, r->base, r->tuned,
             r->low == r->high ? " (too few examples for an interval, or all changed alike)"
             : r->high < 0     ? ""
                               : " (the interval includes no change)");
  }
}

static bool print_file(const char *path, err *e) {
  arena *a = arena_new("results");
  char *data;
  uint64_t size;
  const bool ok = file_read(a, path, UINT64_C(1) << 30, &data, &size, e);
  if (ok) fwrite(data, 1, (size_t)size, stdout);
  arena_free(a);
  return ok;
}

static bool print_result(const crossval_shown *s, const vkift_crossval_result *r, bool json, double seconds, err *e) {
  if (r->stopped) {
    log_note("stopped by a signal after %lld of %lld folds", (long long)r->finished, (long long)r->folds);
    if (!json) printf("go on:\n  vkift crossval --resume %s\n", r->run_dir);
    return true;
  }
  if (json) {
    arena *a = arena_new("path");
    const bool ok = print_file(path_join(a, r->run_dir, "results.json"), e);
    arena_free(a);
    return ok;
  }
  print_losses(s);
  print_table(s);
  print_metrics(s);
  printf("\nscores 0 to 100 on clusters that the model was not tuned on%s; %s in all\n",
         r->base_is_tuned ? " (the base model seems to be instruction-tuned already)" : "", show_time(seconds).text);
  printf("written: %s/results.json, %s/predictions\n\nnext:\n  vkift report %s\n", r->run_dir, r->run_dir, r->run_dir);
  return true;
}

bool crossval_run(int argc, char **argv, err *e) {
  vkift_crossval_options o = vkift_crossval_defaults();
  const vkift_crossval_options defaults = o;
  crossval_flags own = {0};
  const crossval_flags own_defaults = {0};
  const option_set sets[] = {{crossval_option_table, &o}, {train_option_table, &o.train}, {crossval_flag_table, &own}};
  flags f;
  arena *a = arena_new("command line");
  bool ok = flags_read(a, sets, 3, NULL, argc, argv, &f, e);
  if (ok && f.help) {
    options_print_help(&help, sets, (const void *const[]){&defaults, &defaults.train, &own_defaults}, 3);
  } else if (ok) {
    interrupts_catch(false);
    crossval_shown s = {.memory = a};
    const vkift_crossval_events events = {
        .train = {.user = &s, .step = on_step, .note = on_note, .should_stop = interrupted},
        .fold = on_fold,
        .answers = on_answers,
        .row = on_row,
    };
    vkift_crossval_result result = {0};
    vkift_error error = {0};
    const double began = clock_seconds();
    const run_options from = {.sets = sets,
                              .n_sets = 3,
                              .options = &o,
                              .defaults = &defaults,
                              .bytes = sizeof o,
                              .built_in = "crossval.yaml",
                              .train = &o.train,
                              .what = "crossval",
                              .data = "files or directories of tasks",
                              .check = is_crossval};
    ok = run_options_read(a, &f, &from, e) && library_ok(vkift_crossval(&o, &events, &result, &error), &error, e) &&
         print_result(&s, &result, own.json, clock_seconds() - began, e);
  }
  arena_free(a);
  return ok;
}
