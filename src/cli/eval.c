// vkift eval: loss and perplexity, the likelihood of every token, and what answers score by task and cluster.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/show.h"
#include "cli/cli.h"
#include "cli/json_line.h"
#include "cli/marked.h"
#include "cli/options.h"
#include "cli/source.h"
#include "config/train_options.h"
#include "io/json.h"

typedef struct eval_flags {
  bool json, per_token, by_task;
} eval_flags;

static const option eval_table[] = {
#define AT(field) .offset = offsetof(vkift_eval_options, field), .group = "Scoring"
    {"data", OPTION_PATH, AT(data), .unset = "the run's evaluation data",
     .help = "a file as for vkift train, or a directory with test.jsonl"},
    {"metric", OPTION_ENUM, AT(metric), .names = metric_names, .value = "NAME",
     .help =
         "also answer every example greedily and score that: rouge_l, rouge_l_tokens, exact_match, accuracy (of the likeliest of "
         "its choices), accuracy_norm (by character), f1, bleu, chrf; or auto: of each task what its rows or its category say, "
         "else accuracy where rows have choices, else rouge_l"},
    {"max_new_tokens", OPTION_INTEGER, AT(max_new_tokens), .least = 1, .most = 1 << 20,
     .help = "such an answer ends here at the latest"},
    {"limit", OPTION_INTEGER, AT(limit), .least = 0, .most = 9e18, .unset = "all",
     .help = "score the first so many examples of each task"},
    {"compare_base", OPTION_BOOL, AT(compare_base),
     .help = "score what the run or the adapter started from too, and show both side by side"},
    {"predictions", OPTION_PATH, AT(predictions), .unset = "with a run, in its predictions/", .value = "FILE",
     .help = "where every answer and its score are kept, as JSON Lines, with the base's beside them"},
    {"score", OPTION_PATH, AT(score), .unset = "none", .value = "FILE",
     .help = "score the answers of such a file instead of a model's: rows with prediction and references"},
    {"rouge_tokenizer", OPTION_PATH, AT(rouge_tokenizer), .unset = "the model's own",
     .help =
         "whose tokens rouge_l_tokens counts, the form for references that are not in Latin script; Tk-Instruct counts GPT-2's"},
    {"objective", OPTION_ENUM, AT(objective), .names = objective_names,
     .help = "sft: score answers only; lm: every token; a classifier is scored by its labels in any case"},
    {"labels", OPTION_LIST, AT(labels), .unset = "those kept with the classifier", .value = "NAMES",
     .help = "of a classifier that names none itself, in the order of its head's rows"},
#define READING(field) AT(reading.field)
#include "config/reading.def"
    {"seed", OPTION_INTEGER, AT(seed), .least = 0, .most = 9e18, .help = "draws the phrasings of a template pack"},
    {"max_length", OPTION_INTEGER, AT(max_length), .least = 2, .most = 1 << 24, .unset = "the run's, else as in training",
     .help = "tokens of one example"},
    {"excess_length", OPTION_ENUM, AT(excess_length), .names = excess_names,
     .help = "longer examples; default: drop and count them, split plain text, cut what is classified"},
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
    {"by_task", OPTION_BOOL, AT(by_task), .help = "show each task below its cluster"},
    {0},
#undef AT
};

static const command_help help = {
    .usage = "vkift eval [RUN | --model PATH [--adapter DIR] | --score FILE] [--data PATH] [options]",
    .about =
        "Scores a model on held-out data: mean loss over the target tokens and its perplexity, and with --metric what its "
        "answers "
        "reach by task and cluster, with 95 % intervals, beside what always giving a task's most frequent answer would.",
    .example = "vkift eval runs/first --data test.jsonl --metric auto --compare-base",
};

// What was scored, kept for the tables.
typedef struct scoring {
  const eval_flags *own;
  arena *memory;
  vkift_task_score *rows;
  uint64_t n, capacity;
  vkift_classes classes; // of a classifier; n_labels 0: none
  vkift_eval_result result;
} scoring;

// {"index", "file", "line", "task", "cluster", "loss", "input_ids", "nll", "target"}
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
  text_putc(&out, '}');
  puts(out.data);
  text_free(&out);
}

static void on_example(void *user, const vkift_scored *x) {
  (void)user;
  print_example(x);
}

static void on_score(void *user, const vkift_task_score *score) {
  scoring *s = user;
  arena_grow(s->memory, (void **)&s->rows, &s->capacity, s->n + 1, sizeof *s->rows);
  vkift_task_score *row = &s->rows[s->n++];
  *row = *score;
  const char **strings[] = {&row->name, &row->cluster, &row->category, &row->frequent_answer};
  for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) *strings[i] = arena_strdup(s->memory, *strings[i]);
}

static void on_classes(void *user, const vkift_classes *classes) {
  scoring *s = user;
  const size_t n = classes->n_labels;
  vkift_class_score *labels = ARENA_ARRAY(s->memory, vkift_class_score, n);
  int64_t *confusion = ARENA_ARRAY(s->memory, int64_t, n * n);
  memcpy(labels, classes->labels, n * sizeof *labels);
  memcpy(confusion, classes->confusion, n * n * sizeof *confusion);
  for (size_t i = 0; i < n; i++) labels[i].label = arena_strdup(s->memory, labels[i].label);
  s->classes = *classes;
  s->classes.labels = labels;
  s->classes.confusion = confusion;
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
                                    .score = on_score,
                                    .classes = on_classes,
                                    .progress = on_progress,
                                    .note = on_note,
                                    .should_stop = interrupted};
  vkift_error error = {0};
  return library_ok(vkift_eval(o, &events, &s->result, &error), &error, e);
}

// --- JSON ------------------------------------------------------------------------------------------------------------

static void put_number(text *out, const char *key, double value) {
  text_printf(out, ", \"%s\": ", key);
  json_line_put_number(out, value, 12);
}

static void put_loss(text *out, const vkift_eval_result *r, bool base) {
  text_puts(out, "\"loss\": ");
  json_line_put_number(out, base ? r->base_loss : r->loss, 12);
  put_number(out, "perplexity", base ? r->base_perplexity : r->perplexity);
  text_printf(out, ", \"examples\": %lld, \"tokens\": %lld, \"target_tokens\": %lld", (long long)r->examples,
              (long long)r->tokens, (long long)r->target_tokens);
  put_number(out, "seconds", base ? r->base_seconds : r->seconds);
}

// {"name"[, "cluster", "category"], "metric", "score" | "base", "tuned", "difference", "low", "high", "n", …}
static void put_score(text *out, const vkift_task_score *r, bool compared) {
  const bool is_task = r->level == VKIFT_SCORE_TASK;
  text_puts(out, "{\"name\": ");
  json_put_string(out, r->name);
  if (is_task) {
    text_puts(out, ", \"cluster\": ");
    json_put_string(out, r->cluster);
    text_puts(out, ", \"category\": ");
    json_put_string(out, r->category);
  }
  text_printf(out, ", \"metric\": \"%s\"", r->metric_name);
  if (compared) put_number(out, "base", r->base);
  put_number(out, compared ? "tuned" : "score", r->score);
  if (compared) put_number(out, "difference", r->difference);
  put_number(out, "low", compared ? r->low_difference : r->low);
  put_number(out, "high", compared ? r->high_difference : r->high);
  text_printf(out, ", \"n\": %lld", (long long)r->examples);
  if (!is_task) text_printf(out, ", \"tasks\": %lld", (long long)r->tasks);
  if (r->level == VKIFT_SCORE_ALL) text_printf(out, ", \"clusters\": %lld", (long long)r->clusters);
  put_number(out, "constant", r->constant);
  if (is_task) {
    text_puts(out, ", \"frequent_answer\": ");
    json_put_string(out, r->frequent_answer);
  }
  if (r->limits) text_printf(out, ", \"limits\": %lld, \"limits_met\": %lld", (long long)r->limits, (long long)r->limits_met);
  if (r->limits && compared) text_printf(out, ", \"base_limits_met\": %lld", (long long)r->base_limits_met);
  text_putc(out, '}');
}

static void put_level(text *out, const scoring *s, vkift_score_level level, const char *key, bool compared) {
  uint64_t n = 0;
  text_printf(out, ", \"%s\": [", key);
  for (uint64_t i = 0; i < s->n; i++) {
    if (s->rows[i].level != level) continue;
    if (n++) text_puts(out, ", ");
    put_score(out, &s->rows[i], compared);
  }
  text_putc(out, ']');
}

// {"accuracy", "macro_f1" with their intervals, "labels": [{"label", "n", "predicted", "precision", "recall", "f1"}], "confusion":
// [[given label by given label] of each right label]}
static void put_classes(text *out, const vkift_classes *c) {
  text_puts(out, ", \"classes\": {\"accuracy\": ");
  json_line_put_number(out, c->accuracy, 12);
  put_number(out, "accuracy_low", c->accuracy_low);
  put_number(out, "accuracy_high", c->accuracy_high);
  put_number(out, "macro_f1", c->macro_f1);
  put_number(out, "macro_f1_low", c->macro_f1_low);
  put_number(out, "macro_f1_high", c->macro_f1_high);
  text_puts(out, ", \"labels\": [");
  for (size_t i = 0; i < c->n_labels; i++) {
    const vkift_class_score *x = &c->labels[i];
    text_puts(out, i ? ", {\"label\": " : "{\"label\": ");
    json_put_string(out, x->label);
    text_printf(out, ", \"n\": %lld, \"predicted\": %lld", (long long)x->examples, (long long)x->predicted);
    put_number(out, "precision", x->precision);
    put_number(out, "recall", x->recall);
    put_number(out, "f1", x->f1);
    text_putc(out, '}');
  }
  text_puts(out, "], \"confusion\": [");
  for (size_t i = 0; i < c->n_labels; i++) {
    text_puts(out, i ? ", [" : "[");
    for (size_t k = 0; k < c->n_labels; k++)
      text_printf(out, "%s%lld", k ? ", " : "", (long long)c->confusion[i * c->n_labels + k]);
    text_putc(out, ']');
  }
  text_puts(out, "]}");
}

static void print_json(const scoring *s, const vkift_eval_options *o) {
  text out = {0};
  text_putc(&out, '{');
  if (o->compare_base) {
    text_puts(&out, "\"base\": {");
    put_loss(&out, &s->result, true);
    text_puts(&out, "}, \"tuned\": {");
    put_loss(&out, &s->result, false);
    text_putc(&out, '}');
  } else if (o->score) {
    text_printf(&out, "\"examples\": %lld", (long long)s->result.examples);
  } else {
    put_loss(&out, &s->result, false);
  }
  if (s->n) {
    put_level(&out, s, VKIFT_SCORE_CLUSTER, "clusters", o->compare_base);
    put_level(&out, s, VKIFT_SCORE_ALL, "overall", o->compare_base);
    put_level(&out, s, VKIFT_SCORE_TASK, "task_scores", o->compare_base);
    if (s->classes.n_labels) put_classes(&out, &s->classes);
    if (*s->result.predictions) {
      text_puts(&out, ", \"predictions\": ");
      json_put_string(&out, s->result.predictions);
    }
    if (*s->result.rouge_tokenizer) {
      text_puts(&out, ", \"rouge_tokenizer\": ");
      json_put_string(&out, s->result.rouge_tokenizer);
    }
  }
  text_putc(&out, '}');
  puts(out.data);
  text_free(&out);
}

// --- tables ----------------------------------------------------------------------------------------------------------

static void print_loss(const char *label, double loss, double perplexity, double seconds, const vkift_eval_result *r) {
  printf("%sloss %.4f  perplexity %.3f  (%s examples, %s target tokens, %s)\n", label, loss, perplexity,
         show_count(r->examples).text, show_count(r->target_tokens).text, show_time(seconds).text);
}

// What a row is called, with two blanks in front of a task's name.
static const char *label_of(arena *a, const vkift_task_score *r, bool single) {
  if (r->level == VKIFT_SCORE_TASK) return arena_printf(a, "  %s", marked_name(a, r->name));
  if (r->level == VKIFT_SCORE_ALL) return "all";
  return *r->name ? marked_name(a, r->name) : single ? "all" : "(none)"; // data without clusters
}

static int width_of(const char *label) {
  int n = 0;
  for (const char *c = label; *c; c++) n += (*c & 0xC0) != 0x80;
  return n;
}

// Rows that say something new: of one cluster, that of all does not.
static bool is_shown(const scoring *s, const vkift_task_score *r) {
  return r->level == VKIFT_SCORE_CLUSTER || (r->level == VKIFT_SCORE_TASK ? s->own->by_task : r->clusters > 1);
}

static void print_row(arena *a, const vkift_task_score *r, bool compared, bool single, int width) {
  const char *label = label_of(a, r, single);
  printf("%s%*s  %-14s  %8s", label, width - width_of(label), "", r->metric_name, show_count(r->examples).text);
  if (compared) printf("  %6.1f  %6.1f  %+10.1f", r->base, r->score, r->difference);
  else printf("  %6.1f", r->score);
  printf("  %7.1f to %5.1f  %15.1f\n", compared ? r->low_difference : r->low, compared ? r->high_difference : r->high,
         r->constant);
}

static void print_limits(const scoring *s, bool compared) {
  int64_t n = 0, met = 0, base_met = 0;
  for (uint64_t i = 0; i < s->n; i++) {
    if (s->rows[i].level != VKIFT_SCORE_ALL) continue;
    n += s->rows[i].limits, met += s->rows[i].limits_met, base_met += s->rows[i].base_limits_met;
  }
  if (!n) return;
  printf("\nstated lengths kept: %s of %s", show_count(met).text, show_count(n).text);
  if (compared) printf(", before %s", show_count(base_met).text);
  putchar('\n');
}

// What clusters score, before and after where a base was scored, beside what their most frequent answers would.
static void print_scores(const scoring *s, bool compared) {
  int width = 7, clusters = 0;
  for (uint64_t i = 0; i < s->n; i++) clusters += s->rows[i].level == VKIFT_SCORE_CLUSTER;
  for (uint64_t i = 0; i < s->n; i++) {
    const int n = width_of(label_of(s->memory, &s->rows[i], clusters == 1));
    if (is_shown(s, &s->rows[i]) && n > width) width = n;
  }
  printf("\n%-*s  %-14s  %8s%s  %16s  %s\n", width, "cluster", "metric", "examples",
         compared ? "  before   after  difference" : "   score", "95 % interval", "constant answer");
  for (uint64_t i = 0; i < s->n; i++)
    if (is_shown(s, &s->rows[i])) print_row(s->memory, &s->rows[i], compared, clusters == 1, width);
  print_limits(s, compared);
  if (*s->result.rouge_tokenizer) printf("\nrouge_l_tokens: tokens of %s\n", s->result.rouge_tokenizer);
}

// Of the right label in the row, how many were given the label of the column.
static void print_confusion(const vkift_classes *c, const char *const *names, int width) {
  int column = 6;
  for (size_t k = 0; k < c->n_labels; k++)
    if (width_of(names[k]) > column) column = width_of(names[k]);
  printf("\n%-*s  given:", width, "right");
  for (size_t k = 0; k < c->n_labels; k++) printf("  %*s%s", column - width_of(names[k]), "", names[k]);
  putchar('\n');
  for (size_t i = 0; i < c->n_labels; i++) {
    printf("%s%*s        ", names[i], width - width_of(names[i]), "");
    for (size_t k = 0; k < c->n_labels; k++) printf("  %*s", column, show_count(c->confusion[i * c->n_labels + k]).text);
    putchar('\n');
  }
}

// Of many labels the confusions fill no screen: --json has them.
static void print_classes(arena *a, const vkift_classes *c) {
  enum { MOST_COLUMNS = 12 };
  int width = 5;
  const char **names = ARENA_ARRAY(a, const char *, c->n_labels);
  for (size_t i = 0; i < c->n_labels; i++) {
    names[i] = marked_name(a, c->labels[i].label);
    if (width_of(names[i]) > width) width = width_of(names[i]);
  }
  printf("\naccuracy %.1f (95 %% interval %.1f to %.1f)  macro F1 %.1f (%.1f to %.1f)\n", c->accuracy, c->accuracy_low,
         c->accuracy_high, c->macro_f1, c->macro_f1_low, c->macro_f1_high);
  printf("\n%-*s  examples  predicted  precision  recall     F1\n", width, "label");
  for (size_t i = 0; i < c->n_labels; i++) {
    const vkift_class_score *x = &c->labels[i];
    printf("%s%*s  %8s  %9s  %9.1f  %6.1f  %5.1f\n", names[i], width - width_of(names[i]), "", show_count(x->examples).text,
           show_count(x->predicted).text, x->precision, x->recall, x->f1);
  }
  if (c->n_labels <= MOST_COLUMNS) print_confusion(c, names, width);
}

static void print_tables(const scoring *s, const vkift_eval_options *o) {
  const vkift_eval_result *r = &s->result;
  if (o->compare_base) print_loss("before: ", r->base_loss, r->base_perplexity, r->base_seconds, r);
  if (!o->score) print_loss(o->compare_base ? "after:  " : "", r->loss, r->perplexity, r->seconds, r);
  if (s->n) print_scores(s, o->compare_base);
  if (s->classes.n_labels) print_classes(s->memory, &s->classes);
  if (*r->predictions) printf("answers: %s\n", r->predictions);
}

// --- the command -----------------------------------------------------------------------------------------------------

static bool check(const vkift_eval_options *o, const eval_flags *own, err *e) {
  const char *fault = NULL;
  if (o->score && (o->source.run || o->source.model || o->data))
    fault = "--score takes answers from its file: no run, model or data goes with it";
  else if (o->score && (own->per_token || o->compare_base))
    fault = "--score has no model: --per-token and --compare-base need one";
  else if (!o->score && !o->source.run == !o->source.model) fault = "give a run directory, or --model and perhaps --adapter";
  else if (o->source.run && o->source.adapter) fault = "--adapter belongs to --model; a run brings its own";
  else if (o->source.model && !o->data) fault = "--data is missing: what to score";
  else if (own->per_token && !own->json) fault = "--per-token prints JSON: give --json with it";
  else if (own->per_token && o->compare_base)
    fault = "--per-token and --compare-base contradict each other: score one model at a time";
  else if (o->compare_base && !o->source.run && !o->source.adapter)
    fault = "--compare-base needs a run or an --adapter: what else is there to compare";
  if (!fault) return true;
  e->usage = true;
  return ERR(e, "%s", fault);
}

bool eval_run(int argc, char **argv, err *e) {
  vkift_eval_options o = vkift_eval_defaults();
  const vkift_eval_options defaults = o;
  eval_flags own = {0};
  const eval_flags own_defaults = {0};
  const option_set sets[] = {{source_option_table, &o.source}, {eval_table, &o}, {eval_flag_table, &own}};
  flags f;
  arena *a = arena_new("command line");
  scoring s = {.own = &own, .memory = a};
  bool ok = flags_read(a, sets, 3, "run directory", argc, argv, &f, e) && flags_store(a, &f, e);
  if (ok && f.help) {
    options_print_help(&help, sets, (const void *const[]){&defaults.source, &defaults, &own_defaults}, 3);
  } else if (ok) {
    interrupts_catch(false);
    o.source.run = f.positional;
    ok = check(&o, &own, e) && source_check(&o.source, e) && score(&o, &s, e);
    if (ok && own.per_token) log_note("loss %.6f, perplexity %.4f", s.result.loss, s.result.perplexity);
    else if (ok && own.json) print_json(&s, &o);
    else if (ok) print_tables(&s, &o);
  }
  arena_free(a);
  return ok;
}
