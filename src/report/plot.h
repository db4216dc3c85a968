// Plots of the HTML page; in Markdown they are nothing. A plot is drawing in SVG that stretches to any width, with its marks and
// labels as text of the page around it, so that they can be read on a phone too. The script shows the values under the pointer
// or, with the arrow keys, one after the other. Every plot has a table of its values, which the caller writes behind it.
#ifndef REPORT_PLOT_H
#define REPORT_PLOT_H

#include "report/doc.h"

typedef enum plot_style { PLOT_LINE, PLOT_FAINT, PLOT_DOTS } plot_style;

typedef struct plot_series {
  const char *name;    // as the read-out calls it; NULL: it says nothing of this series
  const char *label;   // at the line's end; NULL: none
  const double *x, *y; // [n]; where y is not finite the line has a gap
  uint64_t n;
  plot_style style;
  int colour; // 1, 2
} plot_series;

typedef struct plot {
  const char *id, *what; // what: one sentence for who does not see it
  const char *x_name;    // "step"
  bool from_zero;        // the y axis begins at 0
  bool may_be_log;       // it is logarithmic where values differ much
  const plot_series *series;
  size_t n;
  number_form form; // of y in the read-out
  int digits;
} plot;

// Where nothing can be drawn nothing is, and the answer is false.
bool plot_lines(doc *d, const plot *p);

// Bars of equal width that stand side by side from x0 on; their counts in y[n].
typedef struct plot_bars {
  const char *id, *what;
  const char *x_name, *y_name; // "tokens", "examples"
  double x0, width;
  bool percent; // x is a share
  const double *y;
  uint64_t n;
} plot_bars;

void plot_histogram(doc *d, const plot_bars *p);

// A scale of numbers along a row of bars: from … to, with 0 where it is among them.
typedef struct plot_scale {
  double from, to, step; // step: between marks
  bool is_log;
} plot_scale;

plot_scale plot_scale_of(double least, double most);
double plot_place(const plot_scale *s, double value); // in percent of the width

#endif
