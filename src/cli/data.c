// vkift data: what a model would be trained on. `show` prints examples as the model gets them, with the loss in colour;
// `check` reads everything and reports. `convert` writes another form. `render` (data_render.c) shows the
// text alone.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "cli/cli.h"
#include "cli/data_verbs.h"
#include "cli/json_line.h"
#include "cli/marked.h"
#include "cli/options.h"
#include "cli/show.h"
#include "config/train_options.h"
#include "io/json.h"

typedef struct data_flags {
  int64_t index, count;
  bool json, tokens;
  vkift_convert_to to;
  const char *output;
} data_flags;

static const option data_table[] = {
#define AT(field) .offset = offsetof(vkift_data_options, field), .group = "Data"
    {"data", OPTION_PATH, AT(data), .help = "as for vkift train"},
    {"objective", OPTION_ENUM, AT(objective), .names = objective_names, .help = "sft: loss on answers only; lm: on every token"},
#define READING(field) AT(reading.field)
#include "config/reading.def"
#define AUGMENT(field) AT(augment.field)
#include "config/augment.def"
    {"seed", OPTION_INTEGER, AT(seed), .least = 0, .most = INFINITY,
     .help = "of the augmentations and of a template pack's phrasings, as in training"},
    {"max_length", OPTION_INTEGER, AT(max_length), .least = 2, .most = 1 << 24, .unset = "the run's, else as in training",
     .help = "tokens of one example"},
    {"excess_length", OPTION_ENUM, AT(excess_length), .names = excess_names,
     .help = "longer examples; default: drop and count them, split plain text"},
    {0},
#undef AT
};

#define AT(field) .offset = offsetof(data_flags, field), .group = "Output"
static const option show_table[] = {
    {"index", OPTION_INTEGER, AT(index), .least = 0, .most = 1e15, .help = "the first example to show, counted from 0"},
    {"count", OPTION_INTEGER, AT(count), .least = 1, .most = 1e9, .help = "how many"},
    {"tokens", OPTION_BOOL, AT(tokens), .help = "one token a line, with its id and whether it carries loss"},
    {"json", OPTION_BOOL, AT(json), .help = "one JSON object an example"},
    {0},
};
static const option check_table[] = {
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
    .usage = "vkift data show [RUN | --model PATH] --data PATH [options]",
    .about =
        "Shows examples as the model would get them: the text with what carries loss in green (between [[ and ]] where there is "
        "no colour), and control tokens apart. No weights are read.",
    .example = "vkift data show --model models/SmolLM2-135M --data alpaca.jsonl --index 7 --tokens",
};
static const command_help check_help = {
    .usage = "vkift data check [RUN | --model PATH] --data PATH [options]",
    .about =
        "Reads the whole data set and reports what a run on it would meet: tasks, lengths, targets, what is dropped, duplicates, "
        "text that looks like control tokens. No weights are read.",
    .example = "vkift data check --model models/SmolLM2-135M --data alpaca.jsonl",
};
static const command_help convert_help = {
    .usage = "vkift data convert [RUN | --model PATH] --data PATH --to messages|tokens --output FILE [options]",
    .about =
        "Writes any readable form of data as JSON Lines of messages, or of token ids with labels as the model would be trained "
        "on "
        "them. For messages no model is needed. The file appears whole or not at all.",
    .example = "vkift data convert --data alpaca.jsonl --to messages --output messages.jsonl",
};

// --- show --------------------------------------------------------------------------------------------------------------

static void put_text(text *out, const vkift_data_example *x, const marked_style *s) {
  for (size_t i = 0; i < x->n; i++) {
    const vkift_data_token *t = &x->tokens[i];
    const bool opens = t->target && (i == 0 || !x->tokens[i - 1].target),
               closes = t->target && (i + 1 == x->n || !x->tokens[i + 1].target);
    const bool plain_control = t->control && !t->target;
    if (opens) text_puts(out, s->loss);
    if (plain_control) text_puts(out, s->control);
    marked_put_visible(out, t->text, t->length);
    if (plain_control) text_puts(out, s->end_control);
    if (closes) text_puts(out, s->end_loss);
  }
  text_putc(out, '\n');
}

static void put_tokens(text *out, const vkift_data_example *x) {
  for (size_t i = 0; i < x->n; i++) {
    const vkift_data_token *t = &x->tokens[i];
    text_printf(out, "%6zu  %7d  %-4s  ", i, t->id, t->target ? "loss" : "");
    json_put_bytes(out, t->text, t->length);
    text_puts(out, t->control ? "  control\n" : "\n");
  }
}

static void put_json_example(text *out, const vkift_data_example *x) {
  text_printf(out, "{\"index\": %lld, \"file\": ", (long long)x->index);
  json_put_string(out, x->file);
  text_printf(out, ", \"line\": %lld, \"task\": ", (long long)x->line);
  json_put_string(out, x->task);
  text_puts(out, ", \"cluster\": ");
  json_put_string(out, x->cluster);
  text_puts(out, ", \"source\": ");
  json_put_string(out, x->source);
  text_puts(out, ", \"weight\": ");
  json_put_number(out, x->weight);
  text_printf(out, ", \"prompt_tokens\": %zu, \"input_ids\": [", x->prompt_tokens);
  for (size_t i = 0; i < x->n; i++) text_printf(out, "%s%d", i ? ", " : "", x->tokens[i].id);
  text_puts(out, "], \"labels\": [");
  for (size_t i = 0; i < x->n; i++) text_printf(out, "%s%d", i ? ", " : "", x->tokens[i].target ? x->tokens[i].id : -100);
  text_puts(out, "], \"tokens\": [");
  for (size_t i = 0; i < x->n; i++) {
    if (i) text_puts(out, ", ");
    json_put_bytes(out, x->tokens[i].text, x->tokens[i].length);
  }
  text_puts(out, "]}\n");
}

static void on_example(void *user, const vkift_data_example *x) {
  const data_flags *f = user;
  text out = {0};
  if (f->json) {
    put_json_example(&out, x);
  } else {
    const marked_style s = marked_style_of_stdout();
    text_printf(&out, "example %lld  (%s:%lld%s%s)  %zu tokens, %zu with loss\n", (long long)x->index, x->file,
                (long long)x->line, *x->task ? ", task " : "", x->task, x->n, x->n_targets);
    if (f->tokens) put_tokens(&out, x);
    else put_text(&out, x, &s);
    text_putc(&out, '\n');
  }
  fwrite(out.data, 1, out.length, stdout);
  text_free(&out);
}

// --- check -------------------------------------------------------------------------------------------------------------

typedef struct task_list {
  text table, json;
  uint64_t n;
} task_list;

static void on_task(void *user, const vkift_data_task *t) {
  task_list *list = user;
  text_printf(&list->table, "  %-40s  %10s  %12s  %12s\n", *t->name ? t->name : "(none)", show_count(t->examples).text,
              show_count(t->tokens).text, show_count(t->target_tokens).text);
  text_puts(&list->json, list->n++ ? ", {\"name\": " : "{\"name\": ");
  json_put_string(&list->json, t->name);
  text_printf(&list->json, ", \"examples\": %lld, \"tokens\": %lld, \"target_tokens\": %lld}", (long long)t->examples,
              (long long)t->tokens, (long long)t->target_tokens);
}

static void print_lengths(const vkift_data_report *r) {
  enum { BAR = 40 };
  int64_t most = 1;
  for (int i = 0; i < VKIFT_DATA_LENGTHS; i++)
    if (r->lengths[i] > most) most = r->lengths[i];
  printf("lengths in tokens (median %lld, longest %lld)\n", (long long)r->median_length, (long long)r->longest);
  for (int i = 0; i < VKIFT_DATA_LENGTHS; i++) {
    if (!r->lengths[i]) continue;
    const int width = (int)(r->lengths[i] * BAR / most);
    printf("  %8d – %-8d  %10s  %.*s\n", 1 << i, (1 << (i + 1)) - 1, show_count(r->lengths[i]).text, width ? width : 1,
           "########################################");
  }
}

// What a person may want to do something about, each with what to do.
static void print_findings(const vkift_data_report *r) {
  if (r->dropped_long)
    printf("! %s examples are longer than %lld tokens and are dropped: --max-length, or --excess-length truncate\n",
           show_count(r->dropped_long).text, (long long)r->max_length);
  if (r->truncated) printf("! %s examples are cut to %lld tokens\n", show_count(r->truncated).text, (long long)r->max_length);
  if (r->skipped_bad) printf("! %s bad examples are skipped\n", show_count(r->skipped_bad).text);
  if (r->duplicates) printf("! %s examples are there more than once\n", show_count(r->duplicates).text);
  if (r->end_markers)
    printf("! %s answers end in a literal marker, which the model would learn to write: --strip-suffix '%s'\n",
           show_count(r->end_markers).text, r->end_marker);
  if (r->without_demonstrations)
    printf("! %s examples lack demonstrations, which would make them longer than %lld tokens: --max-length\n",
           show_count(r->without_demonstrations).text, (long long)r->max_length);
  if (r->with_demonstrations) printf("  %s examples get demonstrations\n", show_count(r->with_demonstrations).text);
  if (r->with_persona) printf("  %s examples get a persona\n", show_count(r->with_persona).text);
  if (r->with_definition) printf("  %s examples get their definition\n", show_count(r->with_definition).text);
  if (r->with_length_constraint) printf("  %s examples get a length constraint\n", show_count(r->with_length_constraint).text);
  if (r->control_text)
    printf("  %s examples spell a control token in their text (%s): it stays text, and never becomes the token\n",
           show_count(r->control_text).text, r->control_name);
}

static void print_report(const vkift_data_report *r, const task_list *tasks) {
  const double share = r->tokens ? 100.0 * (double)r->target_tokens / (double)r->tokens : 0;
  printf("%s examples, %s tokens, %s of them with loss (%.1f %%)\n", show_count(r->examples).text, show_count(r->tokens).text,
         show_count(r->target_tokens).text, share);
  printf("targets per example: %lld to %lld, median %lld\n\n", (long long)r->fewest_targets, (long long)r->most_targets,
         (long long)r->median_targets);
  print_lengths(r);
  printf("\n  %-40s  %10s  %12s  %12s\n%s\n", "task", "examples", "tokens", "with loss",
         tasks->table.data ? tasks->table.data : "");
  print_findings(r);
}

static void print_report_json(const vkift_data_report *r, const task_list *tasks) {
  const struct {
    const char *name;
    int64_t value;
  } rows[] = {{"examples", r->examples},
              {"tokens", r->tokens},
              {"target_tokens", r->target_tokens},
              {"skipped_bad", r->skipped_bad},
              {"dropped_long", r->dropped_long},
              {"truncated", r->truncated},
              {"without_demonstrations", r->without_demonstrations},
              {"with_demonstrations", r->with_demonstrations},
              {"with_persona", r->with_persona},
              {"with_definition", r->with_definition},
              {"with_length_constraint", r->with_length_constraint},
              {"max_length", r->max_length},
              {"longest", r->longest},
              {"median_length", r->median_length},
              {"fewest_targets", r->fewest_targets},
              {"median_targets", r->median_targets},
              {"most_targets", r->most_targets},
              {"duplicates", r->duplicates},
              {"control_text", r->control_text},
              {"end_markers", r->end_markers}};
  text out = {0};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    text_printf(&out, "%s\"%s\": %lld", i ? ", " : "{", rows[i].name, (long long)rows[i].value);
  text_puts(&out, ", \"lengths\": [");
  for (int i = 0; i < VKIFT_DATA_LENGTHS; i++) text_printf(&out, "%s%lld", i ? ", " : "", (long long)r->lengths[i]);
  text_printf(&out, "], \"tasks\": [%s]}", tasks->json.data ? tasks->json.data : "");
  puts(out.data);
  text_free(&out);
}

// --- the command -------------------------------------------------------------------------------------------------------

static bool check_source(const vkift_data_options *o, bool needs_model, err *e) {
  const char *fault = NULL;
  if (needs_model && !o->source.run == !o->source.model) fault = "give a run directory, or --model";
  else if (!o->data) fault = "--data is missing: which data?";
  if (!fault) return true;
  e->usage = true;
  return ERR(e, "%s", fault);
}

static bool show(const vkift_data_options *o, data_flags *own, err *e) {
  const vkift_data_events events = {.user = own, .first = own->index, .count = own->count, .example = on_example};
  vkift_error error = {0};
  return library_ok(vkift_data_read(o, &events, NULL, &error), &error, e);
}

static bool check(const vkift_data_options *o, const data_flags *own, err *e) {
  task_list tasks = {0};
  const vkift_data_events events = {.user = &tasks, .task = on_task};
  vkift_data_report report;
  vkift_error error = {0};
  const bool ok = library_ok(vkift_data_read(o, &events, &report, &error), &error, e);
  if (ok && own->json) print_report_json(&report, &tasks);
  else if (ok) print_report(&report, &tasks);
  text_free(&tasks.table), text_free(&tasks.json);
  return ok;
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
    .usage = "vkift data show|check|render|convert [RUN | --model PATH] --data PATH [options]",
    .about =
        "What a model would be trained on. show prints examples as the model gets them, with the loss in colour; check reads "
        "the whole data set and reports; render prints conversations as a chat template writes them; convert writes data in "
        "another form. Each has its own --help.",
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
    return ERR(e, "vkift data: expected show, check, render or convert behind it");
  }
  TRY(check_source(o, v != VERB_CONVERT || own->to == VKIFT_CONVERT_TOKENS, e));
  return v == VERB_SHOW ? show(o, own, e) : v == VERB_CHECK ? check(o, own, e) : convert(o, own, e);
}

bool data_run(int argc, char **argv, err *e) {
  if (argc > 0 && !strcmp(argv[0], "render")) return data_render_run(argc - 1, argv + 1, e);
  const verb v = verb_of(argc, argv);
  const int behind = v != VERB_NONE;
  static const command_help *const helps[] = {&verbs_help, &show_help, &check_help, &convert_help};
  static const option *const tables[] = {show_table, show_table, check_table, convert_table};
  vkift_data_options o = vkift_data_defaults();
  const vkift_data_options defaults = o;
  data_flags own = {.count = 1};
  const data_flags own_defaults = own;
  const option_set sets[] = {{source_option_table, &o.source}, {data_table, &o}, {tables[v], &own}};
  flags f;
  arena *a = arena_new("command line");
  bool ok = flags_read(a, sets, 3, "run directory", argc - behind, argv + behind, &f, e) && flags_store(a, &f, e);
  if (ok && f.help) {
    options_print_help(helps[v], sets, (const void *const[]){&defaults.source, &defaults, &own_defaults}, 3);
  } else if (ok) {
    o.source.run = f.positional;
    ok = run_verb(v, &o, &own, e);
  }
  arena_free(a);
  return ok;
}
