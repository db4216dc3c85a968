// The centres begin as classical multidimensional scaling has them (Torgerson, 1952): with D the distances between groups, 1 − the
// mean similarity of their tasks, and J = I − 11ᵀ/k, the two largest eigenvalues λ of −J D² J / 2 and their vectors v give the
// coordinates √λ·v. Then boxes (a disc with its label) that overlap are pushed apart and all are drawn to the middle, until they lie
// close.
#include "data/cluster_layout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { POWER_STEPS = 300, PULL_STEPS = 900, PUSH_STEPS = 5000 };
static const double golden_angle = 2.399963229728653, stretch = 2.2; // width to height, about

// --- multidimensional scaling ------------------------------------------------------------------------------------------

// [k, k]: −J D² J / 2.
static double *centred(arena *a, const similar_groups *g, const task_similarity *s) {
  const uint32_t k = g->n;
  double *b = ARENA_ARRAY(a, double, (uint64_t)k *k), *rows = ARENA_ARRAY(a, double, k), all = 0;
  for (uint32_t i = 0; i < g->n_tasks; i++)
    for (uint32_t j = 0; j < g->n_tasks; j++)
      b[(uint64_t)g->tasks[i].group * k + g->tasks[j].group] += (double)s->s[(uint64_t)i * s->n + j];
  for (uint32_t i = 0; i < k; i++) {
    for (uint32_t j = 0; j < k; j++) {
      double *x = &b[(uint64_t)i * k + j];
      const double distance = i == j ? 0 : 1 - *x / ((double)g->sizes[i] * g->sizes[j]);
      *x = distance * distance;
      rows[i] += *x / k;
    }
    all += rows[i] / k;
  }
  for (uint32_t i = 0; i < k; i++)
    for (uint32_t j = 0; j < k; j++) b[(uint64_t)i * k + j] = -(b[(uint64_t)i * k + j] - rows[i] - rows[j] + all) / 2;
  return b;
}

// The vector v of the eigenvalue that is returned, orthogonal to `other` (NULL: none).
static double eigenvector(arena *a, const double *b, uint32_t k, const double *other, double *v) {
  double *next = ARENA_ARRAY(a, double, k), length = 0;
  for (uint32_t i = 0; i < k; i++) v[i] = cos(golden_angle * (i + 1)) + 0.01 * i;
  for (int step = 0; step < POWER_STEPS; step++) {
    double dot = 0, squares = 0;
    for (uint32_t i = 0; other && i < k; i++) dot += v[i] * other[i];
    for (uint32_t i = 0; other && i < k; i++) v[i] -= dot * other[i];
    for (uint32_t i = 0; i < k; i++) squares += v[i] * v[i];
    length = sqrt(squares);
    if (!(length > 1e-12)) return 0;
    for (uint32_t i = 0; i < k; i++) v[i] /= length;
    if (step == POWER_STEPS - 1) break;
    for (uint32_t i = 0; i < k; i++) {
      next[i] = 0;
      for (uint32_t j = 0; j < k; j++) next[i] += b[(uint64_t)i * k + j] * v[j];
    }
    memcpy(v, next, k * sizeof *v);
  }
  return length;
}

static void scale(arena *a, const similar_groups *g, const task_similarity *s, layout_point *at) {
  const double *b = centred(a, g, s);
  double *v[2] = {ARENA_ARRAY(a, double, g->n), ARENA_ARRAY(a, double, g->n)}, most = 0;
  const double first = eigenvector(a, b, g->n, NULL, v[0]), second = eigenvector(a, b, g->n, v[0], v[1]);
  for (uint32_t i = 0; i < g->n; i++) {
    at[i] = (layout_point){sqrt(fmax(first, 0)) * v[0][i], sqrt(fmax(second, 0)) * v[1][i]};
    most = fmax(most, fmax(fabs(at[i].x), fabs(at[i].y)));
  }
  // At most 1 away from the middle, and no two in one place.
  for (uint32_t i = 0; i < g->n; i++) {
    at[i].x = (most > 0 ? at[i].x / most : 0) + 0.01 * cos(golden_angle * i);
    at[i].y = (most > 0 ? at[i].y / most : 0) + 0.01 * sin(golden_angle * i);
  }
}

// --- boxes -------------------------------------------------------------------------------------------------------------

// Halves of width and height.
typedef struct box {
  double w, h;
} box;

// Along the side on which less is wanting. Returns whether there was anything to do.
static bool push_apart(layout_point *at, const box *boxes, uint32_t k, double gap) {
  bool any = false;
  for (uint32_t i = 0; i < k; i++) {
    for (uint32_t j = 0; j < i; j++) {
      const double dx = at[i].x - at[j].x, dy = at[i].y - at[j].y;
      const double lack_x = boxes[i].w + boxes[j].w + gap - fabs(dx), lack_y = boxes[i].h + boxes[j].h + gap - fabs(dy);
      if (lack_x <= 1e-6 || lack_y <= 1e-6) continue;
      any = true;
      const double x = lack_x < lack_y ? copysign(lack_x / 2, dx) : 0, y = lack_x < lack_y ? 0 : copysign(lack_y / 2, dy);
      at[i].x += x, at[i].y += y;
      at[j].x -= x, at[j].y -= y;
    }
  }
  return any;
}

static void settle(layout_point *at, const box *boxes, uint32_t k, double gap) {
  double area = 0;
  for (uint32_t i = 0; i < k; i++) area += 4 * (boxes[i].w + gap / 2) * (boxes[i].h + gap / 2);
  for (uint32_t i = 0; i < k; i++) at[i].x *= sqrt(area * stretch), at[i].y *= sqrt(area / stretch);
  for (int step = 0; step < PULL_STEPS; step++) {
    for (uint32_t i = 0; i < k; i++) at[i].x *= 1 - 0.005 / stretch, at[i].y *= 1 - 0.005 * stretch;
    push_apart(at, boxes, k, gap);
  }
  for (int step = 0; step < PUSH_STEPS && push_apart(at, boxes, k, gap); step++) continue;
}

// --- tasks in their disc -----------------------------------------------------------------------------------------------

// A sunflower's seeds (Vogel, 1979), around their middle. Returns how far the farthest is.
static double seeds(uint32_t n, double spacing, layout_point *at) {
  double x = 0, y = 0, farthest = 0;
  for (uint32_t i = 0; i < n; i++) {
    const double r = n == 2 ? spacing / 2 : 0.66 * spacing * sqrt(i + 0.5),
                 angle = n == 2 ? 3.14159265358979 * i : golden_angle * i;
    at[i] = (layout_point){r * cos(angle), r * sin(angle)};
    x += at[i].x / n, y += at[i].y / n;
  }
  for (uint32_t i = 0; i < n; i++) {
    at[i].x -= x, at[i].y -= y;
    farthest = fmax(farthest, sqrt(at[i].x * at[i].x + at[i].y * at[i].y));
  }
  return farthest;
}

// Those that are least clearly of the group choose first: the free place that lies most towards what they are like.
static void place_tasks(const similar_groups *g, uint32_t group, const layout_point *places, bool *taken, cluster_layout *l) {
  const uint32_t n = g->sizes[group];
  const layout_point *middle = &l->groups[group];
  memset(taken, 0, n * sizeof *taken);
  for (uint32_t i = n; i--;) {
    const uint32_t task = g->lists[group][i];
    const layout_point *to = &l->groups[g->tasks[g->tasks[task].like].group];
    uint32_t best = n;
    double highest = 0;
    for (uint32_t p = 0; p < n; p++) {
      const double toward = places[p].x * (to->x - middle->x) + places[p].y * (to->y - middle->y);
      if (!taken[p] && (best == n || toward > highest)) best = p, highest = toward;
    }
    taken[best] = true;
    l->tasks[task] = (layout_point){middle->x + places[best].x, middle->y + places[best].y};
  }
}

static void move_to_corner(const similar_groups *g, const box *boxes, double label_height, cluster_layout *l) {
  double left = INFINITY, top = INFINITY, right = -INFINITY, bottom = -INFINITY;
  for (uint32_t i = 0; i < g->n; i++) {
    left = fmin(left, l->groups[i].x - boxes[i].w), right = fmax(right, l->groups[i].x + boxes[i].w);
    top = fmin(top, l->groups[i].y - l->radii[i] - label_height), bottom = fmax(bottom, l->groups[i].y + l->radii[i]);
  }
  for (uint32_t i = 0; i < g->n; i++) l->groups[i].x -= left, l->groups[i].y -= top;
  for (uint32_t i = 0; i < g->n_tasks; i++) l->tasks[i].x -= left, l->tasks[i].y -= top;
  l->width = right - left;
  l->height = bottom - top;
}

cluster_layout cluster_layout_make(arena *a, const similar_groups *g, const task_similarity *s, const layout_sizes *sizes) {
  cluster_layout l = {ARENA_ARRAY(a, layout_point, g->n), ARENA_ARRAY(a, layout_point, g->n_tasks), ARENA_ARRAY(a, double, g->n)};
  arena *scratch = arena_new("a layout");
  layout_point *places = ARENA_ARRAY(scratch, layout_point, g->n_tasks);
  bool *taken = ARENA_ARRAY(scratch, bool, g->n_tasks);
  box *boxes = ARENA_ARRAY(scratch, box, g->n);
  for (uint32_t i = 0; i < g->n; i++) {
    l.radii[i] = seeds(g->sizes[i], sizes->spacing, places) + sizes->margin;
    boxes[i] = (box){fmax(l.radii[i], sizes->label_width[i] / 2), l.radii[i] + sizes->label_height / 2};
  }
  scale(scratch, g, s, l.groups);
  settle(l.groups, boxes, g->n, sizes->gap);
  for (uint32_t i = 0; i < g->n; i++) l.groups[i].y += sizes->label_height / 2; // from the middle of the box to that of the disc
  for (uint32_t i = 0; i < g->n; i++) {
    seeds(g->sizes[i], sizes->spacing, places);
    place_tasks(g, i, places, taken, &l);
  }
  move_to_corner(g, boxes, sizes->label_height, &l);
  arena_free(scratch);
  return l;
}
