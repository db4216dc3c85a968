// A cross-validation over clusters: where tuning lowered a score, that is said first; then the table, the same as bars, what
// was left out so that nothing leaks, and predictions.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "report/page.h"

enum { MOST_NAME = 80, MOST_LOWERED = 12 };

static void put_name(doc *d, const char *name) {
  doc_quote_cut(d, name, MOST_NAME);
}

static void put_score(doc *d, const result *r, double value, const char *key) {
  doc_number(d, value, NUMBER_DECIMALS, r->digits, "results.json:%s/%s", r->place, key);
}

static void put_interval(doc *d, const result *r) {
  doc_number(d, r->low, NUMBER_SIGNED, r->digits, "results.json:%s/low", r->place);
  doc_say(d, " to ");
  doc_number(d, r->high, NUMBER_SIGNED, r->digits, "results.json:%s/high", r->place);
}

static void put_interval_name(doc *d, const results *r, bool capital) {
  if (!isfinite(r->confidence)) {
    doc_say(d, capital ? "Interval" : "interval");
    return;
  }
  doc_number(d, r->confidence, NUMBER_PERCENT, 0, "results.json:/confidence");
  doc_say(d, " interval");
}

// --- what is said first ----------------------------------------------------------------------------------------------------

static int compare_losses(const void *a, const void *b) {
  const result *x = *(const result *const *)a, *y = *(const result *const *)b;
  const double lost = results_loss(x), other = results_loss(y);
  return lost != other ? (lost < other ? 1 : -1) : (x > y) - (x < y);
}

static void put_lowered_one(doc *d, const results *all, const result *r) {
  text_puts(&d->out, d->markdown ? "- " : "<li>");
  doc_strong(d, true), put_name(d, r->name), doc_strong(d, false);
  doc_say(d, ": ");
  put_score(d, r, r->base, "base");
  doc_say(d, " \xE2\x86\x92 ");
  put_score(d, r, r->tuned, "tuned");
  doc_say(d, " (");
  doc_number(d, r->difference, NUMBER_SIGNED, r->digits, "results.json:%s/difference", r->place);
  doc_say(d, "; ");
  put_interval_name(d, all, false);
  doc_say(d, " ");
  put_interval(d, r);
  doc_say(d, results_is_surely_worse(r)   ? ", all of it worse)"
             : results_has_no_interval(r) ? ", no interval: too few examples, or all changed alike)"
                                          : ", which reaches to no loss)");
  text_puts(&d->out, d->markdown ? "\n" : "</li>\n");
}

static void put_lowered(doc *d, arena *a, const results *r) {
  const result **worse = ARENA_ARRAY(a, const result *, r->n);
  size_t n = 0;
  for (uint64_t i = 0; i < r->n; i++)
    if (results_loss(&r->clusters[i]) > 0) worse[n++] = &r->clusters[i];
  doc_html(d, "<div class=\"%s\">\n", n ? "alert" : "calm");
  doc_paragraph(d, NULL);
  if (!n) {
    doc_strong(d, true);
    doc_say(d, r->are_tasks ? "In no task did tuning make the score worse." : "In no cluster did tuning make the score worse.");
    doc_strong(d, false);
    doc_end_paragraph(d);
    doc_html(d, "</div>\n");
    return;
  }
  doc_strong(d, true);
  doc_say(d, "Tuning made the score worse in ");
  doc_number(d, (double)results_count_names(r, true), NUMBER_COUNT, 0, "results.json:count(worse)");
  doc_say(d, " of ");
  doc_number(d, (double)r->n_names, NUMBER_COUNT, 0, "results.json:count(clusters)");
  doc_say(d, r->are_tasks ? " tasks" : " clusters");
  doc_strong(d, false);
  doc_say(d, n > MOST_LOWERED ? "; the largest losses:" : ":");
  doc_end_paragraph(d);
  qsort(worse, n, sizeof *worse, compare_losses);
  doc_html(d, "<ul>\n");
  for (size_t i = 0; i < n && i < MOST_LOWERED; i++) put_lowered_one(d, r, worse[i]);
  text_puts(&d->out, d->markdown ? "\n" : "</ul>\n</div>\n");
}

static void put_change(doc *d, const results *r, const result *o, const char *what) {
  doc_say(d, what), doc_say(d, " went from ");
  put_score(d, o, o->base, "base");
  doc_say(d, " to ");
  put_score(d, o, o->tuned, "tuned");
  doc_say(d, ": ");
  doc_strong(d, true);
  doc_number(d, o->difference, NUMBER_SIGNED, o->digits, "results.json:%s/difference", o->place);
  doc_strong(d, false);
  doc_say(d, ", ");
  put_interval_name(d, r, false);
  doc_say(d, " ");
  put_interval(d, o);
  doc_say(d, ", over ");
  doc_number(d, o->n, NUMBER_COUNT, 0, "results.json:%s/n", o->place);
  doc_say(d, o->low <= 0 && o->high >= 0 ? " examples: no clear change." : " examples.");
}

static void put_lead(doc *d, const results *r) {
  doc_paragraph(d, "lead");
  doc_say(d, "Each of ");
  doc_number(d, (double)r->n_names, NUMBER_COUNT, 0, "results.json:count(clusters)");
  doc_say(d, r->are_tasks ? " tasks" : " clusters");
  doc_say(d, " was held out in turn while the model was tuned on the others. On what it was not tuned on, ");
  if (!r->n_by_metric) put_change(d, r, &r->overall, "the score");
  for (uint64_t i = 0; i < r->n_by_metric; i++) {
    if (i) doc_say(d, " ");
    put_change(d, r, &r->by_metric[i], r->by_metric[i].metric ? r->by_metric[i].metric : "the score");
  }
  doc_end_paragraph(d);
}

// --- the table -------------------------------------------------------------------------------------------------------------

typedef struct extra {
  const char *key, *title;
  number_form form;
  size_t offset;
} extra;

static const extra extras[] = {{"shuffled", "shuffled", NUMBER_DECIMALS, offsetof(result, shuffled)},
                               {"seen", "with seen", NUMBER_DECIMALS, offsetof(result, seen)},
                               {"tokens", "tokens", NUMBER_COUNT, offsetof(result, tokens)},
                               {"seconds", "time", NUMBER_TIME, offsetof(result, seconds)}};
enum { N_EXTRAS = sizeof extras / sizeof *extras, N_FIXED = 7 };

static double extra_of(const result *r, const extra *x) {
  double value;
  memcpy(&value, (const char *)r + x->offset, sizeof value);
  return value;
}

static bool any_has(const results *r, const extra *x) {
  bool any = isfinite(extra_of(&r->overall, x));
  for (uint64_t i = 0; i < r->n; i++) any |= isfinite(extra_of(&r->clusters[i], x));
  return any;
}

static void put_difference(doc *d, const result *r) {
  doc_html(d, "<span class=\"%s\">", results_loss(r) > 0 ? "worse" : results_loss(r) < 0 ? "better" : "");
  doc_number(d, r->difference, NUMBER_SIGNED, r->digits, "results.json:%s/difference", r->place);
  doc_html(d, "</span>");
}

static void put_row(doc *d, const result *r, const bool *shown) {
  doc_row(d);
  doc_cell(d), put_name(d, r->name);
  doc_cell(d);
  if (r->metric) put_name(d, r->metric), doc_say(d, r->lower ? " (lower is better)" : "");
  doc_cell(d), doc_number(d, r->n, NUMBER_COUNT, 0, "results.json:%s/n", r->place);
  doc_cell(d), put_score(d, r, r->base, "base");
  doc_cell(d), put_score(d, r, r->tuned, "tuned");
  doc_cell(d), put_difference(d, r);
  doc_cell(d), put_interval(d, r);
  for (size_t i = 0; i < N_EXTRAS; i++) {
    if (!shown[i]) continue;
    doc_cell(d);
    doc_number(d, extra_of(r, &extras[i]), extras[i].form, r->digits, "results.json:%s/%s", r->place, extras[i].key);
  }
}

static void put_notes(doc *d, const results *r, const bool *shown) {
  if (r->is_instruction_tuned) {
    doc_paragraph(d, "note");
    doc_strong(d, true), doc_say(d, "The base model is instruction-tuned already"), doc_strong(d, false);
    doc_say(d, ": the base column is not that of a model which was only pretrained.");
    doc_end_paragraph(d);
  }
  doc_paragraph(d, "note");
  doc_say(d, "Difference: tuned less base, with its ");
  put_interval_name(d, r, false);
  doc_say(d, ".");
  if (shown[0]) doc_say(d, " Shuffled: tuned on answers that were shuffled within each task, which teaches the format only.");
  if (shown[1]) doc_say(d, " With seen: tuned on the cluster's own tasks too, which shows what the distance costs.");
  if (r->control) doc_say(d, " Control: "), doc_quote_cut(d, r->control, 500);
  doc_end_paragraph(d);
}

static void put_table(doc *d, const results *r) {
  doc_column columns[N_FIXED + N_EXTRAS] = {{"cluster", false}, {"metric", false},    {"examples", true}, {"base", true},
                                            {"tuned", true},    {"difference", true}, {"interval", true}};
  bool shown[N_EXTRAS];
  size_t n = N_FIXED;
  for (size_t i = 0; i < N_EXTRAS; i++) {
    shown[i] = any_has(r, &extras[i]);
    if (shown[i]) columns[n++] = (doc_column){extras[i].title, true};
  }
  doc_section(d, "scores", "Scores on what was held out");
  doc_table(d, "Base and tuned model on each cluster that was held out", columns, n);
  for (uint64_t i = 0; i < r->n; i++) put_row(d, &r->clusters[i], shown);
  doc_foot(d);
  if (!r->n_by_metric) put_row(d, &r->overall, shown);
  for (uint64_t i = 0; i < r->n_by_metric; i++) put_row(d, &r->by_metric[i], shown);
  doc_end_table(d);
  put_notes(d, r, shown);
  page_score_bars(d, r);
  page_difference_bars(d, r);
  doc_end_section(d);
}

// --- tasks -----------------------------------------------------------------------------------------------------------------

static void put_task_score(doc *d, const result *r, uint64_t task, double value, const char *key) {
  doc_cell(d);
  doc_number(d, value, NUMBER_DECIMALS, r->digits, "results.json:%s/tasks/%llu/%s", r->place, (unsigned long long)task, key);
}

static void put_task_table(doc *d, const result *r) {
  doc_column columns[7] = {{"task", false}, {"metric", false}, {"examples", true}, {"base", true}, {"tuned", true}};
  size_t n = 5;
  bool shuffled = false, seen = false;
  for (uint64_t i = 0; i < r->n_tasks; i++) shuffled |= isfinite(r->tasks[i].shuffled), seen |= isfinite(r->tasks[i].seen);
  if (shuffled) columns[n++] = (doc_column){"shuffled", true};
  if (seen) columns[n++] = (doc_column){"with seen", true};
  doc_table(d, "Tasks of this cluster", columns, n);
  for (uint64_t i = 0; i < r->n_tasks; i++) {
    const result_task *t = &r->tasks[i];
    doc_row(d);
    doc_cell(d), put_name(d, t->name);
    doc_cell(d), put_name(d, t->metric ? t->metric : "");
    doc_cell(d);
    doc_number(d, t->n, NUMBER_COUNT, 0, "results.json:%s/tasks/%llu/n", r->place, (unsigned long long)i);
    put_task_score(d, r, i, t->base, "base");
    put_task_score(d, r, i, t->tuned, "tuned");
    if (shuffled) put_task_score(d, r, i, t->shuffled, "shuffled");
    if (seen) put_task_score(d, r, i, t->seen, "seen");
  }
  doc_end_table(d);
}

static void put_tasks(doc *d, const results *r) {
  bool any = false;
  for (uint64_t i = 0; i < r->n; i++) any |= r->clusters[i].n_tasks > 0;
  if (!any) return;
  doc_section(d, "tasks", "Task by task");
  for (uint64_t i = 0; i < r->n; i++) {
    const result *c = &r->clusters[i];
    if (!c->n_tasks) continue;
    text_puts(&d->out, d->markdown ? "### " : "<details class=\"group\"><summary>");
    put_name(d, c->name);
    text_puts(&d->out, d->markdown ? "\n\n" : "</summary>\n");
    put_task_table(d, c);
    doc_end_details(d);
  }
  doc_end_section(d);
}

// --- leaks -----------------------------------------------------------------------------------------------------------------

static bool any_left_out(const results *r) {
  bool any = false;
  for (uint64_t i = 0; i < r->n; i++) {
    any |= isfinite(r->clusters[i].train);
    for (size_t k = 0; k < RESULT_LEFT_OUT; k++) any |= isfinite(r->clusters[i].left_out[k]);
  }
  return any;
}

static void put_leaks(doc *d, const results *r) {
  static const doc_column columns[] = {{"cluster held out", false}, {"source tasks", true}, {"examples", true},
                                       {"neighbour tasks", true},   {"examples", true},     {"same prompt", true},
                                       {"near duplicates", true},   {"trained on", true}};
  if (!any_left_out(r)) return;
  doc_section(d, "leaks", "Left out so that nothing leaks");
  doc_paragraph(d, NULL);
  doc_say(d,
          "What was not trained on since it is too close to the cluster that was held out: tasks of the same source data sets, "
          "tasks of clusters that are declared neighbours, examples with a prompt that is judged on, and examples that nearly "
          "repeat one.");
  doc_end_paragraph(d);
  doc_table(d, "What the rules against leaks removed", columns, sizeof columns / sizeof *columns);
  for (uint64_t i = 0; i < r->n; i++) {
    const result *c = &r->clusters[i];
    doc_row(d);
    doc_cell(d), put_name(d, c->name);
    for (size_t k = 0; k < RESULT_LEFT_OUT; k++)
      doc_cell(d), doc_number(d, c->left_out[k], NUMBER_COUNT, 0, "results.json:%s/left_out/%s", c->place, result_left_out[k]);
    doc_cell(d), doc_number(d, c->train, NUMBER_COUNT, 0, "results.json:%s/train", c->place);
  }
  doc_end_table(d);
  doc_end_section(d);
}

bool page_crossval(doc *d, page_run *r, err *e) {
  results all;
  TRY(results_read(r->memory, path_join(r->memory, r->dir, "results.json"), &all, e));
  doc_begin(d, arena_printf(r->memory, "%.300s: judged on tasks it was not tuned on", r->name));
  put_lowered(d, r->memory, &all);
  put_lead(d, &all);
  put_table(d, &all);
  put_tasks(d, &all);
  put_leaks(d, &all);
  page_predictions(d, r, true);
  TRY(page_again(d, r, e));
  doc_end(d);
  return true;
}
