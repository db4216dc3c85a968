#include <math.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "report/page.h"
#include "report/plot.h"

enum { MOST_BARS = 200, MOST_TASKS = 60, MOST_SAMPLES = 4, MOST_PIECES = 4000, MOST_PIECE = 20000 };

// Counts of an array of data.json, which is `key` of `object` (NULL: of the file itself). *n is 0 where it is not there.
static bool read_counts(const json *f, const char *object, const char *key, double *y, uint64_t *n, err *e) {
  *n = 0;
  cJSON *in = f->root, *list;
  if (object) {
    if (!cJSON_GetObjectItemCaseSensitive(in, object)) return true;
    TRY(json_object(f, f->root, "", object, &in, e));
  }
  if (!cJSON_GetObjectItemCaseSensitive(in, key)) return true;
  TRY(json_array(f, in, object ? object : "", key, &list, e));
  for (const cJSON *c = list->child; c; c = c->next) {
    char found[64];
    if (*n == MOST_BARS) return ERR(e, "%s: %s: expected at most %d numbers, found more", f->origin, key, MOST_BARS);
    if (!cJSON_IsNumber(c) || !(c->valuedouble >= 0 && c->valuedouble < 1e15))
      return ERR(e, "%s: %s: expected counts, found %s", f->origin, key, json_describe(c, found));
    y[(*n)++] = c->valuedouble;
  }
  return true;
}

// --- words -----------------------------------------------------------------------------------------------------------------

typedef struct counts {
  double examples, tokens, targets, eval_examples, max_length;
  double shortest, median, p90, longest, from, width;
  double capacity, rows, row_tokens;
} counts;

static bool read_all_counts(const json *f, counts *c, err *e) {
  const struct {
    const char *object, *key;
    double *to;
  } keys[] = {{NULL, "examples", &c->examples},     {NULL, "tokens", &c->tokens},
              {NULL, "target_tokens", &c->targets}, {NULL, "eval_examples", &c->eval_examples},
              {NULL, "max_length", &c->max_length}, {"lengths", "shortest", &c->shortest},
              {"lengths", "median", &c->median},    {"lengths", "p90", &c->p90},
              {"lengths", "longest", &c->longest},  {"lengths", "from", &c->from},
              {"lengths", "width", &c->width},      {"rows", "capacity", &c->capacity},
              {"rows", "rows", &c->rows},           {"rows", "tokens", &c->row_tokens}};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) TRY(page_fact(f, keys[i].object, keys[i].key, keys[i].to, e));
  return true;
}

static void put_counts(doc *d, const counts *c) {
  if (!(c->examples > 0 && c->tokens > 0)) return;
  doc_paragraph(d, NULL);
  doc_number(d, c->examples, NUMBER_COUNT, 0, "data.json:/examples");
  doc_say(d, " examples with ");
  doc_number(d, c->tokens, NUMBER_COUNT, 0, "data.json:/tokens");
  doc_say(d, " tokens. Loss is carried by ");
  doc_number(d, c->targets, NUMBER_COUNT, 0, "data.json:/target_tokens");
  doc_say(d, " of them, ");
  doc_number(d, c->targets / c->tokens, NUMBER_PERCENT, 1, "data.json:share(target_tokens,tokens)");
  doc_say(d, ".");
  if (c->longest > 0) {
    doc_say(d, " Half of the examples have up to ");
    doc_number(d, c->median, NUMBER_COUNT, 0, "data.json:/lengths/median");
    doc_say(d, " tokens, nine of ten up to ");
    doc_number(d, c->p90, NUMBER_COUNT, 0, "data.json:/lengths/p90");
    doc_say(d, ", the longest ");
    doc_number(d, c->longest, NUMBER_COUNT, 0, "data.json:/lengths/longest");
    if (c->max_length > 0) {
      doc_say(d, "; at most ");
      doc_number(d, c->max_length, NUMBER_COUNT, 0, "data.json:/max_length");
      doc_say(d, " were allowed");
    }
    doc_say(d, ".");
  }
  if (c->eval_examples > 0) {
    doc_say(d, " Evaluated on ");
    doc_number(d, c->eval_examples, NUMBER_COUNT, 0, "data.json:/eval_examples");
    doc_say(d, " others.");
  }
  doc_end_paragraph(d);
}

static bool put_left_out(doc *d, const json *f, err *e) {
  static const char *const keys[][2] = {{"duplicates", "exact duplicates"},
                                        {"beyond_limit", "beyond a task's limit"},
                                        {"leaked", "whose prompt is evaluated on"},
                                        {"dropped_long", "too long"},
                                        {"bad", "unusable"},
                                        {"truncated", "not left out, but cut"}};
  bool any = false;
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    double n;
    TRY(page_fact(f, "left_out", keys[i][0], &n, e));
    if (!(n > 0)) continue;
    if (!any) doc_paragraph(d, NULL), doc_say(d, "Left out: ");
    else doc_say(d, ", ");
    any = true;
    doc_number(d, n, NUMBER_COUNT, 0, "data.json:/left_out/%s", keys[i][0]);
    doc_say(d, " "), doc_say(d, keys[i][1]);
  }
  if (any) doc_say(d, "."), doc_end_paragraph(d);
  return true;
}

// --- histograms ------------------------------------------------------------------------------------------------------------

static void put_bars_table(doc *d, const plot_bars *p, const char *caption, const char *from) {
  const doc_column columns[] = {{p->x_name, true}, {p->y_name, true}};
  doc_details(d, "Values");
  doc_table(d, caption, columns, 2);
  for (uint64_t i = 0; i < p->n; i++) {
    if (p->y[i] == 0) continue;
    const double low = p->x0 + (double)i * p->width, high = low + p->width;
    doc_row(d);
    doc_cell(d);
    doc_html(d, "<span class=\"range\">");
    number_put(&d->out, p->percent ? 100 * low : low, NUMBER_COUNT, 0);
    doc_say(d, " \xE2\x80\x93 ");
    if (p->percent) number_put(&d->out, high, NUMBER_PERCENT, 0);
    else number_put(&d->out, high - 1, NUMBER_COUNT, 0);
    doc_html(d, "</span>");
    doc_cell(d), doc_number(d, p->y[i], NUMBER_COUNT, 0, "%s/%llu", from, (unsigned long long)i);
  }
  doc_end_table(d);
  doc_end_details(d);
}

static void put_histogram(doc *d, const char *title, const plot_bars *p, const char *from) {
  if (!p->n) return;
  doc_html(d, "<figure class=\"plot\">\n<figcaption>");
  doc_heading(d, title);
  doc_html(d, "</figcaption>\n");
  plot_histogram(d, p);
  put_bars_table(d, p, title, from);
  doc_html(d, "</figure>\n");
}

static bool put_histograms(doc *d, const json *f, const counts *c, err *e) {
  double y[MOST_BARS];
  uint64_t n;
  TRY(read_counts(f, "lengths", "examples", y, &n, e));
  const double from = isfinite(c->from) ? c->from : 0;
  if (n && !(c->width >= 1 && from >= 0))
    return ERR(e, "%s: lengths: expected from 0 on and width 1 at least, found %g and %g", f->origin, from, c->width);
  doc_html(d, "<div class=\"pair\">\n");
  put_histogram(d, "Length of examples",
                &(plot_bars){.id = "lengths",
                             .what = "Histogram of the examples' lengths in tokens. The table behind it has the values.",
                             .x_name = "tokens",
                             .y_name = "examples",
                             .x0 = from,
                             .width = c->width,
                             .y = y,
                             .n = n},
                "data.json:/lengths/examples");
  TRY(read_counts(f, NULL, "target_shares", y, &n, e));
  put_histogram(
      d, "Share of tokens that carries loss",
      &(plot_bars){.id = "target_shares",
                   .what = "Histogram of the share of each example's tokens that carries loss. The table behind it has the "
                           "values.",
                   .x_name = "% of an example's tokens",
                   .y_name = "examples",
                   .width = n ? 1.0 / (double)n : 1,
                   .percent = true,
                   .y = y,
                   .n = n},
      "data.json:/target_shares");
  doc_html(d, "</div>\n");
  if (!(c->rows > 0 && c->capacity > 0)) return true;
  doc_paragraph(d, NULL);
  doc_say(d, "Rows hold ");
  doc_number(d, c->capacity, NUMBER_COUNT, 0, "data.json:/rows/capacity");
  doc_say(d, " tokens and are ");
  doc_number(d, c->row_tokens / (c->rows * c->capacity), NUMBER_PERCENT, 1, "data.json:fill()");
  doc_say(d, " full: ");
  doc_number(d, c->rows, NUMBER_COUNT, 0, "data.json:/rows/rows");
  doc_say(d, " rows for the first ");
  double steps;
  TRY(page_fact(f, "rows", "steps", &steps, e));
  doc_number(d, steps, NUMBER_COUNT, 0, "data.json:/rows/steps");
  doc_say(d, " steps. What is left of a row is not computed.");
  doc_end_paragraph(d);
  TRY(read_counts(f, "rows", "fill", y, &n, e));
  doc_html(d, "<div class=\"pair\">\n");
  put_histogram(d, "How full rows are",
                &(plot_bars){.id = "fill",
                             .what = "Histogram of how full packed rows are. The table behind it has the values.",
                             .x_name = "% of a row's tokens",
                             .y_name = "rows",
                             .width = n ? 1.0 / (double)n : 1,
                             .percent = true,
                             .y = y,
                             .n = n},
                "data.json:/rows/fill");
  doc_html(d, "</div>\n");
  return true;
}

// --- tasks -----------------------------------------------------------------------------------------------------------------

static bool put_tasks(doc *d, const json *f, err *e) {
  static const doc_column columns[] = {
      {"task", false}, {"cluster", false}, {"examples", true}, {"tokens", true}, {"carry loss", true}};
  cJSON *list;
  if (!cJSON_GetObjectItemCaseSensitive(f->root, "tasks")) return true;
  TRY(json_array(f, f->root, "", "tasks", &list, e));
  double n_tasks;
  TRY(page_fact(f, NULL, "n_tasks", &n_tasks, e));
  if (cJSON_GetArraySize(list) < 2) return true;
  doc_heading(d, "Tasks");
  doc_table(d, "The tasks with the most examples", columns, 5);
  unsigned i = 0;
  for (const cJSON *t = list->child; t && i < MOST_TASKS; t = t->next, i++) {
    const char *name, *cluster = "";
    double values[3] = {NAN, NAN, NAN};
    static const char *const keys[] = {"examples", "tokens", "target_tokens"};
    TRY(json_string(f, t, "tasks", "name", &name, e) && json_string_or(f, t, "tasks", "cluster", &cluster, e));
    doc_row(d);
    doc_cell(d), doc_quote_cut(d, name, 120);
    doc_cell(d), doc_quote_cut(d, cluster, 120);
    for (int k = 0; k < 3; k++) {
      TRY(json_number_or(f, t, "tasks", keys[k], &values[k], e));
      doc_cell(d), doc_number(d, values[k], NUMBER_COUNT, 0, "data.json:/tasks/%u/%s", i, keys[k]);
    }
  }
  doc_end_table(d);
  if (n_tasks > i) {
    doc_paragraph(d, "note");
    doc_number(d, n_tasks, NUMBER_COUNT, 0, "data.json:/n_tasks");
    doc_say(d, " tasks in all.");
    doc_end_paragraph(d);
  }
  return true;
}

// --- examples --------------------------------------------------------------------------------------------------------------

// Markdown has no colour: there the marks of `vkift data show` stand around what carries loss.
static bool put_pieces(doc *d, const json *f, const cJSON *pieces, err *e) {
  text plain = {0};
  bool ok = true;
  int n = 0;
  doc_html(d, "<pre class=\"sample\" tabindex=\"0\" role=\"region\" aria-label=\"An example as the model gets it\">");
  for (const cJSON *p = pieces->child; ok && p && n < MOST_PIECES; p = p->next, n++) {
    const char *words = "";
    bool target = false, control = false, gap = false;
    ok = json_string_or(f, p, "samples.pieces", "text", &words, e) &&
         json_bool_or(f, p, "samples.pieces", "target", &target, e) &&
         json_bool_or(f, p, "samples.pieces", "control", &control, e) && json_bool_or(f, p, "samples.pieces", "gap", &gap, e);
    if (!ok) break;
    const size_t whole = strlen(words), length = whole < MOST_PIECE ? whole : MOST_PIECE;
    text_puts(&plain, gap ? " \xE2\x80\xA6 " : target ? "[[" : "");
    text_put(&plain, words, length);
    if (target) text_puts(&plain, "]]");
    if (gap) doc_html(d, "<span class=\"gap\"> \xE2\x80\xA6 </span>");
    const char *tag = target ? "mark" : control ? "span" : NULL;
    if (tag) doc_html(d, "<%s%s>", tag, control ? " class=\"control\"" : "");
    if (!d->markdown) doc_escape(&d->out, words, length);
    if (tag) doc_html(d, "</%s>", tag);
  }
  doc_html(d, "</pre>\n");
  if (ok && d->markdown)
    doc_code(d, "An example as the model gets it; what is in [[ ]] carries loss", plain.length ? plain.data : "");
  text_free(&plain);
  return ok;
}

static bool put_samples(doc *d, const json *f, err *e) {
  cJSON *list;
  if (!cJSON_GetObjectItemCaseSensitive(f->root, "samples")) return true;
  TRY(json_array(f, f->root, "", "samples", &list, e));
  if (!list->child) return true;
  doc_heading(d, "What the model sees");
  if (!d->markdown) {
    doc_html(d,
             "<p>Two examples as they reach the model. What is <mark>marked</mark> carries loss; control tokens are in "
             "<span class=\"control\">another colour</span>.</p>\n");
  }
  int i = 0;
  for (const cJSON *s = list->child; s && i < MOST_SAMPLES; s = s->next, i++) {
    cJSON *pieces;
    double tokens = NAN, targets = NAN, left_out = 0;
    const char *task = "";
    TRY(json_array(f, s, "samples", "pieces", &pieces, e) && json_number_or(f, s, "samples", "tokens", &tokens, e) &&
        json_number_or(f, s, "samples", "target_tokens", &targets, e) &&
        json_number_or(f, s, "samples", "left_out", &left_out, e) && json_string_or(f, s, "samples", "task", &task, e));
    TRY(put_pieces(d, f, pieces, e));
    doc_paragraph(d, "note");
    doc_quote_cut(d, task, 120);
    doc_say(d, ": ");
    doc_number(d, tokens, NUMBER_COUNT, 0, "data.json:/samples/%d/tokens", i);
    doc_say(d, " tokens, of which ");
    doc_number(d, targets, NUMBER_COUNT, 0, "data.json:/samples/%d/target_tokens", i);
    doc_say(d, " carry loss");
    if (left_out > 0) {
      doc_say(d, "; ");
      doc_number(d, left_out, NUMBER_COUNT, 0, "data.json:/samples/%d/left_out", i);
      doc_say(d, " are not shown");
    }
    doc_say(d, ".");
    doc_end_paragraph(d);
  }
  return true;
}

bool page_data(doc *d, const page_run *r, err *e) {
  const json *f = &r->data;
  if (!f->root) return true;
  if (!cJSON_IsObject(f->root)) return ERR(e, "%s: expected an object", f->origin);
  counts c;
  TRY(read_all_counts(f, &c, e));
  doc_section(d, "data", "Data");
  put_counts(d, &c);
  TRY(put_left_out(d, f, e) && put_histograms(d, f, &c, e) && put_tasks(d, f, e) && put_samples(d, f, e));
  doc_end_section(d);
  return true;
}

// --- memory ----------------------------------------------------------------------------------------------------------------

bool page_memory(doc *d, const page_run *r, err *e) {
  static const char *const kinds[][2] = {{"frozen_bytes", "frozen weights"},  {"weight_bytes", "trained weights"},
                                         {"gradient_bytes", "gradients"},     {"optimizer_bytes", "optimizer"},
                                         {"activation_bytes", "activations"}, {"rest_bytes", "rest"}};
  static const doc_column columns[] = {{"kind", false}, {"size", true}, {"share", true}, {"", false}};
  double all;
  TRY(page_fact(&r->facts, "memory", "device_bytes", &all, e));
  if (!(all > 0)) return true;
  doc_section(d, "memory", "Memory");
  doc_table(d, "What the run took on the device, by kind", columns, 4);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    double bytes;
    TRY(page_fact(&r->facts, "memory", kinds[i][0], &bytes, e));
    if (!isfinite(bytes)) continue;
    doc_row(d);
    doc_cell(d), doc_say(d, kinds[i][1]);
    doc_cell(d), doc_number(d, bytes, NUMBER_BYTES, 0, "run.json:/memory/%s", kinds[i][0]);
    doc_cell(d), doc_number(d, bytes / all, NUMBER_PERCENT, 1, "run.json:memory_share(%s)", kinds[i][0]);
    doc_cell(d), doc_bar(d, bytes / all, "c1");
  }
  doc_foot(d);
  doc_row(d);
  doc_cell(d), doc_say(d, "all");
  doc_cell(d), doc_number(d, all, NUMBER_BYTES, 0, "run.json:/memory/device_bytes");
  doc_cell(d), doc_cell(d);
  doc_end_table(d);
  doc_end_section(d);
  return true;
}
