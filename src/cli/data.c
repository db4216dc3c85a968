// vkift data: what a model would be trained on. `show` (data_show.c) prints examples as the model gets them, with the loss in
// colour; `check` (data_check.c) reads everything and reports. `convert` writes another form. `render` (data_render.c) shows
// the text alone, `cluster` (data_cluster.c) groups of similar tasks; `make` (data_make.c) has a model write rows.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/show.h"
#include "cli/cli.h"
#include "cli/data_verbs.h"
#include "cli/options.h"
#include "config/train_options.h"

typedef struct data_flags {
  show_flags show;
  bool json;
  vkift_convert_to to;
  const char *output, *eval_data;
} data_flags;

static const option data_table[] = {
#define AT(field) .offset = offsetof(vkift_data_options, field), .group = "Data"
    {"data", OPTION_DATA, AT(data), .unset = "the run's", .help = "as for vkift train; may be repeated"},
    {"objective", OPTION_ENUM, AT(objective), .names = objective_names,
     .help = "sft: loss on answers only; lm: on every token; dpo: pairs of answers; classify: on a text's label"},
#define READING(field) AT(reading.field)
#include "config/reading.def"
#define AUGMENT(field) AT(augment.field)
#include "config/augment.def"
    {"seed", OPTION_INTEGER, AT(seed), .least = 0, .most = INFINITY,
     .help = "of the augmentations, of a template pack's phrasings, and of the order of --packed, as in training"},
    {"max_length", OPTION_INTEGER, AT(max_length), .least = 2, .most = 1 << 24, .unset = "the run's, else as in training",
     .help = "tokens of one example"},
    {"excess_length", OPTION_ENUM, AT(excess_length), .names = excess_names,
     .help = "longer examples; default: drop and count them, split plain text"},
    {0},
#undef AT
};

#define AT(field) .offset = offsetof(data_flags, field), .group = "Output"
#define ROWS(field) .offset = offsetof(data_flags, show.field), .group = "Rows, with --packed"
static const option show_table[] = {
    {"index", OPTION_INTEGER, AT(show.index), .least = 0, .most = 1e15, .help = "the first example to show, counted from 0"},
    {"count", OPTION_INTEGER, AT(show.count), .least = 1, .most = 1e9, .help = "how many; of steps with --packed"},
    {"tokens", OPTION_BOOL, AT(show.tokens), .help = "one token a line, with its id and whether it carries loss"},
    {"json", OPTION_BOOL, AT(show.json), .help = "one JSON object an example or row"},
    {"packed", OPTION_BOOL, AT(show.packed),
     .help = "the rows that a run's steps compute: examples in the run's order, their borders, what each token sees, padding"},
    {"step", OPTION_INTEGER, ROWS(step), .least = 1, .most = 1e15, .unset = "1", .help = "the first step to show"},
    {"batch_size", OPTION_INTEGER, ROWS(batch_size), .least = 1, .most = 1 << 20, .unset = "the run's, else 16",
     .help = "examples per step"},
    {"micro_batch_tokens", OPTION_INTEGER, ROWS(micro_batch_tokens), .least = 1, .most = 1 << 24,
     .unset = "the run's, else as on a device with room", .help = "tokens of a row"},
    {0},
};
#undef ROWS
static const option check_table[] = {
    {"eval_data", OPTION_PATH, offsetof(data_flags, eval_data), .group = "Data", .unset = "none",
     .help = "count the examples whose prompt stands there too: a run would leave them out"},
    {"json", OPTION_BOOL, AT(json), .help = "the report as one JSON object"},
    {0},
};
static const char *const convert_names[] = {[VKIFT_CONVERT_MESSAGES] = "messages", [VKIFT_CONVERT_TOKENS] = "tokens", NULL};
static const option convert_table[] = {
    {"to", OPTION_ENUM, AT(to), .names = convert_names, .help = "rows of messages, or of token ids with labels"},
    {"output", OPTION_PATH, AT(output), .value = "FILE", .help = "a new file"},
    {0},
};
#undef AT

static const command_help show_help = {
    .usage = "vkift data show (RUN | --model PATH --data PATH) [options]",
    .about =
        "Shows examples as the model would get them: the text with what carries loss in green (between [[ and ]] where there is "
        "no colour), and control tokens apart. With --packed, the rows that a run computes. No weights are read.",
    .example = "vkift data show --model models/SmolLM2-135M --data alpaca.jsonl --index 7 --tokens",
};
static const command_help check_help = {
    .usage = "vkift data check (RUN | --model PATH --data PATH) [options]",
    .about =
        "Reads the whole data set and reports what a run on it would meet: tasks and files, lengths, targets, what is dropped or "
        "cut, "
        "duplicates, near duplicates and leakage, several answers to one prompt, text that looks like control tokens. It reads "
        "on "
        "behind a bad example; the exit status is 1 where a run would stop, which --skip-bad-examples keeps it from.",
    .example = "vkift data check --model models/SmolLM2-135M --data alpaca.jsonl",
};
static const command_help convert_help = {
    .usage = "vkift data convert (RUN | [--model PATH] --data PATH) --to messages|tokens --output FILE [options]",
    .about =
        "Writes any readable form of data as JSON Lines of messages, or of token ids with labels as the model would be trained "
        "on "
        "them. For messages no model is needed. The file appears whole or not at all.",
    .example = "vkift data convert --data alpaca.jsonl --to messages --output messages.jsonl",
};

// --- the command -------------------------------------------------------------------------------------------------------

static bool check_source(const vkift_data_options *o, bool needs_model, err *e) {
  const char *fault = NULL;
  if (needs_model && !o->source.run == !o->source.model) fault = "give a run directory, or --model";
  else if (!o->data.n && !o->source.run) fault = "--data is missing: which data?";
  if (!fault) return true;
  e->usage = true;
  return ERR(e, "%s", fault);
}

static bool convert(const vkift_data_options *o, const data_flags *own, err *e) {
  vkift_conversion done;
  vkift_error error = {0};
  if (!library_ok(vkift_data_convert(o, own->to, own->output, &done, &error), &error, e)) return false;
  printf("%s rows in %s", show_count(done.rows).text, own->output);
  if (done.skipped_bad) printf("; %s bad examples are skipped", show_count(done.skipped_bad).text);
  if (done.dropped_long) printf("; %s too long and left out (--max-length)", show_count(done.dropped_long).text);
  if (done.truncated) printf("; %s cut", show_count(done.truncated).text);
  putchar('\n');
  return true;
}

// `vkift data` without a verb: its help says what there is.
static const command_help verbs_help = {
    .usage = "vkift data show|check|render|convert|cluster|make [RUN | --model PATH] --data PATH [options]",
    .about =
        "What a model would be trained on. show prints examples as the model gets them, with the loss in colour; check reads "
        "the whole data set and reports; render prints conversations as a chat template writes them; convert writes data in "
        "another form; cluster finds groups of similar tasks; make has a model write new rows. Each has its own --help.",
    .example = "vkift data check --model models/SmolLM2-135M --data alpaca.jsonl",
};

typedef enum verb { VERB_NONE, VERB_SHOW, VERB_CHECK, VERB_CONVERT, N_VERBS } verb;

static verb verb_of(int argc, char **argv) {
  if (argc < 1) return VERB_NONE;
  static const char *const names[N_VERBS] = {
      [VERB_NONE] = "", [VERB_SHOW] = "show", [VERB_CHECK] = "check", [VERB_CONVERT] = "convert"};
  verb v = N_VERBS - 1;
  while (v && strcmp(argv[0], names[v])) v--;
  return v;
}

static bool run_verb(verb v, const vkift_data_options *o, data_flags *own, err *e) {
  if (v == VERB_NONE) {
    e->usage = true;
    return ERR(e, "vkift data: expected show, check, render, convert, cluster or make behind it");
  }
  TRY(check_source(o, v != VERB_CONVERT || own->to == VKIFT_CONVERT_TOKENS, e));
  return v == VERB_SHOW ? data_show(o, &own->show, e) : v == VERB_CHECK ? data_check(o, own->json, e) : convert(o, own, e);
}

bool data_run(int argc, char **argv, err *e) {
  if (argc > 0 && !strcmp(argv[0], "render")) return data_render_run(argc - 1, argv + 1, e);
  if (argc > 0 && !strcmp(argv[0], "cluster")) return data_cluster_run(argc - 1, argv + 1, e);
  if (argc > 0 && !strcmp(argv[0], "make")) return data_make_run(argc - 1, argv + 1, e);
  const verb v = verb_of(argc, argv);
  const int behind = v != VERB_NONE;
  static const command_help *const helps[] = {&verbs_help, &show_help, &check_help, &convert_help};
  static const option *const tables[] = {show_table, show_table, check_table, convert_table};
  vkift_data_options o = vkift_data_defaults();
  const vkift_data_options defaults = o;
  data_flags own = {.show = {.count = 1}};
  const data_flags own_defaults = own;
  const option_set sets[] = {{source_option_table, &o.source}, {data_table, &o}, {tables[v], &own}};
  flags f;
  arena *a = arena_new("command line");
  bool ok = flags_read(a, sets, 3, "run directory", argc - behind, argv + behind, &f, e) && flags_store(a, &f, e);
  if (ok && f.help) {
    options_print_help(helps[v], sets, (const void *const[]){&defaults.source, &defaults, &own_defaults}, 3);
  } else if (ok) {
    o.source.run = f.positional;
    o.eval_data = own.eval_data;
    own.show.has_seed = flags_value(&f, "seed") != NULL;
    ok = run_verb(v, &o, &own, e);
  }
  arena_free(a);
  return ok;
}
