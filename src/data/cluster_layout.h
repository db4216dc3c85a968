// Where groups of tasks and their tasks lie in a picture: a disc for each group, near those that it is like, and in it a place for
// each task, on the side of the group that it is like besides.
#ifndef DATA_CLUSTER_LAYOUT_H
#define DATA_CLUSTER_LAYOUT_H

#include "data/similar_groups.h"

typedef struct layout_point {
  double x, y;
} layout_point;

typedef struct cluster_layout {
  layout_point *groups, *tasks; // [g->n] centres, [g->n_tasks]
  double *radii;                // [g->n]: of their discs
  double width, height;         // all of it lies in [0, width] × [0, height]
} cluster_layout;

typedef struct layout_sizes {
  double spacing;            // between the centres of a group's tasks
  double margin;             // from them to the rim of the disc
  double gap;                // between discs, with their labels
  double label_height;       // of the label that stands on top of a disc
  const double *label_width; // [g->n]
} layout_sizes;

// Discs and their labels do not overlap. The same input gives the same layout.
cluster_layout cluster_layout_make(arena *a, const similar_groups *g, const task_similarity *s, const layout_sizes *sizes);

#endif
