#include "report/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/json.h"

enum { Y_MARKS = 5, X_MARKS = 6, MOST_MARKS = 16, LOG_RATIO = 20, DENSE = 800, HEIGHT_EM = 15, LABEL_EM = 1 };
static const double LOG_LEAST = 1e-30, LOG_MOST = 1e30; // beyond them a curve is no training run's

// --- scales ----------------------------------------------------------------------------------------------------------------

plot_scale plot_scale_of(double least, double most) {
  if (!(most > least)) {
    const double around = fabs(least) > 0 ? fabs(least) / 2 : 1;
    least -= around, most += around;
  }
  const double step = number_nice((most - least) / Y_MARKS);
  return (plot_scale){.from = least, .to = most, .step = step};
}

double plot_place(const plot_scale *s, double value) {
  if (s->is_log) return 100 * log(fmax(value, 1e-300) / s->from) / log(s->to / s->from);
  return 100 * (value - s->from) / (s->to - s->from);
}

static int compare_numbers(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

// The value below which so large a share of the finite ones is. Spikes of a faint line beyond it leave the picture.
static double quantile(const double *y, uint64_t n, double share) {
  double *sorted = malloc((n ? n : 1) * sizeof *sorted);
  REQUIRE(sorted, "no memory for %llu numbers", (unsigned long long)n);
  uint64_t finite = 0;
  for (uint64_t i = 0; i < n; i++)
    if (isfinite(y[i])) sorted[finite++] = y[i];
  if (finite) qsort(sorted, finite, sizeof *sorted, compare_numbers);
  const double value = finite ? sorted[(uint64_t)(share * (double)(finite - 1))] : NAN;
  free(sorted);
  return value;
}

static bool scales_of(const plot *p, plot_scale *x, plot_scale *y) {
  *y = (plot_scale){0};
  double x0 = INFINITY, x1 = -INFINITY, y0 = INFINITY, y1 = -INFINITY;
  for (size_t s = 0; s < p->n; s++) {
    const plot_series *one = &p->series[s];
    const double most = one->style == PLOT_FAINT ? quantile(one->y, one->n, 0.98) : INFINITY;
    for (uint64_t i = 0; i < one->n; i++) {
      if (!isfinite(one->y[i])) continue;
      x0 = fmin(x0, one->x[i]), x1 = fmax(x1, one->x[i]);
      y0 = fmin(y0, one->y[i]), y1 = fmax(y1, fmin(one->y[i], most));
    }
  }
  if (!isfinite(x1 - x0) || !(fabs(y0) < 1e300 && fabs(y1) < 1e300)) return false;
  const double room = 0.06 * (y1 - y0);
  if (p->may_be_log && y0 >= LOG_LEAST && y1 <= LOG_MOST && y1 > LOG_RATIO * y0) {
    const double part = pow(y1 / y0, 0.04);
    *y = (plot_scale){.from = y0 / part, .to = y1 * part, .is_log = true};
  } else if (p->from_zero) y0 = fmin(y0, 0);
  else y0 = y0 >= 0 && y0 - room < 0 ? 0 : y0 - room;
  if (!y->is_log) *y = plot_scale_of(y0, y1 + room);
  *x = plot_scale_of(x0, x1);
  x->step = number_nice((x->to - x->from) / X_MARKS);
  if (x->step < 1) x->step = 1;
  return true;
}

// The i-th mark of a scale; NaN behind the last. A logarithmic one has 1, 2 and 5 of each power of ten, or over many powers only
// 1.
static double mark(const plot_scale *s, int i) {
  double at = NAN;
  if (i >= MOST_MARKS) return NAN;
  if (!s->is_log) {
    at = (ceil(s->from / s->step - 1e-9) + i) * s->step;
  } else {
    static const double of_ten[] = {1, 2, 5};
    const int each = s->to / s->from > 2000 ? 1 : 3;
    int k = (int)floor(log10(s->from)) * each;
    const double eps = 1 - 1e-9;
    for (;; k++) {
      const int power = k >= 0 ? k / each : -((-k + each - 1) / each);
      at = of_ten[k - power * each] * pow(10, power);
      if (at >= s->from * eps && !i--) break;
    }
  }
  return at <= s->to + 1e-9 * fabs(s->to) ? at : NAN;
}

static void put_marks(doc *d, const plot_scale *s, const char *css_class, bool is_x) {
  for (int i = 0; isfinite(mark(s, i)); i++) {
    doc_html(d, "<span class=\"%s%s\" style=\"%s:%.2f%%\">", css_class, is_x && i % 2 ? " odd" : "", is_x ? "left" : "bottom",
             plot_place(s, mark(s, i)));
    number_put_tick(&d->out, mark(s, i), s->is_log ? pow(10, floor(log10(mark(s, i)) + 1e-9)) : s->step);
    doc_html(d, "</span>");
  }
}

static void put_grid(doc *d, const plot_scale *y) {
  text_puts(&d->out, "<path class=\"grid\" d=\"");
  for (int i = 0; isfinite(mark(y, i)); i++) text_printf(&d->out, "M0 %.1fH1000", 1000 - 10 * plot_place(y, mark(y, i)));
  text_puts(&d->out, "\"/>");
}

// --- lines -----------------------------------------------------------------------------------------------------------------

static void put_path(doc *d, const plot_series *s, const plot_scale *x, const plot_scale *y) {
  static const char *const styles[] = {[PLOT_LINE] = "line", [PLOT_FAINT] = "faint", [PLOT_DOTS] = "dots"};
  bool pen = false;
  const bool is_dense = s->style == PLOT_FAINT && s->n > DENSE; // then much of the ground is covered
  text_printf(&d->out, "<path class=\"%s%s c%d\" d=\"", styles[s->style], is_dense ? " dense" : "", s->colour);
  for (uint64_t i = 0; i < s->n; i++) {
    if (!isfinite(s->y[i])) {
      pen = false;
      continue;
    }
    const double px = 10 * plot_place(x, s->x[i]), py = fmax(-2000, 1000 - 10 * plot_place(y, s->y[i]));
    text_printf(&d->out, "%c%.1f %.1f", s->style != PLOT_DOTS && pen ? 'L' : 'M', px, py);
    if (s->style == PLOT_DOTS) text_puts(&d->out, "h0");
    pen = true;
  }
  text_puts(&d->out, "\"/>");
}

// Labels at the lines' ends, from the lowest up, moved apart where they would touch.
static void put_labels(doc *d, const plot *p, const plot_scale *y) {
  const double apart = 100.0 * 1.25 * LABEL_EM / HEIGHT_EM;
  double below = -INFINITY, last = -INFINITY;
  for (;;) {
    const plot_series *next = NULL;
    double end = INFINITY;
    for (size_t s = 0; s < p->n; s++) {
      const plot_series *one = &p->series[s];
      const double at = one->label && one->n ? plot_place(y, one->y[one->n - 1]) : NAN;
      if (at > below && at < end) next = one, end = at;
    }
    if (!next) return;
    below = end;
    last = fmax(end, last + apart);
    doc_html(d, "<span class=\"end c%d\" style=\"bottom:%.2f%%\">%s</span>", next->colour, fmin(fmax(last, 2), 98), next->label);
  }
}

static void put_short(text *out, double v) {
  if (isfinite(v)) text_printf(out, "%.7g", v);
  else text_puts(out, "null");
}

static void put_list(text *out, const double *values, uint64_t n) {
  text_putc(out, '[');
  for (uint64_t i = 0; i < n; i++) {
    if (i) text_putc(out, ',');
    put_short(out, values[i]);
  }
  text_putc(out, ']');
}

static void island_begin(doc *d, const char *id) {
  text_printf(&d->island, "%s\"%s\":{", d->island.length ? ",\n" : "", id);
}

static void island_scales(doc *d, const plot_scale *x, const plot_scale *y) {
  text_puts(&d->island, "\"box\":");
  put_list(&d->island, (double[]){x->from, x->to, y->from, y->to}, 4);
  if (y->is_log) text_puts(&d->island, ",\"log\":true");
}

static void island_lines(doc *d, const plot *p, const plot_scale *x, const plot_scale *y) {
  island_begin(d, p->id);
  island_scales(d, x, y);
  text_printf(&d->island, ",\"x_name\":\"%s\",\"series\":[", p->x_name);
  for (size_t s = 0; s < p->n; s++) {
    const plot_series *one = &p->series[s];
    if (!one->name) continue;
    text_printf(&d->island, "%s{\"name\":\"%s\",\"colour\":%d,\"faint\":%s,\"x\":", s ? "," : "", one->name, one->colour,
                one->style == PLOT_FAINT ? "true" : "false");
    put_list(&d->island, one->x, one->n);
    text_puts(&d->island, ",\"y\":");
    put_list(&d->island, one->y, one->n);
    text_puts(&d->island, ",\"shown\":[");
    for (uint64_t i = 0; i < one->n; i++) {
      text shown = {0};
      number_put(&shown, one->y[i], p->form, p->digits);
      text_puts(&d->island, i ? "," : "");
      json_put_string(&d->island, shown.data);
      text_free(&shown);
    }
    text_puts(&d->island, "]}");
  }
  text_puts(&d->island, "]}");
}

static void begin_area(doc *d, const char *id, const char *what) {
  text_puts(&d->out, "<div class=\"area\" role=\"img\" aria-label=\"");
  doc_say(d, what);
  text_printf(&d->out, "\" data-plot=\"%s\"><svg viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\" aria-hidden=\"true\">",
              id);
}

static void end_area(doc *d) {
  text_puts(&d->out, "</div>\n<p class=\"readout\" aria-hidden=\"true\"></p>\n");
}

bool plot_lines(doc *d, const plot *p) {
  plot_scale x, y;
  if (d->markdown || !scales_of(p, &x, &y)) return false;
  begin_area(d, p->id, p->what);
  put_grid(d, &y);
  for (size_t s = 0; s < p->n; s++) put_path(d, &p->series[s], &x, &y);
  text_puts(&d->out, "</svg>");
  put_marks(d, &y, "y", false);
  put_marks(d, &x, "x", true);
  put_labels(d, p, &y);
  text_printf(&d->out, "<span class=\"x-name\">%s</span>", p->x_name);
  end_area(d);
  island_lines(d, p, &x, &y);
  return true;
}

// --- bars ------------------------------------------------------------------------------------------------------------------

void plot_histogram(doc *d, const plot_bars *p) {
  if (d->markdown) return;
  double most = 1;
  for (uint64_t i = 0; i < p->n; i++) most = fmax(most, p->y[i]);
  const plot_scale y = {.to = 1.06 * most, .step = fmax(number_nice(most / Y_MARKS), 1)};
  const double unit = p->percent ? 100 : 1;
  plot_scale x = {.from = unit * p->x0, .to = unit * (p->x0 + (double)p->n * p->width)};
  x.step = number_nice((x.to - x.from) / X_MARKS);
  begin_area(d, p->id, p->what);
  put_grid(d, &y);
  text_puts(&d->out, "<path class=\"bars c1\" d=\"");
  const double wide = 1000.0 / (double)p->n, gap = wide * 0.08;
  for (uint64_t i = 0; i < p->n; i++) {
    if (!(p->y[i] > 0)) continue;
    const double top = 1000 - fmax(10 * plot_place(&y, p->y[i]), 6);
    text_printf(&d->out, "M%.1f 1000V%.1fH%.1fV1000z", wide * (double)i + gap, top, wide * (double)(i + 1) - gap);
  }
  text_puts(&d->out, "\"/></svg>");
  put_marks(d, &y, "y", false);
  put_marks(d, &x, "x", true);
  text_printf(&d->out, "<span class=\"x-name\">%s</span>", p->x_name);
  end_area(d);
  island_begin(d, p->id);
  island_scales(d, &x, &y);
  text_printf(&d->island, ",\"x_name\":\"%s\",\"y_name\":\"%s\",\"bars\":", p->x_name, p->y_name);
  put_list(&d->island, p->y, p->n);
  text_puts(&d->island, "}");
}
