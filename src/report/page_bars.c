// Scores and differences of clusters as rows of bars, with their intervals. The table above them has the values; those that
// stand beside the bars are the same.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/page.h"
#include "report/plot.h"

enum { MOST_ROWS = 200, MOST_NAME = 60 };

static void begin_figure(doc *d, const char *css_class, const char *title, const char *what) {
  doc_html(d,
           "<figure class=\"rows %s\" role=\"group\" aria-label=\"%s\">\n<figcaption><h3>%s</h3><p class=\"legend\" "
           "aria-hidden=\"true\">%s</p></figcaption>\n",
           css_class, title, title, what);
}

static void put_label(doc *d, const result *r) {
  doc_html(d, "<div class=\"row\"><span class=\"name\">");
  doc_quote_cut(d, r->name, MOST_NAME);
  doc_html(d, "</span><span class=\"track\" aria-hidden=\"true\">");
}

static double inside(double place) {
  return fmin(fmax(place, 0), 100);
}

static void put_whisker(doc *d, const plot_scale *s, double low, double high, const char *css_class) {
  const double from = inside(plot_place(s, low)), to = inside(plot_place(s, high));
  doc_html(d, "<i class=\"whisker %s\" style=\"left:%.2f%%;width:%.2f%%\"></i>", css_class, from, to - from);
}

static void put_mark(doc *d, const plot_scale *s, double value, const char *css_class) {
  if (isfinite(value)) doc_html(d, "<i class=\"mark %s\" style=\"left:%.2f%%\"></i>", css_class, inside(plot_place(s, value)));
}

static void put_scale(doc *d, const plot_scale *s) {
  doc_html(d, "<div class=\"row scale\" aria-hidden=\"true\"><span class=\"name\"></span><span class=\"track\">");
  const double first = ceil(s->from / s->step - 1e-9);
  for (int i = 0; i < 16 && (first + i) * s->step <= s->to + 1e-9 * s->step; i++) {
    const double value = (first + i) * s->step;
    doc_html(d, "<span class=\"x%s\" style=\"left:%.2f%%\">", i % 2 ? " odd" : "", inside(plot_place(s, value)));
    number_put_tick(&d->out, value, s->step);
    doc_html(d, "</span>");
  }
  doc_html(d, "</span><span class=\"value\"></span></div>\n");
}

// Whether the two scores can share an axis: of the same metric, or both of points or both of shares.
static bool share_axis(const result *x, const result *y) {
  return x->lower == y->lower && x->digits == y->digits;
}

static void put_score_row(doc *d, const result *r, const plot_scale *s) {
  const bool worse = results_loss(r) > 0;
  put_label(d, r);
  doc_html(d, "<i class=\"base\" style=\"width:%.2f%%\"></i><i class=\"tuned%s\" style=\"width:%.2f%%\"></i>",
           inside(plot_place(s, r->base)), worse ? " worse" : "", inside(plot_place(s, r->tuned)));
  if (isfinite(r->base_low) && isfinite(r->base_high)) put_whisker(d, s, r->base_low, r->base_high, "of-base");
  put_whisker(d, s, r->base + r->low, r->base + r->high, "of-tuned");
  put_mark(d, s, r->shuffled, "shuffled");
  put_mark(d, s, r->seen, "seen");
  doc_html(d, "</span><span class=\"value\">");
  doc_number(d, r->base, NUMBER_DECIMALS, r->digits, "results.json:%s/base", r->place);
  doc_html(d, " \xE2\x86\x92 <strong>");
  doc_number(d, r->tuned, NUMBER_DECIMALS, r->digits, "results.json:%s/tuned", r->place);
  doc_html(d, "</strong></span></div>\n");
}

static void put_score_group(doc *d, const results *r, uint64_t first) {
  const result *of = &r->clusters[first];
  double most = 0, least = 0;
  bool shuffled = false, seen = false;
  for (uint64_t i = first; i < r->n; i++) {
    const result *c = &r->clusters[i];
    if (!share_axis(of, c)) continue;
    const double values[] = {c->base, c->tuned, c->base + c->high, c->base_high, c->shuffled, c->seen};
    for (size_t k = 0; k < sizeof values / sizeof *values; k++) most = fmax(most, values[k]);
    least = fmin(least, fmin(c->base, c->tuned));
    shuffled |= isfinite(c->shuffled), seen |= isfinite(c->seen);
  }
  char legend[600];
  snprintf(legend, sizeof legend,
           "<span class=\"key base\"></span> base <span class=\"key tuned\"></span> tuned, with the interval of the "
           "difference%s%s",
           shuffled ? " <span class=\"key shuffled\"></span> shuffled answers" : "",
           seen ? " <span class=\"key seen\"></span> with seen tasks" : "");
  begin_figure(d, "scores", of->lower ? "Scores (lower is better)" : "Scores", legend);
  const plot_scale s = plot_scale_of(least, most > least ? most * 1.04 : least + 1);
  uint64_t rows = 0;
  for (uint64_t i = first; i < r->n && rows < MOST_ROWS; i++)
    if (share_axis(of, &r->clusters[i])) put_score_row(d, &r->clusters[i], &s), rows++;
  put_scale(d, &s);
  doc_html(d, "</figure>\n");
}

// For each axis that scores need, once.
static void for_each_axis(doc *d, const results *r, void (*put)(doc *d, const results *r, uint64_t first)) {
  for (uint64_t i = 0; !d->markdown && i < r->n; i++) {
    bool is_first = true;
    for (uint64_t k = 0; k < i; k++) is_first &= !share_axis(&r->clusters[k], &r->clusters[i]);
    if (is_first) put(d, r, i);
  }
}

void page_score_bars(doc *d, const results *r) {
  for_each_axis(d, r, put_score_group);
}

// --- differences -----------------------------------------------------------------------------------------------------------

static int compare_differences(const void *a, const void *b) {
  const result *x = *(const result *const *)a, *y = *(const result *const *)b;
  const double lost = results_loss(x), other = results_loss(y);
  return lost != other ? (lost < other ? 1 : -1) : (x > y) - (x < y);
}

static void put_difference_row(doc *d, const result *r, const plot_scale *s) {
  const char *sort = results_loss(r) > 0 ? "worse" : results_loss(r) < 0 ? "better" : "";
  put_label(d, r);
  put_mark(d, s, 0, "zero");
  put_whisker(d, s, r->low, r->high, sort);
  doc_html(d, "<i class=\"dot %s\" style=\"left:%.2f%%\"></i></span><span class=\"value %s\">", sort,
           inside(plot_place(s, r->difference)), sort);
  doc_number(d, r->difference, NUMBER_SIGNED, r->digits, "results.json:%s/difference", r->place);
  doc_html(d, "</span></div>\n");
}

static void put_difference_group(doc *d, const results *r, uint64_t first) {
  const result *of = &r->clusters[first], **rows = malloc(r->n * sizeof *rows);
  REQUIRE(rows, "no memory for %llu rows", (unsigned long long)r->n);
  double least = 0, most = 0;
  size_t n = 0;
  for (uint64_t i = first; i < r->n; i++) {
    const result *c = &r->clusters[i];
    if (!share_axis(of, c)) continue;
    rows[n++] = c;
    least = fmin(least, fmin(c->low, c->difference)), most = fmax(most, fmax(c->high, c->difference));
  }
  qsort(rows, n, sizeof *rows, compare_differences);
  const double room = 0.03 * (most - least);
  const plot_scale s = plot_scale_of(least - room, most + room);
  begin_figure(d, "differences",
               of->lower ? "Difference (lower is better), the largest loss first" : "Difference, the largest loss first",
               of->lower ? "A dot is tuned less base, the line its interval. Right of the upright line tuning made it worse."
                         : "A dot is tuned less base, the line its interval. Left of the upright line tuning made it worse.");
  for (size_t i = 0; i < n && i < MOST_ROWS; i++) put_difference_row(d, rows[i], &s);
  put_scale(d, &s);
  doc_html(d, "</figure>\n");
  free(rows);
}

void page_difference_bars(doc *d, const results *r) {
  for_each_axis(d, r, put_difference_group);
}
