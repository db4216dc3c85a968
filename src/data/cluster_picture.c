#include "data/cluster_picture.h"

#include <math.h>
#include <string.h>

enum {
  HUES = 12,
  WIDTH = 1120,       // of the picture at least
  EDGE = 24,          // around everything
  HEAD = 76,          // above the groups: heading and explanation
  LINE = 19,          // of the list
  COLUMN = 536,       // width of a column of the list, at least
  MOST_NAME = 45,     // characters of a task's name there
  MOST_CATEGORY = 28, // … of a category
  MOST_TITLE = 34,    // … of a group's name
};
static const double radius = 11, letter = 7.6; // letter: the width of one in a group's name, at most

// Saturated fills carry the numbers; discs have the same hue, thinned.
static const char style[] =
    "<style>\n"
    "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#1d2126}\n"
    ".paper{fill:#fff}.muted{fill:#5c6570}.number{font-size:10.5px;font-weight:600;text-anchor:middle;fill:#fff}\n"
    ".name{font-size:12.5px;font-weight:600;text-anchor:middle;stroke:#fff;stroke-width:3px;paint-order:stroke}\n"
    ".like{stroke:#1d2126;stroke-opacity:.5;stroke-dasharray:4 3;fill:none}.disc{fill-opacity:.16}\n"
    ".h0{fill:#1f66b3}.h1{fill:#b3470c}.h2{fill:#1a7a46}.h3{fill:#7a3fae}.h4{fill:#b0304f}.h5{fill:#0d7480}\n"
    ".h6{fill:#7d6008}.h7{fill:#4a55c2}.h8{fill:#96357f}.h9{fill:#4c7413}.h10{fill:#8a4b32}.h11{fill:#4f6373}\n"
    "@media (prefers-color-scheme:dark){\n"
    "text{fill:#e8ebee}.paper{fill:#15181c}.muted{fill:#9aa4af}.number{fill:#15181c}\n"
    ".name{stroke:#15181c}.like{stroke:#e8ebee}.disc{fill-opacity:.2}\n"
    ".h0{fill:#77b3f2}.h1{fill:#f29a5f}.h2{fill:#6cc794}.h3{fill:#c39bef}.h4{fill:#f08ba3}.h5{fill:#63c5d1}\n"
    ".h6{fill:#d9b75a}.h7{fill:#a3abfa}.h8{fill:#e591d0}.h9{fill:#a5cc68}.h10{fill:#d9a58f}.h11{fill:#a9bccb}}\n"
    "</style>\n";

// --- text --------------------------------------------------------------------------------------------------------------

// What XML may hold, escaped.
static void put_xml(text *out, const char *s, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (s[i] == '&') text_puts(out, "&amp;");
    else if (s[i] == '<') text_puts(out, "&lt;");
    else if (s[i] == '>') text_puts(out, "&gt;");
    else text_putc(out, (unsigned char)s[i] < 0x20 || s[i] == 0x7F ? ' ' : s[i]);
  }
}

static size_t characters(const char *s, size_t n) {
  size_t count = 0;
  for (size_t i = 0; i < n; i++) count += ((unsigned char)s[i] & 0xC0) != 0x80;
  return count;
}

// The bytes of the first `n` characters.
static size_t bytes_of(const char *s, size_t n) {
  size_t i = 0;
  while (s[i] && (n || ((unsigned char)s[i] & 0xC0) == 0x80)) n -= ((unsigned char)s[++i] & 0xC0) != 0x80 || !s[i];
  return i;
}

// A long name loses its middle: its beginning and its end tell it.
static void put_name(text *out, const char *s, size_t most) {
  const size_t n = strlen(s), count = characters(s, n);
  if (count <= most) {
    put_xml(out, s, n);
    return;
  }
  const size_t front = bytes_of(s, most * 2 / 3), back = bytes_of(s, count - (most - most * 2 / 3 - 1));
  put_xml(out, s, front);
  text_puts(out, "…");
  put_xml(out, s + back, n - back);
}

// --- the map -----------------------------------------------------------------------------------------------------------

static void put_disc(text *out, const similar_groups *g, uint32_t k, const cluster_layout *l, double x, double y) {
  const layout_point *at = &l->groups[k];
  text_printf(out, "<circle class=\"disc h%u\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"><title>", k % HUES, x + at->x, y + at->y,
              l->radii[k]);
  put_xml(out, g->names[k], strlen(g->names[k]));
  text_puts(out, "</title></circle>\n");
}

// From rim to rim.
static void put_like(text *out, layout_point from, layout_point to) {
  const double dx = to.x - from.x, dy = to.y - from.y, length = sqrt(dx * dx + dy * dy), part = length > 0 ? radius / length : 0;
  text_printf(out, "<path class=\"like\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n", from.x + dx * part, from.y + dy * part,
              to.x - dx * part, to.y - dy * part);
}

static void put_map(text *out, const task_texts *tasks, const similar_groups *g, const cluster_layout *l, const uint32_t *numbers,
                    double x, double y) {
  for (uint32_t k = 0; k < g->n; k++) put_disc(out, g, k, l, x, y);
  for (uint32_t i = 0; i < g->n_borders; i++) {
    const layout_point *from = &l->tasks[g->borders[i]], *to = &l->tasks[g->tasks[g->borders[i]].like];
    put_like(out, (layout_point){x + from->x, y + from->y}, (layout_point){x + to->x, y + to->y});
  }
  for (uint32_t i = 0; i < g->n_tasks; i++) {
    const double cx = x + l->tasks[i].x, cy = y + l->tasks[i].y;
    text_printf(out, "<circle class=\"h%u\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"><title>", g->tasks[i].group % HUES, cx, cy,
                radius);
    put_xml(out, tasks->items[i].name, strlen(tasks->items[i].name));
    text_printf(out, "</title></circle><text class=\"number\" x=\"%.1f\" y=\"%.1f\">%u</text>\n", cx, cy + 3.7, numbers[i]);
  }
  for (uint32_t k = 0; k < g->n; k++) {
    text_printf(out, "<text class=\"name\" x=\"%.1f\" y=\"%.1f\">", x + l->groups[k].x, y + l->groups[k].y - l->radii[k] - 5);
    put_name(out, g->names[k], MOST_TITLE);
    text_puts(out, "</text>\n");
  }
}

// --- the list ----------------------------------------------------------------------------------------------------------

static void put_list_group(text *out, const task_texts *tasks, const similar_groups *g, uint32_t k, const uint32_t *numbers,
                           double x, double y) {
  text_printf(out,
              "<circle class=\"h%u\" cx=\"%.1f\" cy=\"%.1f\" r=\"6\"/><text x=\"%.1f\" y=\"%.1f\" font-size=\"13\" "
              "font-weight=\"600\">",
              k % HUES, x + 8, y - 4.5, x + 22, y);
  put_name(out, g->names[k], MOST_TITLE);
  text_puts(out, "</text>\n");
  for (uint32_t i = 0; i < g->sizes[k]; i++) {
    const task_text *t = &tasks->items[g->lists[k][i]];
    y += LINE;
    text_printf(out, "<text class=\"muted\" x=\"%.1f\" y=\"%.1f\" font-size=\"12\" text-anchor=\"end\">%u</text>", x + 18, y,
                numbers[g->lists[k][i]]);
    text_printf(out, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"12\">", x + 26, y);
    put_name(out, t->name, MOST_NAME);
    text_printf(out, "</text><text class=\"muted\" x=\"%.1f\" y=\"%.1f\" font-size=\"12\">", x + 342, y);
    put_name(out, t->category, MOST_CATEGORY);
    text_puts(out, "</text>\n");
  }
}

// Groups one below the other, in columns of about the same height. Returns the height.
static double put_list(text *out, const task_texts *tasks, const similar_groups *g, const uint32_t *numbers, double y,
                       double width) {
  const uint32_t columns = (uint32_t)(width - 2 * EDGE) / COLUMN;
  const uint32_t lines = g->n_tasks + 2 * g->n, each = (lines + columns - 1) / columns; // a group: heading, tasks, a free line
  uint32_t line = 0, column = 0, highest = 0;
  for (uint32_t k = 0; k < g->n; k++) {
    const uint32_t own = g->sizes[k] + 2;
    if (line && column + 1 < columns && line + own / 2 > each) line = 0, column++;
    if (out) put_list_group(out, tasks, g, k, numbers, EDGE + column * ((width - 2 * EDGE) / columns), y + (line + 1) * LINE);
    line += own;
    if (line > highest) highest = line;
  }
  return (double)highest * LINE;
}

void cluster_picture_put(const task_texts *tasks, const task_similarity *s, const similar_groups *g, text *out) {
  arena *a = arena_new("a picture of groups");
  double *labels = ARENA_ARRAY(a, double, g->n);
  for (uint32_t k = 0; k < g->n; k++) labels[k] = letter * fmin(MOST_TITLE, (double)characters(g->names[k], strlen(g->names[k])));
  const layout_sizes sizes = {.spacing = 27, .margin = 21, .gap = 16, .label_height = 20, .label_width = labels};
  const cluster_layout l = cluster_layout_make(a, g, s, &sizes);
  uint32_t *numbers = ARENA_ARRAY(a, uint32_t, g->n_tasks), number = 0;
  for (uint32_t k = 0; k < g->n; k++)
    for (uint32_t i = 0; i < g->sizes[k]; i++) numbers[g->lists[k][i]] = ++number; // as in the list
  const double width = fmax(WIDTH, l.width + 2 * EDGE), below = HEAD + 20 + l.height + 36;
  const double height = below + put_list(NULL, tasks, g, numbers, 0, width) + EDGE;
  text_printf(
      out,
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n<title>%u tasks in %u groups of "
      "similar ones</title>\n%s<rect class=\"paper\" width=\"100%%\" height=\"100%%\"/>\n",
      width, height, g->n_tasks, g->n, style);
  text_printf(
      out,
      "<text x=\"%d\" y=\"40\" font-size=\"20\" font-weight=\"600\">%u tasks in %u groups of similar ones</text>\n"
      "<text class=\"muted\" x=\"%d\" y=\"62\" font-size=\"13\">Each circle is a task; tasks of a group share a disc, which "
      "lies near those that it is like. Dashed: from tasks near a border to what they are like there.</text>\n",
      EDGE, g->n_tasks, g->n, EDGE);
  put_map(out, tasks, g, &l, numbers, (width - l.width) / 2, HEAD + 20);
  put_list(out, tasks, g, numbers, below, width);
  text_puts(out, "</svg>\n");
  arena_free(a);
}
