// vkift eval: loss and perplexity, the likelihood of every token, and right answers by cluster.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/json_line.h"
#include "cli/options.h"
#include "cli/show.h"
#include "cli/source.h"
#include "config/train_options.h"
#include "io/json.h"

typedef struct eval_flags {
  bool json, per_token, compare_base;
} eval_flags;

static const option eval_table[] = {
#define AT(field) .offset = offsetof(vkift_eval_options, field), .group = "Scoring"
    {"data", OPTION_PATH, AT(data), .unset = "the run's evaluation data",
     .help = "a file as for vkift train, or a directory with test.jsonl"},
    {"accuracy", OPTION_BOOL, AT(accuracy), .help = "also answer every example greedily and count right answers by cluster"},
    {"max_new_tokens", OPTION_INTEGER, AT(max_new_tokens), .least = 1, .most = 1 << 20,
     .help = "such an answer ends here at the latest"},
    {"objective", OPTION_ENUM, AT(objective), .names = objective_names, .help = "sft: score answers only; lm: every token"},
#define READING(field) AT(reading.field)
#include "config/reading.def"
    {"seed", OPTION_INTEGER, AT(seed), .least = 0, .most = 9e18, .help = "draws the phrasings of a template pack"},
    {"max_length", OPTION_INTEGER, AT(max_length), .least = 2, .most = 1 << 24, .unset = "the run's, else as in training",
     .help = "tokens of one example"},
    {"excess_length", OPTION_ENUM, AT(excess_length), .names = excess_names,
     .help = "longer examples; default: drop and count them, split plain text"},
    {"micro_batch_tokens", OPTION_INTEGER, AT(micro_batch_tokens), .least = 1, .most = 1 << 24, .unset = "chosen",
     .help = "tokens in one forward"},
    {0},
#undef AT
};

static const option eval_flag_table[] = {
#define AT(field) .offset = offsetof(eval_flags, field), .group = "Output"
    {"json", OPTION_BOOL, AT(json), .help = "the result as one JSON object"},
    {"per_token", OPTION_BOOL, AT(per_token),
     .help = "with --json: one object an example in the data's order, with input_ids and nll (null where no token is predicted)"},
    {"compare_base", OPTION_BOOL, AT(compare_base),
     .help = "score what the run or the adapter started from too, and show both side by side"},
    {0},
#undef AT
};

static const command_help help = {
    .usage = "vkift eval [RUN | --model PATH [--adapter DIR]] [--data PATH] [options]",
    .about =
        "Scores a model on held-out data: mean loss over the target tokens and its perplexity, and with --accuracy the "
        "share of right answers beside what always giving the most frequent answer would reach.",
    .example = "vkift eval runs/first --data test.jsonl --accuracy --compare-base",
};

typedef struct cluster_row {
  const char *name, *frequent_answer;
  int64_t examples, frequent, correct;
} cluster_row;

// One scoring of the data, kept for the tables.
typedef struct scoring {
  const eval_flags *own;
  arena *memory;
  cluster_row *clusters;
  uint64_t n, capacity;
  vkift_eval_result result;
} scoring;

// {"index", "file", "line", "task", "cluster", "loss", "input_ids", "nll"[, "answer", "expected", "correct"]}
static void print_example(const vkift_scored *x) {
  text out = {0};
  text_printf(&out, "{\"index\": %lld, \"file\": ", (long long)x->index);
  json_put_string(&out, x->file);
  text_printf(&out, ", \"line\": %lld, \"task\": ", (long long)x->line);
  json_put_string(&out, x->task);
  text_puts(&out, ", \"cluster\": ");
  json_put_string(&out, x->cluster);
  text_puts(&out, ", \"loss\": ");
  json_line_put_number(&out, x->loss, 9);
  text_puts(&out, ", \"input_ids\": ");
  json_line_put_ids(&out, x->input_ids, x->n);
  text_puts(&out, ", \"nll\": [");
  for (size_t i = 0; i < x->n; i++) {
    if (i) text_puts(&out, ", ");
    json_line_put_number(&out, (double)x->nll[i], 9);
  }
  text_puts(&out, "], \"target\": [");
  for (size_t i = 0; i < x->n; i++) text_puts(&out, x->target[i] ? i ? ", 1" : "1" : i ? ", 0" : "0");
  text_putc(&out, ']');
  if (x->answer) {
    text_puts(&out, ", \"answer\": ");
    json_put_string(&out, x->answer);
    text_puts(&out, ", \"expected\": ");
    json_put_string(&out, x->expected);
    text_printf(&out, ", \"correct\": %s", x->correct ? "true" : "false");
  }
  text_putc(&out, '}');
  puts(out.data);
  text_free(&out);
}

static void on_example(void *user, const vkift_scored *x) {
  (void)user;
  print_example(x);
}

static void on_cluster(void *user, const vkift_cluster_score *c) {
  scoring *s = user;
  arena_grow(s->memory, (void **)&s->clusters, &s->capacity, s->n + 1, sizeof *s->clusters);
  s->clusters[s->n++] = (cluster_row){arena_strdup(s->memory, c->cluster), arena_strdup(s->memory, c->frequent_answer),
                                      c->examples, c->frequent, c->correct};
}

static void on_progress(void *user, int64_t done, int64_t examples) {
  (void)user;
  log_progress(done == examples, "scored %s of %s examples", show_count(done).text, show_count(examples).text);
}

static void on_note(void *user, const char *message) {
  (void)user;
  log_note("%s", message);
}

static bool score(const vkift_eval_options *o, scoring *s, err *e) {
  const vkift_eval_events events = {.user = s,
                                    .example = s->own->per_token ? on_example : NULL, // has every token scored
                                    .cluster = on_cluster,
                                    .progress = on_progress,
                                    .note = on_note,
                                    .should_stop = interrupted};
  vkift_error error = {0};
  return library_ok(vkift_eval(o, &events, &s->result, &error), &error, e);
}

// --- JSON ------------------------------------------------------------------------------------------------------------

static void put_scoring(text *out, const scoring *s, bool accuracy) {
  text_puts(out, "{\"loss\": ");
  json_line_put_number(out, s->result.loss, 12);
  text_puts(out, ", \"perplexity\": ");
  json_line_put_number(out, s->result.perplexity, 12);
  text_printf(out,
              ", \"examples\": %lld, \"tokens\": %lld, \"target_tokens\": %lld, \"seconds\": ", (long long)s->result.examples,
              (long long)s->result.tokens, (long long)s->result.target_tokens);
  json_line_put_number(out, s->result.seconds, 6);
  if (accuracy) {
    text_printf(out, ", \"correct\": %lld, \"clusters\": [", (long long)s->result.correct);
    for (uint64_t i = 0; i < s->n; i++) {
      const cluster_row *c = &s->clusters[i];
      text_puts(out, i ? ", {\"cluster\": " : "{\"cluster\": ");
      json_put_string(out, c->name);
      text_printf(out,
                  ", \"examples\": %lld, \"correct\": %lld, \"frequent\": %lld, \"frequent_answer\": ", (long long)c->examples,
                  (long long)c->correct, (long long)c->frequent);
      json_put_string(out, c->frequent_answer);
      text_putc(out, '}');
    }
    text_putc(out, ']');
  }
  text_putc(out, '}');
}

static void print_json(const scoring *tuned, const scoring *base, bool accuracy) {
  text out = {0};
  if (base) {
    text_puts(&out, "{\"base\": ");
    put_scoring(&out, base, accuracy);
    text_puts(&out, ", \"tuned\": ");
  }
  put_scoring(&out, tuned, accuracy);
  if (base) text_putc(&out, '}');
  puts(out.data);
  text_free(&out);
}

// --- tables ----------------------------------------------------------------------------------------------------------

static void print_loss(const char *label, const vkift_eval_result *r) {
  printf("%sloss %.4f  perplexity %.3f  (%s examples, %s target tokens, %s)\n", label, r->loss, r->perplexity,
         show_count(r->examples).text, show_count(r->target_tokens).text, show_time(r->seconds).text);
}

static double percent(int64_t part, int64_t whole) {
  return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void print_row(const char *name, int64_t examples, int64_t correct, const int64_t *before, int64_t frequent, int width) {
  printf("%-*s  %8s", width, name, show_count(examples).text);
  if (before) printf("  %6.1f %%  %6.1f %%", percent(*before, examples), percent(correct, examples));
  else printf("  %6.1f %%", percent(correct, examples));
  printf("  %19.1f %%\n", percent(frequent, examples));
}

// Right answers for each cluster, before and after where a base was scored, beside the share of the most frequent answer.
static void print_clusters(const scoring *tuned, const scoring *base) {
  int width = 7;
  int64_t frequent = 0;
  for (uint64_t i = 0; i < tuned->n; i++) {
    int length = (int)strlen(tuned->clusters[i].name);
    if (length > width) width = length;
  }
  printf("\n%-*s  %8s  %8s%s  %21s\n", width, "cluster", "examples", base ? "before" : "right", base ? "     after" : "",
         "most frequent answer");
  for (uint64_t i = 0; i < tuned->n; i++) {
    const cluster_row *c = &tuned->clusters[i];
    const char *unnamed = tuned->n > 1 ? "(none)" : "all"; // data without clusters
    print_row(*c->name ? c->name : unnamed, c->examples, c->correct, base ? &base->clusters[i].correct : NULL, c->frequent,
              width);
    frequent += c->frequent;
  }
  if (tuned->n > 1)
    print_row("all", tuned->result.examples, tuned->result.correct, base ? &base->result.correct : NULL, frequent, width);
}

static void print_tables(const scoring *tuned, const scoring *base, bool accuracy) {
  if (base) print_loss("before: ", &base->result);
  print_loss(base ? "after:  " : "", &tuned->result);
  if (accuracy) print_clusters(tuned, base);
}

// --- the command -----------------------------------------------------------------------------------------------------

static bool check(const vkift_eval_options *o, const eval_flags *own, err *e) {
  const char *fault = NULL;
  if (!o->source.run == !o->source.model) fault = "give a run directory, or --model and perhaps --adapter";
  else if (o->source.run && o->source.adapter) fault = "--adapter belongs to --model; a run brings its own";
  else if (o->source.model && !o->data) fault = "--data is missing: what to score";
  else if (own->per_token && !own->json) fault = "--per-token prints JSON: give --json with it";
  else if (own->per_token && own->compare_base)
    fault = "--per-token and --compare-base contradict each other: score one model at a time";
  else if (own->compare_base && !o->source.run && !o->source.adapter)
    fault = "--compare-base needs a run or an --adapter: what else is there to compare";
  if (!fault) return true;
  e->usage = true;
  return ERR(e, "%s", fault);
}

static bool score_base(vkift_eval_options o, scoring *base, const scoring *tuned, err *e) {
  o.source.base = true;
  TRY(score(&o, base, e));
  REQUIRE(base->n == tuned->n, "%llu clusters before, %llu after", (unsigned long long)base->n, (unsigned long long)tuned->n);
  return true;
}

bool eval_run(int argc, char **argv, err *e) {
  vkift_eval_options o = vkift_eval_defaults();
  const vkift_eval_options defaults = o;
  eval_flags own = {0};
  const eval_flags own_defaults = {0};
  const option_set sets[] = {{source_option_table, &o.source}, {eval_table, &o}, {eval_flag_table, &own}};
  flags f;
  arena *a = arena_new("command line");
  scoring tuned = {.own = &own, .memory = a}, base = tuned;
  bool ok = flags_read(a, sets, 3, "run directory", argc, argv, &f, e) && flags_store(a, &f, e);
  if (ok && f.help) {
    options_print_help(&help, sets, (const void *const[]){&defaults.source, &defaults, &own_defaults}, 3);
  } else if (ok) {
    interrupts_catch(false);
    o.source.run = f.positional;
    ok = check(&o, &own, e) && source_check(&o.source, e) && score(&o, &tuned, e) &&
         (!own.compare_base || score_base(o, &base, &tuned, e));
    const scoring *before = own.compare_base ? &base : NULL;
    if (ok && own.per_token) log_note("loss %.6f, perplexity %.4f", tuned.result.loss, tuned.result.perplexity);
    else if (ok && own.json) print_json(&tuned, before, o.accuracy);
    else if (ok) print_tables(&tuned, before, o.accuracy);
  }
  arena_free(a);
  return ok;
}
