// A training run: what was trained, how it went, on what data, in how much memory, and how to do it again.
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "config/train_options.h"
#include "report/page.h"
#include "report/plot.h"

enum { POINTS = 1500, SMOOTH_POINTS = 400, TABLE_ROWS = 60, MARKDOWN_ROWS = 12 };

typedef struct training {
  arena *memory;
  const page_run *run;
  vkift_train_options options;
  bool has_options;
  history history;
  bool has_ended; // its result is there
  double parameters, trained, examples;
} training;

// --- the beginning -----------------------------------------------------------------------------------------------------------

static void put_method(doc *d, const training *t) {
  const vkift_train_options *o = &t->options;
  if (!t->has_options) return;
  if (o->method == VKIFT_LORA) {
    doc_say(d, o->use_dora ? "DoRA of rank " : "LoRA of rank ");
    doc_number(d, (double)o->lora_r, NUMBER_COUNT, 0, "config.yaml:lora_r");
  } else if (o->method == VKIFT_HEAD) {
    doc_say(d, "A new head on a frozen model");
  } else {
    const char *of_all = o->init == VKIFT_INIT_RANDOM ? "Training from random weights" : "Full finetuning";
    doc_say(d, o->method == VKIFT_FREEZE ? "Finetuning of some weights" : of_all);
  }
  if (o->objective == VKIFT_CLASSIFY) doc_say(d, ", for a classifier");
  if (t->trained > 0) {
    doc_say(d, ": ");
    doc_number(d, t->trained, NUMBER_COUNT, 0, "run.json:/trained_parameters");
    if (t->parameters > t->trained) {
      doc_say(d, " of ");
      doc_number(d, t->parameters, NUMBER_COUNT, 0, "run.json:/parameters");
    }
    doc_say(d, o->method == VKIFT_FREEZE ? " parameters train, the rest is frozen" : " parameters");
  }
  if (t->examples > 0) {
    doc_say(d, ", on ");
    doc_number(d, t->examples, NUMBER_COUNT, 0, "data.json:/examples");
    doc_say(d, " examples");
  }
  doc_say(d, ". ");
}

// Seconds are known of the logged steps; where others lie between, those take as long.
static double all_seconds(const history *h) {
  const history_lines *l = &h->steps;
  const double logged = (double)l->n, steps = l->n ? l->columns[HISTORY_STEP][l->n - 1] : 0;
  return logged > 0 ? history_sum(l, HISTORY_SECONDS) * steps / logged : NAN;
}

static void put_progress(doc *d, const training *t) {
  const history_lines *l = &t->history.steps;
  const double done = l->columns[HISTORY_STEP][l->n - 1], seconds = all_seconds(&t->history);
  const bool all_logged = done == (double)l->n;
  doc_number(d, done, NUMBER_COUNT, 0, "metrics.jsonl:last(step)");
  doc_say(d, " steps took ");
  if (!all_logged) doc_say(d, "about ");
  doc_number(d, seconds, NUMBER_TIME, 0, all_logged ? "metrics.jsonl:sum(seconds)" : "metrics.jsonl:estimate(seconds)");
  const char *device = NULL;
  if (t->run->facts.root && json_string_or(&t->run->facts, t->run->facts.root, "", "device", &device, NULL) && device) {
    doc_say(d, " on ");
    doc_quote_cut(d, device, 100);
  }
  doc_say(d, t->has_ended ? ". " : "; the run has not ended. ");
}

static void put_losses(doc *d, const training *t) {
  const history_lines *l = &t->history.steps, *v = &t->history.evals;
  const uint64_t first = history_first(l, HISTORY_LOSS), last = history_last(l, HISTORY_LOSS);
  if (first == l->n) return;
  const double from = l->columns[HISTORY_LOSS][first], to = l->columns[HISTORY_LOSS][last];
  doc_say(d, "The training loss went from ");
  doc_number(d, from, NUMBER_DIGITS, 3, "metrics.jsonl:first(loss)");
  doc_say(d, " to ");
  doc_number(d, to, NUMBER_DIGITS, 3, "metrics.jsonl:last(loss)");
  const uint64_t best = history_least(v, HISTORY_EVAL_LOSS);
  if (best < v->n) {
    doc_say(d, "; the best evaluation loss was ");
    doc_number(d, v->columns[HISTORY_EVAL_LOSS][best], NUMBER_DIGITS, 3, "metrics.jsonl:min(eval_loss)");
    doc_say(d, ", after step ");
    doc_number(d, v->columns[HISTORY_STEP][best], NUMBER_COUNT, 0, "metrics.jsonl:%u/step", v->line[best]);
    const uint64_t end = history_last(v, HISTORY_EVAL_LOSS);
    if (end != best) {
      doc_say(d, ", and the last ");
      doc_number(d, v->columns[HISTORY_EVAL_LOSS][end], NUMBER_DIGITS, 3, "metrics.jsonl:last(eval_loss)");
    }
  }
  doc_say(d, ".");
}

static void put_warnings(doc *d, const training *t) {
  if (t->history.n_bad) {
    doc_paragraph(d, "alert");
    doc_strong(d, true);
    doc_number(d, (double)t->history.n_bad, NUMBER_COUNT, 0, "metrics.jsonl:count(bad)");
    doc_say(d, t->history.n_bad == 1 ? " step changed nothing" : " steps changed nothing");
    doc_strong(d, false);
    doc_say(d, ": loss or gradient was not finite. A smaller learning rate often helps.");
    doc_end_paragraph(d);
  }
  const history_lines *v = &t->history.evals;
  const uint64_t best = history_least(v, HISTORY_EVAL_LOSS), last = history_last(v, HISTORY_EVAL_LOSS);
  if (best < v->n && v->columns[HISTORY_EVAL_LOSS][last] > 1.02 * v->columns[HISTORY_EVAL_LOSS][best]) {
    doc_paragraph(d, "alert");
    doc_strong(d, true);
    doc_say(d, "The evaluation loss rose again");
    doc_strong(d, false);
    doc_say(d, " after its best value: fewer epochs, or a smaller learning rate, may generalise better.");
    doc_end_paragraph(d);
  }
  if (t->history.is_cut_short) {
    doc_paragraph(d, "note");
    doc_say(d, "The last line of metrics.jsonl is not whole and was left out.");
    doc_end_paragraph(d);
  }
}

static void put_key(doc *d, const char *what, double value, number_form form, int digits, const char *from) {
  if (!isfinite(value)) return;
  if (d->markdown) return;
  doc_html(d, "<div><dt>%s</dt><dd>", what);
  doc_number(d, value, form, digits, "%s", from);
  doc_html(d, "</dd></div>\n");
}

static double value_at(const history_lines *l, history_key key, uint64_t i) {
  return i < l->n ? l->columns[key][i] : NAN;
}

static void put_key_numbers(doc *d, const training *t) {
  const history_lines *l = &t->history.steps, *v = &t->history.evals;
  doc_html(d, "<dl class=\"key\">\n");
  put_key(d, "last training loss", value_at(l, HISTORY_LOSS, history_last(l, HISTORY_LOSS)), NUMBER_DIGITS, 3,
          "metrics.jsonl:last(loss)");
  put_key(d, "best evaluation loss", value_at(v, HISTORY_EVAL_LOSS, history_least(v, HISTORY_EVAL_LOSS)), NUMBER_DIGITS, 3,
          "metrics.jsonl:min(eval_loss)");
  put_key(d, "last reward margin", value_at(l, HISTORY_MARGIN, history_last(l, HISTORY_MARGIN)), NUMBER_DIGITS, 3,
          "metrics.jsonl:last(rewards/margins)");
  put_key(d, "tokens that carried loss", history_sum(l, HISTORY_TARGET_TOKENS), NUMBER_COUNT, 0,
          "metrics.jsonl:sum(target_tokens)");
  put_key(d, "… of them a second", history_sum(l, HISTORY_TARGET_TOKENS) / history_sum(l, HISTORY_SECONDS), NUMBER_DIGITS, 3,
          "metrics.jsonl:ratio(target_tokens,seconds)");
  doc_html(d, "</dl>\n");
}

static const char *title_of(training *t) {
  const vkift_train_options *o = &t->options;
  if (!t->has_options || !o->model || !o->data.n) return t->run->name;
  const char *model = path_name(path_trim(t->memory, o->model)), *data = path_name(path_trim(t->memory, o->data.items[0].path));
  return arena_printf(t->memory, o->data.n > 1 ? "%.200s, tuned on %.200s and other data" : "%.200s, tuned on %.200s", model,
                      data);
}

// --- curves --------------------------------------------------------------------------------------------------------------

// One curve over the steps: what was logged, faint where it is noisy, with its mean over the steps around.
typedef struct curve {
  const char *id, *title, *what, *name;
  history_key key;
  bool from_zero, smooth;
  number_form form;
  int digits;
} curve;

// The values at some places, as a series.
static void take(arena *a, plot_series *s, const history_lines *l, history_key key, const uint64_t *places, uint64_t n,
                 uint64_t window) {
  double *x = ARENA_ARRAY(a, double, n), *y = ARENA_ARRAY(a, double, n);
  for (uint64_t i = 0; i < n; i++) {
    x[i] = l->columns[HISTORY_STEP][places[i]];
    y[i] = window > 1 ? history_smooth(l->columns[key], l->n, window, places[i]) : l->columns[key][places[i]];
  }
  s->x = x, s->y = y, s->n = n;
}

static uint64_t evenly(uint64_t n, uint64_t most, uint64_t *out) {
  const uint64_t kept = n < most ? n : most;
  for (uint64_t i = 0; i < kept; i++) out[i] = kept > 1 ? i * (n - 1) / (kept - 1) : 0;
  return kept;
}

static size_t series_of(arena *a, const history *h, const curve *c, plot_series *out) {
  const history_lines *l = &h->steps, *v = &h->evals;
  const uint64_t window = c->smooth ? history_window(l->n) : 1;
  const bool with_eval = c->key == HISTORY_LOSS && v->n;
  uint64_t *places = ARENA_ARRAY(a, uint64_t, l->n + v->n + 2), n = history_thin(l->columns[c->key], l->n, POINTS, places);
  size_t made = 0;
  out[made] = (plot_series){.name = c->name, .style = window > 1 ? PLOT_FAINT : PLOT_LINE, .colour = 1};
  if (window == 1 && with_eval) out[made].label = "training";
  take(a, &out[made++], l, c->key, places, n, 1);
  if (window > 1) {
    n = evenly(l->n, SMOOTH_POINTS, places);
    out[made] = (plot_series){.name = "mean around it", .label = with_eval ? "training" : NULL, .style = PLOT_LINE, .colour = 1};
    take(a, &out[made++], l, c->key, places, n, window);
  }
  if (!with_eval) return made;
  n = history_thin(v->columns[HISTORY_EVAL_LOSS], v->n, POINTS, places);
  out[made] = (plot_series){.name = "evaluation", .label = "evaluation", .style = v->n > 1 ? PLOT_LINE : PLOT_DOTS, .colour = 2};
  take(a, &out[made++], v, HISTORY_EVAL_LOSS, places, n, 1);
  if (v->n > 1 && v->n <= 60) {
    out[made] = out[made - 1];
    out[made].name = out[made].label = NULL;
    out[made++].style = PLOT_DOTS;
  }
  return made;
}

// A key as a part of a JSON pointer.
static const char *as_pointer(arena *a, const char *key) {
  const char *slash = strchr(key, '/');
  return slash ? arena_printf(a, "%.*s~1%s", (int)(slash - key), key, slash + 1) : key;
}

static void put_curve_table(doc *d, arena *a, const history *h, const curve *c) {
  const history_lines *l = &h->steps;
  const doc_column columns[] = {{"step", true}, {c->name, true}};
  uint64_t *places = ARENA_ARRAY(a, uint64_t, l->n + 1);
  const uint64_t n = evenly(l->n, d->markdown ? MARKDOWN_ROWS : TABLE_ROWS, places);
  const char *key = as_pointer(a, history_key_names[c->key]);
  doc_details(d, "Values");
  doc_table(d, n < l->n ? arena_printf(a, "%s, some of the steps", c->title) : c->title, columns, 2);
  for (uint64_t i = 0; i < n; i++) {
    const uint64_t k = places[i];
    doc_row(d);
    doc_cell(d), doc_number(d, l->columns[HISTORY_STEP][k], NUMBER_COUNT, 0, "metrics.jsonl:%u/step", l->line[k]);
    doc_cell(d);
    doc_number(d, l->columns[c->key][k], c->form, c->digits, "metrics.jsonl:%u/%s", l->line[k], key);
  }
  doc_end_table(d);
  doc_end_details(d);
}

static void put_eval_table(doc *d, arena *a, const history *h) {
  static const doc_column columns[] = {{"step", true}, {"evaluation loss", true}};
  const history_lines *v = &h->evals;
  uint64_t *places = ARENA_ARRAY(a, uint64_t, v->n + 1);
  const uint64_t n = evenly(v->n, d->markdown ? MARKDOWN_ROWS : TABLE_ROWS, places);
  if (!n) return;
  doc_details(d, "Values of the evaluation");
  doc_table(d, "Evaluation loss", columns, 2);
  for (uint64_t i = 0; i < n; i++) {
    const uint64_t k = places[i];
    doc_row(d);
    doc_cell(d), doc_number(d, v->columns[HISTORY_STEP][k], NUMBER_COUNT, 0, "metrics.jsonl:%u/step", v->line[k]);
    doc_cell(d);
    doc_number(d, v->columns[HISTORY_EVAL_LOSS][k], NUMBER_DIGITS, 4, "metrics.jsonl:%u/eval_loss", v->line[k]);
  }
  doc_end_table(d);
  doc_end_details(d);
}

static void put_curve(doc *d, const history *h, const curve *c) {
  const history_lines *l = &h->steps;
  if (history_first(l, c->key) == l->n) return;
  arena *a = arena_new("a curve");
  plot_series series[4];
  doc_html(d, "<figure class=\"plot\">\n<figcaption>");
  doc_heading(d, c->title);
  const size_t n = series_of(a, h, c, series);
  doc_html(d, "<p class=\"narrow\" aria-hidden=\"true\">"); // where there is no room at the lines' ends
  for (size_t i = 0; i < n; i++)
    if (series[i].label) doc_html(d, "<b class=\"c%d\">%s</b>", series[i].colour, series[i].label);
  doc_html(d, "</p></figcaption>\n");
  plot_lines(d, &(plot){.id = c->id,
                        .what = c->what,
                        .x_name = "step",
                        .from_zero = c->from_zero,
                        .may_be_log = c->key == HISTORY_LOSS,
                        .series = series,
                        .n = n,
                        .form = c->form,
                        .digits = c->digits});
  put_curve_table(d, a, h, c);
  if (c->key == HISTORY_LOSS) put_eval_table(d, a, h);
  doc_html(d, "</figure>\n");
  arena_free(a);
}

static void put_curves(doc *d, const history *h) {
  static const curve curves[] = {
      {"loss", "Loss", "Training loss by step, and evaluation loss where there is one. The table behind it has the values.",
       "training", HISTORY_LOSS, false, true, NUMBER_DIGITS, 4},
      {"margin", "Reward margin",
       "By step, how much more the chosen answer gained on the reference model than the rejected one, times beta. The table "
       "behind "
       "it has the values.",
       "reward margin", HISTORY_MARGIN, true, true, NUMBER_DIGITS, 4},
      {"accuracy", "Share of pairs that are right",
       "By step, the share of pairs whose chosen answer gained more on the reference model. The table behind it has the values.",
       "share of pairs", HISTORY_ACCURACY, true, true, NUMBER_DIGITS, 4},
      {"learning_rate", "Learning rate", "Learning rate by step. The table behind it has the values.", "learning rate",
       HISTORY_LEARNING_RATE, true, false, NUMBER_DIGITS, 4},
      {"grad_norm", "Gradient norm", "Norm of the gradient before clipping, by step. The table behind it has the values.",
       "gradient norm", HISTORY_GRAD_NORM, true, true, NUMBER_DIGITS, 4},
      {"rate", "Target tokens a second", "Tokens that carry loss a second, by step. The table behind it has the values.",
       "target tokens a second", HISTORY_RATE, true, true, NUMBER_DIGITS, 4},
  };
  doc_section(d, "curves", "How it went");
  for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) {
    if (i == 1) doc_html(d, "<div class=\"pair\">\n");
    put_curve(d, h, &curves[i]);
  }
  doc_html(d, "</div>\n");
  doc_end_section(d);
}

// --- all of it -------------------------------------------------------------------------------------------------------------

bool page_train(doc *d, page_run *r, err *e) {
  training t = {.memory = r->memory, .run = r, .has_options = r->config != NULL};
  if (r->config) TRY(train_options_read(r->memory, path_join(r->memory, r->dir, "config.yaml"), &t.options, e));
  TRY(history_read(r->memory, path_join(r->memory, r->dir, "metrics.jsonl"), &t.history, e));
  TRY(page_fact(&r->facts, NULL, "parameters", &t.parameters, e) &&
      page_fact(&r->facts, NULL, "trained_parameters", &t.trained, e) && page_fact(&r->data, NULL, "examples", &t.examples, e));
  t.has_ended = file_exists(path_join(r->memory, r->dir, "adapter")) || file_exists(path_join(r->memory, r->dir, "model"));
  doc_begin(d, title_of(&t));
  doc_paragraph(d, "lead");
  put_method(d, &t);
  if (t.history.steps.n) put_progress(d, &t), put_losses(d, &t);
  else doc_say(d, "No step has been logged yet.");
  doc_end_paragraph(d);
  put_warnings(d, &t);
  if (t.history.steps.n) put_key_numbers(d, &t), put_curves(d, &t.history);
  TRY(page_data(d, r, e) && page_memory(d, r, e));
  TRY(page_classes(d, r, &t.options.labels, e));
  page_predictions(d, r, false);
  TRY(page_again(d, r, e));
  doc_end(d);
  return true;
}
