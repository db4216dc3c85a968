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
  double *radii;                // [g->n]: discs of this radius do not overlap
  double width, height;         // all of it lies in [0, width] × [0, height]
} cluster_layout;

// spacing: between the centres of tasks; margin: around a group's tasks; gap: between discs. The same input gives the same layout.
cluster_layout cluster_layout_make(arena *a, const similar_groups *g, const task_similarity *s, double spacing, double margin,
                                   double gap);

#endif
