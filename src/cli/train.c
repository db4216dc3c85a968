// vkift train: options to vkift_train, its events to a progress line, and what to do next.
#include <math.h>
#include <stdio.h>

#include "base/log.h"
#include "base/show.h"
#include "cli/cli.h"
#include "cli/json_line.h"
#include "cli/run_options.h"
#include "config/train_options.h"
#include "io/json.h"

typedef struct train_flags {
  const char *config, *resume;
  bool json;
} train_flags;

#define GROUP .group = "This command"
static const option train_flag_table[] = {
    {"config", OPTION_PATH, offsetof(train_flags, config), .rules = OPTION_FLAG_ONLY, GROUP, .unset = "none", .value = "FILE",
     .help = "YAML file whose keys are these options with underscores; flags win over it"},
    {"resume", OPTION_PATH, offsetof(train_flags, resume), .rules = OPTION_FLAG_ONLY | OPTION_OPTIONAL_VALUE, GROUP,
     .unset = "off", .value = "RUN",
     .help = "go on from the newest good checkpoint of a run directory (by default the output directory), as its config.yaml or "
             "--config says"},
    {"json", OPTION_BOOL, offsetof(train_flags, json), .rules = OPTION_FLAG_ONLY, GROUP,
     .help = "print the result as one JSON object"},
    {0},
};

static const command_help help = {
    .usage = "vkift train [--config FILE] [--model PATH --data PATH[:WEIGHT]] [options]",
    .about =
        "Finetunes a language model on instruction data and writes a run directory: config.yaml, metrics.jsonl, "
        "checkpoints, and adapter/ or model/. With neither --model nor --data, trains the built-in example.",
    .example = "vkift train --model models/SmolLM2-135M --data alpaca.jsonl \\\n    --output-dir runs/first",
};

static void on_step(void *user, const vkift_step *s) {
  int64_t *made = user;
  ++*made;
  if (s->bad) log_warn("step %lld: loss or gradient is not finite; the weights stay as they were", (long long)s->step);
  log_progress(s->step == s->total_steps, "step %lld/%lld  loss %.4f  lr %.2e  %s target tokens/s  %s left", (long long)s->step,
               (long long)s->total_steps, s->loss, s->learning_rate, show_count((int64_t)s->target_tokens_per_second).text,
               show_time(s->seconds_left).text);
}

static void on_evaluation(void *user, const vkift_eval_point *p) {
  (void)user;
  char more[64];
  if (p->rewards.given) snprintf(more, sizeof more, ", %.1f %% of the pairs right", 100 * p->rewards.accuracy);
  else if (!isnan(p->accuracy)) snprintf(more, sizeof more, ", accuracy %.1f %%", 100 * p->accuracy);
  else snprintf(more, sizeof more, ", perplexity %.4g", p->perplexity);
  log_note("step %lld: evaluation loss %.4f%s (%s examples, %s target tokens)", (long long)p->step, p->loss, more,
           show_count(p->examples).text, show_count(p->target_tokens).text);
}

// Small data are read in no time: then the line would only flicker.
static void on_reading(void *user, int64_t done, int64_t total) {
  (void)user;
  if (total > 4 << 20)
    log_progress(false, "turning data into tokens: %s of %s", show_bytes((uint64_t)done).text, show_bytes((uint64_t)total).text);
}

static void on_note(void *user, const char *message) {
  (void)user;
  log_note("%s", message);
}

static void print_json(const vkift_train_result *r, double seconds) {
  text out = {0};
  text_puts(&out, "{\"run_dir\": ");
  json_put_string(&out, r->run_dir);
  text_puts(&out, ", \"output\": ");
  json_put_string(&out, r->output);
  text_printf(&out, ", \"steps\": %lld, \"total_steps\": %lld, \"bad_steps\": %lld, \"stopped\": %s, \"last_loss\": ",
              (long long)r->steps, (long long)r->total_steps, (long long)r->bad_steps, r->stopped ? "true" : "false");
  json_line_put_number(&out, r->last_loss, 9);
  text_puts(&out, ", \"last_eval_loss\": ");
  json_line_put_number(&out, r->last_eval_loss, 9);
  text_printf(&out, ", \"best_step\": %lld, \"best_eval_loss\": ", (long long)r->best_step);
  json_line_put_number(&out, r->best_eval_loss, 9);
  text_puts(&out, ", \"seconds\": ");
  json_line_put_number(&out, seconds, 6);
  text_putc(&out, '}');
  puts(out.data);
  text_free(&out);
}

// made: the steps of this call; a resumed run has older ones.
static void print_result(const vkift_train_result *r, int64_t made, const vkift_train_options *o, double seconds) {
  const bool own_data = o->eval_data || o->eval_split > 0, writes_text = o->objective != VKIFT_CLASSIFY;
  if (!made && !r->stopped) printf("nothing left to train after step %s", show_count(r->steps).text);
  else
    printf("%s %s of %s steps in %s", r->stopped ? "stopped after" : "trained", show_count(r->steps).text,
           show_count(r->total_steps).text, show_time(seconds).text);
  if (isfinite(r->last_loss)) printf("; last loss %.4f", r->last_loss);
  if (isfinite(r->last_eval_loss)) printf("; evaluation loss %.4f", r->last_eval_loss);
  if (r->bad_steps) printf("; steps that were not finite and changed nothing: %s", show_count(r->bad_steps).text);
  if (r->stopped) {
    printf("\n\ngo on:\n  vkift train --resume %s\n", r->run_dir);
    return;
  }
  printf("\nwritten: %s\n\nnext:\n", r->output);
  if (writes_text) printf("  vkift generate %s --chat\n", r->run_dir);
  printf("  vkift eval %s%s\n", r->run_dir, own_data ? "" : " --data FILE");
  printf("  vkift report %s\n", r->run_dir);
  printf("  vkift export %s --format hf|peft%s --output-dir DIR\n", r->run_dir, writes_text ? "|gguf|gguf-adapter" : "");
}

// What was typed, for run.json.
static vkift_strings command_line(arena *a, int argc, char **argv) {
  const char **words = ARENA_ARRAY(a, const char *, argc + 2);
  words[0] = "vkift", words[1] = "train";
  for (int i = 0; i < argc; i++) words[i + 2] = argv[i];
  return (vkift_strings){words, (size_t)argc + 2};
}

bool train_run(int argc, char **argv, err *e) {
  vkift_train_options o = vkift_train_defaults();
  const vkift_train_options defaults = o;
  train_flags own = {0};
  const train_flags own_defaults = {0};
  const option_set sets[] = {{train_option_table, &o}, {train_flag_table, &own}};
  flags f;
  arena *a = arena_new("command line");
  bool ok = flags_read(a, sets, 2, NULL, argc, argv, &f, e);
  if (ok && f.help) {
    options_print_help(&help, sets, (const void *const[]){&defaults, &own_defaults}, 2);
  } else if (ok) {
    interrupts_catch(false);
    int64_t made = 0;
    const vkift_train_events events = {.user = &made,
                                       .step = on_step,
                                       .evaluation = on_evaluation,
                                       .note = on_note,
                                       .reading = on_reading,
                                       .should_stop = interrupted};
    vkift_train_result result = {0};
    vkift_error error = {0};
    double start = clock_seconds();
    ok = run_options_read(a, &f,
                          &(run_options){.sets = sets,
                                         .n_sets = 2,
                                         .options = &o,
                                         .defaults = &defaults,
                                         .bytes = sizeof o,
                                         .built_in = "train.yaml",
                                         .train = &o,
                                         .what = "run",
                                         .data = "a JSONL file, or a directory with train.jsonl"},
                          e);
    o.command = command_line(a, argc, argv);
    ok = ok && library_ok(vkift_train(&o, &events, &result, &error), &error, e);
    if (ok && result.stopped) log_note("stopped by a signal; the checkpoint of step %lld is kept", (long long)result.steps);
    if (ok && own.json) print_json(&result, clock_seconds() - start);
    else if (ok) print_result(&result, made, &o, clock_seconds() - start);
  }
  arena_free(a);
  return ok;
}
